"""What clicks demand beyond what the network gave: a local correction of the logits. [ours]

Gaussian process regression of the missing logits at the clicks, with a kernel that falls off with the distance and
with the difference in the images: what looks like the clicked tissue nearby follows the click, what does not stays.

A network answers a click narrowly where its proposal was sure of the contrary. So the demand is measured twice: against
the proposal, of which a share is carried to the surroundings whatever the network made of the click, and against the
network's own answer, for clicks that it still does not obey. Clicks that ask for nothing hold their surroundings in
place. No click, no change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..prompts.maps import implied_regions
from ..regions import REGIONS


@dataclass(frozen=True)
class Carry:
    """How clicks are carried to what looks like them.

    Args:
        share: Of what is demanded against the proposal, so much is added to the network's answer.
        likeness: Difference of the images, root mean square over the modalities, at which tissue is like to 0.6.
        negative: Whether negative clicks are carried against the proposal, too.
    """

    share: float
    likeness: float
    negative: bool = True


CARRY: Mapping[str, Carry] = {
    "WT": Carry(0.75, 0.08),
    "TC": Carry(0.75, 0.08),
    "ET": Carry(0.5, 0.06, negative=False),
}
"""Enhancement is thin and as bright as vessels: there a negative click, carried on, takes the true rim with it."""

CELL_MM = 2.0
DISTANCE_MM = 14.0
MARGIN = 2.0
"""Logit that a click demands at its own place where it is not obeyed: a probability of 0.88."""
OBEYED = 0.5
"""Logit from which on a click is obeyed, and then demands nothing: more was of no use on training cases."""
NOISE = 0.05
REACH = 3.0
"""Distances beyond which the kernel counts as nothing."""

Point = tuple[Sequence[float], bool, str]


def correct_at_clicks(logits: np.ndarray, proposal: np.ndarray, images: np.ndarray, points: Sequence[Point]) -> None:
    """Add to `logits` what the clicks demand, in place; all beyond their reach stays as it is.

    Args:
        logits: float32 (3, 2k, 2j, 2i), voxels of 1 mm, the network's answer to the clicks.
        proposal: float32 (3, k, j, i), its logits without any, cells of 2 mm.
        images: float32 (M, k, j, i) in [0, 1], cells of 2 mm.
        points: (position (k, j, i) in cells, positive, region).
    """
    cells = images.shape[1:]
    for channel, region in enumerate(REGIONS):
        own = [
            (np.clip(np.round(position).astype(int), 0, np.array(cells) - 1), 1.0 if positive else -1.0)
            for position, positive, of in points
            if region in implied_regions(of, positive)
        ]
        if not own:
            continue
        carry = CARRY[region]
        places = np.array([place for place, _ in own])
        signs = np.array([sign for _, sign in own])
        looks = images[(slice(None), *places.T)].T  # n x M
        apart = _near(places[:, None] - places[None]).prod(axis=-1)
        gram = apart * _alike(looks.T[:, :, None] - looks.T[:, None], carry.likeness)
        solvable = gram + NOISE * np.eye(len(places))

        proposed = _demand(signs, proposal[(channel, *places.T)])
        weights = carry.share * np.linalg.solve(solvable, proposed if carry.negative else np.maximum(proposed, 0))
        answered = np.array([_cell(logits[channel], place).mean() for place in places])
        weights += np.linalg.solve(solvable, _demand(signs, answered + gram @ weights))
        if weights.any():
            correction = _spread(weights, places, looks, images, carry.likeness)
            logits[channel] += correction.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)


def _demand(signs: np.ndarray, here: np.ndarray) -> np.ndarray:
    """What clicks of these signs ask to be added to the logits `here`, at their own places."""
    return np.where(signs * here < OBEYED, signs * MARGIN - here, 0.0)


def _cell(volume: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The voxels of a cell, from a volume (2k, 2j, 2i)."""
    k, j, i = 2 * place
    return volume[k : k + 2, j : j + 2, i : i + 2]


def _spread(
    weights: np.ndarray, places: np.ndarray, looks: np.ndarray, images: np.ndarray, likeness: float
) -> np.ndarray:
    """float32 (k, j, i), the sum of the kernels round the places (n, 3), each with its weight and look (n, M)."""
    cells: tuple[int, ...] = images.shape[1:]
    out = np.zeros(cells, np.float32)
    reach = int(np.ceil(REACH * DISTANCE_MM / CELL_MM))
    for place, look, weight in zip(places, looks, weights, strict=True):
        box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(place, cells, strict=True))
        k, j, i = (_near(np.arange(cut.start, cut.stop) - p) for cut, p in zip(box, place, strict=True))
        alike = _alike(images[(slice(None), *box)] - look[:, None, None, None], likeness)
        out[box] += np.float32(weight) * alike * k[:, None, None] * j[:, None] * i
    return out


def _near(steps: np.ndarray) -> np.ndarray:
    """The kernel's part of offsets in cells along one axis each."""
    return np.exp(-0.5 * (steps.astype(np.float32) * np.float32(CELL_MM / DISTANCE_MM)) ** 2)


def _alike(difference: np.ndarray, likeness: float) -> np.ndarray:
    """The kernel's part of differences (M, ...) of the images."""
    squares = np.einsum("m...,m...->...", difference, difference) / np.float32(len(difference) * likeness**2)
    return np.asarray(np.exp(-0.5 * squares))
