"""The entry of `3dmedsam` into 3D: patches with a depth, made of the frozen patches of slices.

[paper] Lin et al., Biocybernetics and Biomedical Engineering 45(1), 2025: a module takes the place of SAM's patch
embedding, so that volumes enter. [ours] What it is: the frozen embedding in the plane, a depthwise convolution along
the depth (kernel = stride = p_z) that begins as the mean, and a learned depth position. It has C (p_z + 1 + max_depth)
parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .context import StackContext


class DepthPatches(nn.Module):
    """Join `p_z` neighbouring slices of tokens to one. At first it takes their mean.

    Args:
        channels: Channels of the tokens.
        p_z: Slices to a patch.
        max_depth: Learned depth positions, one for each patch of a stack of so many; they are interpolated for others.
    """

    def __init__(self, channels: int, p_z: int, max_depth: int) -> None:
        super().__init__()
        self.p_z = p_z
        self.weight = nn.Parameter(torch.full((p_z, channels), 1 / p_z))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.position = nn.Parameter(torch.zeros(max_depth, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B * M, D, h, w, C) of slices as (B * M, ceil(D / p_z), h, w, C).

        A depth that is no multiple of `p_z` is filled up with the last slice.
        """
        missing = -tokens.shape[1] % self.p_z
        x = torch.cat([tokens, tokens[:, -1:].expand(-1, missing, -1, -1, -1)], dim=1)
        x = x.unflatten(1, (-1, self.p_z))  # BM x patches x p_z x h x w x C
        # the first slice and what the others differ from it: so the mean of equal slices is exact in any number format
        first, weight = x[:, :, 0], self.weight.to(x.dtype)
        x = first * (1 + self._excess().to(x.dtype)) + ((x - first[:, :, None]) * weight[:, None, None]).sum(dim=2)
        return x + (self._positions(x.shape[1]) + self.bias).to(x.dtype)[:, None, None]

    def stack(self, embeddings: Tensor, present: Tensor) -> tuple[Tensor, StackContext]:
        """Patches (N, h, w, C) of tokens at the cut (B, M, C, D, h, w) with `present` (B, M), and what N is made of."""
        batch, modalities = embeddings.shape[:2]
        patches = self(embeddings.permute(0, 1, 3, 4, 5, 2).flatten(0, 1))
        return patches.flatten(0, 1), StackContext(batch, modalities, patches.shape[1], present)

    def _excess(self) -> Tensor:
        """What the weights of the slices add up to beyond 1, (C,)."""
        return (self.weight - 1 / self.p_z).sum(dim=0)

    def _positions(self, depth: int) -> Tensor:
        """The positions for `depth` patches, (depth, C)."""
        if depth == len(self.position):
            return self.position
        return F.interpolate(self.position.T[None], size=depth, mode="linear", align_corners=False)[0].T
