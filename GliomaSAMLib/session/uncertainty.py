"""Where the model is unsure, and where the next click helps most."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ..geometry import Geometry, bounding_box
from ..prompts import Prompt, scribble_points

UNCERTAIN = 0.5
"""Uncertainty from which a voxel is uncertain: a probability between 0.25 and 0.75."""
MIN_DISTANCE_MM = 5.0
"""A place nearer than this to a prompt has been answered already."""


def uncertainty(probability: np.ndarray) -> np.ndarray:
    """How unsure a probability is: 1 at one half, 0 at 0 and 1. float32 of the same shape."""
    return (1 - np.abs(2 * np.asarray(probability, np.float32) - 1)).astype(np.float32)


def suggest_click(
    probability: np.ndarray, mask: np.ndarray, geometry: Geometry, prompts: Sequence[Prompt] = ()
) -> tuple[float, float, float] | None:
    """The place where a click would settle most.

    Uncertain voxels (probability 0.25 to 0.75) form a shell round every outline; a thin one says little. What counts
    is how far the shell reaches: each connected part is weighted by its uncertainty times its depth, and the answer
    lies in the deepest place of the heaviest part.

    Args:
        probability: float (K, J, I) in [0, 1].
        mask: uint8 or bool (K, J, I); beside it, of two places as deep the one nearer the outline is taken.
        geometry: The grid of both.
        prompts: Given already: no place within 5 mm of a click or scribble is returned.

    Returns:
        RAS mm of the centre of a voxel; None when nothing is uncertain.
    """
    unsure = uncertainty(probability)
    uncertain = unsure >= UNCERTAIN
    for prompt in prompts:
        if prompt.is_stroke:
            _clear(uncertain, scribble_points(prompt, geometry), geometry)
    if not uncertain.any():
        return None
    box = bounding_box(uncertain)
    start = np.array([part.start for part in box])
    uncertain, unsure = uncertain[box], unsure[box]
    spacing = geometry.spacing[::-1]
    depth = ndimage.distance_transform_edt(np.pad(uncertain, 1), spacing)[1:-1, 1:-1, 1:-1]
    parts, count = ndimage.label(uncertain, np.ones((3, 3, 3)))
    weights = ndimage.sum_labels(unsure * depth, parts, np.arange(1, count + 1))
    inside = np.argwhere(parts == 1 + int(np.argmax(weights)))
    deepest = depth[tuple(inside.T)]
    candidates = inside[deepest >= deepest.max() - 1e-6]
    outline = _outline_distance(mask[box] > 0, spacing)[tuple(candidates.T)]
    ras = geometry.to_ras((candidates[int(np.argmin(outline))] + start)[::-1])
    return float(ras[0]), float(ras[1]), float(ras[2])


def _clear(uncertain: np.ndarray, points: np.ndarray, geometry: Geometry) -> None:
    """Set `uncertain` to False within `MIN_DISTANCE_MM` of points (N, 3) in RAS mm, in place."""
    spacing = np.asarray(geometry.spacing)[::-1]
    reach = MIN_DISTANCE_MM / spacing
    for place in geometry.to_ijk(points)[:, ::-1]:
        low = np.clip(np.ceil(place - reach), 0, uncertain.shape).astype(int)
        high = np.clip(np.floor(place + reach) + 1, low, uncertain.shape).astype(int)
        window = uncertain[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        away = (np.moveaxis(np.indices(window.shape), 0, -1) + low - place) * spacing
        window[np.linalg.norm(away, axis=-1) <= MIN_DISTANCE_MM] = False


def _outline_distance(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Distance in mm of every voxel to the outline of `mask`; zeros where there is none."""
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    inside = np.asarray(ndimage.distance_transform_edt(mask, spacing))
    return inside + np.asarray(ndimage.distance_transform_edt(~mask, spacing))
