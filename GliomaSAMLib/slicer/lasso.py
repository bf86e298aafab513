"""From a closed line to a scribble that fills it."""

from collections.abc import Sequence

import numpy as np
import vtk
from scipy import ndimage

from ..errors import PromptError

STEP_MM = 3.0
"""Distance of the lines of the filling; smaller in a small lasso."""
LEAST_ACROSS = 8
"""So many lines at least cross a lasso."""


def lasso_points(outline: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    """A line that fills the inside of a closed line and never leaves it.

    Args:
        outline: At least three points (R, A, S in mm), about in one plane, the last one joined to the first.

    Returns:
        Points in RAS mm in the plane of the lasso, each next to the one before: a walk through a grid inside, which
        goes back on itself where the shape has arms.

    Raises:
        PromptError: The line encloses nothing.
    """
    points = np.asarray(outline, float)
    refused = PromptError("the lasso encloses nothing: draw a closed line round a part of the region")
    if len(points) < 3:
        raise refused
    centre = points.mean(axis=0)
    axes = np.linalg.svd(points - centre)[2][:2]
    flat = (points - centre) @ axes.T
    extent = np.ptp(flat, axis=0)
    step = min(STEP_MM, float(extent.min()) / LEAST_ACROSS)
    if step <= 1e-3:
        raise refused
    first = flat.min(axis=0) + step / 2
    inside = _inside(flat, first, step, np.ceil(extent / step).astype(int))
    parts, count = ndimage.label(inside)
    if count == 0:
        raise refused
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    cells = np.array(_walk(parts == largest))
    walked = centre + (first + cells * step) @ axes
    return [(float(r), float(a), float(s)) for r, a, s in walked]


def _inside(flat: np.ndarray, first: np.ndarray, step: float, size: np.ndarray) -> np.ndarray:
    """Which cells of a grid have their centre inside the polygon `flat` (N, 2): bool of `size`."""
    polygon = np.column_stack([flat, np.zeros(len(flat))])
    corners = vtk.vtkPoints()
    for corner in polygon:
        corners.InsertNextPoint(corner)
    bounds = corners.GetBounds()
    normal = [0.0, 0.0, 1.0]
    flattened = polygon.ravel().tolist()
    inside = np.zeros(size, bool)
    for cell in np.ndindex(*inside.shape):
        u, v = first + np.asarray(cell) * step
        inside[cell] = vtk.vtkPolygon.PointInPolygon([u, v, 0.0], len(polygon), flattened, bounds, normal) == 1
    return inside


def _walk(inside: np.ndarray) -> list[tuple[int, int]]:
    """A walk from neighbour to neighbour through all cells of one connected part: depth first, and back."""
    start = tuple(int(index) for index in np.argwhere(inside)[0])
    path = [(start[0], start[1])]
    back = [path[0]]
    left = {(int(u), int(v)) for u, v in np.argwhere(inside)} - {path[0]}
    while left:
        u, v = back[-1]
        ahead = next((cell for cell in ((u, v + 1), (u, v - 1), (u + 1, v), (u - 1, v)) if cell in left), None)
        if ahead is not None:
            left.discard(ahead)
            back.append(ahead)
        else:
            back.pop()
        path.append(ahead or back[-1])
    return path
