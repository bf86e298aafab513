"""Adapters along the depth of a stack: of MA-SAM, of `3dmedsam`, and the entry of slices into 3D patches."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import StackContext


class DepthAdapter(nn.Module):
    """Depth adapter: each token learns from the same place in the slice before and the slice after.

    MA-SAM (Chen et al., arXiv 2309.08842).
    [code] `x + Up(GELU(Conv3d_{3x1x1}(Down(LN x))))`, Down and Up without bias, width 384 on ViT-B, L and H, two in
    each block: before norm1 and attention, and between attention and norm2.
    [ours] Up begins at zero, so that nothing changes at first; the width is C / 4 by default; and the stack of each
    modality is convolved by itself, with the same weights.

    Parameters: 2 C + 2 C w + 3 w² + w for C channels and width w. ViT-B (C = 768), two in each of 12 blocks: 24.8 M
    with w = 384, 9.8 M with w = 192. LiteMedSAM, C = 160: 17,960; C = 320: 71,120.

    Args:
        channels: Channels C of the tokens.
        width: Channels between Down and Up; None for C / 4.
    """

    def __init__(self, channels: int, width: int | None = None) -> None:
        super().__init__()
        width = channels // 4 if width is None else width
        self.norm = nn.LayerNorm(channels)
        self.down = nn.Linear(channels, width, bias=False)
        self.conv = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0))
        self.act = nn.GELU()
        self.up = nn.Linear(width, channels, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, tokens: Tensor, context: StackContext) -> Tensor:
        """Tokens (N, h, w, C), N = batch * modalities * depth, to tokens of the same shape."""
        stacks = self.down(self.norm(tokens)).unflatten(0, (-1, context.depth))  # B*M x D x h x w x width
        mixed = self.conv(stacks.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
        return tokens + self.up(self.act(mixed)).flatten(0, 1)


class VolumetricAdapter(nn.Module):
    """Let each token see its 26 neighbours in the stack of its own modality. It begins as the identity.

    Args:
        channels: Channels of the tokens.
        width: Channels of the convolution.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.down = nn.Linear(channels, width)
        self.mix = nn.Conv3d(width, width, 3, padding=1, groups=width)
        self.up = nn.Linear(width, channels)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor, context: StackContext) -> Tensor:
        """Correct tokens (N, h, w, C), N = batch * modalities * depth."""
        x = context.split(self.down(self.norm(tokens)))  # B x M x D x h x w x width
        x = x.flatten(0, 1).permute(0, 4, 1, 2, 3)  # BM x width x D x h x w
        x = F.gelu(self.mix(x)).permute(0, 2, 3, 4, 1).flatten(0, 1)  # N x h x w x width
        return tokens + self.up(x).to(tokens.dtype)


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
        """Patches (N, h, w, C) of tokens (B, M, C, D, h, w) at the split with `present` (B, M), and what N is."""
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
