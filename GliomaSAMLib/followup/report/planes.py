"""Where the pictures of the report cut: slices halfway between two visits, and slices of a visit's own grid.

A plane is a `Geometry` of one slice: columns run to the patient's left, rows to the back, as radiologists look at it.
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from ...geometry import Geometry, floats, ints, triple

Point = Sequence[float] | np.ndarray
"""R, A, S in mm."""

LEFT, BACK = np.array([-1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])


def halfway(to_first: np.ndarray, other_to_first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The motions of two visits to the place halfway between them, so that neither is sampled more than the other.

    Half the rotation about the same axis, twice one after the other the whole motion.

    Args:
        to_first: Of a visit, 4 x 4, rigid, RAS mm.
        other_to_first: Of another visit.

    Returns:
        From RAS mm of the visit to the halfway place, and from RAS mm of the other visit to it.
    """
    motion = np.linalg.inv(other_to_first) @ to_first
    half = np.eye(4)
    turn = Rotation.from_matrix(motion[:3, :3]).as_rotvec()
    half[:3, :3] = Rotation.from_rotvec(turn / 2).as_matrix()
    half[:3, 3] = np.linalg.solve(np.eye(3) + half[:3, :3], motion[:3, 3])
    return half, np.linalg.inv(half)


def moved(geometry: Geometry, motion: np.ndarray) -> Geometry:
    """A grid after a rigid motion (4 x 4, RAS mm)."""
    origin = motion[:3, :3] @ np.asarray(geometry.origin) + motion[:3, 3]
    direction = motion[:3, :3] @ np.asarray(geometry.direction)
    return Geometry(geometry.size, geometry.spacing, floats(origin), triple(map(floats, direction)))


def moved_point(point: Point, motion: np.ndarray) -> np.ndarray:
    """A point in RAS mm after a motion (4 x 4)."""
    return motion[:3, :3] @ np.asarray(point, float) + motion[:3, 3]


def axial_plane(centre: Point, width_mm: float, height_mm: float, spacing_mm: float = 1.0) -> Geometry:
    """An axial slice of RAS space around a point."""
    return _plane(np.asarray(centre, float), LEFT, BACK, (spacing_mm, spacing_mm), (width_mm, height_mm))


def native_plane(grid: Geometry, slice_axis: int, index: int, centre: Point, side_mm: float) -> Geometry:
    """A square of a slice of a grid, on its own voxels, which may reach beyond it.

    Args:
        grid: The grid.
        slice_axis: The array axis (K, J, I) of the slices.
        index: Of the slice along that axis.
        centre: RAS mm of a point near the middle of the square.
        side_mm: Of the square.
    """
    direction = np.asarray(grid.direction)
    across = 2 - slice_axis
    first, second = (axis for axis in range(3) if axis != across)
    if abs(direction[0, second]) > abs(direction[0, first]):
        first, second = second, first
    column, row = (
        direction[:, axis] * np.sign(direction[:, axis] @ side or 1.0) for axis, side in ((first, LEFT), (second, BACK))
    )
    middle = np.round(grid.to_ijk(np.asarray(centre, float)))
    middle[across] = index
    spacing = grid.spacing[first], grid.spacing[second]
    return _plane(grid.to_ras(middle), column, row, spacing, (side_mm, side_mm))


def _plane(
    middle: np.ndarray,
    column: np.ndarray,
    row: np.ndarray,
    spacing: tuple[float, float],
    extent_mm: tuple[float, float],
) -> Geometry:
    """One slice with a voxel at `middle`; `column` is the direction in which the column number grows."""
    half = ints(np.ceil(side / (2 * step)) for side, step in zip((*extent_mm, 0.0), (*spacing, 1.0), strict=True))
    origin = middle - half[0] * spacing[0] * column - half[1] * spacing[1] * row
    direction = np.stack([column, row, np.cross(column, row)], axis=1)
    size = (2 * half[0] + 1, 2 * half[1] + 1, 1)
    return Geometry(size, (*spacing, 1.0), floats(origin), triple(map(floats, direction)))


def on_plane(points: Sequence[Sequence[float]], plane: Geometry) -> np.ndarray:
    """Points in RAS mm as (N, 2) mm to the right and down in a picture of a plane, from its first voxel."""
    return plane.to_ijk(np.asarray(points, float))[:, :2] * np.asarray(plane.spacing[:2])


def slice_axis_of(grid: Geometry) -> int:
    """The array axis (K, J, I) that runs nearest to the head; of equal ones the first."""
    across = np.round(np.abs(np.asarray(grid.direction)[2]), 6)[::-1]
    return int(np.argmax(across))
