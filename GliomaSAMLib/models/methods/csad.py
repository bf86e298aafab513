"""The method `csad`: a 2.5D U-Net with an encoder for each modality, correlated fusion and attention distillation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import ModelError
from ...regions import REGIONS
from ..device import ProgressCallback, no_progress
from ..fusion import SpatialCorrelatedFusion
from ..prompt_maps import PromptSet
from ..shuffle import channels_to_voxels
from .base import VolumeDecoder
from .distillation import distillation_losses

NORM_CHANNELS = 8
"""Channels of a group of the group norm; all widths are multiples of it."""


@dataclass(frozen=True)
class CsadConfig:
    """Sizes of the network and weight of the distillation.

    Args:
        modalities: Number of modalities.
        widths: Channels at 2, 4, 8 and 16 mm in plane.
        neighbours: Slices of 1 mm seen on either side of the two that are segmented together.
        attention: Form of the attention maps, one of `distillation.FORMS`.
        beta: Weight of the distillation.
        ramp: Share of the training over which that weight grows from 0.
        chunk: Pairs of slices read at a time when no gradient is needed; bounds the memory, changes no result.
    """

    modalities: int = 4
    widths: tuple[int, ...] = (32, 64, 80, 96)
    neighbours: int = 2
    attention: str = "norm"
    beta: float = 0.1
    ramp: float = 0.3
    chunk: int = 4

    @property
    def multiple(self) -> int:
        """Edge in 1 mm voxels of which the sides of an input must be multiples."""
        return 2 ** len(self.widths)


class SliceBlock(nn.Module):
    """Two 3 x 3 convolutions with group norm, and a shortcut: (N, C, h, w) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(channels // NORM_CHANNELS, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(channels // NORM_CHANNELS, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply both convolutions and add the input."""
        y = F.leaky_relu(self.norm1(self.conv1(x)), 0.01)
        return F.leaky_relu(self.norm2(self.conv2(y)) + x, 0.01)


class ModalityEncoder(nn.Module):
    """Encoder of one modality: (N, channels_in, h, w) to a list of (N, width, h / 2^l, w / 2^l)."""

    def __init__(self, channels_in: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels_in, widths[0], 3, padding=1, bias=False)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(SliceBlock(width) for width in widths)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Features at each level, from the finest to the coarsest."""
        levels = [self.blocks[0](self.stem(x))]
        for down, block in zip(self.down, self.blocks[1:], strict=True):
            levels.append(block(down(levels[-1])))
        return levels


class CsadUNet(VolumeDecoder):
    """2.5D U-Net with an encoder for each modality, correlated fusion and attention distillation.

    After Zhang et al., "Cross-Modal Self-Attention Distillation for Prostate Cancer Segmentation" (arXiv
    2011.03908).
    [paper] A 2.5D U-Net, one encoder a modality, whose attention maps are distilled across modalities
    (`distillation`) and whose features are fused by SCFF (`fusion`). It takes no prompts and contains no SAM.
    [ours] All sizes, as the paper's text could not be had; missing modalities; WT, TC and ET instead of one lesion.
    The network runs slice by slice, on two neighbouring axial slices at once: they and `neighbours` slices on
    either side are the channels, so that each sees a window of at least 2 `neighbours` + 1 slices. In plane, blocks
    of 2 x 2 voxels are channels too, and the head gives 2 x 2 x 2 voxels for each position: full resolution enters
    and leaves, convolutions run at 2 mm and coarser. Group norm is over one slice, so slices can be processed in
    chunks of any size. The receptive field along the axis is the window.

    Loss: that of the segmentation + beta * ramp * (L_cross + L_self) on all levels of the encoders, slice by slice;
    the ramp goes from 0 to 1 over the first `ramp` of the training.

    2 266 964 parameters with four modalities: 1 762 560 in the encoders, 85 244 in the fusion.

    Args:
        config: Sizes.
        encoder: Must be None: the modalities have encoders of their own.
    """

    def __init__(self, config: CsadConfig, encoder: nn.Module | None = None) -> None:
        super().__init__()
        if encoder is not None:
            raise ModelError("csad has an encoder of its own for each modality: it takes no other")
        self.config = config
        widths = config.widths
        window = 2 + 2 * config.neighbours
        self.encoders = nn.ModuleList(ModalityEncoder(window * 4, widths) for _ in range(config.modalities))
        self.fusions = nn.ModuleList(
            SpatialCorrelatedFusion(channels=width, modalities=config.modalities) for width in widths
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1, bias=False) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(nn.Conv2d(2 * width, width, 1, bias=False) for width in widths[:-1])
        self.decoders = nn.ModuleList(SliceBlock(width) for width in widths)
        self.head = nn.Conv2d(widths[0], len(REGIONS) * 8, 3, padding=1)
        nn.init.constant_(self.head.bias, -2.0)  # type: ignore[arg-type]

    def encode(
        self,
        images: torch.Tensor,
        present: torch.Tensor,
        embeddings: torch.Tensor | None = None,
        progress_callback: ProgressCallback = no_progress,
    ) -> list[torch.Tensor]:
        """The logits of a study, the eight of a block of 2 x 2 x 2 voxels as channels.

        Args:
            images: (B, M, K, J, I), 1 mm, K along the axis; sides multiples of `config.multiple`.
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: Not used.
            progress_callback: Called after each chunk of slices.

        Returns:
            One tensor (B, 24, K/2, J/2, I/2).
        """
        pairs = images.shape[2] // 2
        step = pairs if torch.is_grad_enabled() else self.config.chunk
        chunks = []
        for start in range(0, pairs, step):
            logits, _, _ = self._segment(images, present, range(start, min(start + step, pairs)))
            chunks.append(logits)
            progress_callback()
        return [torch.cat(chunks, dim=1).transpose(1, 2)]

    def encode_for_training(
        self,
        images: torch.Tensor,
        present: torch.Tensor,
        embeddings: torch.Tensor | None = None,
        training_progress: float = 1.0,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """`encode`, and the weighted distillation of the features of all slices, by which the encoders learn from each
        other.
        """
        logits, levels, there = self._segment(images, present, range(images.shape[2] // 2))
        weight = self.config.beta * min(1.0, training_progress / self.config.ramp if self.config.ramp else 1.0)
        loss = images.new_zeros(())
        if weight > 0:
            cross, own = distillation_losses(levels, there, self.config.attention)
            loss = weight * (cross + own)
        return [logits.transpose(1, 2)], loss

    def _segment(
        self, images: torch.Tensor, present: torch.Tensor, read: range
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """Segment the pairs of slices `read`: logits (B, n, 24, h, w), features (B * n, M, width, h, w) at each level,
        and which modalities these have (B * n, M).
        """
        there = present.repeat_interleave(len(read), dim=0)
        levels = self._down(self._windows(images, present, read))
        return self._up(levels, there).unflatten(0, (len(images), len(read))), levels, there

    def decode(
        self, features: list[torch.Tensor], maps: torch.Tensor, prompts: Sequence[PromptSet] | None = None
    ) -> torch.Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid; `maps` and `prompts` are not used."""
        return channels_to_voxels(features[0])

    def _windows(self, images: torch.Tensor, present: torch.Tensor, read: range) -> torch.Tensor:
        """Windows (B * len(read), M, window * 4, J/2, I/2) round the pairs of slices `read`.

        Where a window leaves the volume, its last slice is repeated.
        """
        near = self.config.neighbours
        first = torch.arange(read.start, read.stop, device=images.device)[:, None] * 2
        slices = (first + torch.arange(-near, 2 + near, device=images.device)).clamp(0, images.shape[2] - 1)
        x = images[:, :, slices]  # B, M, pair, window, J, I
        x = x.masked_fill(~present[:, :, None, None, None, None], 0)
        return F.pixel_unshuffle(x.transpose(1, 2).flatten(0, 1), 2)

    def _down(self, windows: torch.Tensor) -> list[torch.Tensor]:
        """Features of the modalities (N, M, width, h, w) at each level."""
        each = [encoder(windows[:, m]) for m, encoder in enumerate(self.encoders)]
        return [torch.stack(level, dim=1) for level in zip(*each, strict=True)]

    def _up(self, levels: list[torch.Tensor], present: torch.Tensor) -> torch.Tensor:
        """Fuse and decode to (N, 24, h, w)."""
        # N x width x h x w at each level
        fused = [fusion(level, present) for fusion, level in zip(self.fusions, levels, strict=True)]
        x = self.decoders[-1](fused[-1])
        for level in range(len(fused) - 2, -1, -1):
            x = F.interpolate(self.up[level](x), size=fused[level].shape[2:], mode="nearest")
            x = self.decoders[level](self.merge[level](torch.cat([x, fused[level]], dim=1)))
        return self.head(x)  # N x 24 x h x w
