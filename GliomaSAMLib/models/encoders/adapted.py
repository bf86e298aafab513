"""Frozen blocks with adapters between them: from the tokens at the split to embeddings, for a stack of slices."""

from collections.abc import Callable, Collection, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..adapters import StackContext
from ..device import ProgressCallback, no_progress, thread_map
from .frozen_blocks import FrozenBlock, FrozenBlocks

CHUNK = 4
"""Slices that a frozen block takes at once where no gradient is kept, so that memory does not grow with the stack, and
whoever waits can stop it soon."""


class AdaptedEncoder(nn.Module):
    """Runs blocks and adapters in alternation.

    Args:
        blocks: The frozen blocks.
        pre_adapters: An adapter for each block, before it; or None.
        mid_adapters: An adapter for each block, between attention and MLP; or None.

    Attributes:
        checkpointing: Compute the blocks again in the backward pass instead of storing their activations.
    """

    def __init__(
        self,
        blocks: FrozenBlocks,
        pre_adapters: Iterable[nn.Module] | None = None,
        mid_adapters: Iterable[nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.blocks = blocks
        self.pre_adapters = nn.ModuleList(pre_adapters) if pre_adapters is not None else None
        self.mid_adapters = nn.ModuleList(mid_adapters) if mid_adapters is not None else None
        self.checkpointing = False

    def enable_checkpointing(self) -> bool:
        """Switch `checkpointing` on; True, as `VolumeDecoder.enable_checkpointing` returns it."""
        self.checkpointing = True
        return True

    def forward(
        self,
        tokens: Tensor,
        context: StackContext,
        return_layers: Collection[int] = (),
        progress_callback: ProgressCallback = no_progress,
    ) -> tuple[Tensor, list[Tensor]]:
        """Embed a stack.

        Args:
            tokens: (N, h, w, C) at the split, N = batch * modalities * depth.
            context: What N is made of.
            return_layers: Indices of the blocks whose output tokens are returned too.
            progress_callback: Called after each few slices of a block where no gradient is kept.

        Returns:
            The embedding as volumes (B, M, channels, D, h, w), and likewise the tokens after each of `return_layers`.
        """
        returned = []
        for n, block in enumerate(self.blocks):
            if self.checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(self._step, n, block, tokens, context, progress_callback, use_reentrant=False)
            else:
                tokens = self._step(n, block, tokens, context, progress_callback)
            if n in return_layers:
                returned.append(_volumes(tokens.permute(0, 3, 1, 2), context))
        return _volumes(_in_chunks(self.blocks.embed, tokens, progress_callback), context), returned

    def _step(
        self, n: int, block: FrozenBlock, tokens: Tensor, context: StackContext, progress_callback: ProgressCallback
    ) -> Tensor:
        if self.pre_adapters is not None:
            tokens = self.pre_adapters[n](tokens, context)
        tokens = _in_chunks(block.attention_half, tokens, progress_callback)
        if self.mid_adapters is not None:
            tokens = self.mid_adapters[n](tokens, context)
        return _in_chunks(block.mlp_half, tokens, progress_callback)


def stack_tokens(embeddings: Tensor, present: Tensor) -> tuple[Tensor, StackContext]:
    """Tokens (N, h, w, C) of what was embedded at the split, (B, M, C, D, h, w), and what N is made of."""
    batch, modalities, _, depth = embeddings.shape[:4]
    return embeddings.permute(0, 1, 3, 4, 5, 2).flatten(0, 2), StackContext(batch, modalities, depth, present)


def _volumes(grids: Tensor, context: StackContext) -> Tensor:
    """Channels-first grids (N, C, h, w) as volumes (B, M, C, D, h, w)."""
    return grids.unflatten(0, (context.batch, context.modalities, context.depth)).transpose(2, 3)


def on_voxels(logits: Tensor, maps: Tensor) -> Tensor:
    """Logits (B, 3, D, H, W) of the pixels of a stack on the 1 mm grid (B, 3, K, J, I) that prompt `maps` halve."""
    size = [2 * n for n in maps.shape[2:]]
    return F.interpolate(logits.float(), size=size, mode="trilinear", align_corners=False)


def _in_chunks(work: Callable[[Tensor], Tensor], tokens: Tensor, progress_callback: ProgressCallback) -> Tensor:
    """Apply what treats each slice alone, some slices at a time where no gradient is kept."""
    if torch.is_grad_enabled() or len(tokens) <= CHUNK:
        return work(tokens)
    first = work(tokens[:CHUNK])
    progress_callback()
    results = first.new_empty(len(tokens), *first.shape[1:])  # written in place, which saves a copy of the whole
    results[:CHUNK] = first

    def write(start: int) -> None:
        results[start : start + CHUNK] = work(tokens[start : start + CHUNK])

    thread_map(write, range(CHUNK, len(tokens), CHUNK), tokens.device, progress_callback)
    return results
