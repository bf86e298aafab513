"""Fusion of the embeddings of the modalities that are present.

[ours] after the gated sum `E = sum_m softmax_m(w . E_m) E_m` of METHODS (`cmaa`). An absent modality is left out of
the softmax, so its content has no influence; nothing is zero-filled.
"""

import torch
from torch import nn

from .gated_fusion import gated_sum


class ModalityFusion(nn.Module):
    """Weigh the modalities at each position and add them up.

    Args:
        channels: Channels of one modality's embedding.
        width: Channels after the projection.
        modalities: Number of modalities that can be told apart.
    """

    def __init__(self, *, channels: int, width: int, modalities: int) -> None:
        super().__init__()
        self.project = nn.Conv3d(channels, width, 1)
        self.norm = nn.GroupNorm(8, width)
        self.modality = nn.Parameter(torch.zeros(modalities, width))
        nn.init.normal_(self.modality, std=0.02)
        self.mix = nn.Sequential(nn.Conv3d(width, width, 1), nn.GELU(), nn.Conv3d(width, width, 1))
        self.score = nn.Conv3d(width, 1, 1)

    def forward(self, embeddings: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Fuse `embeddings` (B, M, C, z, y, x) with `present` (B, M) bool to (B, width, z, y, x)."""
        batch, modalities = embeddings.shape[:2]
        x = self.norm(self.project(embeddings.flatten(0, 1)))
        x = x.unflatten(0, (batch, modalities)) + self.modality[None, :, :, None, None, None].to(x.dtype)
        x = self.mix(x.flatten(0, 1))
        score = self.score(x).unflatten(0, (batch, modalities))
        return gated_sum(x.unflatten(0, (batch, modalities)), score, present)
