"""A label map has the codes and both forms of the NIfTI file on whose grid it lies."""

import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output import twin_notes, write_segmentation
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.nifti import read_header


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    values = np.random.default_rng(1).integers(0, 900, (12, 14, 16)).astype(np.int16)
    image = sitk.GetImageFromArray(values * (values > 300))
    image.SetSpacing((1.0, 1.5, 2.0))
    image.SetOrigin((-8.0, -7.0, -6.0))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / "t1.nii"))
    return tmp_path / "t1.nii"


def result(volume: Path, name: str, orientation: str = "auto") -> Path:
    study = Study.read(t1=volume, skull="off", orientation=orientation)
    mask = np.zeros(study.reference.shape, np.uint8)
    mask[5:7, 6:9, 8:11] = 1
    path = volume.parent / name
    write_segmentation(path, dict.fromkeys(("WT", "TC", "ET"), mask), study.reference, place=study.nifti)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert np.array_equal(np.squeeze(labels) == 3, mask > 0)
    return path


@pytest.mark.parametrize("name", ["o.nii", "o.nii.gz"])
@pytest.mark.parametrize("codes", [(1, 1), (4, 4), (2, 2), (1, 0), (0, 2), (0, 0), (1, 4), (3, 1)])
@pytest.mark.parametrize("moved", [0.0, 20.0])
@pytest.mark.parametrize("orientation", ["auto", "qform", "sform"])
def test_codes_and_forms_are_kept(
    volume: Path, name: str, codes: tuple[int, int], moved: float, orientation: str
) -> None:
    content = bytearray(volume.read_bytes())
    struct.pack_into("<2h", content, 252, *codes)
    struct.pack_into("<f", content, 268, 8.0 + moved)
    volume.write_bytes(content)
    written, place = read_header(result(volume, name, orientation)).place, read_header(volume).place
    assert written is not None
    assert place is not None
    assert written.codes == place.codes
    assert np.allclose(written.qform, place.qform, atol=1e-4)
    assert np.allclose(written.sform, place.sform, atol=1e-4)
    reread = sitk.ReadImage(str(volume.parent / name))
    assert Geometry.of_image(reread).matches(Geometry.of_image(sitk.ReadImage(str(volume))))


@pytest.mark.parametrize("name", ["o.nii", "o.nii.gz"])
def test_itk_says_nothing_of_a_second_form(volume: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(volume.read_bytes())
    struct.pack_into("<2h", content, 252, 1, 2)
    struct.pack_into("<12f", content, 280, *np.diag((2.0, 3.0, 4.0, 1.0))[:3].ravel())
    volume.write_bytes(content)
    study = Study.read(t1=volume, skull="off", orientation="qform")
    masks = dict.fromkeys(("WT", "TC", "ET"), np.ones(study.reference.shape, np.uint8))
    write_segmentation(volume.parent / name, masks, study.reference, place=study.nifti)
    assert capfd.readouterr().err == "" and sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ReadImage(str(volume.parent / name))
    assert "unexpected scales" in capfd.readouterr().err  # of what was written, ITK has something to say


@pytest.mark.parametrize("name", ["o.nrrd", "o.mha", "o.seg.nrrd"])
def test_other_formats_are_left_alone(volume: Path, name: str) -> None:
    content = bytearray(volume.read_bytes())
    struct.pack_into("<2h", content, 252, 4, 4)
    volume.write_bytes(content)
    study = Study.read(t1=volume, skull="off")
    masks = dict.fromkeys(("WT", "TC", "ET"), np.ones(study.reference.shape, np.uint8))
    write_segmentation(volume.parent / name, masks, study.reference, place=study.nifti)
    assert sitk.ReadImage(str(volume.parent / name)).GetOrigin() == pytest.approx((-8, -7, -6))


def test_a_result_beside_its_unpacked_twin_is_told(tmp_path: Path) -> None:
    assert twin_notes(tmp_path / "o.nii.gz") == []
    (tmp_path / "o.nii").touch()
    assert "o.nii lies beside o.nii.gz" in twin_notes(tmp_path / "o.nii.gz")[0]
    assert twin_notes(tmp_path / "o.nii") == twin_notes(tmp_path / "o.nrrd") == []
