"""The method `gliomasam_adapted`: adapters across slices and modalities, and a multi-scale decoder. [ours]

What the published methods do apart, in one network. The tokens of slices are joined to patches with a depth and see
their neighbours through volumetric adapters before each block (as `3dmedsam`); between attention and MLP the modalities
look at each other at each position (as `cmaa`); in training, attention distillation makes the modalities alike in what
they look at, so that any of them may be missing (as `csad`). Features after each quarter of the blocks are fused over
the modalities present and read by the decoder of `multiscale_decoder`, which sees clicks as tokens, and as maps at 2
and 4 mm, and skips from the images.

Trained with LiteMedSAM from stage 2 on: 0.4 M in patches and adapters, 1.4 M in the decoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..prompts.maps import PromptVoxels
from .adapted_encoder import AdaptedEncoder
from .adapters.cross_modality import CrossModalityAdapter
from .adapters.depth_patches import DepthPatches
from .adapters.volumetric import VolumetricAdapter
from .cut_encoder import CutEncoder
from .distillation import distillation_losses
from .gated_fusion import GatedFusion
from .medsam3d import quarters
from .multiscale_decoder import MultiscaleDecoderConfig, MultiscaleMaskDecoder


@dataclass(frozen=True)
class Adapted3dConfig:
    """Sizes of the method, and which of its parts are there.

    Args:
        modalities: Number of modalities that can be told apart.
        first: Where adapters begin: a stage of TinyViT (1 to 3) or a block of a ViT; the rest is computed once.
        patch: Slices that make a patch.
        max_depth: Learned positions along the depth.
        width: Channels of the adapters; None for C / 4, across modalities at least 32.
        decoder_width: Channels of the decoder on the coarse grid.
        skip_widths: Channels of the decoder at 2 and 4 mm.
        fine_blocks: Residual blocks of the decoder at 2 mm.
        cross_modality: Whether there are adapters across modalities.
        depth: Whether there are volumetric adapters.
        distillation: Weight of the attention distillation; 0 is off.
        image_skips: Whether the decoder reads the images themselves.
        multiple: Edge in voxels of 1 mm of which the sides of an input must be multiples.
    """

    modalities: int = 4
    first: int = 2
    patch: int = 2
    max_depth: int = 24
    width: int | None = None
    decoder_width: int = 64
    skip_widths: tuple[int, int] = (32, 64)
    fine_blocks: int = 1
    cross_modality: bool = True
    depth: bool = True
    distillation: float = 0.1
    image_skips: bool = True
    multiple: int = 16


class Adapted3d(nn.Module):
    """See the file's text; the methods are those of `PromptableDecoder3d`.

    Args:
        config: The sizes.
        encoder: The encoder, cut where the adapters begin.
    """

    def __init__(self, config: Adapted3dConfig, encoder: CutEncoder) -> None:
        super().__init__()
        self.config = config
        blocks = encoder.blocks
        channels = [block.channels for block in blocks]
        self.taps, widths = quarters(blocks)
        self.patches = DepthPatches(channels[0], config.patch, config.max_depth)
        self.encoder = AdaptedEncoder(
            blocks,
            before=[VolumetricAdapter(n, config.width or n // 4) for n in channels] if config.depth else None,
            middle=[CrossModalityAdapter(n, config.modalities, config.width) for n in channels]
            if config.cross_modality
            else None,
        )
        self.fusions = nn.ModuleList(GatedFusion(n) for n in widths)
        self.decoder = MultiscaleMaskDecoder(
            MultiscaleDecoderConfig(
                channels_in=tuple(widths),
                width=config.decoder_width,
                skip_widths=config.skip_widths,
                modalities=config.modalities,
                image_skips=config.image_skips,
                point_maps=True,
                fine_blocks=config.fine_blocks,
            )
        )
        self.done = 1.0
        self._distilled: Tensor | None = None

    def encode(self, images: Tensor, present: Tensor, embeddings: Tensor | None = None) -> list[Tensor]:
        """Features of a study, which no prompt changes.

        Args:
            images: (B, M, K, J, I), 1 mm, in [0, 1].
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: Tokens at the cut, (B, M, C, D, h, w).
        """
        assert embeddings is not None
        embedded, tapped = self.encoder(*self.patches.stack(embeddings, present), self.taps)
        grids = [*tapped, embedded]
        distilled = self.training and self.config.distillation > 0
        self._distilled = torch.stack(distillation_losses(grids, present)).sum() if distilled else None
        levels = [fusion(grid, present) for fusion, grid in zip(self.fusions, grids, strict=True)]
        return self.decoder.read(levels, images, present)

    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptVoxels] | None = None) -> Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid, for prompts and the maps drawn from them."""
        return self.decoder.answer(features, prompts, maps)

    def auxiliary_loss(self, regions: Tensor) -> Tensor:
        """The losses of the decoder's levels in the last answer, and the distillation of the last `encode`, which grows
        over the first third of the training.
        """
        loss = self.decoder.auxiliary_loss(regions)
        distilled, self._distilled = self._distilled, None
        if distilled is not None:
            loss = loss + self.config.distillation * min(1.0, 3 * self.done) * distilled
        return loss

    def learning_rate_factors(self) -> Mapping[str, float]:
        """Adapters of what was learned before are changed slowly."""
        return {"encoder": 0.6} if self.config.depth or self.config.cross_modality else {}
