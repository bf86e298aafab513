"""BraTS label maps: labels, geometry, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.output import write_label_map, write_segmentation
from GliomaSAMLib.study.geometry import Geometry


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.mha", "A.NII.GZ", "patient.7.nii.gz"])
@pytest.mark.parametrize("et_label", [3, 4])
def test_labels_and_geometry_come_back(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry, name: str, et_label: int
) -> None:
    write_segmentation(tmp_path / name, nested, oblique, et_label)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    image = sitk.ReadImage(str((tmp_path / name).rename(tmp_path / name.lower())))  # ITK reads lower case only
    labels = sitk.GetArrayFromImage(image)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels > 0, nested["WT"])
    assert np.array_equal(np.isin(labels, (1, et_label)), nested["TC"])
    assert np.array_equal(labels == et_label, nested["ET"])
    assert set(np.unique(labels)) == {0, 1, 2, et_label}
    corners = np.array([(0, 0, 0), (13, 0, 0), (0, 11, 0), (0, 0, 9), (13, 11, 9)])
    assert np.allclose(Geometry.of_image(image).to_ras(corners), oblique.to_ras(corners), atol=1e-4)


def test_another_label_of_enhancing_tumour_is_refused(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    with pytest.raises(OutputError, match="use 3"):
        write_label_map(tmp_path / "a.nii.gz", nested, oblique, 5)


def test_masks_that_do_not_fit_are_refused_and_nothing_is_written(
    tmp_path: Path, nested: dict[str, np.ndarray], oblique: Geometry
) -> None:
    for masks in ({**nested, "TC": nested["TC"][1:]}, {"WT": nested["WT"]}):
        for name in ("a.nii.gz", "a.seg.nrrd"):
            with pytest.raises(OutputError, match="TC"):
                write_segmentation(tmp_path / name, masks, oblique)
    assert list(tmp_path.iterdir()) == []
