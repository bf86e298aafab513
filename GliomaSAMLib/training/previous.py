"""The answer before, as the network is told it: what it really was, drawn by hand, or made up from what is meant.

Where the answer before is what the user means but for one error, and the click lies in that, nothing but the error is
to be mended. Such an answer is rare among a network's own; here it is made, so that clicks are learned to be local.
"""

import numpy as np

from ..regions import REGIONS
from .placement import signed_depths
from .smooth_noise import smooth_noise

DRAWN_LOGIT = 4.0
"""Logit of a mask drawn by hand, as in a session."""

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
