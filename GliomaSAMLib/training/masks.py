"""Depths, pieces and places of masks by torch, on the device of the mask, without telling the host.

scipy's transforms are exact over any distance and run on the CPU only. Here distances are exact up to `REACH` cells,
beyond which all is equally far, and pieces are grown over so many steps from a seed. On a grid of 2 mm that suffices to
place clicks. Beyond the edge of a grid counts as outside unless said otherwise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

REACH = 14
"""Depths are exact up to so many cells."""

STEPS = 24
"""A piece reaches so many cells from its seed, along each axis."""


def on_cells(mask: Tensor) -> Tensor:
    """Cells (..., k, j, i) of which at least half lies in a mask (..., K, J, I) with even sides; bool."""
    return F.avg_pool3d(mask.float().reshape(-1, 1, *mask.shape[-3:]), 2).reshape(_halved(mask)) >= 0.5


def mean_on_cells(values: Tensor) -> Tensor:
    """Values (B, C, K, J, I) as means of cells (B, C, k, j, i), float32 and without gradient."""
    return F.avg_pool3d(values.detach().float(), 2)


def nested(levels: Tensor) -> Tensor:
    """Masks of WT, TC, ET (..., 3, K, J, I), bool, from the number of nested regions that hold a voxel."""
    return torch.stack([levels >= level for level in (1, 2, 3)], dim=-4)


def depths(mask: Tensor, reach: int = REACH, edge: bool = True) -> Tensor:
    """Euclidean distance of each cell of a mask (..., k, j, i) to the next cell outside; 0 outside. float32.

    Args:
        mask: bool.
        reach: Distances above are given as this.
        edge: Whether what lies beyond the edge of the grid is outside.
    """
    most = reach**2
    squared = mask.to(torch.int16) * most  # twice as fast as float32, and as exact
    for axis in (-3, -2, -1):
        squared = _nearest(squared, axis, reach, 0 if edge else most)
    return squared.clamp_(max=most).float().sqrt_()


def _nearest(squared: Tensor, axis: int, reach: int, beyond: int) -> Tensor:
    """One axis of the squared distance: the least, over all shifts, of the value there and the square of the shift."""
    side = squared.shape[axis]
    pad = [0] * (2 * -axis)
    pad[-2:] = [reach, reach]
    padded = F.pad(squared, pad, value=beyond)
    nearest = squared.clone()
    for shift in range(1, reach + 1):
        before, after = padded.narrow(axis, reach - shift, side), padded.narrow(axis, reach + shift, side)
        torch.minimum(nearest, torch.minimum(before, after).add_(shift**2), out=nearest)
    return nearest


def signed_depths(mask: Tensor, reach: int = REACH) -> Tensor:
    """Depth of each cell inside a mask, and its distance to the mask outside, negative; float32, the same shape.

    The edge of the grid is no border here.
    """
    return depths(mask, reach, edge=False) - depths(~mask, reach, edge=False)


def grown(mask: Tensor, radius: float) -> Tensor:
    """The cells of a mask (..., k, j, i) and those within `radius` cells of it; bool."""
    return depths(~mask, int(radius) + 1, edge=False) <= radius


def piece_of(mask: Tensor, seed: Tensor) -> Tensor:
    """The 26-connected piece of a mask (k, j, i), bool, round a cell, as far as `STEPS` steps inside it lead.

    Args:
        mask: bool.
        seed: Flat index of the cell.
    """
    at = torch.arange(mask.numel(), device=mask.device) == seed
    piece = at.view(mask.shape) & mask
    for _ in range(STEPS):
        piece = widened(piece, 3) & mask
    return piece


def widened(mask: Tensor, edge: int) -> Tensor:
    """The cells of a mask (k, j, i) and those that share a cube of an odd edge, round either, with one of them; bool.

    The same as a maximum over such cubes, which torch looks for in edge^3 steps where this takes a handful.
    """
    wide = F.pad(mask, [edge // 2] * 6)
    for axis in range(3):
        width = 1
        while width < edge:  # `wide` holds, for each cell, whether any of the `width` cells from it on is inside
            step = min(width, edge - width)
            count = wide.shape[axis] - step
            wide, width = wide.narrow(axis, 0, count) | wide.narrow(axis, step, count), width + step
    return wide


def position(index: Tensor, shape: torch.Size) -> Tensor:
    """The cell (k, j, i) with a flat index, int64 (3,)."""
    _, rows, columns = shape
    return torch.stack([index // (rows * columns), index // columns % rows, index % columns])


def distances(centre: Tensor, shape: torch.Size, stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Tensor:
    """Distance of all cells of a grid from one of them (3,), along each axis in units of `stretch`; float32."""
    squares = [
        ((torch.arange(side, device=centre.device) - centre[axis]) / stretch[axis]) ** 2
        for axis, side in enumerate(shape)
    ]
    return (squares[0][:, None, None] + squares[1][:, None] + squares[2]).sqrt()


def _halved(mask: Tensor) -> tuple[int, ...]:
    return (*mask.shape[:-3], *(side // 2 for side in mask.shape[-3:]))
