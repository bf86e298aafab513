from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.dicom import find_series
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
