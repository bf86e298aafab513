"""Spatial correlated feature fusion (SCFF): the features of several modalities become those of one.

After Zhang et al. (arXiv 2011.03908). [paper] A module that learns complementary, correlated and non-linear
information of the modalities. [ours] Its formulas:

    C = sum_{i<j} W_ij (F_i * F_j)                   correlated; W_ij one weight a channel, at first 1 / pairs
    N = GELU(Conv1x1[F_1 .. F_M])                    non-linear
    S = sigmoid(Conv7x7[mean over channels of C; maximum over channels of C])
    F = N + S * C + mean_m F_m                       the last is the complementary part

[ours] Missing modalities, which the paper does not have: pairs with one are left out of C, its place in the input of
the 1x1 convolution is zero, the mean is over those present. The rest of C and of that input is scaled up by the share
that is left out, so that their size stays the same. One modality alone has no pairs: C is 0.

(N, M, C, h, w) -> (N, C, h, w). Parameters: M C^2 + C for the 1x1, 99 for the 7x7 and C M (M - 1) / 2 for W; with one
modality the last two are not there.
"""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn


class SpatialCorrelatedFusion(nn.Module):
    """See the module's text.

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
        features = features.masked_fill(~present[:, :, None, None, None], 0)
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
