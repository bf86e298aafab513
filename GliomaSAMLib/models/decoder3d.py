"""The 3D promptable decoder of `gliomasam`. [ours]

It reads the fused slice embeddings of the encoder, skips from the full-resolution images and maps of the prompts,
and gives WT, TC and ET for the whole region in one pass. Voxels of 1 mm enter and leave by (un)shuffling 2 x 2 x 2
blocks into channels, so that all convolutions run on a 2 mm grid and coarser.

The work is split in two, because a user clicks many times on one patient: `encode` reads images and embeddings once,
`decode` runs for every set of prompts. There a narrow encoder of their own reads the prompts together with the images'
features and the proposal (what the network itself finds without prompts), so that a click is understood from what
surrounds it and from the error it points at; and prompts enter at every level of the way up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from ..prompts.maps import CHANNELS, POINT_CHANNELS, PromptVoxels
from ..regions import REGIONS
from .fusion import ModalityFusion
from .instance_norm import InstanceNorm
from .shuffle import shuffle, unshuffle


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder.

    Args:
        modalities: Number of modalities.
        embedding_channels: Channels of the encoder's embedding; 0 for a decoder without an encoder.
        embedding_width: Channels of the fused embedding.
        widths: Channels at 2, 4, 8 and 16 mm.
        embedding_dropout: Share of training steps in which the fused embedding is blanked.
        prompt_width: Channels of the prompts' own encoder.
    """

    modalities: int = 4
    embedding_channels: int = 256
    embedding_width: int = 64
    widths: tuple[int, ...] = (32, 64, 128, 192)
    embedding_dropout: float = 0.1
    prompt_width: int = 64

    @property
    def multiple(self) -> int:
        """Edge in 1 mm voxels of which the sides of an input must be multiples."""
        return 2 ** len(self.widths)


