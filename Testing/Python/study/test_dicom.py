import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import write_frames, write_slices
from forks import in_a_fork

from GliomaSAMLib.cli.sources import volume_files
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Study, dicom
from GliomaSAMLib.study.dicom import find_series, volumes_in
from GliomaSAMLib.study.dicom_elements import read_elements
from GliomaSAMLib.study.modalities import find_volumes
from GliomaSAMLib.study.volume import read_volume

SPACING, THICKNESS = 4.0, 5.0


def write_series(folder: Path, description: str, uid: str, values: np.ndarray, agent: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for index in range(values.shape[0]):
        image = sitk.GetImageFromArray(values[index : index + 1])
        image.SetSpacing((SPACING, SPACING, THICKNESS))
        tags = {
            "0008|0060": "MR",
            "0008|103e": description,
            "0020|000d": "1.2.3",
            "0020|000e": f"1.2.3.{uid}",
            "0008|0018": f"1.2.3.{uid}.{index}",
            "0020|0032": f"-70\\-80\\{index * THICKNESS - 60}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(index),
            "0020|0052": "1.2.9",
        }
        if agent:
            tags["0018|0010"] = agent
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{uid}_{values.shape[0] - index:03d}.dcm"))
        writer.Execute(image)


@pytest.fixture
def values() -> np.ndarray:
    k, j, i = np.indices((24, 40, 36))
    brain = ((k - 12) / 10) ** 2 + ((j - 20) / 15) ** 2 + ((i - 18) / 13) ** 2 < 1
    return np.where(brain, 100 + 5 * k + 3 * j + i, 0).astype(np.int16)


def test_a_series_is_read_in_the_order_of_position(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path / "a", "AX T1", "1", values)
    image, _ = read_volume(tmp_path / "a", "t1")
    assert np.array_equal(sitk.GetArrayFromImage(image), values)
    assert image.GetSpacing() == pytest.approx((SPACING, SPACING, THICKNESS))
    assert image.GetOrigin() == pytest.approx((-70, -80, -60))


def test_two_series_in_a_folder_are_listed(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path, "AX T1", "1", values)
    write_series(tmp_path, "AX FLAIR", "2", values[:-2])
    with pytest.raises(StudyError, match=r"2 DICOM series: #1 'AX FLAIR' \(22 files\); #2 'AX T1' \(24 files\)"):
        Study.read(t1=tmp_path)


def test_a_folder_of_several_series_is_looked_through_once(
    tmp_path: Path, values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def count(path: Path) -> object:
        seen.append(path)
        return read_elements(path)

    monkeypatch.setattr(dicom, "read_elements", count)
    for uid, name in enumerate(("AX FLAIR", "AX T1", "AX T2")):
        write_series(tmp_path, name, str(uid), values)
    chosen = {"flair": f"{tmp_path}#1", "t1": f"{tmp_path}#2", "t2": f"{tmp_path}#3"}
    volume_files({modality: Path(path) for modality, path in chosen.items()}, None)
    Study.read(**chosen, skull="off")
    assert len(seen) == len(set(seen)) == 3 * len(values)


def test_a_folder_that_changes_is_looked_through_again(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path, "AX T1", "1", values)
    write_series(tmp_path, "AX T2", "2", values)
    assert [str(one) for one in volumes_in(tmp_path)] == ["'AX T1' (24 files)", "'AX T2' (24 files)"]
    write_series(tmp_path, "AX T3", "2", values)  # under the same names
    assert [str(one) for one in volumes_in(tmp_path)] == ["'AX T1' (24 files)", "'AX T3' (24 files)"]
    sorted(tmp_path.iterdir())[0].unlink()
    assert [str(one) for one in find_series(tmp_path)] == ["'AX T1' (23 files)", "'AX T3' (24 files)"]


def test_folder_of_series_is_recognised_by_description(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path / "all", "AX T1", "1", values)
    write_series(tmp_path / "all", "AX T1 FSPGR", "2", values + 1 - (values == 0), agent="Gadovist")
    write_series(tmp_path / "all", "T2 FLAIR", "3", values)
    write_series(tmp_path / "all", "DWI", "4", values)
    study = Study.read_folder(tmp_path)
    assert study.modalities == ("t1", "t1c", "flair")
    assert "t1c is series 'AX T1 FSPGR' (24 files)" in study.notes


def test_one_series_a_folder_is_recognised_by_the_folder_name(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path / "T1C", "head", "1", values)
    write_series(tmp_path / "T2", "head", "2", values)
    assert tuple(find_volumes(tmp_path)) == ("t1c", "t2")


def test_two_series_for_one_modality_are_named(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path, "AX T2", "1", values)
    write_series(tmp_path, "COR T2", "2", values)
    with pytest.raises(StudyError, match=r"2 volumes look like t2: 'AX T2'.*'COR T2'"):
        Study.read_folder(tmp_path)


def test_missing_slice_damaged_slice_and_no_dicom(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path / "a", "AX T1", "1", values)
    middle = sorted((tmp_path / "a").iterdir())[10]
    middle.unlink()
    with pytest.raises(StudyError, match="missing or unevenly spaced"):
        read_volume(tmp_path / "a", "t1")
    write_series(tmp_path / "b", "AX T1", "1", values)
    middle = sorted((tmp_path / "b").iterdir())[10]
    middle.write_bytes(middle.read_bytes()[:-800])
    with pytest.raises(StudyError, match="damaged"):
        read_volume(tmp_path / "b", "t1")
    (tmp_path / "c").mkdir()
    with pytest.raises(StudyError, match="no DICOM images"):
        read_volume(tmp_path / "c", "t1")
    assert find_series(tmp_path / "c") == []


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as one:  # takes short paths only
        one.bind(path.name)


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(("name", "make"), [("x", a_pipe), ("x", a_socket), (".x", a_pipe), (".x", a_link_to_nothing)])
def test_all_files_are_read_beside_what_is_none(
    name: str, make: Callable[[Path], object], tmp_path: Path, values: np.ndarray
) -> None:
    write_series(tmp_path, "AX T1", "1", values)
    for number in range(20):  # the system lists them in no order; the last would do no harm
        make(tmp_path / f"{name}{number}")
    image, _ = read_volume(tmp_path, "t1")
    assert np.array_equal(sitk.GetArrayFromImage(image), values)
    assert {Path(file).parent for series in find_series(tmp_path) for file in series.files} == {tmp_path}


def test_a_slice_that_is_empty_or_not_fetched_is_named(tmp_path: Path, values: np.ndarray) -> None:
    write_series(tmp_path, "AX T1", "1", values)
    last = sorted(tmp_path.iterdir())[0]  # by its place
    content = last.read_bytes()
    last.write_bytes(b"")
    for read in (lambda: read_volume(tmp_path, "t1"), lambda: find_volumes(tmp_path)):
        with pytest.raises(StudyError, match=rf"{last.name}: the file is empty; copy or export it again"):
            read()
    last.unlink()
    last.symlink_to("../.git/annex/objects/one.dcm")
    for read in (lambda: read_volume(tmp_path, "t1"), lambda: find_volumes(tmp_path)):
        with pytest.raises(StudyError, match=rf"{last.name}: the file that this link leads to is not there; fetch it"):
            read()
    for path in tmp_path.iterdir():
        path.unlink()
        path.symlink_to("nowhere")
    with pytest.raises(StudyError, match="fetch it"):
        read_volume(tmp_path, "t1")
    last.unlink()
    last.write_bytes(content)
    (tmp_path / "only").mkdir()
    last.rename(tmp_path / "only" / last.name)
    (tmp_path / "only" / ".gitkeep").touch()
    with pytest.raises(StudyError, match="single slice"):
        read_volume(tmp_path / "only", "t1")


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 3]


def wrong_length(content: bytes) -> bytes:
    """Of the series description, of an explicit kind that has four bytes for it."""
    return content.replace(b"\x08\0\x3e\x10LO\x06\0", b"\x08\0\x3e\x10UT\0\0", 1)


def wrong_pixels(content: bytes) -> bytes:
    at = content.index(b"\xe0\x7f\x10\0OW") + 8
    return content[:at] + b"\xf0\xff\xff\x7f" + content[at + 4 :]


def unknown_kind(content: bytes) -> bytes:
    return content.replace(b"\x08\0\x3e\x10LO", b"\x08\0\x3e\x10\x93O", 1)


def two_samples(content: bytes) -> bytes:
    return content.replace(b"\x28\0\x02\0US\x02\0\x01", b"\x28\0\x02\0US\x02\0\x02", 1)


@pytest.mark.parametrize("damage", [cut_short, wrong_length, wrong_pixels, unknown_kind, two_samples])
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_damaged_file_takes_no_memory(
    tmp_path: Path, values: np.ndarray, damage: Callable[[bytes], bytes], enhanced: bool
) -> None:
    folder = tmp_path / "series"
    if enhanced:
        path = write_frames(folder / "e.dcm", values, np.eye(4), range(24))
    else:
        path = sorted(write_slices(folder, values, np.eye(4)).iterdir())[3]
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert path.read_bytes() != content

    def read() -> int:
        for work in (lambda: Study.read(t1=folder, t2=folder / path.name), lambda: read_volume(folder, "t1")):
            with pytest.raises(StudyError, match=rf"{path.name}: the DICOM file is damaged or cut short"):
                work()
        return 0

    ended = in_a_fork(read, tmp_path / "errors")
    assert (ended.status, ended.text) == (0, "") and ended.memory < 3e8


def test_pixels_in_pieces_are_passed_over(tmp_path: Path, values: np.ndarray) -> None:
    path = sorted(write_slices(tmp_path, values, np.eye(4)).iterdir())[0]
    content = path.read_bytes()
    head = content[: content.index(b"\xe0\x7f\x10\0OW")]
    item, end = b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
    pieces = head + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + item + b"\0\0\0\0" + item + b"\x04\0\0\0abcd"
    path.write_bytes(pieces + end)
    assert read_elements(path).text(0x0008103E) == "FLAIR"
    for broken in (pieces, pieces[:-2] + end, pieces + b"\0" * 8):
        path.write_bytes(broken)
        with pytest.raises(StudyError, match="damaged or cut short"):
            read_elements(path)


@pytest.mark.parametrize("more", [b"", b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0\0\0\0\0"])
def test_zeros_at_the_end_are_padding(more: bytes, tmp_path: Path, values: np.ndarray) -> None:
    """Also after elements that follow the pixels; but nothing else, and not in the place of the pixels."""
    for path in sorted(write_slices(tmp_path, values, np.eye(4)).iterdir()):
        path.write_bytes(path.read_bytes() + more + bytes(512))
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(tmp_path, "t1")[0]), values)
    content = path.read_bytes()
    pixels = content.index(b"\xe0\x7f\x10\0OW")
    for broken in (content + b"\1", content[: -256 - len(more)] + b"\1" + bytes(256), content[:pixels] + bytes(512)):
        path.write_bytes(broken)
        with pytest.raises(StudyError, match="damaged or cut short"):
            read_elements(path)


def test_itk_does_not_write_warnings_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("no DICOM")
    assert sitk.ProcessObject.GetGlobalWarningDisplay()
    assert find_series(tmp_path) == []
    assert capfd.readouterr().err == "" and sitk.ProcessObject.GetGlobalWarningDisplay()
