"""Volumes of every supported format are read, and unusable ones are refused with file and reason."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.volume import read_volume


@pytest.fixture
def image() -> sitk.Image:
    values = np.random.default_rng(1).integers(0, 900, (12, 14, 16)).astype(np.int16)
    volume = sitk.GetImageFromArray(values)
    volume.SetSpacing((1.0, 1.0, 3.0))
    return volume


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_formats(tmp_path: Path, image: sitk.Image, suffix: str) -> None:
    path = tmp_path / f"t1{suffix}"
    sitk.WriteImage(image, str(path))
    read, name = read_volume(path, "t1")
    assert np.array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(image))
    assert name == str(path)


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int32, np.float32, np.float64, np.uint8])
def test_number_types(image: sitk.Image, kind: type) -> None:
    values = (sitk.GetArrayFromImage(image) % 200).astype(kind)
    read, _ = read_volume(sitk.GetImageFromArray(values), "t2")
    assert sitk.GetArrayFromImage(read).dtype == kind


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "t1.nii", "empty"),
        (b"this is a letter, not an image\n" * 40, "t1.nii", "not a readable image"),
        (b"\x00" * 500, "t1.nrrd", "not a readable image"),
    ],
)
def test_files_that_are_no_images(tmp_path: Path, content: bytes, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=said) as caught:
        Study.read(t1=tmp_path / name)
    assert name in str(caught.value)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"does not exist.*t1"):
        Study.read(t1=tmp_path / "absent.nii.gz")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_file(tmp_path: Path, image: sitk.Image, suffix: str, share: float) -> None:
    path = tmp_path / f"t1{suffix}"
    sitk.WriteImage(image, str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(StudyError, match="damaged"):
        read_volume(path, "t1")


def test_corrupt_compressed_file(tmp_path: Path, image: sitk.Image) -> None:
    sitk.WriteImage(image, str(tmp_path / "a.nii"))
    (tmp_path / "t1.nii.gz").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()[:-2000]))
    with pytest.raises(StudyError, match="damaged"):
        read_volume(tmp_path / "t1.nii.gz", "t1")


def test_dimensions(tmp_path: Path, image: sitk.Image) -> None:
    four = sitk.JoinSeries([image, image])
    for bad, said in [(image[:, :, 3], "2 dimensions"), (four, "4 dimensions"), (image[:, :, 3:4], "single slices")]:
        with pytest.raises(StudyError, match=said):
            read_volume(bad, "t1")
        sitk.WriteImage(bad, str(tmp_path / "bad.nii"))
        with pytest.raises(StudyError, match="3D volume"):
            read_volume(tmp_path / "bad.nii", "t1")
    one_time = sitk.JoinSeries([image])
    assert read_volume(one_time, "t1")[0].GetDimension() == 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number(image: sitk.Image, value: float) -> None:
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    values[3, 4, 5:7] = value
    with pytest.raises(StudyError, match="2 of 2688 voxels are NaN or infinite"):
        read_volume(sitk.GetImageFromArray(values), "flair")


@pytest.mark.parametrize("value", [1e300, -1e300, 1e38])
def test_no_grey_value(image: sitk.Image, value: float) -> None:
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    values[3, 4, 5:7] = value
    with pytest.raises(StudyError, match=r"2 of 2688 voxels are beyond 1e\+12, which no grey value is"):
        read_volume(sitk.GetImageFromArray(values), "flair")


def test_constant_colour_and_wrong_spacing(image: sitk.Image) -> None:
    with pytest.raises(StudyError, match="every voxel is 7"):
        read_volume(sitk.Image([8, 8, 8], sitk.sitkInt16) + 7, "t1")
    with pytest.raises(StudyError, match="one grey value"):
        read_volume(sitk.Compose([image, image, image]), "t1")
    far = sitk.Image(image)
    far.SetSpacing((1.0, 1.0, 1000.0))
    with pytest.raises(StudyError, match="spacing"):
        read_volume(far, "t1")


def test_something_else_is_refused() -> None:
    with pytest.raises(StudyError, match="ndarray"):
        Study.read(t1=np.zeros((4, 4, 4)))  # type: ignore[arg-type]
