import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaSAMLib.training.placement import signed_depths
from GliomaSAMLib.training.previous import all_mended_but, as_answer, distorted_answer, nested, with_mask
from GliomaSAMLib.training.smooth_noise import smooth_noise

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
