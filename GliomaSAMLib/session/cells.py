"""Values on cells of 2 mm and on voxels of 1 mm: logits are kept and corrected on cells, two voxels along each axis."""

import numpy as np

from ..geometry import Extent

CELL_MM = 2.0
"""Edge of a cell."""


def halve(volume: np.ndarray) -> np.ndarray:
    """Mean of blocks of 2 x 2 x 2: (C, 2k, 2j, 2i) -> float32 (C, k, j, i)."""
    c, k, j, i = volume.shape
    return volume.reshape(c, k // 2, 2, j // 2, 2, i // 2, 2).mean(axis=(2, 4, 6), dtype=np.float32)


def on_voxels(cells: np.ndarray) -> np.ndarray:
    """Values (k, j, i) of cells, linearly between their centres, at the voxels: (2k, 2j, 2i)."""
    for axis in range(cells.ndim):
        ends = [(1, 1) if n == axis else (0, 0) for n in range(cells.ndim)]
        padded = np.moveaxis(np.pad(cells, ends, mode="edge"), axis, 0)
        before, here, after = padded[:-2], padded[1:-1], padded[2:]
        fine = np.stack([0.75 * here + 0.25 * before, 0.75 * here + 0.25 * after], axis=1)
        cells = np.moveaxis(fine.reshape(-1, *here.shape[1:]), 0, axis)
    return cells


def voxels_of(cells: Extent) -> Extent:
    """The box of voxels of a box of cells."""
    return tuple(slice(2 * side.start, 2 * side.stop) for side in cells)
