"""What an adapter knows about the tokens that it is given."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class StackContext:
    """How tokens (N, h, w, C) are made up: N = batch * modalities * depth, in that order.

    Args:
        batch: Number of studies.
        modalities: Number of modalities of each, absent ones included; their positions tell which they are.
        depth: Number of neighbouring slices.
        present: (B, M) bool.
    """

    batch: int
    modalities: int
    depth: int
    present: Tensor

    def split(self, tokens: Tensor) -> Tensor:
        """Tokens (N, h, w, C) as (B, M, D, h, w, C)."""
        return tokens.unflatten(0, (self.batch, self.modalities, self.depth))

    def join(self, tokens: Tensor) -> Tensor:
        """Tokens (B, M, D, h, w, C) as (N, h, w, C)."""
        return tokens.flatten(0, 2)
