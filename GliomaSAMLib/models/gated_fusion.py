"""The gated sum of the modalities' embeddings: E = sum_m softmax_m(w . E_m) E_m over those present.

[ours] METHODS of `cmaa`; `ma_sam` and `3dmedsam`, which know one modality, fuse the same way here. At first w is zero,
and the sum is the mean; with one modality it is that modality's embedding. C parameters.
"""

import torch
from torch import Tensor, nn


class GatedFusion(nn.Module):
    """See the file's text.

    Args:
        channels: Channels C of the embeddings.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Parameter(torch.zeros(channels))

    def forward(self, embeddings: Tensor, present: Tensor) -> Tensor:
        """Fuse (B, M, C, ...) with `present` (B, M) bool to (B, C, ...). What is absent is ignored."""
        absent = ~present.view(*present.shape, *[1] * (embeddings.ndim - 2))
        seen = embeddings.masked_fill(absent, 0)
        score = torch.einsum("bmc...,c->bm...", seen.float(), self.score)[:, :, None]
        weight = score.masked_fill(absent, torch.finfo(score.dtype).min).softmax(dim=1)
        return (weight.to(seen.dtype) * seen).sum(dim=1)
