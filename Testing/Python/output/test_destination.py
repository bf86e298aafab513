"""Where results may go, told before the work, and files that are whole or not there."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.output import check_output_path, output_suffix, write_report, write_segmentation
from GliomaSAMLib.study.geometry import Geometry
from GliomaSAMLib.writing import replacing

NAMES = ["a.nii.gz", "a.nii", "a.nrrd", "a.mha", "a.seg.nrrd"]


@pytest.mark.parametrize("name", [*NAMES, "B.SEG.NRRD", "c.d.nii.gz"])
def test_a_good_path_is_returned_and_nothing_left(tmp_path: Path, name: str) -> None:
    assert check_output_path(tmp_path / name) == tmp_path / name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.png", "a.nii.zip", "a.gz", ".nii.gz", "a.json"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"\.nii\.gz.*\.seg\.nrrd"):
        check_output_path(tmp_path / name)
    with pytest.raises(OutputError):
        output_suffix(name)


def test_a_report_may_ask_for_its_own_suffix(tmp_path: Path) -> None:
    assert check_output_path(tmp_path / "r.json", (".json",))
    with pytest.raises(OutputError, match=r"\.json"):
        check_output_path(tmp_path / "r.nii.gz", (".json",))
    assert check_output_path(tmp_path / "anything", None)


def test_a_folder_that_is_absent_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        check_output_path(tmp_path / "none" / "a.nii.gz")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_output_path(tmp_path / "file" / "a.nii.gz")
    (tmp_path / "a.nii.gz").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output_path(tmp_path / "a.nii.gz")


def test_a_folder_that_refuses_files_is_found_out_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match=r"cannot be written \(Permission denied\)"):
        check_output_path(tmp_path / "a.nii.gz")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output_path(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("name", NAMES)
def test_a_writer_that_fails_half_way_leaves_the_old_file_and_no_other(
    tmp_path: Path,
    nested: dict[str, np.ndarray],
    oblique: Geometry,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    (tmp_path / name).write_bytes(b"old")

    def fail(_: sitk.Image, path: str, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sitk, "WriteImage", fail)
    with pytest.raises(OutputError, match="No space left on device"):
        write_segmentation(tmp_path / name, nested, oblique)
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_a_writer_that_fails_without_saying_so_is_caught(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(b"old")
    write = sitk.WriteImage

    def truncate(image: sitk.Image, path: str, **options: object) -> None:
        write(image, path, **options)
        os.truncate(path, os.path.getsize(path) * 2 // 3)

    monkeypatch.setattr(sitk, "WriteImage", truncate)
    with pytest.raises(OutputError, match="free space"):
        write_segmentation(tmp_path / name, nested, oblique)
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_interruption_removes_the_temporary_file(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "a.json") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 64 kB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root and mount")
    options = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(options, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let a small tmpfs be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", [*NAMES, "a.json"])
def test_a_full_disk_leaves_the_old_file_and_no_other(small_disk: Path, name: str) -> None:
    noise = (np.random.default_rng(0).random((3, 80, 80, 80)) < 0.5).astype(np.uint8)
    masks = dict(zip(("WT", "TC", "ET"), noise, strict=True))
    straight = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    (small_disk / name).write_bytes(b"old")

    def write() -> None:
        if name.endswith(".json"):
            write_report(small_disk / name, {"notes": "x" * 200_000})
        else:
            write_segmentation(small_disk / name, masks, Geometry((80, 80, 80), (1, 1, 1), (0, 0, 0), straight))

    with pytest.raises(OutputError, match="free space"):
        write()
    assert (small_disk / name).read_bytes() == b"old"
    assert [path.name for path in small_disk.iterdir()] == [name]
