"""The tumour of another patient at the same place of the head. [ours]

With few patients a network learns which tumour lies in which brain. A tumour that is cut out of one patient and blended
into another, at the place where it lies in the head, makes a patient whom nobody has met.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .masks import widened

FEWEST = 500
"""With fewer voxels of tumour in the crop nothing is pasted."""

WELL = 5000
"""Voxels of well tissue that both need, for their grey values to be matched."""

SPREAD = (0.6, 1.6)
"""How much the contrast of what is pasted may be lowered or raised."""

MARGINS = (5, 9, 13)
"""Edges, in voxels, of the cubes by which the tumour's surroundings are taken along."""


def with_tumour_of(
    images: Tensor, levels: Tensor, other_images: Tensor, other_levels: Tensor, margin: int
) -> tuple[Tensor, Tensor]:
    """Paste the tumour of the other crop; its grey values are brought to the mean and spread of this one's well tissue.

    All is computed on the device; where there is too little tumour or tissue the result equals what was given.

    Args:
        images: float32 (M, K, J, I), in [0, 1], 0 outside the brain.
        levels: The number of nested regions that hold a voxel, uint8 (K, J, I).
        other_images, other_levels: Those of the other patient, sampled over the same millimetres.
        margin: One of `MARGINS`.
    """
    tumour = other_levels > 0
    inside = (images.amax(dim=0) > 0) & (other_images.amax(dim=0) > 0)
    well, other_well = (inside & (levels == 0)).float(), (inside & ~tumour).float()
    possible = (tumour.sum() >= FEWEST) & (well.sum() >= WELL) & (other_well.sum() >= WELL)
    wide = widened(tumour, margin).float()[None, None]
    share = F.avg_pool3d(F.avg_pool3d(wide, 5, 1, 2), 5, 1, 2)[0, 0] * inside * possible
    mean, deviation = _moments(images, well)
    other_mean, other_deviation = _moments(other_images, other_well)
    matched = (other_images - other_mean) * (deviation / other_deviation).clamp(*SPREAD) + mean
    blended = torch.where(inside, torch.lerp(images, matched.clamp(1e-3, 1.2), share.expand_as(images)), images)
    taken = share > 0.5
    return blended, torch.where(taken, other_levels, levels)


def _moments(images: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each image where `where` is 1, (M, 1, 1, 1)."""
    count = where.sum().clamp(min=1)
    mean = (images * where).sum(dim=(1, 2, 3), keepdim=True) / count
    variance = ((images - mean) ** 2 * where).sum(dim=(1, 2, 3), keepdim=True) / count
    return mean, variance.sqrt().clamp(min=1e-3)
