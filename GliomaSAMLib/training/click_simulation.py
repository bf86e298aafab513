"""Simulated clicks: where a person would click next, given a mask and the truth, on the device of the masks.

Training runs on the 2 mm grid of the decoder's prompt maps, which is fast enough to click inside every step. Clicks
are computed without telling the host; a step asks for all clicks of a round in one go. Placement follows METHODS: in an
error, 70 % at random where the depth exceeds half the piece's maximum, 30 % at the maximum; a share of clicks may be
given at its border instead. Pieces with deep errors are chosen first.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..regions import REGIONS
from .chance import Chance
from .masks import depths, piece_of, position, signed_depths

BORDER_DEPTH = 1.5
"""Depth in voxels up to which a voxel of an error is at its border."""

CLICK_NUMBERS = 5
"""Of a click as numbers: k, j, i, 1 if positive, 1 if there is one."""

BOX_NUMBERS = 7
"""Of a box: lowest corner, highest corner, 1 if there is one."""


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
    """A click that the host does not know yet.

    Args:
        index: Of its region in `REGIONS`.
        error: The piece it lies in, bool (k, j, i).
        numbers: Where it lies and what it says, float32 (`CLICK_NUMBERS`,).
    """

    index: int
    error: Tensor
    numbers: Tensor

    @property
    def region(self) -> str:
        """Name of its region."""
        return REGIONS[self.index]


Chances = tuple[float, float, float]
"""Chance of a prompt to be for WT, TC, ET."""


def only(index: int) -> Chances:
    """Prompts for one region."""
    return float(index == 0), float(index == 1), float(index == 2)


def draw_region(chances: Chances, chance: Chance) -> int:
    """Index of the region that the next prompt is for."""
    return int(chance.rng.choice(3, p=chances))


def region_chances(config: ClickConfig, chance: Chance, known: Collection[str] = REGIONS) -> Chances:
    """What a user works on, of the regions that are `known`: one for good, or each prompt on a region drawn anew."""
    wt, tc, et = (share * (region in known) for region, share in zip(REGIONS, config.region, strict=True))
    total = wt + tc + et
    chances = (wt / total, tc / total, et / total) if total else only(0)
    if not chance.happens(config.one_region):
        return chances
    return only(draw_region(chances, chance))


def correct(prediction: Tensor, truth: Tensor, chances: Chances, chance: Chance, border: float = 0.0) -> Click:
    """A click where `prediction` and `truth`, both bool (3, k, j, i), differ; one that is not there, where they do not.

    Args:
        prediction: What the user sees.
        truth: What the user means.
        chances: Of its region.
        chance: Decides.
        border: Share of clicks at the border of the error.
    """
    index = draw_region(chances, chance)
    return click_in(prediction[index] != truth[index], truth, index, chance, border)


def click_in(error: Tensor, truth: Tensor, index: int, chance: Chance, border: float = 0.0) -> Click:
    """A click in a piece of `error`, bool (k, j, i), that says what the truth (3, k, j, i) is there."""
    depth = depths(error)
    seed = chance.pick(depth**2 if chance.happens(0.7) else depth)
    piece = piece_of(error, seed)
    place = place_in(depth * piece, chance, border)
    return click_at(place, truth, index, piece, error.any())


def click_at(place: Tensor, truth: Tensor, index: int, piece: Tensor, there: Tensor) -> Click:
    """A click at the cell with the flat index `place`, which says what the truth is there, if it is `there` at all."""
    positive = truth[index].take(place)
    numbers = torch.cat([position(place, piece.shape).float(), torch.stack([positive, there]).float()])
    return Click(index, piece, numbers)


def place_in(depth: Tensor, chance: Chance, border: float = 0.0) -> Tensor:
    """Flat index of a cell where `depth` (k, j, i) is above 0: deep inside, or in a share `border` of the calls one of
    the outermost.
    """
    if chance.happens(border):
        return chance.pick((depth > 0) & (depth <= BORDER_DEPTH))
    if chance.happens(0.3):
        return depth.flatten().argmax()
    return chance.pick(depth > 0.5 * depth.max())


def first_box(mask: Tensor, chance: Chance) -> Tensor:
    """The box of a mask (k, j, i), each side moved by up to a tenth of its length, as (`BOX_NUMBERS`,) float32.

    Half of the boxes are flat in an axis: the box of one slice, as a user draws it.
    """
    low, high = _corners(mask)
    if chance.happens(0.5):
        axis = int(chance.rng.integers(3))
        counts = mask.sum(dim=[n for n in range(3) if n != axis])
        slice_ = chance.pick(counts > 0.5 * counts.max())
        on_slice = (torch.arange(mask.shape[axis], device=mask.device) == slice_).view(
            [-1 if n == axis else 1 for n in range(3)]
        )
        low, high = _corners(mask & on_slice)
    extent = high - low
    moves = [chance.uniform(-0.1, 0.1) for _ in range(6)]
    low = torch.stack([low[n] + moves[n] * extent[n] for n in range(3)])
    high = torch.stack([high[n] + moves[3 + n] * extent[n] for n in range(3)])
    return torch.cat([low, torch.maximum(high, low), mask.any().float()[None]])


def _corners(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest index (3,) of a mask that is not empty, float32."""
    low, high = [], []
    for axis in range(3):
        there = mask.sum(dim=[n for n in range(3) if n != axis]) > 0
        low.append(there.float().argmax())
        high.append(len(there) - 1 - there.flip(0).float().argmax())
    return torch.stack(low).float(), torch.stack(high).float()


def distort(mask: Tensor, chance: Chance) -> Tensor:
    """A hand-drawn version of `mask` (k, j, i): grown, shrunk, or missing a piece; +1 inside, -1 outside, float32."""
    noise = F.avg_pool3d(chance.smooth(mask.shape, 6)[None, None], 3, 1, 1)[0, 0]
    moved = signed_depths(mask) + float(chance.rng.normal(0, 1.5)) + noise * chance.uniform(0, 3)
    return torch.where(moved > 0, 1.0, -1.0)
