"""Users who mean another outline than the label: tissue that looks alike joins a region, or leaves it. [ours]

Where a glioma ends is a matter of judgement, and experts differ. A network that has only met users who mean the label
learns that a click is a hint about the label; one that has met users of another mind learns to obey it, with the tissue
that belongs to it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..regions import REGIONS
from .clicks import place
from .placement import CELL, largest_component, on_cells
from .smooth_noise import smooth_noise

CHANGES = ((0, 1, 0.26), (1, 0, 0.24), (1, 2, 0.14), (2, 1, 0.14), (2, 3, 0.11), (3, 2, 0.11))
"""From which level to which, and how often: 0 is outside of all regions, 1 in WT only, 2 in TC too, 3 in ET too."""

RADIUS_MM = (5.0, 20.0)
"""How far the tissue reaches at most round its middle."""
TOLERANCE = (0.06, 0.35)
"""How much the grey values, in [0, 1], may differ from those of the middle; the more, the nearer."""
LEAST_MM3 = 300
FAR_SHARE = 0.12
"""Share of additions to WT that may lie anywhere in the brain; the others lie near the tumour."""
NEAR_CELLS = 4


@dataclass(frozen=True)
class Outline:
    """What a user means instead of the label.

    Args:
        levels: Number of nested regions that hold a voxel, uint8 (K, J, I).
        changed: Cells (k, j, i) that joined or left the region, bool; in one piece.
        position: A click (k, j, i) in them.
        positive: Whether they joined.
        region: Which region.
    """

    levels: np.ndarray
    changed: np.ndarray
    position: tuple[float, float, float]
    positive: bool
    region: str


def another_outline(
    levels: np.ndarray, images: np.ndarray, present: np.ndarray, rng: np.random.Generator, border: float = 0.0
) -> Outline | None:
    """Let tissue round a random place that looks alike in the images join a region or leave one.

    Args:
        levels: Number of nested regions that hold a voxel, uint8 (K, J, I), voxels of 1 mm, sides even.
        images: (M, K, J, I) in [0, 1], 0 outside the brain.
        present: bool (M,): which images say what is alike.
        rng: Decides.
        border: Share of clicks at the border of what changed.

    Returns:
        The other outline, or None where the place that was drawn has too little tissue round it.
    """
    change = int(rng.choice(len(CHANGES), p=[chance for _, _, chance in CHANGES]))
    old, new, _ = CHANGES[change]
    joins = new > old
    where = _places(levels[::CELL, ::CELL, ::CELL], images[:, ::CELL, ::CELL, ::CELL], old, joins, rng)
    if not where.any():
        return None
    middle = CELL * np.array(np.unravel_index(int(rng.choice(np.flatnonzero(where))), where.shape))
    radius = rng.uniform(*RADIUS_MM)
    box = tuple(
        slice(max(0, int(m - radius - 1)), min(n, int(m + radius + 2)))
        for m, n in zip(middle, levels.shape, strict=True)
    )
    inner = levels[box]
    piece = _alike(images[(slice(None), *box)], present, middle - [side.start for side in box], radius, rng)
    piece &= (inner == old) if joins else (inner >= old)
    if piece.sum() < LEAST_MM3:
        return None
    meant = levels.copy()
    meant[box][piece] = new
    index = max(old, new) - 1
    changed = on_cells(meant > index) != on_cells(levels > index)
    if not changed.any():
        return None
    changed = largest_component(changed)
    return Outline(meant, changed, place(changed, rng, border), joins, REGIONS[index])


def _places(levels: np.ndarray, images: np.ndarray, old: int, joins: bool, rng: np.random.Generator) -> np.ndarray:
    """Cells that may be the middle of what changes, bool (k, j, i)."""
    if not joins:
        return np.asarray(levels >= old)
    if old:
        return np.asarray(levels == old)
    outside = (levels == 0) & (images.max(axis=0) > 0)
    if rng.random() < FAR_SHARE or not levels.any():
        return np.asarray(outside)
    return np.asarray(outside & (ndimage.maximum_filter(levels, 2 * NEAR_CELLS + 1) > 0))


def _alike(
    images: np.ndarray, present: np.ndarray, middle: np.ndarray, radius: float, rng: np.random.Generator
) -> np.ndarray:
    """Tissue that looks like that in the middle of a box and lies within about `radius` voxels, bool (K, J, I)."""
    calm = ndimage.uniform_filter(images[present].astype(np.float32), (0, 3, 3, 3))
    difference = np.sqrt(((calm - calm[(slice(None), *middle)][:, None, None, None]) ** 2).mean(axis=0))
    tolerance = np.exp(rng.uniform(*np.log(TOLERANCE)))
    offsets = np.ogrid[tuple(slice(-m, n - m) for m, n in zip(middle, calm.shape[1:], strict=True))]
    distance = np.sqrt(sum(offset**2 for offset in offsets)) / radius
    bumps = 0.25 * smooth_noise(distance.shape, max(distance.shape) / 3, rng)
    return np.asarray((distance + difference / tolerance + bumps < 1) & (images.max(axis=0) > 0))
