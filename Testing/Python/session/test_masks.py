"""Masks kept small, exactly, and what changed from one to the next."""

import numpy as np
import pytest

from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session.masks import PackedMask, PackedMasks

SHAPE = (5, 6, 7)


def random_masks(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {region: (draw.random(SHAPE) < draw.choice([0, 0.02, 0.5])).astype(np.uint8) for region in REGIONS}


@pytest.mark.parametrize("seed", range(20))
def test_masks_are_kept_exactly_and_their_changes_found(seed: int) -> None:
    now, then = random_masks(seed), random_masks(seed + 100)
    kept, before = PackedMasks.of(now), PackedMasks.of(then)
    for region, box in kept.changes(before).items():
        assert np.array_equal(kept.mask(region), now[region]) and kept.mask(region).dtype == np.uint8
        assert kept.voxels(region) == now[region].sum()
        where = np.argwhere(now[region] != then[region])
        expected = None if not len(where) else tuple(
            int(end) for low, high in zip(where.min(0), where.max(0) + 1, strict=True) for end in (low, high)
        )  # fmt: skip
        assert box == expected
    assert set(kept.changes(kept).values()) == {None}
    assert all(kept.regions[r].equals(before.regions[r]) for r in REGIONS) == all(
        np.array_equal(now[r], then[r]) for r in REGIONS
    )


def test_an_empty_set_and_a_replaced_region() -> None:
    empty = PackedMasks.empty(SHAPE)
    full = empty.replaced({"TC": np.ones(SHAPE, np.uint8)})
    assert full.voxels("TC") == np.prod(SHAPE) and full.voxels("WT") == 0 and empty.voxels("TC") == 0
    assert full.changes(empty) == {"WT": None, "TC": (0, 5, 0, 6, 0, 7), "ET": None}


def test_a_packed_mask_tells_which_voxels_are_inside() -> None:
    mask = np.random.default_rng(0).random((9, 10, 11)) < 0.3
    mask[:2] = mask[:, 8:] = mask[:, :, :3] = False
    everywhere = np.argwhere(np.ones_like(mask))
    assert np.array_equal(PackedMask.of(mask).holds(everywhere), mask.ravel())
    assert not PackedMask.empty().holds(everywhere).any()
