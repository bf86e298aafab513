"""The robot that clicks where the mask is most wrong, by the protocol of the CVPR 2025 interactive 3D challenge."""

from dataclasses import dataclass

import numpy as np

from ..study.extent import bounding_box
from ..study.geometry import Geometry
from ..training.placement import deepest_voxel, largest_component

JITTER_VOXELS = (2.0, 3.0)
"""Least and greatest distance, in voxels, of a jittered click from where the robot meant to click."""


@dataclass(frozen=True)
class RobotPrompt:
    """What the robot gives in one round.

    Attributes:
        points: RAS mm; one for a click, two opposite corners for a box that is flat in one axis.
        voxels: The same places as voxel indices (K, J, I) on the grid of the truth.
        positive: Whether the click says "tumour here". A box is always positive.
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

    A place where the truth has the same value is chosen when there is one, so that the click still means what it says;
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
    r, a, s = (float(value) for value in geometry.to_ras(np.asarray(voxel[::-1])))
    return r, a, s
