"""Tumours whose contrast enhancement is taken out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from GliomaSAMLib.data import Case, find_cases
from GliomaSAMLib.regions import regions_from_labels
from GliomaSAMLib.study import MODALITIES
from GliomaSAMLib.training.augment import T1C
from GliomaSAMLib.training.uptake import without_enhancement

Tumour = tuple[torch.Tensor, torch.Tensor]
OTHERS = [n for n in range(4) if n != T1C]


def open_case(case: Case) -> Tumour:
    study = case.read_study()
    images = torch.from_numpy(np.stack([study.canonical.images[name] for name in MODALITIES]))
    levels = regions_from_labels(study.to_canonical(case.read_labels(study))).sum(axis=0).astype(np.uint8)
    return images, torch.from_numpy(levels)


@pytest.fixture
def tumour(cases_folder: Path) -> Tumour:
    return open_case(find_cases(cases_folder)[0])


def test_the_rim_looks_like_what_does_not_enhance(tumour: Tumour) -> None:
    images, levels = tumour
    before = images.clone()
    changed, relabelled = without_enhancement(images, levels, OTHERS, T1C)
    rim = levels == 3
    others = images[T1C][(levels != 3) & (images[T1C] > 0)].median()
    assert images[T1C][rim].median() > others + 0.3
    assert (changed[T1C][rim].median() - others).abs() < 0.1
    assert (relabelled[rim] == 2).all() and torch.equal(relabelled[~rim], levels[~rim])
    assert relabelled.dtype == torch.uint8 and torch.equal(images, before)
    assert torch.equal(changed[OTHERS], images[OTHERS]) and changed.min() >= 0


def test_far_away_nothing_changes(tumour: Tumour) -> None:
    from scipy.ndimage import distance_transform_edt

    images, levels = tumour
    changed, _ = without_enhancement(images, levels, OTHERS, T1C)
    far = torch.from_numpy(distance_transform_edt(levels.numpy() != 3) > 8)
    assert far.any() and torch.equal(changed[T1C][far], images[T1C][far])
    assert not changed[T1C][images[T1C] == 0].any()


def test_without_enhancing_tumour_all_stays(tumour: Tumour) -> None:
    images, levels = tumour
    calm = levels.clamp(max=2)
    changed, relabelled = without_enhancement(images, calm, OTHERS, T1C)
    assert torch.equal(changed, images) and torch.equal(relabelled, calm)


@pytest.mark.slow
def test_a_real_rim_disappears(glioma_case: Callable[[str], Path]) -> None:
    folder = glioma_case("Brats18_CBICA_ABM_1")
    images, levels = open_case(find_cases(folder.parent, [folder.name])[0])
    changed, _ = without_enhancement(images, levels, OTHERS, T1C)
    rim, oedema = levels == 3, levels == 1
    spread = images[T1C][oedema].std()
    assert images[T1C][rim].median() > images[T1C][oedema].median() + 3 * spread
    assert changed[T1C][rim].median() < images[T1C][oedema].median() + spread
