"""Made-up answers before the newest click, and users who mean another outline."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaSAMLib.data.placement import on_cells, signed_depths
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.training.answer_before import (
    Outline,
    all_mended_but,
    another_outline,
    as_answer,
    distorted_answer,
    nested,
    with_mask,
)
from GliomaSAMLib.training.augment import smooth_noise

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


SEEDS = st.integers(0, 2**31)


@pytest.fixture
def balls() -> np.ndarray:
    """Three nested balls, bool (3, 40, 40, 40)."""
    radius = np.sqrt(((np.indices((40, 40, 40)) - 20) ** 2).sum(axis=0))
    return np.stack([radius < 12, radius < 9, radius < 5])


def is_nested(masks: np.ndarray) -> bool:
    return bool((masks[1] <= masks[0]).all() and (masks[2] <= masks[1]).all())


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_made_up_logits_have_the_signs_of_their_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(14, 16, 15)), 2)
    masks = np.stack([field > field.std() * level for level in (0.0, 0.6, 1.2)])
    logits = as_answer(masks, rng)
    assert logits.dtype == np.float32 and np.array_equal(logits > 0, masks)
    assert is_nested(logits)


def test_made_up_logits_are_hard_or_soft(balls: np.ndarray) -> None:
    values = [np.unique(as_answer(balls, np.random.default_rng(seed))) for seed in range(100)]
    hard = [set(one.tolist()) == {-4.0, 4.0} for one in values]
    assert np.mean(hard) == pytest.approx(0.4, abs=0.15)


def test_a_drawn_mask_stands_as_it_was_drawn_and_the_others_follow(balls: np.ndarray) -> None:
    before = nested(np.where(balls, 2.5, -2.5))
    drawn = np.roll(balls[1], 8, axis=0)
    answer = with_mask(before, "TC", np.where(drawn, 1.0, -1.0))
    assert set(np.unique(answer[1])) == {-4, 4} and np.array_equal(answer[1] > 0, drawn)
    assert np.array_equal(answer[0] > 0, balls[0] | drawn)
    assert np.array_equal(answer[2] > 0, balls[2] & drawn)
    assert is_nested(answer)
    assert np.array_equal(before, nested(np.where(balls, 2.5, -2.5)))  # not changed in place


def test_all_errors_are_mended_but_one(balls: np.ndarray) -> None:
    logits = np.where(balls, 2.0, -1.0).astype(np.float32)
    logits[:, 20:, 20:] *= -1
    answer = nested(logits)
    error = np.zeros((40, 40, 40), bool)
    error[20:24, 20:24, 18:22] = True
    mended = all_mended_but(answer, balls, error)
    assert np.array_equal((mended > 0)[:, ~error], balls[:, ~error])
    assert np.array_equal((mended > 0)[:, error], (answer > 0)[:, error])
    assert is_nested(mended)


@pytest.mark.parametrize("index", range(3))
def test_a_distorted_answer_has_errors_in_its_region_and_stays_nested(index: int, balls: np.ndarray) -> None:
    missing = added = 0
    for seed in range(40):
        wrong = distorted_answer(balls, index, np.random.default_rng(seed))
        assert is_nested(wrong)
        lost, gained = (balls & ~wrong)[index].sum(), (wrong & ~balls)[index].sum()
        missing, added = missing + (lost > gained), added + (gained > lost)
        # what is lost in others is lost here too, and what is gained likewise
        assert not ((balls & ~wrong)[index + 1 :] & ~(balls & ~wrong)[index]).any()
        assert np.array_equal(wrong[:index], balls[:index] | wrong[index])
    assert missing > 8 and added > 8


def test_some_lobes_lie_apart_and_most_of_the_answer_stays(balls: np.ndarray) -> None:
    apart, kept = 0, []
    for seed in range(60):
        wrong = distorted_answer(balls, 0, np.random.default_rng(seed))[0]
        apart += ndimage.label(wrong)[1] > 1
        kept.append(2 * (wrong & balls[0]).sum() / (wrong.sum() + balls[0].sum()))
    assert apart > 5
    assert np.median(kept) > 0.75 and np.mean(np.array(kept) < 0.99) > 0.7


def test_signed_depths_of_a_bar_and_of_no_border() -> None:
    bar = np.zeros(7, bool)
    bar[2:5] = True
    assert signed_depths(bar).tolist() == [-2, -1, 1, 2, 1, -1, -2]
    assert (signed_depths(np.ones(3, bool)) > 50).all() and (signed_depths(np.zeros(3, bool)) < -50).all()


@pytest.mark.parametrize("grain", [3.0, 9.0])
def test_noise_is_smooth_over_its_grain(grain: float) -> None:
    field = smooth_noise((40, 33, 52), grain, np.random.default_rng(1))
    assert field.shape == (40, 33, 52) and field.dtype == np.float32
    assert abs(field.mean()) < 0.3 and 0.3 < field.std() < 1.3
    assert np.abs(np.diff(field, axis=0)).mean() < 1.5 / grain
