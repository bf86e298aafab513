"""What clicks say beyond what the network makes of them: a correction of the logits. [ours]

Gaussian process regression of the logits that the clicks demand, with a kernel that falls off with the distance, with
the difference in the images and with that of the logits: what is nearby, looks like the clicked tissue and was taken
for the same follows the click, what is not stays. Clicks that the logits already obey hold their own surroundings in
place. A click deep inside of what is wrong reaches far, one near the outline does not: it says little of what is
beyond. No click, no change.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..prompts.maps import implied_regions
from ..regions import REGIONS

CELL_MM = 2.0
DEPTH_SHARE = 3.0
"""Standard deviation of the kernel along the distance, in depths of the click."""
FARTHEST = 2.5
"""So many standard deviations a click reaches."""
INTENSITY = 0.12
"""Difference of the images, root mean square over the modalities."""
OPINION = 0.5
"""Difference of the logits, each as a number from -1 (surely outside) to 1."""
MARGIN = 2.0
"""Logit that a click demands at its own place where it is not obeyed: a probability of 0.88."""
OBEYED = 0.5
"""Logit from which on a click is obeyed, and demands nothing: more was of no use on training cases."""
NOISE = 0.05

Point = tuple[Sequence[float], bool, str]


def click_correction(
    logits: np.ndarray, images: np.ndarray, points: Sequence[Point], distance_mm: tuple[float, float]
) -> np.ndarray:
    """The correction to add to `logits`, so that they obey the points.

    Args:
        logits: float32 (3, k, j, i) on the 2 mm grid.
        images: float32 (M, k, j, i) in [0, 1] on that grid.
        points: (position (k, j, i) on that grid, positive, region).
        distance_mm: Least and largest standard deviation of the kernel along the distance; between them it is in
            proportion to the distance from the click to where the logits say what the click says.

    Returns:
        float32 (3, k, j, i), zero beyond the reach of the clicks.
    """
    correction = np.zeros_like(logits)
    for channel, region in enumerate(REGIONS):
        own = [
            (np.clip(np.round(position).astype(int), 0, np.array(logits.shape[1:]) - 1), 1.0 if positive else -1.0)
            for position, positive, of in points
            if region in implied_regions(of, positive)
        ]
        if not own:
            continue
        places = np.array([place for place, _ in own])
        signs = np.array([sign for _, sign in own])
        here = logits[channel][tuple(places.T)]
        demand = np.where(signs * here < OBEYED, signs * MARGIN - here, 0.0)
        if demand.any():
            distances = np.clip(DEPTH_SHARE * _depths(logits[channel], places, signs), *distance_mm) / CELL_MM
            _regress(correction[channel], _looks(images, logits[channel]), places, demand, distances)
    return correction


def _depths(logits: np.ndarray, places: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Distance in mm from each place to the nearest cell whose logit has the sign; infinite where there is none."""
    depths = np.full(len(places), np.inf)
    for sign in np.unique(signs):
        agrees = logits * sign > 0
        if agrees.any():
            away = distance_transform_edt(~agrees, sampling=CELL_MM)
            depths[signs == sign] = away[tuple(places[signs == sign].T)]
    return depths


def _looks(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """What tells tissue from tissue, float32 (M + 1, k, j, i); a distance of 1 is one standard deviation."""
    scaled = images / (INTENSITY * np.sqrt(len(images)))
    return np.concatenate([scaled, np.tanh(logits[None] / 2) / OPINION]).astype(np.float32)


def _regress(out: np.ndarray, looks: np.ndarray, places: np.ndarray, demand: np.ndarray, distances: np.ndarray) -> None:
    """Add to `out` (k, j, i) what the regression of `demand` at `places` (n, 3) says of each cell within reach.

    Each place has its own standard deviation in `distances` (n,), in cells. Between two of them the kernel is that of
    Gibbs (Gaussian processes with a length of their own at each place), which is positive definite.
    """
    own = looks[(slice(None), *places.T)].T  # n x (M + 1)
    lengths = (distances[:, None] ** 2 + distances[None] ** 2) / 2
    squares = ((places[:, None] - places[None]) ** 2).sum(axis=-1) / lengths
    kernel = np.exp(-0.5 * (squares + ((own[:, None] - own[None]) ** 2).sum(axis=-1)))
    kernel *= (distances[:, None] * distances[None] / lengths) ** 1.5
    weights = np.linalg.solve(kernel + NOISE * np.eye(len(places)), demand)
    for place, look, weight, distance in zip(places, own, weights, distances, strict=True):
        reach = int(np.ceil(FARTHEST * distance))
        box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(place, out.shape, strict=True))
        difference = np.zeros([part.stop - part.start for part in box], np.float32)
        for values, value in zip(looks, look, strict=True):
            difference += (values[box] - value) ** 2
        for axis, (part, p) in enumerate(zip(box, place, strict=True)):
            steps = (np.arange(part.start, part.stop, dtype=np.float32) - p) / np.float32(distance)
            difference += (steps**2).reshape([-1 if n == axis else 1 for n in range(3)])
        out[box] += np.float32(weight) * np.exp(-0.5 * difference)
