"""The voxels of a grid that a prompt marks."""

import itertools

import numpy as np

from ..study.geometry import Geometry
from .prompt import Prompt

TOLERANCE_MM = 1e-4
"""Rounding of coordinates that is let pass at the faces of a box."""


def voxel_extent(geometry: Geometry) -> np.ndarray:
    """Thickness in mm, along R, A and S, of a flat layer of voxels: a plane that thick holds one voxel of every
    column.
    """
    steps = np.abs(np.asarray(geometry.direction) * np.asarray(geometry.spacing))
    return np.asarray(steps.max(axis=1))


def flat_axis(prompt: Prompt, geometry: Geometry) -> int | None:
    """The axis (0 R, 1 A, 2 S) in which a box is thinner than half a voxel, so that it is a 2D box; None for a 3D
    box.
    """
    extent = np.subtract(prompt.points[1], prompt.points[0]) / voxel_extent(geometry)
    thinnest = int(np.argmin(extent))
    return thinnest if extent[thinnest] < 0.5 else None


def scribble_points(prompt: Prompt, geometry: Geometry) -> np.ndarray:
    """Points (N, 3) in RAS mm along the line of a scribble (or the click itself), at most half a voxel apart, ends
    included.
    """
    line = np.asarray(prompt.points, float)
    step = 0.5 * min(geometry.spacing)
    parts = [line[:1]]
    for start, end in itertools.pairwise(line):
        count = int(np.ceil(np.linalg.norm(end - start) / step))
        fractions = np.arange(1, count + 1)[:, None] / max(count, 1)
        parts.append(start + fractions * (end - start))
    return np.concatenate(parts)


def prompt_voxels(prompt: Prompt, geometry: Geometry) -> np.ndarray:
    """The voxels (N, 3) as int64 (K, J, I) that a prompt marks on `geometry`, each once, those outside the grid
    left out.

    A click marks one voxel; a scribble those along its line, in the order of drawing; a box those inside (a 2D box
    one layer); a mask those that are 1. A mask must be on this very grid: `ValueError` otherwise.
    """
    if prompt.mask is not None:
        if prompt.mask.shape != geometry.shape:
            raise ValueError(f"a mask of {prompt.mask.shape} does not fit a grid of {geometry.shape}")
        return np.argwhere(prompt.mask)
    if prompt.kind == "box":
        return box_voxels(prompt, geometry)
    points = scribble_points(prompt, geometry)
    voxels = np.floor(geometry.to_ijk(points[geometry.contains(points)]) + 0.5).astype(np.int64)[:, ::-1]
    voxels, first = np.unique(voxels, axis=0, return_index=True)
    return voxels[np.argsort(first)]


def box_voxels(prompt: Prompt, geometry: Geometry, margin_mm: float = 0.0) -> np.ndarray:
    """The voxels (N, 3) as int64 (K, J, I) whose centres lie in a box enlarged by `margin_mm`; where it is flat,
    one layer of them.
    """
    (k0, k1), (j0, j1), (i0, i1) = box_range(prompt, geometry, margin_mm)
    candidates = np.stack(
        np.meshgrid(np.arange(k0, k1), np.arange(j0, j1), np.arange(i0, i1), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    low, high, padded = _faces(prompt, geometry, margin_mm)
    ras = geometry.to_ras(candidates[:, ::-1])
    above = ras >= low - TOLERANCE_MM
    below = np.where(padded, ras < high - TOLERANCE_MM, ras <= high + TOLERANCE_MM)
    return candidates[np.all(above & below, axis=1)]


def box_range(prompt: Prompt, geometry: Geometry, margin_mm: float = 0.0) -> tuple[tuple[int, int], ...]:
    """The smallest block of voxels, ((k0, k1), (j0, j1), (i0, i1)) with the ends outside, that holds a box enlarged
    by `margin_mm`.
    """
    low, high, _ = _faces(prompt, geometry, margin_mm)
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    ijk = geometry.to_ijk(corners)
    size = np.asarray(geometry.size)
    start = np.clip(np.ceil(ijk.min(axis=0) - 1e-3), 0, size).astype(int)
    stop = np.clip(np.floor(ijk.max(axis=0) + 1e-3) + 1, start, size).astype(int)
    return tuple((int(a), int(b)) for a, b in zip(start[::-1], stop[::-1], strict=True))


def _faces(prompt: Prompt, geometry: Geometry, margin_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower and upper faces of a box in RAS mm, at least one voxel apart, and the axes in which they were moved
    apart for that.
    """
    low, high = np.asarray(prompt.points, float)
    centre, half = (low + high) / 2, (high - low) / 2 + margin_mm
    least = voxel_extent(geometry) / 2
    return centre - np.maximum(half, least), centre + np.maximum(half, least), half < least
