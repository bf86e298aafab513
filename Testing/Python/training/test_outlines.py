from collections.abc import Iterator

import numpy as np
import pytest
from scipy import ndimage

from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.training.outlines import Outline, another_outline
from GliomaSAMLib.training.placement import on_cells

SHAPE = (64, 72, 64)
PRESENT = np.array([True, True, False, True])


@pytest.fixture(scope="module")
def head() -> tuple[np.ndarray, np.ndarray]:
    """Levels and images of a ball of brain in air, with a tumour of three shells; the grey values are in stripes."""
    place = np.stack(np.indices(SHAPE), axis=-1) - np.array(SHAPE) / 2
    radius = np.sqrt((place**2).sum(-1))
    levels = np.select([radius < 7, radius < 12, radius < 18], [3, 2, 1], 0).astype(np.uint8)
    stripes = 0.5 + 0.4 * (np.indices(SHAPE)[2] // 8 % 2)
    images = np.stack([stripes, stripes, np.random.default_rng(0).random(SHAPE), stripes]) * (radius < 28)
    return levels, images.astype(np.float32)


def outlines(head: tuple[np.ndarray, np.ndarray], count: int = 60) -> Iterator[Outline]:
    for seed in range(count):
        found = another_outline(*head, PRESENT, np.random.default_rng(seed))
        if found is not None:
            yield found


def test_one_region_gains_or_loses_tissue_and_the_others_stay(head: tuple[np.ndarray, np.ndarray]) -> None:
    levels, images = head
    seen = set()
    for found in outlines(head):
        index = REGIONS.index(found.region)
        before, after = levels > index, found.levels > index
        assert (after & before == before if found.positive else after & before == after).all()
        assert (before != after).sum() >= 300
        assert found.levels.dtype == np.uint8 and found.levels.max() <= 3  # one number a voxel: regions stay nested
        inner = levels > index + 1  # what leaves a region leaves those inside it; what joins it joins no other
        assert np.array_equal(found.levels > index + 1, inner if found.positive else inner & after)
        assert np.array_equal(found.levels > index - 1, levels > index - 1)
        assert not (before != after)[images.max(axis=0) == 0].any()
        seen.add((found.region, found.positive))
    assert len(seen) == 6


def test_the_first_click_lies_in_what_changed_and_says_so(head: tuple[np.ndarray, np.ndarray]) -> None:
    levels, _ = head
    for found in outlines(head):
        index = REGIONS.index(found.region)
        before, after = on_cells(levels > index), on_cells(found.levels > index)
        where = tuple(int(n) for n in found.position)
        assert found.changed[where] and found.changed.sum() >= 1
        assert after[where] == found.positive
        assert ndimage.label(found.changed, np.ones((3, 3, 3)))[1] == 1
        assert not (found.changed & (before == after)).any()


def test_what_changes_looks_alike_in_the_images_that_are_there(head: tuple[np.ndarray, np.ndarray]) -> None:
    levels, images = head
    spread = []
    for found in outlines(head):
        changed = found.levels != levels
        near = ndimage.binary_dilation(changed, iterations=6) & (images.max(axis=0) > 0)
        spread.append(images[0][changed].std() / images[0][near].std())
    assert np.mean(spread) < 0.8


def test_the_same_seed_gives_the_same_outline(head: tuple[np.ndarray, np.ndarray]) -> None:
    first, again = (list(outlines(head, 8)) for _ in range(2))
    assert [one.position for one in first] == [one.position for one in again]
    assert all(np.array_equal(a.levels, b.levels) for a, b in zip(first, again, strict=True))


def test_without_tissue_there_is_no_other_outline() -> None:
    nothing = np.zeros((32, 32, 32), np.uint8)
    air = np.zeros((4, 32, 32, 32), np.float32)
    assert all(another_outline(nothing, air, PRESENT, np.random.default_rng(seed)) is None for seed in range(20))


def test_a_healthy_brain_can_gain_a_tumour(head: tuple[np.ndarray, np.ndarray]) -> None:
    _, images = head
    nothing = np.zeros(SHAPE, np.uint8)
    found = [another_outline(nothing, images, PRESENT, np.random.default_rng(seed)) for seed in range(40)]
    given = [one for one in found if one is not None]
    assert given and all(one.positive and one.region == "WT" for one in given)
