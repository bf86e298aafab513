"""Blocks of 2 x 2 x 2 voxels as channels, and back: full resolution at an eighth of the positions."""

import torch


def unshuffle(x: torch.Tensor) -> torch.Tensor:
    """(B, C, 2z, 2y, 2x) -> (B, 8C, z, y, x)."""
    b, c, k, j, i = x.shape
    x = x.view(b, c, k // 2, 2, j // 2, 2, i // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * 8, k // 2, j // 2, i // 2)


def shuffle(x: torch.Tensor) -> torch.Tensor:
    """(B, 8C, z, y, x) -> (B, C, 2z, 2y, 2x)."""
    b, c, z, y, w = x.shape
    x = x.view(b, c // 8, 2, 2, 2, z, y, w)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // 8, 2 * z, 2 * y, 2 * w)
