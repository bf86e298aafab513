"""Places in a mask: its pieces, and how deep each voxel lies. Robots and simulated users click by these."""

import numpy as np
from scipy import ndimage

from ..study.extent import Extent, bounding_box

FULL_NEIGHBOURHOOD = np.ones((3, 3, 3), bool)
"""26-connectivity."""

CELL = 2
"""Edge in voxels of 1 mm of the cells that simulated users click."""

FURTHEST = 100.0
"""Depth in voxels where there is no border at all."""


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
    k, j, i = (int(index) + side.start for index, side in zip(inside, box, strict=True))
    return k, j, i


def signed_depths(mask: np.ndarray) -> np.ndarray:
    """Distance in voxels of each voxel of a mask to the outside, and of each voxel outside to the mask, negative.

    Where the mask is empty or fills the volume, as far as `FURTHEST`. float32, same shape.
    """
    inside, outside = (
        ndimage.distance_transform_edt(part) if not part.all() else np.full(part.shape, FURTHEST)
        for part in (mask, ~mask)
    )
    return np.asarray(inside - outside, np.float32)


def on_cells(mask: np.ndarray) -> np.ndarray:
    """Cells (k, j, i) of which at least half lies in a mask (K, J, I) with even sides."""
    k, j, i = (side // CELL for side in mask.shape)
    return np.asarray(mask.reshape(k, CELL, j, CELL, i, CELL).mean(axis=(1, 3, 5)) >= 0.5)
