from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from GliomaSAMLib.training.augment import AugmentConfig, CropDataset, collate, random_crop
from GliomaSAMLib.training.features import CaseFeatures
from GliomaSAMLib.training.intensity import IntensityConfig

SHAPE = (32, 32, 32)
GEOMETRY_ONLY = AugmentConfig(
    crop=SHAPE, large_crop=SHAPE, affine=1.0, intensity=IntensityConfig(0.0, 0.0), modality_dropout=0.0
)


def test_the_same_seed_gives_the_same_crop(positions: CaseFeatures) -> None:
    def draw(seed: int) -> list[torch.Tensor]:
        crop = random_crop(positions, AugmentConfig(), SHAPE, np.random.default_rng(seed))
        assert crop.embeddings is not None
        return [crop.images, crop.present, crop.regions, crop.embeddings]

    assert all(torch.equal(a, b) for a, b in zip(draw(1), draw(1), strict=True))
    assert not torch.equal(draw(1)[0], draw(2)[0])


@pytest.mark.parametrize("seed", range(8))
def test_images_labels_and_embeddings_move_together(seed: int, positions: CaseFeatures) -> None:
    crop = random_crop(positions, GEOMETRY_ONLY, SHAPE, np.random.default_rng(seed))
    assert crop.embeddings is not None and crop.embeddings.shape == (4, 3, 8, 8, 8)
    # image c holds the voxel's position along axis c (+ 1, floored); channel c of the embedding the cell's centre
    place = crop.images[:3] * 255 - 0.5
    coarse = F.avg_pool3d(place[None], 4)[0]
    inside = F.avg_pool3d((crop.images[3:] * 255 > 200.9).float()[None], 4)[0, 0] == 1
    edge = 2.5  # the embedding is not extrapolated beyond the outermost cell centres
    inside &= ((coarse > edge) & (coarse < 64 - edge)).all(dim=0)
    assert inside.sum() > 50
    assert (crop.embeddings[0] - coarse).abs()[:, inside].max() < 0.6
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
        crop = random_crop(positions, GEOMETRY_ONLY, SHAPE, np.random.default_rng(seed))
        centre = crop.images[2, 16, 16, 8:24] * 255
        slopes.append(float(centre[-1] - centre[0]) / 15)
    assert min(slopes) < -0.7 and max(slopes) > 0.7  # flipped along the last axis, or not
    assert len({round(abs(slope), 2) for slope in slopes}) > 5  # scaled and rotated by different amounts


def test_regions_stay_nested_and_images_in_range(positions: CaseFeatures) -> None:
    for seed in range(8):
        crop = random_crop(
            positions, AugmentConfig(intensity=IntensityConfig(0.8, 0.5)), SHAPE, np.random.default_rng(seed)
        )
        wt, tc, et = crop.regions
        assert (wt >= tc).all() and (tc >= et).all()
        assert torch.isfinite(crop.images).all() and crop.images.min() >= 0 and crop.images.max() <= 1.2


def test_most_crops_hold_tumour(positions: CaseFeatures) -> None:
    config = replace(GEOMETRY_ONLY, tumour=1.0, affine=0.0)
    crops = [random_crop(positions, config, SHAPE, np.random.default_rng(seed)) for seed in range(10)]
    assert all(crop.regions[0].any() for crop in crops)


def test_dropout_keeps_a_modality_that_is_there(positions: CaseFeatures) -> None:
    present = np.array([False, True, False, True])
    config = replace(GEOMETRY_ONLY, affine=0.0, modality_dropout=0.9)
    kept = [
        random_crop(replace(positions, present=present), config, (16, 16, 16), np.random.default_rng(seed)).present
        for seed in range(30)
    ]
    assert all(1 <= int(one.sum()) <= 2 and not one[0] and not one[2] for one in kept)
    assert {tuple(one.tolist()) for one in kept} >= {(False, True, False, False), (False, False, False, True)}


def test_a_dataset_shows_every_case_once_a_round(positions: CaseFeatures) -> None:
    cases = [replace(positions, images=positions.images // 50 * 0 + n) for n in range(5)]
    dataset = CropDataset(cases, replace(GEOMETRY_ONLY, affine=0.0), seed=3, samples=20, batch=1)
    seen = [round(float(dataset[n][0].max()) * 255) for n in range(20)]
    assert [sorted(seen[start : start + 5]) for start in range(0, 20, 5)] == [[0, 1, 2, 3, 4]] * 4
    assert seen[:5] != seen[5:10] or seen[5:10] != seen[10:15]


def test_samples_do_not_depend_on_what_was_drawn_before(positions: CaseFeatures) -> None:
    dataset = CropDataset([positions], AugmentConfig(SHAPE, (32, 48, 32)), seed=3, samples=9, batch=2)
    for _ in range(3):
        dataset[1]
    again = CropDataset([positions], AugmentConfig(SHAPE, (32, 48, 32)), seed=3, samples=9, batch=2)
    assert torch.equal(dataset[6][0], again[6][0])
    assert all(dataset[n][0].shape == dataset[n + 1][0].shape for n in (0, 2, 4, 6))


def test_collate_joins_embeddings_of_different_cells(positions: CaseFeatures) -> None:
    assert positions.embeddings is not None
    finer = replace(positions, embeddings=positions.embeddings.repeat(2, axis=2))
    dataset = CropDataset([positions, finer], replace(GEOMETRY_ONLY, affine=0.0), seed=0, samples=2, batch=2)
    images, present, regions, embeddings, index = collate([dataset[0], dataset[1]])
    assert images.shape == (2, 4, *SHAPE) and regions.shape == (2, 3, *SHAPE) and present.shape == (2, 4)
    assert embeddings is not None and embeddings.shape[:3] == (2, 4, 3)
    assert index.tolist() == [0, 1]
