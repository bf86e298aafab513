"""What a click demands beyond what the network gave: a local correction of the logits. [ours]

Gaussian process regression of the missing logits at the clicks, with a kernel that falls off with the distance and
with the difference in the images: what looks like the clicked tissue nearby follows the click, what does not stays.
Clicks that the network already obeys hold their own surroundings in place. No click, no change.
"""

from collections.abc import Sequence

import numpy as np

from ..prompts.maps import implied_regions
from ..regions import REGIONS

CELL_MM = 2.0
DISTANCE_MM = 14.0
INTENSITY = 0.12
"""Difference of the images, root mean square over the modalities."""
MARGIN = 2.0
"""Logit that a click demands at its own place where the network does not obey it: a probability of 0.88."""
OBEYED = 0.5
"""Logit from which on the network obeys a click, which then demands nothing: more was of no use on training cases."""
NOISE = 0.05

Point = tuple[Sequence[float], bool, str]


def correct_at_clicks(logits: np.ndarray, images: np.ndarray, points: Sequence[Point]) -> None:
    """Add to `logits` what the clicks demand, in place; all beyond their reach stays as it is.

    Args:
        logits: float32 (3, 2k, 2j, 2i), voxels of 1 mm.
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
        places = np.array([place for place, _ in own])
        signs = np.array([sign for _, sign in own])
        here = np.array([_cell(logits[channel], place).mean() for place in places])
        demand = np.where(signs * here < OBEYED, signs * MARGIN - here, 0.0)
        if demand.any():
            correction = np.zeros(cells, logits.dtype)
            _regress(correction, images, places, demand)
            logits[channel] += correction.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)


def _cell(volume: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The voxels of a cell, from a volume (2k, 2j, 2i)."""
    k, j, i = 2 * place
    return volume[k : k + 2, j : j + 2, i : i + 2]


def _regress(out: np.ndarray, images: np.ndarray, places: np.ndarray, demand: np.ndarray) -> None:
    looks = images[(slice(None), *places.T)].T  # n x M
    gram = _kernel(places[:, None] - places[None], looks[:, None] - looks[None])
    weights = np.linalg.solve(gram + NOISE * np.eye(len(places)), demand)
    reach = int(np.ceil(3.5 * DISTANCE_MM / CELL_MM))
    for place, look, weight in zip(places, looks, weights, strict=True):
        box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(place, out.shape, strict=True))
        steps = np.stack(np.meshgrid(*[np.arange(b.start, b.stop) for b in box], indexing="ij"), axis=-1) - place
        difference = np.moveaxis(images[(slice(None), *box)], 0, -1) - look
        out[box] += (weight * _kernel(steps, difference)).astype(out.dtype)


def _kernel(steps: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Kernel of offsets (..., 3) in cells and differences (..., M) of the images."""
    distance = (steps.astype(np.float32) ** 2).sum(axis=-1) * (CELL_MM / DISTANCE_MM) ** 2
    return np.exp(-0.5 * (distance + (difference.astype(np.float32) ** 2).mean(axis=-1) / INTENSITY**2))
