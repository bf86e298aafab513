"""Prompt maps, drawn on the device of a training: the values that `prompt_maps` draws on the host for a session."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.prompt_maps import CHANNELS, NARROW_MM, PROMPT_CHANNELS, WIDE_MM, PromptSet
from ..regions import REGIONS, implied_regions


def draw_maps(
    prompts: PromptSet, shape: Sequence[int], cell: float, device: torch.device, previous: Tensor | None = None
) -> Tensor:
    """Draw prompts on a grid.

    Args:
        prompts: Prompts in voxel coordinates of this grid; masks may be tensors.
        shape: Shape (K, J, I) of the grid.
        cell: Edge of its voxels in mm.
        device: Where.
        previous: Logits (3, K, J, I) on the grid of what came before, where there is something.

    Returns:
        float32 (CHANNELS, K, J, I).
    """
    maps = torch.zeros((CHANNELS, *shape), device=device)
    for place, positive, region in prompts.points:
        channels = [REGIONS.index(name) + (0 if positive else 3) for name in implied_regions(region, positive)]
        for offset, sigma in ((0, NARROW_MM / cell), (6, WIDE_MM / cell)):
            box, ball = _ball(place, shape, sigma, device)
            for channel in channels:
                part = maps[channel + offset][box]
                torch.maximum(part, ball, out=part)
    for low, high, region in prompts.boxes:
        start = [max(0, math.floor(value + 0.5)) for value in low]
        stop = [min(side, math.floor(value + 0.5) + 1) for value, side in zip(high, shape, strict=True)]
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        maps[12 + REGIONS.index(region)][box] = 1.0
    for region, mask in prompts.masks.items():
        maps[15 + REGIONS.index(region)] = torch.as_tensor(mask, device=device)
    if previous is not None:
        maps[PROMPT_CHANNELS:] = torch.tanh(previous / 2)
    return maps


def _ball(
    centre: Sequence[float], shape: Sequence[int], sigma: float, device: torch.device
) -> tuple[tuple[slice, ...], Tensor]:
    """A Gaussian as far as it counts, and where it lies."""
    reach = 4 * sigma
    start = [max(0, int(place - reach)) for place in centre]
    stop = [max(0, min(side, int(place + reach) + 2)) for place, side in zip(centre, shape, strict=True)]
    axes = [
        torch.exp(-0.5 * ((torch.arange(a, max(a, b), device=device) - place) / sigma) ** 2)
        for a, b, place in zip(start, stop, centre, strict=True)
    ]
    box = tuple(slice(a, max(a, b)) for a, b in zip(start, stop, strict=True))
    return box, axes[0][:, None, None] * axes[1][:, None] * axes[2]
