"""An encoder cut in two: the front, computed once for each slice and kept, and the blocks that adapters go into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from .encoder import SliceEncoder
from .frozen_blocks import FrozenBlocks


class EncoderFront(SliceEncoder):
    """The part of an encoder before the first adapted block, as a slice encoder of its own.

    Args:
        whole: The encoder that is cut.
        cut: Where, as `base_sha256` and cut together name what is computed.
        channels: Channels of the tokens at the cut.
        stride: Pixels a token there.
        front: The modules that are run.
        run: Computes the tokens (N, C, h, w) of slices (N, 1, H, W).
    """

    def __init__(
        self,
        whole: SliceEncoder,
        cut: int,
        *,
        channels: int,
        stride: int,
        front: nn.Module,
        run: Callable[[nn.Module, Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.name = f"{whole.name}.{cut}"
        self._place = cut
        self.channels = channels
        self.stride = stride
        self.pixel_multiple = whole.pixel_multiple
        self.base_sha256 = whole.base_sha256
        self.front = front
        self._run = run
        self.freeze()

    @property
    def fingerprint(self) -> str:
        return f"{self.base_sha256}.{self._place}"

    def embed(self, slices: Tensor) -> Tensor:
        """Tokens (N, C, h, w) at the cut, of slices (N, 1, H, W)."""
        return self._run(self.front, slices)


@dataclass(frozen=True)
class CutEncoder:
    """Both parts, and the mask decoder that belongs to them.

    Args:
        front: What is computed once.
        blocks: What adapters go into.
        head: Tensors of the base model's prompt encoder and mask decoder by their names there; empty when its file
            holds none.
    """

    front: EncoderFront
    blocks: FrozenBlocks
    head: Mapping[str, Tensor]
