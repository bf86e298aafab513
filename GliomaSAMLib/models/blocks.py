"""Layers that several decoders are made of: instance norm, residual block, upsampling path."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import ModelError
from .device import one_thread
from .layer_norm import LayerNorm2d
from .prompt_maps import CHANNELS, POINT_CHANNELS


class InstanceNorm(nn.InstanceNorm3d):
    """`torch.nn.InstanceNorm3d` with affine parameters, which takes a volume with the channels last as it is.

    That of torch copies such a volume to channels first, at a cost of the same size as the convolution before it. Of
    one volume the statistics of the instance are those of the batch, and batch norm copies nothing. On several threads
    its sums depend on their number; see `one_thread`.

    Args:
        channels: Channels of the volumes.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (B, C, K, J, I)."""
        if len(x) == 1 and x.is_contiguous(memory_format=torch.channels_last_3d):
            with one_thread(x.device):
                return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        return super().forward(x)


def channels_last(network: nn.Module) -> None:
    """Let convolutions compute with the channels last: in 3D that takes half as long on a CPU, in 2D four fifths; the
    gradients of large ones take two thirds.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)


def move(network: nn.Module, device: torch.device) -> None:
    """Bring a network to a device, with the memory laid out as convolutions there like it."""
    network.to(device)
    if device.type == "cpu":
        channels_last(network)


class Upsampling(nn.Sequential):
    """Double the grid `doublings` times: (N, channels, h, w) to (N, channels_out, h * 2^doublings, w * 2^doublings).

    The first step quarters the channels, each further one halves them. A GELU follows each step, and a layer norm over
    the channels comes before it, except after the last.

    Args:
        channels: Channels of the embedding.
        doublings: How many times the grid doubles, at least once.

    Raises:
        ModelError: There is no doubling, or the channels cannot be divided so often.
    """

    def __init__(self, channels: int, doublings: int) -> None:
        if doublings < 1 or channels % (2 << doublings):
            raise ModelError(f"{channels} channels cannot be upsampled by {doublings} doublings")
        widths = [channels, *(channels >> step for step in range(2, doublings + 2))]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 2, stride=2), LayerNorm2d(after), nn.GELU()]
        del layers[-2]
        super().__init__(*layers)
        self.channels_out = widths[-1]


class ResidualBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions with instance norm, and a shortcut: (B, C, K, J, I) to the same shape.

    The same function as `monai.networks.blocks.UnetResBlock` of equal channels. That one takes the norm by its name in
    MONAI's own list and allocates each activation anew; with `InstanceNorm` and in-place activations the block takes
    less time on a CPU.

    Args:
        channels: Channels C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = InstanceNorm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = InstanceNorm(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply both convolutions and add the input."""
        # in place, as much of the time of these large grids goes into fresh memory
        y = F.leaky_relu_(self.norm1(self.conv1(x)), 0.01)
        y = self.norm2(self.conv2(y))
        y += x
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
