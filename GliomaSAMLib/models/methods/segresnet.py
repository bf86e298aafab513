"""A plain promptable 3D SegResNet, for comparison: MONAI's network with the prompt maps as further input channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...regions import REGIONS
from ..device import ProgressCallback, no_progress
from ..prompt_maps import PROMPT_CHANNELS, PromptSet
from ..shuffle import channels_to_voxels, voxels_to_channels
from .base import VolumeDecoder


@dataclass(frozen=True)
class SegResNetConfig:
    """Sizes of the network.

    Args:
        modalities: Number of modalities.
        filters: Channels at 2 mm; they double at each of three coarser levels.
        multiple: Edge in 1 mm voxels of which the sides of an input must be multiples.
        embedding_channels: Always 0, as it reads no embeddings; kept because weights files hold it.
    """

    modalities: int = 4
    filters: int = 24
    multiple: int = 16
    embedding_channels: int = 0


class PromptableSegResNet(VolumeDecoder):
    """MONAI's 3D SegResNet with the prompt maps as further input channels, for comparison.

    It has no slice encoder and no split between study and prompts: every click runs the whole network. It reads and
    writes 1 mm voxels by (un)shuffling them as `gliomasam` does. Myronenko, BrainLes 2018 (arXiv 1810.11654).
    """

    def __init__(self, config: SegResNetConfig) -> None:
        from monai.networks.nets import SegResNet  # takes seconds, which the other methods need not wait for

        super().__init__()
        self.config = config
        self.network = SegResNet(
            spatial_dims=3,
            init_filters=config.filters,
            in_channels=config.modalities * 8 + config.modalities + PROMPT_CHANNELS,
            out_channels=len(REGIONS) * 8,
            blocks_down=(1, 2, 2, 2),
            blocks_up=(1, 1, 1),
        )

    def encode(
        self,
        images: torch.Tensor,
        present: torch.Tensor,
        embeddings: torch.Tensor | None = None,
        progress_callback: ProgressCallback = no_progress,
    ) -> list[torch.Tensor]:
        """The images, absent modalities blanked, as channels at 2 mm; `embeddings` are not used."""
        images = torch.where(present[:, :, None, None, None], images, torch.zeros_like(images))
        x = voxels_to_channels(images)
        flags = present.to(x.dtype)[:, :, None, None, None].expand(-1, -1, *x.shape[2:])
        return [torch.cat([x, flags], dim=1)]

    def decode(
        self, features: list[torch.Tensor], maps: torch.Tensor, prompts: Sequence[PromptSet] | None = None
    ) -> torch.Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid; `prompts` are not used, the maps say it all."""
        given = maps[:, :PROMPT_CHANNELS].to(features[0].dtype)
        return channels_to_voxels(self.network(torch.cat([features[0], given], dim=1)))
