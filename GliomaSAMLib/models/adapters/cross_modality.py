"""Cross-modality attention adapter: at each position, the token of each modality attends to the others."""

import torch
from torch import Tensor, nn

from ..device import thread_map
from ..fusion import absence, without
from .base import StackContext

CHUNK = 2
"""Slices of each modality at once where no gradient is kept: their numbers stay in the processor's cache."""


class CrossModalityAdapter(nn.Module):
    """Attention of the modalities to each other at each position.

    Cross-modality Attention Adapter (Shi et al., arXiv 2307.01124).
    [paper] An adapter based on multimodal fusion fine-tunes SAM for glioma segmentation on four MR modalities.
    [ours] All of its form, which the paper does not give:

        z_m = W_down LN(X_m) + e_m                     width max(32, C/4); e_m a learned modality embedding
        A   = softmax(Q K^T / sqrt(d) + mask_present)  attention over the M modalities at each position, one head
        X_m = X_m + W_up (sum_n A_mn V_n)              W_up is zero at first: the identity

    No layer has a bias: e_m takes the place of one. A missing modality is masked out, not zero-filled: its content
    has no influence on the others, nor on gradients.

    Parameters: 2 C + 2 C d + 3 d² + M d for C channels, width d and M modalities. M = 4: ViT-B (C = 768), 12
    blocks: 4.9 M; LiteMedSAM, C = 160: 18,080; C = 320: 71,360.

    Args:
        channels: Channels C of the tokens.
        modalities: Number of modalities M that can be told apart.
        width: Channels d in which they meet; None for max(32, C / 4).
    """

    def __init__(self, channels: int, modalities: int, width: int | None = None) -> None:
        super().__init__()
        width = max(32, channels // 4) if width is None else width
        self.norm = nn.LayerNorm(channels)
        self.down = nn.Linear(channels, width, bias=False)
        self.modality = nn.Parameter(torch.empty(modalities, width))
        nn.init.normal_(self.modality, std=0.02)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.up = nn.Linear(width, channels, bias=False)
        nn.init.zeros_(self.up.weight)
        self.scale = width**-0.5

    def forward(self, tokens: Tensor, context: StackContext) -> Tensor:
        """Tokens (N, h, w, C), N = batch * modalities * depth, to tokens of the same shape."""
        stacks = context.split(tokens)  # B x M x D x h x w x C
        if torch.is_grad_enabled():
            return tokens + context.join(self._learned(stacks, context.present))
        results = torch.empty_like(tokens, memory_format=torch.contiguous_format)
        written = context.split(results)

        def write(start: int) -> None:
            part = slice(start, start + CHUNK)
            written[:, :, part] = stacks[:, :, part] + self._learned(stacks[:, :, part], context.present)

        thread_map(write, range(0, context.depth, CHUNK), tokens.device)
        return results

    def _learned(self, stacks: Tensor, present: Tensor) -> Tensor:
        """What tokens (B, M, D, h, w, C) learn from each other, of the same shape."""
        z = self.down(self.norm(without(stacks, absence(present, stacks.ndim))))
        z = z + self.modality[:, None, None, None].to(z.dtype)
        # a position's modalities side by side in memory: else torch takes the small products one by one
        beside = self.qkv(z).permute(0, 2, 3, 4, 1, 5).flatten(1, 3)
        q, k, v = beside.chunk(3, dim=-1)  # B x positions x M x d
        scores = (q @ k.transpose(2, 3)).float() * self.scale
        # the least number, not minus infinity, which would give NaN for a study with no modality at all
        weight = without(scores, ~present[:, None, None], torch.finfo(scores.dtype).min).softmax(dim=3)
        learned = (weight.to(v.dtype) @ v).unflatten(1, stacks.shape[2:5])
        return self.up(learned.permute(0, 4, 1, 2, 3, 5))
