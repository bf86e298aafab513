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
        seen = embeddings.masked_fill(absence(present, embeddings.ndim), 0)
        score = torch.einsum("bmc...,c->bm...", seen.float(), self.score)[:, :, None]
        return gated_sum(seen, score, present)


def gated_sum(embeddings: Tensor, score: Tensor, present: Tensor) -> Tensor:
    """Sum over the modalities present, weighed by the softmax of their scores.

    Args:
        embeddings: (B, M, C, ...).
        score: (B, M, 1, ...).
        present: (B, M) bool. What is absent is ignored; a study with nothing present gives 0.
    """
    absent = absence(present, embeddings.ndim)
    score = score.float()
    weight = score.masked_fill(absent, torch.finfo(score.dtype).min).softmax(dim=1)
    return (weight.to(embeddings.dtype) * embeddings.masked_fill(absent, 0)).sum(dim=1)


def absence(present: Tensor, axes: int) -> Tensor:
    """Where (B, M) bool is false, as a tensor of so many `axes`."""
    return ~present.view(*present.shape, *[1] * (axes - 2))
