"""Blocks that several decoders are made of."""

import torch
import torch.nn.functional as F
from torch import nn

from ..prompts.maps import CHANNELS, POINT_CHANNELS
from .instance_norm import InstanceNorm


class ResidualBlock(nn.Module):
    """Two 3³ convolutions with instance norm, and a shortcut."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels_in, channels, 3, padding=1, bias=False)
        self.norm1 = InstanceNorm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = InstanceNorm(channels)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Conv3d(channels_in, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # in place, as much of the time of these large grids goes into fresh memory
        y = F.leaky_relu_(self.norm1(self.conv1(x)), 0.01)
        y = self.norm2(self.conv2(y))
        y += self.shortcut(x)
        return F.leaky_relu_(y, 0.01)


def pool_maps(maps: torch.Tensor) -> torch.Tensor:
    """Prompt maps (B, CHANNELS, k, j, i) on cells twice as large: no point is lost, the others are averaged."""
    points, rest = maps.split([POINT_CHANNELS, CHANNELS - POINT_CHANNELS], dim=1)
    return torch.cat([F.max_pool3d(points, 2), F.avg_pool3d(rest, 2)], dim=1)


def only_present(images: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Images (B, M, K, J, I) with zeros for those that are absent, the others brighter by as much as is missing."""
    there = present[:, :, None, None, None]
    share = present.shape[1] / present.sum(dim=1).clamp(min=1)
    return torch.where(there, images, torch.zeros_like(images)) * share[:, None, None, None, None].to(images.dtype)
