"""The loss of the promptable decoder: Dice and binary cross entropy for WT, TC and ET, weighted round the clicks."""

import torch
import torch.nn.functional as F
from monai.losses import DiceLoss

CLICK_WEIGHT = 15.0
"""Extra weight of the cross entropy at a click; falls off with the wide Gaussian of the prompt maps."""

_dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)


def segmentation_loss(logits: torch.Tensor, truth: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Loss of `logits` (B, 3, K, J, I) against `truth` of the same shape, mean over the batch.

    Args:
        logits: Logits of WT, TC, ET.
        truth: 0 or 1.
        maps: Prompt maps (B, CHANNELS, K/2, J/2, I/2); channels 6..11 weigh the surroundings of clicks.
    """
    logits, truth = logits.float(), truth.float()
    wide = maps[:, 6:12].float().amax(dim=1, keepdim=True)
    weight = 1 + CLICK_WEIGHT * F.interpolate(wide, size=logits.shape[2:], mode="nearest")
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    near_clicks = (entropy * weight).mean(dim=(1, 2, 3, 4)) / weight.mean(dim=(1, 2, 3, 4))
    return _dice(logits, truth) + near_clicks.mean() + 0.5 * entropy.mean()
