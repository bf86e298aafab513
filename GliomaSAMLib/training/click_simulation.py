"""Simulated clicks: where a person would click next, given a mask and the truth.

Training runs on the 2 mm grid of the decoder's prompt maps, which is fast enough to click inside every step.
Placement follows METHODS: in an error component, 70 % at random where the distance to its border exceeds half the
maximum, 30 % at the maximum; a share of clicks may be given at its border instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..data.placement import components, depths, signed_depths
from ..geometry import bounding_box
from ..models.prompt_maps import PromptSet
from ..regions import REGIONS

BORDER_DEPTH = 1.5
"""Depth in voxels up to which a voxel of an error is at its border."""


@dataclass(frozen=True)
class ClickConfig:
    """How users are simulated.

    Args:
        users: Users of each crop, who share one pass of the encoder.
        start_none, start_box: Share of users that start without a prompt, or with a box; the rest start with a click.
        rounds: Chance of 0, 1, 2 ... rounds of corrections before the answer is judged, each on the answer to the
            prompts before; who starts without a prompt, or from a mask, corrects at least once.
        several: Share of rounds in which two or three clicks are given at once instead of one.
        start_mask: Share of users that start from a mask drawn by hand (the truth, distorted).
        region: Chance that a user works on WT, TC, ET.
        one_region: Share of users who work on one region only.
        another_outline: Share of users who mean another outline than the label, see `another_outline`.
        border: Share of clicks at the border of an error instead of deep inside.
        previous_truth: Share of answers for which the answer before is replaced by what the user means, and clicks say
            only what is right already, so that nothing may change; only where networks read the answer before.
        previous_distorted: Share for which it is replaced by a distortion of what the user means, see
            `distorted_answer`, and the clicks lie in its largest error, which alone is to be mended.
    """

    users: int = 3
    start_none: float = 0.5
    start_box: float = 0.12
    rounds: tuple[float, ...] = (0.15, 0.3, 0.25, 0.18, 0.12)
    several: float = 0.3
    start_mask: float = 0.08
    region: tuple[float, float, float] = (0.5, 0.25, 0.25)
    one_region: float = 0.6
    another_outline: float = 0.4
    border: float = 0.0
    previous_truth: float = 0.0
    previous_distorted: float = 0.0

    def problems(self) -> list[str]:
        """What makes no sense, one line each."""
        shares = {
            "users who mean another outline": self.another_outline,
            "clicks at the border": self.border,
            "answers after the truth": self.previous_truth,
            "answers after a distorted truth": self.previous_distorted,
            "both together": self.previous_truth + self.previous_distorted,
        }
        found = [
            f"the share of {name} must lie in 0 to 1, not {value}"
            for name, value in shares.items()
            if not 0 <= value <= 1
        ]
        return found + ([f"users must be 1 or more, not {self.users}"] if self.users < 1 else [])


@dataclass(frozen=True)
class Click:
    """A click in an error.

    Args:
        index: Of its region in `REGIONS`.
        position: Voxel (k, j, i).
        error: The piece of the error it lies in, bool (k, j, i).
    """

    index: int
    position: tuple[float, float, float]
    error: np.ndarray


Chances = tuple[float, float, float]
"""Chance of a prompt to be for WT, TC, ET."""


def region_chances(config: ClickConfig, rng: np.random.Generator) -> Chances:
    """What a user works on: one region for good, or each prompt on a region drawn anew."""
    if rng.random() >= config.one_region:
        return config.region
    one = int(rng.choice(3, p=config.region))
    return float(one == 0), float(one == 1), float(one == 2)


def first_prompts(truth: np.ndarray, config: ClickConfig, chances: Chances, rng: np.random.Generator) -> PromptSet:
    """Prompts of a user who has seen no mask yet, in voxels of `truth`, bool (3, k, j, i)."""
    prompts = PromptSet(points=[], boxes=[], masks={})
    index = int(rng.choice(3, p=chances))
    region = REGIONS[index]
    if not truth[index].any():
        return prompts
    if rng.random() < config.start_mask:
        prompts.masks = {region: distort(truth[index], rng)}
        return prompts
    draw = rng.random()
    if draw < config.start_none:
        return prompts
    if draw < config.start_none + config.start_box:
        prompts.boxes.append((*random_box(truth[index], rng), region))
    else:
        where = place(truth[index], rng)
        prompts.points.append((where, True, region))
    return prompts


def correct(
    prompts: PromptSet,
    prediction: np.ndarray,
    truth: np.ndarray,
    chances: Chances,
    rng: np.random.Generator,
    border: float = 0.0,
) -> Click | None:
    """Add a click where `prediction` and `truth`, both bool (3, k, j, i), differ. None where they do not.

    Args:
        prompts: What the click is added to.
        prediction: What the user sees.
        truth: What the user means.
        chances: Of its region.
        rng: Decides.
        border: Share of clicks at the border of the error.
    """
    index = int(rng.choice(3, p=chances))
    error = prediction[index] != truth[index]
    if not error.any():
        return None
    box = bounding_box(error)
    parts, sizes = components(error[box])
    weights = sizes.astype(float) ** 0.7
    part = int(np.argmax(sizes) if rng.random() < 0.7 else rng.choice(len(sizes), p=weights / weights.sum()))
    piece = np.zeros(error.shape, bool)
    piece[box] = parts == part + 1
    where = place(piece, rng, border)
    positive = bool(truth[index][tuple(int(c) for c in where)])
    prompts.points.append((where, positive, REGIONS[index]))
    return Click(index, where, piece)


def place(component: np.ndarray, rng: np.random.Generator, border: float = 0.0) -> tuple[float, float, float]:
    """A voxel (k, j, i) of `component`, bool (k, j, i), which is not empty: deep inside, or in a share `border` of the
    calls one of its outermost.
    """
    depth, box = depths(component)
    if border and rng.random() < border:
        chosen = int(rng.choice(np.flatnonzero((depth > 0) & (depth <= BORDER_DEPTH))))
    else:
        at_the_deepest = rng.random() < 0.3
        chosen = int(np.argmax(depth) if at_the_deepest else rng.choice(np.flatnonzero(depth > 0.5 * depth.max())))
    inner = np.unravel_index(chosen, depth.shape)
    k, j, i = (float(a + side.start) for a, side in zip(inner, box, strict=True))
    return k, j, i


def random_box(component: np.ndarray, rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Lowest and highest corner (k, j, i) of the box of `component`, each side moved by up to a tenth of its length.

    Half of the boxes are flat in an axis: the box of one slice, as a user draws it.
    """
    where = np.argwhere(component)
    low, high = where.min(axis=0).astype(float), where.max(axis=0).astype(float)
    if rng.random() < 0.5:
        axis = int(rng.integers(3))
        counts = np.bincount(where[:, axis])
        slice_ = int(rng.choice(np.flatnonzero(counts > 0.5 * counts.max())))
        plane = where[where[:, axis] == slice_]
        low, high = plane.min(axis=0).astype(float), plane.max(axis=0).astype(float)
    extent = high - low
    low = low + rng.uniform(-0.1, 0.1, 3) * extent
    high = high + rng.uniform(-0.1, 0.1, 3) * extent
    return tuple(low), tuple(np.maximum(high, low))


def distort(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hand-drawn version of `mask`: grown, shrunk, or missing a piece; +1 inside, -1 outside, float32."""
    noise = ndimage.gaussian_filter(rng.normal(size=mask.shape).astype(np.float32), 4)
    noise /= noise.std() + 1e-6
    drawn = signed_depths(mask) + float(rng.normal(0, 1.5)) + noise * float(rng.uniform(0, 3)) > 0
    return np.where(drawn, 1.0, -1.0).astype(np.float32)
