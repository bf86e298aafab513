"""The loss of the promptable decoder: Dice and binary cross entropy for WT, TC and ET, weighted round the clicks."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss

_dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)


@dataclass(frozen=True)
class LossConfig:
    """What counts how much in the cross entropy.

    Args:
        click_weight: Extra weight at a click; falls off with the wide Gaussian of the prompt maps.
        new_error_weight: Weight of voxels that the answer before had right and this one has wrong; 1 like all others.
        clicked_error_weight: Weight of the error that a newest click lies in, within 12 mm of it; 1 like all others.
    """

    click_weight: float = 15.0
    new_error_weight: float = 1.0
    clicked_error_weight: float = 1.0

    def problems(self) -> list[str]:
        """What makes no sense, one line each."""
        weights = {
            "clicks": self.click_weight,
            "new errors": self.new_error_weight,
            "clicked errors": self.clicked_error_weight,
        }
        return [
            f"the weight of {name} must be a number of 0 or more, not {value}"
            for name, value in weights.items()
            if not (math.isfinite(value) and value >= 0)
        ]


PLAIN = LossConfig()


@dataclass(frozen=True)
class Before:
    """What was there before a user's newest clicks, on the grid of the prompt maps.

    Args:
        mask: The answer before, bool (B, 3, k, j, i).
        clicked: The errors of the newest clicks near these, bool (B, 3, k, j, i).
    """

    mask: torch.Tensor
    clicked: torch.Tensor


def segmentation_loss(
    logits: torch.Tensor,
    truth: torch.Tensor,
    maps: torch.Tensor,
    config: LossConfig = PLAIN,
    before: Before | None = None,
) -> torch.Tensor:
    """Loss of `logits` (B, 3, K, J, I) against `truth` of the same shape, mean over the batch.

    Args:
        logits: Logits of WT, TC, ET.
        truth: 0 or 1.
        maps: Prompt maps (B, CHANNELS, K/2, J/2, I/2); channels 6..11 weigh the surroundings of clicks.
        config: The weights.
        before: What was there before, for the weights of errors; None without an answer before.
    """
    logits, truth = logits.float(), truth.float()
    wide = maps[:, 6:12].float().amax(dim=1, keepdim=True)
    weight = 1 + config.click_weight * _on_voxels(wide, logits)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if before is not None:
        entropy = entropy * _error_weights(logits, truth, config, before)
    near_clicks = (entropy * weight).mean(dim=(1, 2, 3, 4)) / weight.mean(dim=(1, 2, 3, 4))
    return _dice(logits, truth) + near_clicks.mean() + 0.5 * entropy.mean()


@torch.no_grad()
def _error_weights(logits: torch.Tensor, truth: torch.Tensor, config: LossConfig, before: Before) -> torch.Tensor:
    """Weights of the voxels, (B, 3, K, J, I)."""
    weights = torch.ones_like(logits)
    if config.clicked_error_weight != 1:
        weights[_on_voxels(before.clicked, logits)] = config.clicked_error_weight
    if config.new_error_weight != 1:
        inside = truth > 0
        new = (_on_voxels(before.mask, logits) == inside) & ((logits > 0) != inside)
        weights[new] = config.new_error_weight
    return weights


def _on_voxels(cells: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What is told of cells, told of voxels."""
    told = F.interpolate(cells.float(), size=like.shape[2:], mode="nearest")
    return told > 0 if cells.dtype == torch.bool else told
