"""The answer before, as the network is given it in training: real, drawn by hand, or made up. [ours]

Where the answer before is what the user means but for one error, and the click lies in that, nothing but the error is
to be mended. Such an answer is rare among a network's own; here it is made, so that clicks are learned to be local.
All is computed on the device of the logits, (3, k, j, i) on cells of 2 mm, without telling the host.
"""

import torch
from torch import Tensor

from ..models.prompt_maps import DRAWN_LOGIT
from ..regions import REGIONS
from .chance import Chance
from .masks import distances, position, signed_depths

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


def not_above(logits: Tensor) -> Tensor:
    """Logits of WT, TC, ET, none above that of the region round it."""
    return torch.cummin(logits.float(), dim=0).values


def with_mask(logits: Tensor, region: str, mask: Tensor) -> Tensor:
    """The answer to a region drawn by hand: that mask exactly, the other regions as before but nested.

    Args:
        logits: Those before, (3, k, j, i).
        region: Name of the region.
        mask: Positive inside, (k, j, i).
    """
    index = REGIONS.index(region)
    drawn = torch.where(mask > 0, DRAWN_LOGIT, -DRAWN_LOGIT)
    answer = logits.float().clone()
    answer[index] = drawn
    answer[:index] = torch.where(mask > 0, answer[:index].clamp(min=DRAWN_LOGIT), answer[:index])
    answer[index + 1 :] = torch.minimum(answer[index + 1 :], drawn)
    return answer


def as_answer(masks: Tensor, chance: Chance) -> Tensor:
    """Logits (3, k, j, i) whose signs are nested masks, bool of the same shape."""
    if chance.happens(DRAWN_SHARE):
        return torch.where(masks, DRAWN_LOGIT, -DRAWN_LOGIT)
    slope = chance.uniform(*SLOPE)
    # depths are 1 or more on both sides of the border: less bumps than that leave all signs
    bumps = (0.3 * chance.smooth(masks.shape[1:], 6)).clamp(-0.9, 0.9)
    return not_above((slope * (signed_depths(masks) + bumps)).clamp(-STEEPEST, STEEPEST))


def all_mended_but(answer: Tensor, truth: Tensor, error: Tensor) -> Tensor:
    """A network's nested answer with all its errors mended, but for those in one place, which stay as they are.

    Args:
        answer: Logits (3, k, j, i).
        truth: What is meant, bool of the same shape.
        error: The place, bool (k, j, i).
    """
    wrong = ((answer > 0) != truth) & ~error
    return not_above(torch.where(wrong, -answer, answer))


def distorted_answer(truth: Tensor, index: int, chance: Chance) -> Tensor:
    """What is meant, with errors in one region: a border that is shifted here and there, lobes that are missing at its
    border or inside, lobes that are too much at its border or apart. The others follow by nesting.

    Args:
        truth: bool (3, k, j, i), nested.
        index: The region.
        chance: Decides.
    """
    masks = truth.clone()
    depth = signed_depths(truth[index])
    wrong = truth[index]
    if chance.happens(SHIFTED_SHARE):
        noise = chance.smooth(wrong.shape, chance.uniform(4, 9))
        wrong = depth + chance.uniform(0.2, 1.2) * noise > 0
    for _ in range(1 + int(chance.rng.choice(len(LOBES), p=LOBES))):
        wrong = _with_lobe(wrong, depth, chance)
    masks[index] = wrong
    masks[:index] |= wrong
    masks[index + 1 :] &= wrong
    return masks


def _with_lobe(mask: Tensor, depth: Tensor, chance: Chance) -> Tensor:
    missing = chance.happens(0.5)
    furthest = float(chance.rng.choice((2, 6, 30)) if missing else chance.rng.choice((3, 3, 25)))
    middles = (depth > 0) & (depth <= furthest) if missing else (depth < 0) & (depth > -furthest)
    lobe = _lobe(middles, chance) & middles.any()
    return mask & ~lobe if missing else mask | lobe


def _lobe(middles: Tensor, chance: Chance) -> Tensor:
    """A bumpy ellipsoid round one of these voxels, bool (k, j, i)."""
    radius = chance.uniform(*LOBE_RADIUS)
    middle = position(chance.pick(middles), middles.shape)
    stretch = (chance.uniform(0.7, 1.4), chance.uniform(0.7, 1.4), chance.uniform(0.7, 1.4))
    bumps = 0.2 * radius * chance.smooth(middles.shape, max(3.0, radius / 1.5))
    return distances(middle, middles.shape, stretch) + bumps < radius
