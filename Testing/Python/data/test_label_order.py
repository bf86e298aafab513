"""Label maps in the order of the Medical Segmentation Decathlon are refused, those of BraTS are not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.data import find_cases
from GliomaSAMLib.data.label_order import core_and_oedema_exchanged
from GliomaSAMLib.errors import CaseError

EXCHANGED = np.array([0, 2, 1, 3, 4])
"""The Decathlon's label of each of BraTS."""


def tumour(enhancing: float, necrosis: float, oedema: float, shift: float = 0.0) -> np.ndarray:
    """Labels of balls in each other by their radii, the oedema moved to one side."""
    k, j, i = np.ogrid[:40, :40, :40]
    radius = np.sqrt((k - 20) ** 2 + (j - 20) ** 2 + (i - 20) ** 2)
    moved = np.sqrt((k - 20 - shift) ** 2 + (j - 20) ** 2 + (i - 20) ** 2)
    return np.select([radius < enhancing, radius < necrosis, moved < oedema], [3, 1, 2]).astype(np.uint8)


TUMOURS = {
    "enhancing in the middle": tumour(4, 7, 14),
    "without enhancement": tumour(0, 7, 14),
    "oedema at one side": tumour(3, 8, 11, 5),
    "large core": tumour(2, 12, 14),
    "rim": np.array([0, 3, 2, 1])[tumour(4, 7, 14)],
}


@pytest.mark.parametrize("name", TUMOURS)
def test_the_order_shows_in_what_lies_outside(name: str) -> None:
    assert not core_and_oedema_exchanged(TUMOURS[name])
    assert core_and_oedema_exchanged(EXCHANGED[TUMOURS[name]])
    assert core_and_oedema_exchanged(EXCHANGED[TUMOURS[name]][:, 8:, :])


@pytest.mark.parametrize("labels", [(), (1,), (2,), (3,), (2, 3)])
def test_nothing_can_be_said_without_both(labels: tuple[int, ...]) -> None:
    found = TUMOURS["enhancing in the middle"]
    assert not core_and_oedema_exchanged(np.where(np.isin(found, labels), found, 0))


@pytest.mark.parametrize("few", [0, 20])
@pytest.mark.parametrize("enhancing", [3, 4])
def test_the_order_shows_where_hardly_any_core_is_left(enhancing: int, few: int) -> None:
    wholly_enhancing = tumour(6, 0, 12)
    labels = np.select([wholly_enhancing == 3, wholly_enhancing == 2], [enhancing, 1])
    labels.flat[np.flatnonzero(labels == enhancing)[:few]] = 2
    assert core_and_oedema_exchanged(labels)


def test_a_core_within_the_enhancing_rim_is_none_though_there_is_no_oedema() -> None:
    rim = TUMOURS["rim"]
    assert not core_and_oedema_exchanged(np.where(rim == 1, 0, rim))
    within = tumour(0, 5, 9)
    assert not core_and_oedema_exchanged(np.where(within == 2, 3, within))


def test_such_a_case_is_refused(make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "BRATS_001", 0, et_label=3)
    path = case / "BRATS_001_seg.nii.gz"
    image = sitk.ReadImage(str(path))
    exchanged = sitk.GetImageFromArray(EXCHANGED[sitk.GetArrayFromImage(image)].astype(np.uint8))
    exchanged.CopyInformation(image)
    sitk.WriteImage(exchanged, str(path))
    (found,) = find_cases(tmp_path)
    with pytest.raises(CaseError, match=r"BRATS_001_seg.nii.gz has label 1 all around the others.*--labels msd"):
        found.read_labels(found.read_study())


@pytest.mark.slow
def test_no_real_case_is_refused(shared_data: Path, glioma_case: Callable[[str], Path]) -> None:
    names = sorted(path.name.removesuffix(".tar.xz") for path in (shared_data / "glioma").glob("*.tar.xz"))
    for name in names:
        labels = sitk.GetArrayFromImage(sitk.ReadImage(str(glioma_case(name) / "seg.nii")))
        assert not core_and_oedema_exchanged(labels), name
        assert core_and_oedema_exchanged(EXCHANGED[labels]), name
