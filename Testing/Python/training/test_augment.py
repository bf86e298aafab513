from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from GliomaSAMLib.training.augment import AugmentConfig, Crop, random_crop
from GliomaSAMLib.training.chance import Chance
from GliomaSAMLib.training.features import CaseFeatures
from GliomaSAMLib.training.intensity import IntensityConfig
from GliomaSAMLib.training.patient import Patient

SHAPE = (32, 32, 32)
GEOMETRY_ONLY = AugmentConfig(
    crop=SHAPE,
    large_crop=SHAPE,
    affine=1.0,
    elastic=0.0,
    without_uptake=0.0,
    intensity=IntensityConfig(0.0, 0.0),
    modality_dropout=0.0,
)
CPU = torch.device("cpu")


def draw(case: CaseFeatures, config: AugmentConfig, seed: int, shape: tuple[int, int, int] = SHAPE) -> Crop:
    return random_crop(Patient.of(case, CPU), None, config, shape, Chance(CPU, seed))


def test_the_same_seed_gives_the_same_crop(positions: CaseFeatures) -> None:
    def tensors(seed: int) -> list[torch.Tensor]:
        crop = draw(positions, AugmentConfig(without_uptake=0.0), seed)
        assert crop.embeddings is not None
        return [crop.images, torch.from_numpy(crop.present), crop.regions, crop.embeddings]

    assert all(torch.equal(a, b) for a, b in zip(tensors(1), tensors(1), strict=True))
    assert not torch.equal(tensors(1)[0], tensors(2)[0])


@pytest.mark.parametrize("elastic", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_images_labels_and_embeddings_move_together(seed: int, elastic: float, positions: CaseFeatures) -> None:
    crop = draw(positions, replace(GEOMETRY_ONLY, elastic=elastic, elastic_mm=0.5), seed)
    assert crop.embeddings is not None and crop.embeddings.shape == (4, 3, 8, 8, 8)
    # image c holds the voxel's position along axis c (+ 1, floored); channel c of the embedding the cell's centre
    place = crop.images[:3] * 255 - 0.5
    coarse = F.avg_pool3d(place[None], 4)[0]
    inside = F.avg_pool3d((crop.images[3:] * 255 > 200.9).float()[None], 4)[0, 0] == 1
    edge = 2.5  # the embedding is not extrapolated beyond the outermost cell centres
    inside &= ((coarse > edge) & (coarse < 64 - edge)).all(dim=0)
    assert inside.sum() > 50
    assert (crop.embeddings[0] - coarse).abs()[:, inside].max() < (1.0 if elastic else 0.6)
    # the regions are those voxels whose position says so, but for the border's width
    k, j, i = place
    solid = crop.images[3] * 255 > 200.9
    sure_in, sure_out = (k < 18.5) & solid, (k > 21.5) & solid
    assert (crop.regions[0][sure_in] == 1).all() and (crop.regions[0][sure_out] == 0).all()
    assert (crop.regions[2][sure_in & (j < 18.5) & (i < 18.5)] == 1).all()
    assert (crop.regions[2][solid & ((j > 21.5) | (i > 21.5))] == 0).all()


def test_crops_are_flipped_and_rotated(positions: CaseFeatures) -> None:
    slopes = []
    for seed in range(20):
        crop = draw(positions, GEOMETRY_ONLY, seed)
        centre = crop.images[2, 16, 16, 8:24] * 255
        slopes.append(float(centre[-1] - centre[0]) / 15)
    assert min(slopes) < -0.7 and max(slopes) > 0.7  # flipped along the last axis, or not
    assert len({round(abs(slope), 2) for slope in slopes}) > 5  # scaled and rotated by different amounts


def test_regions_stay_nested_and_images_in_range(positions: CaseFeatures) -> None:
    for seed in range(8):
        crop = draw(positions, AugmentConfig(intensity=IntensityConfig(0.8, 0.5), elastic=0.5), seed)
        wt, tc, et = crop.regions
        assert (wt >= tc).all() and (tc >= et).all()
        assert torch.isfinite(crop.images).all() and crop.images.min() >= 0 and crop.images.max() <= 1.2


def test_most_crops_hold_tumour(positions: CaseFeatures) -> None:
    config = replace(GEOMETRY_ONLY, tumour=1.0, affine=0.0)
    crops = [draw(positions, config, seed) for seed in range(10)]
    assert all(crop.regions[0].any() for crop in crops)


def test_dropout_keeps_a_modality_that_is_there(positions: CaseFeatures) -> None:
    present = np.array([False, True, False, True])
    config = replace(GEOMETRY_ONLY, affine=0.0, modality_dropout=0.9)
    kept = [draw(replace(positions, present=present), config, seed, (16, 16, 16)).present for seed in range(30)]
    assert all(1 <= int(one.sum()) <= 2 and not one[0] and not one[2] for one in kept)
    assert {tuple(one.tolist()) for one in kept} >= {(False, True, False, False), (False, False, False, True)}


def test_a_smooth_deformation_bends_what_an_affine_map_cannot(positions: CaseFeatures) -> None:
    def bends(elastic: float) -> float:
        crops = [draw(positions, replace(GEOMETRY_ONLY, elastic=elastic, affine=0.0), seed) for seed in range(6)]
        return max(float((crop.images[2, 16, 16, 4:28] * 255).diff().diff().abs().sum()) for crop in crops)

    assert bends(1.0) > bends(0.0) + 3


def test_what_embeddings_do_not_show_is_left_to_be_embedded(positions: CaseFeatures) -> None:
    assert draw(positions, replace(GEOMETRY_ONLY, without_uptake=1.0), 0).embeddings is None
    patient = Patient.of(positions, CPU)
    crop = random_crop(patient, patient, GEOMETRY_ONLY, SHAPE, Chance(CPU, 0))
    assert crop.embeddings is None


def test_only_who_has_the_modalities_lends_a_tumour(positions: CaseFeatures) -> None:
    patient = Patient.of(positions, CPU)
    poorer = Patient.of(replace(positions, present=np.array([True, False, True, True])), CPU)
    assert random_crop(patient, poorer, GEOMETRY_ONLY, SHAPE, Chance(CPU, 0)).embeddings is not None
    crop = random_crop(poorer, patient, GEOMETRY_ONLY, SHAPE, Chance(CPU, 0))
    assert crop.embeddings is None and not crop.images[1].any()


@pytest.mark.parametrize("share", ["large", "pasted", "without_uptake", "elastic"])
def test_shares_that_make_no_sense(share: str) -> None:
    (problem,) = AugmentConfig(**{share: 1.5}).problems()
    assert "must lie in 0 to 1, not 1.5" in problem
    assert AugmentConfig().problems() == []
