"""Instance norm that keeps the order of its input in memory."""

import torch
import torch.nn.functional as F
from torch import nn

from .device import one_thread


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
    """Let convolutions compute with the channels last: in 3D that takes half as long on a CPU, in 2D four fifths."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
        elif isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
