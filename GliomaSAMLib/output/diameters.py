"""The two diameters of a region in the axial plane, as response assessment in neuro-oncology (RANO) measures them.

Wen et al., "RANO 2.0", J Clin Oncol 2023: the largest diameter of the lesion on an axial slice, the largest one
perpendicular to it on that slice, and their product. Two rules share what is here:

- `largest_diameters`, of the table of one study: the line may cross hollows, the slice is that of the longest line.
- `callipers.calliper_diameters`, of the follow-up: both lines stay inside, the slice is that of the largest product.

So the two numbers may differ for one mask.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

from ..geometry import Geometry, floats

Point = tuple[float, float, float]

STEPS_A_VOXEL = 4
"""How finely the perpendicular chords are sampled."""

_TOUCHING = np.ones((3, 3), int)


@dataclass(frozen=True)
class Diameters:
    """The largest diameter of a region on an axial slice and the largest one perpendicular to it inside the region.

    Args:
        largest_mm: The largest diameter.
        perpendicular_mm: The perpendicular one.
        largest: Its two ends, RAS mm.
        perpendicular: The two ends of the perpendicular one, RAS mm.
    """

    largest_mm: float
    perpendicular_mm: float
    largest: tuple[Point, Point]
    perpendicular: tuple[Point, Point]

    @property
    def product_mm2(self) -> float:
        """The product of the two diameters."""
        return self.largest_mm * self.perpendicular_mm

    @property
    def middle(self) -> Point:
        """The middle of the largest diameter, RAS mm."""
        r, a, s = ((one + other) / 2 for one, other in zip(*self.largest, strict=True))
        return r, a, s


def axial_axis(geometry: Geometry) -> int:
    """Axis of an array (K, J, I) along which axial slices lie: that whose direction runs nearest to the head.

    Where directions are equally near (within 1e-6), K comes before J before I.
    """
    lean = np.abs(np.asarray(geometry.direction, float)[2])
    return 2 - max((2, 1, 0), key=lambda axis: round(float(lean[axis]), 6))


def tilt_degrees(geometry: Geometry) -> float:
    """The angle in degrees between the axis of the axial slices and the direction to the head."""
    lean = np.abs(np.asarray(geometry.direction, float)[2, 2 - axial_axis(geometry)])
    return float(np.degrees(np.arccos(np.clip(lean, 0, 1))))


def slice_spacing(geometry: Geometry) -> np.ndarray:
    """Spacing in mm of the two axes of the array in an axial slice."""
    axis = axial_axis(geometry)
    return np.array([geometry.spacing[2 - other] for other in range(3) if other != axis])


def largest_diameters(mask: np.ndarray, geometry: Geometry) -> Diameters | None:
    """The diameters of a region, to a voxel; None where it is empty.

    Axial slices are those of the grid's axis that runs nearest to the head. Parts that do not touch on a slice are
    measured apart. The largest diameter leads from edge to edge of voxels, over gaps and hollows if need be.

    Args:
        mask: (K, J, I), what is not 0 belongs to the region.
        geometry: Its grid.
    """
    axis, spacing = axial_axis(geometry), slice_spacing(geometry)
    slices = np.moveaxis(np.asarray(mask), axis, 0)
    best: tuple[float, int, np.ndarray, np.ndarray, np.ndarray] | None = None
    for limit, index, box in _largest_first(slices, spacing):
        if best is not None and limit <= best[0]:
            break
        for part, corner in parts_of(slices[index][box] > 0):
            if best is not None and np.linalg.norm(part.shape * spacing) <= best[0]:
                continue
            length, ends = _farthest(part, spacing)
            if best is None or length > best[0]:
                best = length, index, ends, part, corner + np.array([box[0].start, box[1].start])
    if best is None:
        return None
    length, index, ends, part, corner = best
    width, across = _widest_across(part, ends, spacing)
    return Diameters(
        length, width, in_ras(ends + corner, index, axis, geometry), in_ras(across + corner, index, axis, geometry)
    )


def _largest_first(slices: np.ndarray, spacing: np.ndarray) -> list[tuple[float, int, tuple[slice, slice]]]:
    """The slices that hold any of the region, with the box that does and its diagonal in mm, by falling diagonal."""
    found: list[tuple[float, int, tuple[slice, slice]]] = []
    rows, columns = np.asarray(slices.any(axis=2)), np.asarray(slices.any(axis=1))
    for index in np.flatnonzero(rows.any(axis=1)):
        row, column = (np.flatnonzero(line[index]) for line in (rows, columns))
        first, last = np.array([row[0], column[0]]), np.array([row[-1], column[-1]])
        box = slice(int(row[0]), int(row[-1]) + 1), slice(int(column[0]), int(column[-1]) + 1)
        found.append((float(np.linalg.norm((last - first + 1) * spacing)), int(index), box))
    return sorted(found, key=lambda entry: -entry[0])


def parts_of(region: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The parts of a slice that do not touch, each in its box, with the first voxel of the box."""
    labels, count = ndimage.label(region, _TOUCHING)
    for number, box in enumerate(ndimage.find_objects(labels, count), start=1):
        yield labels[box] == number, np.array([part.start for part in box])


def _farthest(part: np.ndarray, spacing: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest distance in mm between edges of voxels of a part of a slice, and its ends (2, 2) in voxels."""
    centres = np.argwhere(part & ~ndimage.binary_erosion(part))
    edges = np.concatenate([centres + shift for shift in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
    edges = edges[ConvexHull(edges).vertices]
    distances = squareform(pdist(edges * spacing))
    first, second = np.unravel_index(np.argmax(distances), distances.shape)
    return float(distances[first, second]), edges[[first, second]]


def _widest_across(part: np.ndarray, ends: np.ndarray, spacing: np.ndarray) -> tuple[float, np.ndarray]:
    """The longest chord across the line between `ends` (2, 2) in voxels that stays in the part: mm, and its ends."""
    along = (ends[1] - ends[0]) * spacing
    length = float(np.linalg.norm(along))
    along /= length
    across = np.array([-along[1], along[0]])
    step = float(spacing.min()) / STEPS_A_VOXEL
    reached = (np.argwhere(part) - ends[0]) * spacing @ across
    margin = float(np.hypot(*spacing))
    u = np.arange(step / 2, length, step)
    v = np.arange(reached.min() - margin, reached.max() + margin, step)
    padded = np.pad(part.astype(np.uint8), 1)  # so that the outer half of the outermost voxels is inside
    points = ends[0] + 1 + (u[:, None, None] * along + v[None, :, None] * across) / spacing
    inside = ndimage.map_coordinates(padded, points.transpose(2, 0, 1), order=0, cval=0) > 0
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, first = np.nonzero(edges == 1)  # runs of samples inside, in the same order as their ends
    last = np.nonzero(edges == -1)[1]
    longest = int(np.argmax(last - first))
    v_ends = v[0] + (np.array([first[longest], last[longest]]) - 0.5) * step
    chord = ends[0] + (u[row[longest]] * along + v_ends[:, None] * across) / spacing
    return float(v_ends[1] - v_ends[0]), chord


def in_ras(ends: np.ndarray, index: int, axis: int, geometry: Geometry) -> tuple[Point, Point]:
    """Two points of a slice in voxels as RAS mm."""
    kji = np.insert(ends.astype(float), axis, index, axis=1)
    first, second = geometry.to_ras(kji[:, ::-1])
    return floats(first), floats(second)
