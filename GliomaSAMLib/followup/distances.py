"""Distances between sets of voxels, and what they are joined to."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


def nearest_mm(first: np.ndarray, second: np.ndarray) -> float:
    """The smallest distance between two sets of points (N, 3)."""
    return float(cKDTree(first).query(second)[0].min())


def surface_of(voxels: np.ndarray) -> np.ndarray:
    """Those of a set of voxels (N, 3) that have a neighbour outside it by a face."""
    low = voxels.min(axis=0)
    box = np.zeros(voxels.max(axis=0) - low + 1, bool)
    box[tuple((voxels - low).T)] = True
    inner = ndimage.binary_erosion(box)
    return voxels[~inner[tuple((voxels - low).T)]]


def near_boxes(first: Sequence[np.ndarray], second: Sequence[np.ndarray], limit: float) -> Iterator[tuple[int, int]]:
    """Positions of sets of points (N, 3), one of each sequence, whose boxes are at most so far apart.

    The distance of two sets is at least that of their boxes, so that most pairs need no further look.
    """
    if not first or not second:
        return
    low, high = (np.array([edge(points, axis=0) for points in second]) for edge in (np.min, np.max))
    for position, points in enumerate(first):
        gap = np.maximum(low - points.max(axis=0), points.min(axis=0) - high)
        for other in np.flatnonzero(np.linalg.norm(np.maximum(gap, 0), axis=1) <= limit):
            yield position, int(other)


def joined(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The groups that pairs of numbers below `count` form, each rising, by their smallest number."""
    if not count:
        return []
    first, second = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    groups: dict[int, list[int]] = {}
    for index, label in enumerate(connected_components(graph, directed=False)[1].tolist()):
        groups.setdefault(label, []).append(index)
    return list(groups.values())
