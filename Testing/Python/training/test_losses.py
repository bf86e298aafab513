import math

import numpy as np
import pytest
import torch

from GliomaSAMLib.prompts.maps import CHANNELS, PromptVoxels, prompt_maps
from GliomaSAMLib.training.losses import CLICK_WEIGHT, segmentation_loss
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
    assert CLICK_WEIGHT > 0


def test_soft_dice_of_masks() -> None:
    logits = torch.full((2, 3, 2, 2, 2), -1.0)
    truth = torch.zeros(2, 3, 2, 2, 2)
    logits[:, 0, 0] = 1  # WT: 4 found, 2 of them right, none missed
    truth[:, 0, 0, 0] = 1
    truth[:, 1, 0, 0] = 1  # TC: nothing found; ET: empty and found empty
    assert soft_dice(logits, truth).tolist() == pytest.approx([2 * 2 / 6, 0, 1])
    assert np.isclose(CELL_MM, 2.0)
