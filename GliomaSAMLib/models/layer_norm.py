"""Layer norm over the channels of an image, as SAM's networks have it."""

import torch
from torch import Tensor, nn


class LayerNorm2d(nn.Module):
    """Normalise each position of (N, C, H, W) over its channels.

    The same function, names and order of operations as that of segment-anything, whose package reads torchvision and
    torch's compiler when it is imported: seconds at each start, for these lines.

    Args:
        channels: Channels C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = 1e-6

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, then scale and shift each channel."""
        x = x - x.mean(1, keepdim=True)
        x = x / torch.sqrt(x.pow(2).mean(1, keepdim=True) + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]
