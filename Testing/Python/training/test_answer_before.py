"""Made-up answers before the newest click."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaSAMLib.training.answer_before import all_mended_but, as_answer, distorted_answer, not_above, with_mask
from GliomaSAMLib.training.chance import Chance

CPU = torch.device("cpu")
SEEDS = st.integers(0, 2**31)


@pytest.fixture
def balls() -> torch.Tensor:
    """Three nested balls, bool (3, 40, 40, 40)."""
    radius = np.sqrt(((np.indices((40, 40, 40)) - 20) ** 2).sum(axis=0))
    return torch.from_numpy(np.stack([radius < 12, radius < 9, radius < 5]))


def is_nested(masks: torch.Tensor) -> bool:
    return bool((masks[1] <= masks[0]).all() and (masks[2] <= masks[1]).all())


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_made_up_logits_have_the_signs_of_their_masks(seed: int) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(14, 16, 15)), 2)
    masks = torch.from_numpy(np.stack([field > field.std() * level for level in (0.0, 0.6, 1.2)]))
    logits = as_answer(masks, Chance(CPU, seed))
    assert logits.dtype == torch.float32 and torch.equal(logits > 0, masks)
    assert is_nested(logits)


def test_made_up_logits_are_hard_or_soft(balls: torch.Tensor) -> None:
    values = [torch.unique(as_answer(balls, Chance(CPU, seed))) for seed in range(60)]
    hard = [set(one.tolist()) == {-4.0, 4.0} for one in values]
    assert np.mean(hard) == pytest.approx(0.4, abs=0.15)


def test_a_drawn_mask_stands_as_it_was_drawn_and_the_others_follow(balls: torch.Tensor) -> None:
    before = not_above(torch.where(balls, 2.5, -2.5))
    drawn = balls[1].roll(8, 0)
    answer = with_mask(before, "TC", torch.where(drawn, 1.0, -1.0))
    assert set(answer[1].unique().tolist()) == {-4, 4} and torch.equal(answer[1] > 0, drawn)
    assert torch.equal(answer[0] > 0, balls[0] | drawn)
    assert torch.equal(answer[2] > 0, balls[2] & drawn)
    assert is_nested(answer)
    assert torch.equal(before, not_above(torch.where(balls, 2.5, -2.5)))  # not changed in place


def test_all_errors_are_mended_but_one(balls: torch.Tensor) -> None:
    logits = torch.where(balls, 2.0, -1.0)
    logits[:, 20:, 20:] *= -1
    answer = not_above(logits)
    error = torch.zeros((40, 40, 40), dtype=torch.bool)
    error[20:24, 20:24, 18:22] = True
    mended = all_mended_but(answer, balls, error)
    assert torch.equal((mended > 0)[:, ~error], balls[:, ~error])
    assert torch.equal((mended > 0)[:, error], (answer > 0)[:, error])
    assert is_nested(mended)


@pytest.mark.parametrize("index", range(3))
def test_a_distorted_answer_has_errors_in_its_region_and_stays_not_above(index: int, balls: torch.Tensor) -> None:
    missing = added = 0
    for seed in range(40):
        wrong = distorted_answer(balls, index, Chance(CPU, seed))
        assert is_nested(wrong)
        lost, gained = (balls & ~wrong)[index].sum(), (wrong & ~balls)[index].sum()
        missing, added = missing + (lost > gained), added + (gained > lost)
        # what is lost in others is lost here too, and what is gained likewise
        assert not ((balls & ~wrong)[index + 1 :] & ~(balls & ~wrong)[index]).any()
        assert torch.equal(wrong[:index], balls[:index] | wrong[index])
    assert missing > 8 and added > 8


def test_some_lobes_lie_apart_and_most_of_the_answer_stays(balls: torch.Tensor) -> None:
    apart, kept = 0, []
    for seed in range(60):
        wrong = distorted_answer(balls, 0, Chance(CPU, seed))[0]
        apart += ndimage.label(wrong.numpy())[1] > 1
        kept.append(float(2 * (wrong & balls[0]).sum() / (wrong.sum() + balls[0].sum())))
    assert apart > 5
    assert np.median(kept) > 0.75 and np.mean(np.array(kept) < 0.99) > 0.7
