"""Grids of tokens cut into square windows, and put together again."""

import torch.nn.functional as F
from torch import Tensor


def to_windows(grid: Tensor, side: int) -> Tensor:
    """Cut a grid (N, h, w, C) into windows (N * rows * columns, side, side, C); the last ones are filled up with 0."""
    channels = grid.shape[3]
    padded = F.pad(grid, (0, 0, 0, -grid.shape[2] % side, 0, -grid.shape[1] % side))
    cut = padded.unflatten(2, (-1, side)).unflatten(1, (-1, side))  # N x rows x side x columns x side x C
    return cut.transpose(2, 3).reshape(-1, side, side, channels)


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """The grid (N, height, width, C) that was cut into windows (N * rows * columns, side, side, C)."""
    side = windows.shape[1]
    rows, columns = -(-height // side), -(-width // side)
    whole = windows.unflatten(0, (-1, rows, columns)).transpose(2, 3)  # N x rows x side x columns x side x C
    return whole.flatten(3, 4).flatten(1, 2)[:, :height, :width]
