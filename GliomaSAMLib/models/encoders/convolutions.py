"""TinyViT's convolutions with their norm, and the blocks of its first stage, computed in bands of rows."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .dense_gelu import DenseGELU

BAND_BYTES = 3 << 20
"""Size of the widened band, at most; a single row may be larger."""


class ConvNorm(nn.Sequential):
    """A convolution and a batch normalisation: (N, C, H, W) to (N, channels_out, H / stride, W / stride).

    Args:
        channels: Channels C.
        channels_out: Channels of the result.
        side: Side of the kernel.
        stride: Pixels of the input a pixel of the result.
        groups: Groups of channels that do not see each other.
    """

    def __init__(self, channels: int, channels_out: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.c = nn.Conv2d(channels, channels_out, side, stride, side // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)


class BandedBlock(nn.Module):
    """A block of the first stage: channels are widened fourfold, convolved each alone, and narrowed; with a shortcut.

    Its grid is as fine as the pixels, so that in float32 it makes tensors of some 14 MB a slice: too large for a
    processor's caches, and for what its system keeps ready. In bands of rows of a few MB it takes four fifths of the
    time on a CPU, and the result is the same to the last bit. (In bfloat16, of half the size, bands gain nothing.)
    `Testing/benchmarks/encoder_kernels.py` measures both. With gradients, in bfloat16, and on devices other than a CPU
    the slices are computed whole.

    Args:
        channels: Channels C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.conv1, self.act1 = ConvNorm(channels, wide), DenseGELU()
        self.conv2, self.act2 = ConvNorm(wide, wide, 3, groups=wide), DenseGELU()
        self.conv3, self.act3 = ConvNorm(wide, channels), DenseGELU()

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


class PatchMerging(nn.Module):
    """What leads from a stage to the next: (N, C, H, W) to (N, channels_out, H / stride, W / stride).

    Args:
        channels: Channels C.
        channels_out: Channels of the next stage.
        stride: 2 where the grid gets coarser, else 1.
    """

    def __init__(self, channels: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.act = DenseGELU()
        self.conv1 = ConvNorm(channels, channels_out)
        self.conv2 = ConvNorm(channels_out, channels_out, 3, stride, groups=channels_out)
        self.conv3 = ConvNorm(channels_out, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the channels, then the neighbours, then the channels again."""
        return self.conv3(self.act(self.conv2(self.act(self.conv1(x)))))
