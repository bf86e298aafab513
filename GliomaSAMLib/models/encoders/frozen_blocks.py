"""The frozen transformer blocks of a split encoder, opened where adapters can be put.

An encoder is split in two: the stem, before the first adapted block, is a slice encoder of its own, whose output is
computed once for each slice and kept; the trunk, the rest, is a `FrozenBlocks`. Grids of tokens are (N, h, w, C).
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

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
        run: Callable[[Any, Tensor], Tensor],
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
