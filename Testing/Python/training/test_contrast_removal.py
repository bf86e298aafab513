"""Cases whose contrast enhancement is taken out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from GliomaSAMLib.data import Case, find_cases
from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.training.contrast_removal import without_enhancement

Images = dict[str, np.ndarray]


def open_case(case: Case) -> tuple[Images, np.ndarray]:
    study = case.read_study()
    return study.canonical.images, study.to_canonical(case.read_labels(study))


@pytest.fixture
def tumour(cases_folder: Path) -> tuple[Images, np.ndarray]:
    return open_case(find_cases(cases_folder)[0])


def test_the_rim_looks_like_what_does_not_enhance(tumour: tuple[Images, np.ndarray]) -> None:
    images, labels = tumour
    before = {name: image.copy() for name, image in images.items()}
    changed, relabelled = without_enhancement(images, labels)
    rim = labels == 3
    others = np.median(images["t1c"][(labels != 3) & (images["t1c"] > 0)])
    assert np.median(images["t1c"][rim]) > others + 0.3
    assert abs(np.median(changed["t1c"][rim]) - others) < 0.1
    assert set(np.unique(relabelled)) == {0, 1, 2} and (relabelled[rim] == 1).all()
    assert (relabelled[~rim] == labels[~rim]).all() and (labels == 3).any()
    for name, image in before.items():
        assert np.array_equal(images[name], image)
        assert changed[name].dtype == np.float32 and changed[name].min() >= 0
    assert all(changed[name] is images[name] for name in ("t1", "t2", "flair"))


def test_far_away_nothing_changes(tumour: tuple[Images, np.ndarray]) -> None:
    from scipy.ndimage import distance_transform_edt

    images, labels = tumour
    changed, _ = without_enhancement(images, labels)
    far = distance_transform_edt(labels != 3) > 8
    assert far.any() and np.array_equal(changed["t1c"][far], images["t1c"][far])
    air = images["t1c"] == 0
    assert not changed["t1c"][air].any()


@pytest.mark.parametrize("left_out", ["t1c", "others", "enhancement"])
def test_cases_from_which_it_cannot_be_taken(left_out: str, tumour: tuple[Images, np.ndarray]) -> None:
    images, labels = tumour
    if left_out == "t1c":
        images = {name: image for name, image in images.items() if name != "t1c"}
    elif left_out == "others":
        images = {"t1c": images["t1c"]}
    else:
        labels = np.where(labels == 3, 1, labels)
    with pytest.raises(CaseError, match="enhanc"):
        without_enhancement(images, labels)


@pytest.mark.slow
def test_a_real_rim_disappears(glioma_case: Callable[[str], Path]) -> None:
    folder = glioma_case("Brats18_CBICA_ABM_1")
    images, labels = open_case(find_cases(folder.parent, [folder.name])[0])
    changed, _ = without_enhancement(images, labels)
    rim, oedema = labels == 4, labels == 2
    spread = images["t1c"][oedema].std()
    assert np.median(images["t1c"][rim]) > np.median(images["t1c"][oedema]) + 3 * spread
    assert np.median(changed["t1c"][rim]) < np.median(images["t1c"][oedema]) + spread
