"""Places in a mask, and the robot that clicks where it is most wrong (CVPR 2025 interactive 3D challenge)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..geometry import Extent, Geometry, bounding_box, floats, triple

FULL_NEIGHBOURHOOD = np.ones((3, 3, 3), bool)
"""26-connectivity."""

JITTER_VOXELS = (2.0, 3.0)
"""Least and greatest distance, in voxels, of a jittered click from where the robot meant to click."""


def components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 26-connected pieces of a mask (K, J, I).

    Returns:
        The number of each voxel's piece, 0 outside, counted from 1 in the order of their first voxels; and the number
        of voxels of each piece, the first piece first.
    """
    labels, _ = ndimage.label(mask, FULL_NEIGHBOURHOOD)
    return labels, np.bincount(labels.ravel())[1:]


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 26-connected piece of a mask that is not empty, the first of equals. bool, same shape."""
    box = bounding_box(mask)
    labels, sizes = components(mask[box])
    piece = np.zeros(mask.shape, bool)
    piece[box] = labels == 1 + int(np.argmax(sizes))
    return piece


def depths(mask: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> tuple[np.ndarray, Extent]:
    """Distance of each voxel to the outside of a mask that is not empty, in the units of `spacing` (K, J, I).

    Beyond the edge of the volume counts as outside.

    Returns:
        The distances in the mask's bounding box, 0 outside the mask; and the box.
    """
    box = bounding_box(mask)
    return ndimage.distance_transform_edt(np.pad(mask[box], 1), sampling=spacing)[1:-1, 1:-1, 1:-1], box


def deepest_voxel(mask: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> tuple[int, int, int]:
    """Index (K, J, I) of the voxel furthest from the outside of a mask that is not empty, the first of equals."""
    depth, box = depths(mask, spacing)
    inside = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return triple(int(index) + side.start for index, side in zip(inside, box, strict=True))


@dataclass(frozen=True)
class RobotPrompt:
    """What the robot gives in one round.

    Attributes:
        points: RAS mm; one for a click, two opposite corners for a box that is flat in one axis.
        voxels: The same places as voxel indices (K, J, I) on the grid of the truth.
        positive: Whether the click marks tumour. A box is always positive.
    """

    points: tuple[tuple[float, float, float], ...]
    voxels: tuple[tuple[int, int, int], ...]
    positive: bool = True

    @property
    def is_box(self) -> bool:
        """True for a box, False for a click."""
        return len(self.points) == 2


def next_click(
    prediction: np.ndarray, truth: np.ndarray, geometry: Geometry, rng: np.random.Generator | None = None
) -> RobotPrompt | None:
    """The click that mends the largest error, or None when there is none to mend.

    The error is where prediction and truth (K, J, I on `geometry`) differ. The click goes to the voxel deepest, in mm,
    inside the error's largest 26-connected component; it is positive where the truth is 1. Of equally large components
    and equally deep voxels the first in array order is taken. With an empty prediction this is the deepest voxel of the
    largest component of the truth.

    Args:
        prediction: The mask as it is.
        truth: The mask as it should be.
        geometry: Their grid.
        rng: Give one to jitter the click (see `jittered`).
    """
    error = (prediction > 0) != (truth > 0)
    if not error.any():
        return None
    voxel = deepest_voxel(largest_component(error), geometry.spacing[::-1])
    positive = bool(truth[voxel])
    if rng is not None:
        voxel, positive = jittered(voxel, truth, rng)
    return RobotPrompt((ras_of(voxel, geometry),), (voxel,), positive)


def jittered(
    voxel: tuple[int, int, int], truth: np.ndarray, rng: np.random.Generator
) -> tuple[tuple[int, int, int], bool]:
    """Move a click by 2 to 3 voxels in a random direction, as a hand does, and return the new place with its sign.

    A place where the truth has the same value is chosen when there is one, so that the click keeps its sign;
    otherwise any place, with the sign that is true there.
    """
    reach = int(JITTER_VOXELS[1])
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(offsets, axis=1)
    places = np.asarray(voxel) + offsets[(lengths >= JITTER_VOXELS[0]) & (lengths <= JITTER_VOXELS[1])]
    places = places[np.all((places >= 0) & (places < truth.shape), axis=1)]
    if len(places) == 0:  # a volume of a few voxels
        return voxel, bool(truth[voxel])
    same = places[(truth[tuple(places.T)] > 0) == bool(truth[voxel])]
    k, j, i = (int(index) for index in rng.choice(same if len(same) else places))
    return (k, j, i), bool(truth[k, j, i])


def slice_box(truth: np.ndarray, geometry: Geometry) -> RobotPrompt | None:
    """A perfect box round the truth on the slice (along K) that holds most of it; None when the truth is empty."""
    if not truth.any():
        return None
    middle = largest_slice(truth)
    rows, columns = bounding_box(truth[middle])
    corners = ((middle, rows.start, columns.start), (middle, rows.stop - 1, columns.stop - 1))
    return RobotPrompt(tuple(ras_of(corner, geometry) for corner in corners), corners)


def largest_slice(mask: np.ndarray) -> int:
    """Index along K of the slice with most voxels of the mask."""
    return int(np.argmax(np.count_nonzero(mask, axis=(1, 2))))


def ras_of(voxel: tuple[int, int, int], geometry: Geometry) -> tuple[float, float, float]:
    """RAS mm of the centre of a voxel (K, J, I)."""
    return floats(geometry.to_ras(np.asarray(voxel[::-1])))