class ResidualBlock(nn.Module):
    """Two 3³ convolutions with instance norm, and a shortcut."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels_in, channels, 3, padding=1, bias=False)
        self.norm1 = InstanceNorm(channels)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = InstanceNorm(channels)
        self.shortcut = nn.Identity() if channels_in == channels else nn.Conv3d(channels_in, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # in place, as much of the time of these large grids goes into fresh memory
        y = F.leaky_relu_(self.norm1(self.conv1(x)), 0.01)
        y = self.norm2(self.conv2(y))
        y += self.shortcut(x)
        return F.leaky_relu_(y, 0.01)


class PromptContext(nn.Module):
    """Reads prompts in the light of the images' features, and adds what it makes of them to the features at 4 mm and
    coarser. It begins as the identity: its last convolutions are zero.
    """

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Conv3d(n, width, 2, stride=2, bias=False) for n in (widths[0] + CHANNELS, *[width] * (len(widths) - 2))
        )
        self.look = nn.ModuleList(nn.Conv3d(n, width, 1, bias=False) for n in widths[1:])
        self.blocks = nn.ModuleList(ResidualBlock(width, width) for _ in widths[1:])
        self.tell = nn.ModuleList(nn.Conv3d(width, n, 1) for n in widths[1:])
        for layer in self.tell:
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: list[torch.Tensor], maps: torch.Tensor) -> list[torch.Tensor]:
        x = torch.cat([features[0], maps.to(features[0].dtype)], dim=1)
        told = [features[0]]
        for feature, down, look, block, tell in zip(
            features[1:], self.down, self.look, self.blocks, self.tell, strict=True
        ):
            x = block(down(x) + look(feature))
            told.append(feature + tell(x))
        return told


class PromptableDecoder3d(nn.Module):
    """See the module's text."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.stem = nn.Conv3d(config.modalities * 8, widths[0], 3, padding=1, bias=False)
        self.presence = nn.Parameter(torch.zeros(config.modalities, widths[0]))
        self.fusion = (
            ModalityFusion(
                channels=config.embedding_channels, width=config.embedding_width, modalities=config.modalities
            )
            if config.embedding_channels
            else None
        )
        extra = [0] * len(widths)
        extra[1] = config.embedding_width if self.fusion is not None else 0
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2, bias=False) for a, b in pairwise(widths))
        self.encoders = nn.ModuleList(
            ResidualBlock(width + more, width) for width, more in zip(widths, extra, strict=True)
        )
        self.prompts = nn.ModuleList(nn.Conv3d(CHANNELS, width, 3, padding=1) for width in widths)
        self.context = PromptContext(widths, config.prompt_width)
        self.up = nn.ModuleList(nn.Conv3d(b, a, 1, bias=False) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(nn.Conv3d(2 * width, width, 1, bias=False) for width in widths[:-1])
        self.decoders = nn.ModuleList(ResidualBlock(width, width) for width in widths)
        self.head = nn.Conv3d(widths[0], len(REGIONS) * 8, 3, padding=1)
        nn.init.constant_(self.head.bias, -2.0)  # type: ignore[arg-type]

    def encode(
        self, images: torch.Tensor, present: torch.Tensor, embeddings: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Features of a study, which no prompt changes.

        Args:
            images: (B, M, K, J, I), 1 mm, in [0, 1]; sides multiples of `config.multiple`.
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: (B, M, C, z, y, x) over the same box, of any coarser grid.

        Returns:
            Features at 2, 4, 8, 16 mm.
        """
        x = self.stem(unshuffle(only_present(images, present)))
        x = x + (present.to(x.dtype) @ self.presence.to(x.dtype))[:, :, None, None, None]
        features = []
        for level, block in enumerate(self.encoders):
            if level:
                x = self.down[level - 1](x)
            if level == 1 and self.fusion is not None:
                x = torch.cat([x, self._embedding(embeddings, present, x)], dim=1)
            x = block(x)
            features.append(x)
        return features

    def _embedding(self, embeddings: torch.Tensor | None, present: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        assert self.fusion is not None
        blank = self.training and bool(torch.rand(()) < self.config.embedding_dropout)
        if embeddings is None or blank:
            return like.new_zeros((like.shape[0], self.config.embedding_width, *like.shape[2:]))
        fused = self.fusion(embeddings, present)
        return F.interpolate(fused.float(), size=like.shape[2:], mode="trilinear", align_corners=False).to(like.dtype)

    def decode(
        self, features: list[torch.Tensor], maps: torch.Tensor, prompts: Sequence[PromptVoxels] | None = None
    ) -> torch.Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid from `features` and prompt `maps`.

        Args:
            features: What `encode` gave.
            maps: (B, CHANNELS, K/2, J/2, I/2), see `prompts.maps`.
            prompts: Not used; the maps say it all.
        """
        pyramid = [maps]
        for _ in features[1:]:
            pyramid.append(pool_maps(pyramid[-1]))
        features = self.context(features, maps)
        x = features[-1] + self.prompts[-1](pyramid[-1])
        x = self.decoders[-1](x)
        for level in range(len(features) - 2, -1, -1):
            x = F.interpolate(self.up[level](x), size=features[level].shape[2:], mode="nearest")
            x = self.merge[level](torch.cat([x, features[level]], dim=1))
            x += self.prompts[level](pyramid[level])
            x = self.decoders[level](x)
        return shuffle(self.head(x))


def pool_maps(maps: torch.Tensor) -> torch.Tensor:
    """Prompt maps (B, CHANNELS, k, j, i) on cells twice as large: no point is lost, the others are averaged."""
    points, rest = maps.split([POINT_CHANNELS, CHANNELS - POINT_CHANNELS], dim=1)
    return torch.cat([F.max_pool3d(points, 2), F.avg_pool3d(rest, 2)], dim=1)


def only_present(images: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Images (B, M, K, J, I) with zeros for those that are absent, the others brighter by as much as is missing."""
    there = present[:, :, None, None, None]
    share = present.shape[1] / present.sum(dim=1).clamp(min=1)
    return torch.where(there, images, torch.zeros_like(images)) * share[:, None, None, None, None].to(images.dtype)
