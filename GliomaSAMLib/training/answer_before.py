"""The answer before, as the network is given it in training, and users who mean another outline than the label. [ours]

Where a glioma ends is a matter of judgement, and experts differ. A network that has only met users who mean the label
learns that a click is a hint about the label; one that has met users of another mind learns to obey it, with the tissue
that belongs to it. Where the answer before is what the user means but for one error, and the click lies in that,
nothing but the error is to be mended. Such an answer is rare among a network's own; here it is made, so that clicks
are learned to be local.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..data.placement import CELL, largest_component, on_cells, signed_depths
from ..models.prompt_maps import DRAWN_LOGIT
from ..regions import REGIONS
from .augment import smooth_noise
from .click_simulation import place

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


DRAWN_SHARE = 0.4
"""Share of made-up answers that are as hard as a mask drawn by hand; the others are soft as a network's own."""

SLOPE = (0.8, 3.0)
"""How steep the soft ones are at their border, in logits a voxel."""

STEEPEST = 9.0

SHIFTED_SHARE = 0.5
"""Share of distorted answers whose border is shifted, by a voxel or so, as far as it goes."""

LOBES = (0.6, 0.3, 0.1)
"""Chance of one, two or three lobes that are missing or too much."""

LOBE_RADIUS = (2.0, 9.0)
"""Of a lobe, in voxels."""


def nested(logits: np.ndarray) -> np.ndarray:
    """Logits (3, k, j, i) of WT, TC, ET, none above that of the region round it."""
    return np.asarray(np.minimum.accumulate(logits, axis=0), np.float32)


def with_mask(logits: np.ndarray, region: str, mask: np.ndarray) -> np.ndarray:
    """The answer to a region drawn by hand: that mask exactly, the other regions as before but nested.

    Args:
        logits: Those before, (3, k, j, i).
        region: Name of the region.
        mask: Positive inside, (k, j, i).
    """
    index = REGIONS.index(region)
    drawn = np.where(mask > 0, DRAWN_LOGIT, -DRAWN_LOGIT).astype(np.float32)
    answer = logits.astype(np.float32)
    answer[index] = drawn
    answer[:index] = np.maximum(answer[:index], np.where(drawn > 0, drawn, -np.inf))
    answer[index + 1 :] = np.minimum(answer[index + 1 :], drawn)
    return answer


def as_answer(masks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Logits (3, k, j, i) whose signs are nested masks, bool of the same shape."""
    if rng.random() < DRAWN_SHARE:
        return np.where(masks, DRAWN_LOGIT, -DRAWN_LOGIT).astype(np.float32)
    slope = rng.uniform(*SLOPE)
    depths = np.stack([signed_depths(mask) for mask in masks])
    # depths are 1 or more on both sides of the border: less bumps than that leave all signs
    bumps = np.clip(0.3 * smooth_noise(masks.shape[1:], 6, rng), -0.9, 0.9)
    return nested(np.clip(slope * (depths + bumps), -STEEPEST, STEEPEST))


def all_mended_but(answer: np.ndarray, truth: np.ndarray, error: np.ndarray) -> np.ndarray:
    """A network's nested answer with all its errors mended, but for those in one place, which stay as they are.

    Args:
        answer: Logits (3, k, j, i).
        truth: What is meant, bool of the same shape.
        error: The place, bool (k, j, i).
    """
    wrong = ((answer > 0) != truth) & ~error
    return nested(np.where(wrong, -answer, answer))


def distorted_answer(truth: np.ndarray, index: int, rng: np.random.Generator) -> np.ndarray:
    """What is meant, with errors in one region: a border that is shifted here and there, lobes that are missing at its
    border or inside, lobes that are too much at its border or apart. The others follow by nesting.

    Args:
        truth: bool (3, k, j, i), nested.
        index: The region.
        rng: Decides.
    """
    masks = truth.copy()
    depths = signed_depths(truth[index])
    wrong = truth[index]
    if rng.random() < SHIFTED_SHARE:
        wrong = depths + rng.uniform(0.2, 1.2) * smooth_noise(wrong.shape, rng.uniform(4, 9), rng) > 0
    for _ in range(1 + int(rng.choice(len(LOBES), p=LOBES))):
        wrong = _with_lobe(wrong, depths, rng)
    masks[index] = wrong
    masks[:index] |= wrong
    masks[index + 1 :] &= wrong
    return masks


def _with_lobe(mask: np.ndarray, depths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    missing = rng.random() < 0.5 and bool((depths > 0).any())
    furthest = rng.choice((2, 6, 30)) if missing else rng.choice((3, 3, 25))
    middles = (depths > 0) & (depths <= furthest) if missing else (depths < 0) & (depths > -furthest)
    if not middles.any():
        return mask
    lobe = _lobe(middles, rng)
    return mask & ~lobe if missing else mask | lobe


def _lobe(middles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bumpy ellipsoid round one of these voxels, bool (k, j, i)."""
    radius = rng.uniform(*LOBE_RADIUS)
    middle = np.unravel_index(int(rng.choice(np.flatnonzero(middles))), middles.shape)
    reach = 1.6 * radius + 1
    box = tuple(
        slice(max(0, int(m - reach)), min(n, int(m + reach) + 1)) for m, n in zip(middle, middles.shape, strict=True)
    )
    offsets = np.ogrid[tuple(slice(side.start - m, side.stop - m) for side, m in zip(box, middle, strict=True))]
    stretch = rng.uniform(0.7, 1.4, 3)
    distance = np.sqrt(sum((offset / factor) ** 2 for offset, factor in zip(offsets, stretch, strict=True)))
    bumps = 0.2 * radius * smooth_noise(distance.shape, max(3.0, radius / 1.5), rng)
    lobe = np.zeros(middles.shape, bool)
    lobe[box] = distance + bumps < radius
    return lobe
