"""Prompts as maps that a 3D decoder reads.

The maps lie on a grid of `cell` mm and have `CHANNELS` channels, float32, axes (K, J, I):

    0..5    balls round positive (WT, TC, ET) and negative (WT, TC, ET) points, Gaussian of 3 mm
    6..11   the same points as wide Gaussians of 15 mm, so that the effect of a click reaches beyond its neighbourhood
    12..14  inside of a box (WT, TC, ET)
    15..17  a mask given by hand: +1 inside, -1 outside, 0 where there is none
    18..20  what came before: tanh of half the logits (WT, TC, ET) of the answer to all prompts but the last, or of the
            answer without prompts, as the method's config says (`MethodConfig.previous`); 0 while there is none

Regions are nested, so a positive ET point is one of TC and WT too, and a negative WT point one of TC and ET.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..regions import REGIONS, implied_regions

CHANNELS = 21

PROMPT_CHANNELS = 18
"""The channels that users fill; the rest is the answer before."""

DRAWN_LOGIT = 4.0
"""Size of the logits of a mask drawn by hand where it is the answer before."""

POINT_CHANNELS = 12
"""The first channels, which hold points: pooled by their maximum, the others by their mean."""

NARROW_MM = 3.0

WIDE_MM = 15.0


@dataclass
class PromptSet:
    """Prompts in continuous voxel coordinates (K, J, I) of a grid; what `prompt_maps` draws.

    Args:
        points: (position, positive, region) of every point, a scribble being many.
        boxes: (lowest corner, highest corner, region), both corners inside the box.
        masks: masks by hand, on the grid of the maps, values in [-1, 1]; arrays, or tensors while training.
    """

    points: list[tuple[Sequence[float], bool, str]] = field(default_factory=list)
    boxes: list[tuple[Sequence[float], Sequence[float], str]] = field(default_factory=list)
    masks: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.points or self.boxes or self.masks)


def prompt_maps(
    prompts: PromptSet, shape: Sequence[int], cell: float, previous: np.ndarray | None = None
) -> np.ndarray:
    """Draw prompts on a grid.

    Args:
        prompts: Prompts in voxel coordinates of this grid.
        shape: Shape (K, J, I) of the grid.
        cell: Edge of its voxels in mm.
        previous: Logits (3, K, J, I) on the grid of what came before, where there is something.

    Returns:
        float32 array (CHANNELS, K, J, I).
    """
    maps = np.zeros((CHANNELS, *shape), np.float32)
    for position, positive, region in prompts.points:
        channels = [REGIONS.index(name) + (0 if positive else 3) for name in implied_regions(region, positive)]
        for offset, sigma in ((0, NARROW_MM), (6, WIDE_MM)):
            _draw_gaussian(maps, [channel + offset for channel in channels], position, sigma / cell)
    for low, high, region in prompts.boxes:
        start = [max(0, int(np.floor(value + 0.5))) for value in low]
        stop = [min(n, int(np.floor(value + 0.5)) + 1) for value, n in zip(high, shape, strict=True)]
        maps[12 + REGIONS.index(region), start[0] : stop[0], start[1] : stop[1], start[2] : stop[2]] = 1.0
    for region, mask in prompts.masks.items():
        maps[15 + REGIONS.index(region)] = mask
    if previous is not None:
        maps[PROMPT_CHANNELS:] = np.tanh(previous / 2)
    return maps


def _draw_gaussian(maps: np.ndarray, channels: Iterable[int], centre: Sequence[float], sigma: float) -> None:
    reach = 4 * sigma
    start = [max(0, int(c - reach)) for c in centre]
    stop = [max(0, min(n, int(c + reach) + 2)) for c, n in zip(centre, maps.shape[1:], strict=True)]
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return
    axes = [np.exp(-0.5 * ((np.arange(a, b) - c) / sigma) ** 2) for a, b, c in zip(start, stop, centre, strict=True)]
    ball = (axes[0][:, None, None] * axes[1][:, None] * axes[2]).astype(np.float32)
    for channel in channels:
        part = maps[channel, start[0] : stop[0], start[1] : stop[1], start[2] : stop[2]]
        np.maximum(part, ball, out=part)
