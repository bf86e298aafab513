"""TinyViT as LiteMedSAM has it: a stage of convolutions, then ten blocks of window attention in three stages."""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from ..device import without_autocast
from ..layer_norm import LayerNorm2d
from .convolutions import BandedBlock, ConvNorm, PatchMerging
from .dense_gelu import DenseGELU
from .frozen_blocks import FrozenBlock
from .window_attention import WindowAttention
from .windows import from_windows, to_windows

STAGES = ((128, 2, 4, 7), (160, 6, 5, 14), (320, 2, 10, 7))
"""Channels, blocks, attention heads, and side of a window in cells, of the stages after the first."""

FIRST_BLOCK = (0, 2, 8)
"""Index of the first block of each of them."""

_PIXEL_CHANNELS = 64
_EMBEDDING = 256


class TinyViT(nn.Module):
    """LiteMedSAM's image encoder, for slices of any size: 5.7 M parameters, an embedding cell for 4 x 4 pixels.

    It has no absolute positions, only windows of 7 and 14 cells, so its cost is proportional to the area.

    Source: Wu et al., TinyViT, ECCV 2022; MedSAM's LiteMedSAM branch, in which the first layer does not merge pixels
    (Ma et al., Nature Communications 15, 654, 2024).
    """

    def __init__(self) -> None:
        super().__init__()
        half = _PIXEL_CHANNELS // 2
        self.pixels = nn.Sequential(ConvNorm(3, half), DenseGELU(), ConvNorm(half, _PIXEL_CHANNELS))
        self.convolutions = nn.ModuleList(BandedBlock(_PIXEL_CHANNELS) for _ in range(2))
        self.merging = PatchMerging(_PIXEL_CHANNELS, STAGES[0][0], stride=2)
        self.blocks = nn.ModuleList()
        for stage, (channels, count, heads, window) in enumerate(STAGES):
            self.blocks.extend(TinyViTBlock(channels, heads, window) for _ in range(count))
            if stage + 1 < len(STAGES):  # the last stage is as fine as the one before it
                self.blocks[-1].downsample = PatchMerging(channels, STAGES[stage + 1][0], stride=2 - stage)
        self.neck = nn.Sequential(
            nn.Conv2d(STAGES[-1][0], _EMBEDDING, 1, bias=False),
            LayerNorm2d(_EMBEDDING),
            nn.Conv2d(_EMBEDDING, _EMBEDDING, 3, padding=1, bias=False),
            LayerNorm2d(_EMBEDDING),
        )

    def forward(self, slices: Tensor) -> Tensor:
        """Embed grey slices (N, 1, H, W) with sides that are multiples of 4 as (N, 256, H / 4, W / 4)."""
        return self.neck(self.tokens(slices))

    def tokens(self, slices: Tensor) -> Tensor:
        """The tokens (N, C, h, w) that the last block gives of slices (N, 1, H, W)."""
        x = self._see(slices)
        for convolution in self.convolutions:
            x = convolution(x)
        grid = self.merging(x).permute(0, 2, 3, 1)
        for block in self.blocks:
            grid = block(grid)
        return grid.permute(0, 3, 1, 2)

    def _see(self, slices: Tensor) -> Tensor:
        """The channels of each pixel, from its grey value alone: in float32, whatever the rest is computed in.

        Bfloat16 has 128 steps between 0.5 and 1, as coarse as the differences between tissues: what is rounded here is
        more than half of what the tokens after the second stage differ from float32. It is a hundredth of the work.
        """
        with without_autocast(slices.device):
            return self.pixels(slices.float().expand(-1, 3, -1, -1))


class TinyViTBlock(FrozenBlock):
    """Window attention; then a depthwise convolution and the MLP; then the merging of patches, where a stage ends.

    Args:
        channels: Channels C of the tokens.
        heads: Attention heads.
        window: Side of a window in cells.

    Attributes:
        downsample: What leads to the next stage, or None.
    """

    downsample: PatchMerging | None

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__(channels)
        self.attention = WindowAttention(channels, heads, window)
        self.local = ConvNorm(channels, channels, 3, groups=channels)
        self.mlp = MLP(channels)
        self.downsample = None
        self.window = window

    def forward(self, grid: Tensor) -> Tensor:
        """Both halves, of a grid (N, h, w, C)."""
        return self.mlp_half(self.attention_half(grid))

    def attention_half(self, grid: Tensor) -> Tensor:
        """Attention inside windows; the last ones are filled up with zeros."""
        windows = to_windows(grid, self.window)
        answer = self.attention(windows.flatten(1, 2)).view_as(windows)
        return grid + from_windows(answer, *grid.shape[1:3])

    def mlp_half(self, grid: Tensor) -> Tensor:
        """Convolution, MLP, and the merging of patches."""
        x = self.local(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + self.mlp(x)
        return x if self.downsample is None else self.downsample(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class MLP(nn.Module):
    """A layer norm, and two linear layers with four times the channels between them: (..., C) to the same shape.

    Args:
        channels: Channels C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the channels of each token."""
        return self.fc2(self.act(self.fc1(self.norm(x))))


_NAMES = (
    (r"patch_embed\.seq\.", "pixels."),
    (r"layers\.0\.blocks\.", "convolutions."),
    (r"layers\.0\.downsample\.", "merging."),
)
_IN_BLOCK = (("attn.", "attention."), ("local_conv.", "local."))


def with_own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of LiteMedSAM's image encoder under the names that `TinyViT` gives them; others stay as they are.

    Args:
        state: By their names in the checkpoint, without the prefix `image_encoder.`.
    """
    return {_own_name(name): tensor for name, tensor in state.items()}


def _own_name(name: str) -> str:
    for theirs, own in _NAMES:
        if (changed := re.sub(f"^{theirs}", own, name)) != name:
            return changed
    found = re.match(r"layers\.([123])\.(?:blocks\.(\d+)|(downsample))\.(.*)", name)
    if not found:
        return name
    stage, block, merging, rest = int(found[1]) - 1, found[2], found[3], found[4]
    if merging:
        return f"blocks.{FIRST_BLOCK[stage] + STAGES[stage][1] - 1}.downsample.{rest}"
    for theirs, own in _IN_BLOCK:
        if rest.startswith(theirs):
            rest = own + rest.removeprefix(theirs)
    return f"blocks.{FIRST_BLOCK[stage] + int(block)}.{rest}"
