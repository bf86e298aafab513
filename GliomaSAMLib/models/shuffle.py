"""Blocks of 2 x 2 x 2 voxels as channels of a cell, and back.

Bit for bit as `monai.networks.utils.pixelunshuffle` and `pixelshuffle` in 3D. MONAI takes seconds to import, which
nobody shall wait for before the first outline.
"""

from torch import Tensor


def voxels_to_channels(volume: Tensor) -> Tensor:
    """(B, C, 2k, 2j, 2i) -> (B, 8 C, k, j, i)."""
    for axis in (2, 4, 6):
        volume = volume.unflatten(axis, (-1, 2))
    return volume.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)


def channels_to_voxels(cells: Tensor) -> Tensor:
    """(B, 8 C, k, j, i) -> (B, C, 2k, 2j, 2i)."""
    blocks = cells.unflatten(1, (-1, 2, 2, 2)).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return blocks.flatten(6, 7).flatten(4, 5).flatten(2, 3)
