"""Fusion of modalities: a gated sum of their embeddings, and spatial correlated feature fusion (SCFF)."""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GatedFusion(nn.Module):
    """The gated sum of the modalities' embeddings: E = sum_m softmax_m(w . E_m) E_m over those present.

    [ours] METHODS of `cmaa`; `ma_sam` and `3dmedsam`, which know one modality, fuse the same way here. At first w is
    zero, and the sum is the mean; with one modality it is that modality's embedding. C parameters.

    Args:
        channels: Channels C of the embeddings.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Parameter(torch.zeros(channels))

    def forward(self, embeddings: Tensor, present: Tensor) -> Tensor:
        """Fuse (B, M, C, ...) with `present` (B, M) bool to (B, C, ...). What is absent is ignored."""
        seen = without(embeddings, absence(present, embeddings.ndim))
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
    weight = without(score, absent, torch.finfo(score.dtype).min).softmax(dim=1)
    return (weight.to(embeddings.dtype) * without(embeddings, absent)).sum(dim=1)


def without(values: Tensor, absent: Tensor, instead: float = 0) -> Tensor:
    """Values with another in the place of what is absent: nothing in it, not even NaN, reaches results or gradients.

    Where all is there, which a CPU can tell at no cost, they are the values themselves and not a copy.
    """
    if absent.device.type == "cpu" and not absent.any():
        return values
    return values.masked_fill(absent, instead)


def absence(present: Tensor, axes: int) -> Tensor:
    """Where (B, M) bool is false, as a tensor of so many `axes`."""
    return ~present.view(*present.shape, *[1] * (axes - 2))


class SpatialCorrelatedFusion(nn.Module):
    """Spatial correlated feature fusion (SCFF) of the modalities, slice by slice.

    After Zhang et al., arXiv 2011.03908. [ours] The formulas, with F_m the features of modality m, 0 where it is
    missing, and M' the number of modalities present:

        N = GELU(Conv_1x1([F_1, ..., F_M] M / M')) + sum_m F_m / M'
        C = sum_{i<j} w_ij F_i F_j, scaled by the pairs / the pairs present     w_ij learned, one for each channel
        fused = N + sigmoid(Conv_7x7([mean C, max C])) C                        mean and maximum over the channels

    Args:
        channels: Channels of each modality, and of the result.
        modalities: Number of modalities.
    """

    def __init__(self, *, channels: int, modalities: int) -> None:
        super().__init__()
        self.pairs = list(combinations(range(modalities), 2))
        self.mix = nn.Conv2d(modalities * channels, channels, 1)
        self.correlation: nn.Parameter | None = None
        self.attention: nn.Conv2d | None = None
        if self.pairs:
            self.correlation = nn.Parameter(torch.full((len(self.pairs), channels), 1 / len(self.pairs)))
            self.attention = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, features: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Fuse `features` (N, M, C, h, w) with `present` (N, M) bool to (N, C, h, w)."""
        features = without(features, ~present[:, :, None, None, None])
        share = 1 / present.sum(dim=1).clamp(min=1)[:, None, None, None].to(features.dtype)
        mixed = self.mix((features * (features.shape[1] * share[:, None])).flatten(1, 2))
        fused = F.gelu(mixed) + features.sum(dim=1) * share
        if self.attention is None:
            return fused
        correlated = self._correlated(features, present)
        seen = torch.cat([correlated.mean(dim=1, keepdim=True), correlated.amax(dim=1, keepdim=True)], dim=1)
        return fused + torch.sigmoid(self.attention(seen)) * correlated

    def _correlated(self, features: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        assert self.correlation is not None
        both = torch.stack([present[:, i] & present[:, j] for i, j in self.pairs], dim=1).sum(dim=1)
        result = torch.zeros_like(features[:, 0])
        for (i, j), weight in zip(self.pairs, self.correlation.to(features.dtype), strict=True):
            # an absent modality is zero by now, and so are its products
            result = result + weight[:, None, None] * (features[:, i] * features[:, j])
        return result * (len(self.pairs) / both.clamp(min=1))[:, None, None, None].to(features.dtype)
