import math

import numpy as np
import pytest
import torch

from GliomaSAMLib.prompts.maps import CHANNELS, PromptVoxels, prompt_maps
from GliomaSAMLib.training.losses import Before, LossConfig, segmentation_loss
from GliomaSAMLib.training.step import CELL_MM, soft_dice


def maps_of(points: list, shape: tuple[int, int, int]) -> torch.Tensor:
    return torch.from_numpy(prompt_maps(PromptVoxels(points), shape, CELL_MM))[None]


def test_a_case_computed_by_hand() -> None:
    # logits 0: probability one half everywhere; truth: 2 of 8 voxels in each region
    logits, truth = torch.zeros(1, 3, 2, 2, 2), torch.zeros(1, 3, 2, 2, 2)
    truth[:, :, 0, 0] = 1
    dice = 1 - (2 * 1 + 1) / (4 + 2 + 1)  # both 1, probabilities 4, truth 2; smoothing 1
    expected = dice + 1.5 * math.log(2)
    assert float(segmentation_loss(logits, truth, torch.zeros(1, CHANNELS, 1, 1, 1))) == pytest.approx(expected)


def test_a_perfect_answer_costs_nothing() -> None:
    truth = (torch.rand(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    loss = segmentation_loss(40 * (truth - 0.5), truth, torch.zeros(2, CHANNELS, 4, 4, 4))
    assert float(loss) < 1e-4


def test_an_error_near_a_click_costs_more() -> None:
    truth = torch.zeros(1, 3, 32, 32, 32)
    near, far = torch.full_like(truth, -9.0), torch.full_like(truth, -9.0)
    near[..., 2:4, 2:4, 2:4] = 9
    far[..., 28:30, 28:30, 28:30] = 9
    maps = maps_of([((1.0, 1.0, 1.0), False, "WT")], (16, 16, 16))
    nothing = torch.zeros_like(maps)
    assert float(segmentation_loss(near, truth, nothing)) == pytest.approx(
        float(segmentation_loss(far, truth, nothing))
    )
    entropy_near, entropy_far = (
        float(segmentation_loss(mask, truth, maps) - segmentation_loss(mask, truth, nothing)) for mask in (near, far)
    )
    assert entropy_near > 0 > entropy_far
    off = LossConfig(click_weight=0.0)
    assert float(segmentation_loss(near, truth, maps, off)) == float(segmentation_loss(near, truth, nothing))


def test_soft_dice_of_masks() -> None:
    logits = torch.full((2, 3, 2, 2, 2), -1.0)
    truth = torch.zeros(2, 3, 2, 2, 2)
    logits[:, 0, 0] = 1  # WT: 4 found, 2 of them right, none missed
    truth[:, 0, 0, 0] = 1
    truth[:, 1, 0, 0] = 1  # TC: nothing found; ET: empty and found empty
    assert soft_dice(logits, truth).tolist() == pytest.approx([2 * 2 / 6, 0, 1])
    assert np.isclose(CELL_MM, 2.0)


WRONG, RIGHT = -1.0, 1.0


def error_case(was_right: bool) -> tuple[torch.Tensor, torch.Tensor, Before]:
    """Logits that miss one of two cells of the truth, which the answer before had or had not."""
    truth = torch.zeros(1, 3, 8, 8, 8)
    truth[..., :4, :2, :2] = 1
    logits = torch.where(truth > 0, RIGHT, WRONG)
    logits[..., :2, :2, :2] = WRONG
    before = torch.zeros(1, 3, 4, 4, 4, dtype=torch.bool)
    before[..., 0, 0, 0] = was_right
    return logits, truth, Before(before, torch.zeros_like(before))


def entropy(weight: float) -> float:
    """The mean cross entropy of the case whose 8 of 512 wrong voxels count so much."""
    right, wrong = math.log1p(math.exp(-1)), math.log1p(math.exp(1))
    return ((512 - 8) * right + 8 * weight * wrong) / 512


@pytest.mark.parametrize(("was_right", "weight"), [(True, 3.0), (False, 1.0)])
def test_what_was_right_and_is_now_wrong_counts_more(was_right: bool, weight: float) -> None:
    logits, truth, before = error_case(was_right)
    nothing = torch.zeros(1, CHANNELS, 4, 4, 4)
    plain = segmentation_loss(logits, truth, nothing)
    weighted = segmentation_loss(logits, truth, nothing, LossConfig(new_error_weight=3.0), before)
    assert float(weighted - plain) == pytest.approx(1.5 * (entropy(weight) - entropy(1.0)), abs=1e-5)
    assert float(segmentation_loss(logits, truth, nothing, LossConfig(), before)) == pytest.approx(float(plain))


def test_the_clicked_error_counts_more_whether_it_is_mended_or_not() -> None:
    logits, truth, before = error_case(was_right=False)
    before.clicked[..., 0, 0, 0] = True
    nothing = torch.zeros(1, CHANNELS, 4, 4, 4)
    heavy = LossConfig(clicked_error_weight=4.0)
    missed = segmentation_loss(logits, truth, nothing, heavy, before) - segmentation_loss(logits, truth, nothing)
    assert float(missed) == pytest.approx(1.5 * (entropy(4.0) - entropy(1.0)), abs=1e-5)
    mended = torch.where(truth > 0, RIGHT, WRONG)
    kept = segmentation_loss(mended, truth, nothing, heavy, before) - segmentation_loss(mended, truth, nothing)
    assert float(missed) > 3 * float(kept) > 0


def test_gradients_are_finite_and_weights_have_none() -> None:
    logits, truth, before = error_case(was_right=True)
    logits.requires_grad_()
    maps = torch.zeros(1, CHANNELS, 4, 4, 4)
    segmentation_loss(logits, truth, maps, LossConfig(new_error_weight=3.0), before).backward()
    (plain,) = torch.autograd.grad(segmentation_loss(logits, truth, maps), logits)
    new = logits.grad[..., 0, 0, 0] / plain[..., 0, 0, 0]  # type: ignore[index]
    assert torch.isfinite(logits.grad).all() and (new > 1.5).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"new_error_weight": -1.0}, "new errors"),
        ({"click_weight": math.nan}, "clicks"),
        ({"clicked_error_weight": math.inf}, "clicked errors"),
    ],
)
def test_weights_that_make_no_sense(changes: dict, said: str) -> None:
    (problem,) = LossConfig(**changes).problems()
    assert f"the weight of {said} must be" in problem
    assert LossConfig().problems() == []
