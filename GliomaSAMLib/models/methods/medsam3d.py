"""The method `3dmedsam`: SAM's encoder as a 3D one, with a multi-scale 3D mask decoder."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..adapters.depth import DepthPatches, VolumetricAdapter
from ..decoders.multiscale import MultiscaleDecoderConfig, MultiscaleMaskDecoder
from ..device import ProgressCallback, no_progress
from ..encoders.adapted import AdaptedEncoder
from ..encoders.frozen_blocks import FrozenBlocks, SplitEncoder
from ..fusion import GatedFusion
from ..prompt_maps import PromptSet
from .base import VolumeDecoder

LEVELS = 4


@dataclass(frozen=True)
class MedSam3dConfig:
    """Sizes of the method.

    Args:
        modalities: Number of modalities.
        first_adapted_block: Where adapters begin: a stage of TinyViT (1 to 3) or a block of a ViT; what comes
            before is computed once.
        patch: Slices that make a patch.
        max_depth: Learned positions along the depth.
        width: Channels of the adapters; None for C / 4.
        decoder_width: Channels of the decoder on the coarse grid.
        skip_widths: Channels of the decoder at 2 and 4 mm.
        multiple: Edge in voxels of 1 mm of which the sides of an input must be multiples.
    """

    modalities: int = 4
    first_adapted_block: int = 2
    patch: int = 2
    max_depth: int = 24
    width: int | None = None
    decoder_width: int = 64
    skip_widths: tuple[int, int] = (24, 48)
    multiple: int = 16


class MedSam3d(VolumeDecoder):
    """SAM's encoder as a 3D encoder, with a multi-scale 3D mask decoder.

    After Lin et al., Biocybernetics and Biomedical Engineering 45(1), 2025.
    [paper] A module takes the place of SAM's patch embedding to enter 3D; 3D adapters, while most weights stay
    frozen; a multi-scale 3D mask decoder; single targets and several organs.
    [ours] With a related public design's layout as orientation: patches of `p_z` slices (`adapters.depth`), a 3D
    adapter before each block, features after each quarter of the blocks, fused over the modalities by a gated sum at
    each level, and the decoder of `decoders.multiscale` with positive and negative points. The
    patches are joined at the split, behind the frozen stem of the encoder. Slices lie 4 mm apart and two make a patch,
    so that tokens have the 8 mm in depth of that design.

    Trained with LiteMedSAM from stage 2 on: 0.2 M in patches and adapters, 1.0 M in the decoder.

    Args:
        config: The sizes.
        encoder: The encoder, split where the adapters begin.
    """

    def __init__(self, config: MedSam3dConfig, encoder: SplitEncoder) -> None:
        super().__init__()
        self.config = config
        blocks = encoder.trunk
        channels = [block.channels for block in blocks]
        self.return_layers = sorted({max(0, (n + 1) * len(blocks) // LEVELS - 1) for n in range(LEVELS - 1)})
        widths = [channels[n + 1] for n in self.return_layers] + [blocks.channels]
        self.patches = DepthPatches(channels[0], config.patch, config.max_depth)
        self.encoder = self._adapted(blocks, channels)
        self.fusions = nn.ModuleList(GatedFusion(n) for n in widths)
        self.decoder = MultiscaleMaskDecoder(self._decoder_config(tuple(widths)))

    def _adapted(self, blocks: FrozenBlocks, channels: Sequence[int]) -> AdaptedEncoder:
        """The blocks, whose tokens have so many `channels`, with their adapters."""
        return AdaptedEncoder(blocks, pre_adapters=volumetric_adapters(channels, self.config.width))

    def _decoder_config(self, widths: tuple[int, ...]) -> MultiscaleDecoderConfig:
        """Sizes of the decoder of levels with so many channels."""
        return MultiscaleDecoderConfig(
            channels_in=widths,
            width=self.config.decoder_width,
            skip_widths=self.config.skip_widths,
            modalities=self.config.modalities,
            auxiliary_weights=MultiscaleDecoderConfig.auxiliary_weights[: len(widths)],
        )

    def encode(
        self,
        images: Tensor,
        present: Tensor,
        embeddings: Tensor | None = None,
        progress_callback: ProgressCallback = no_progress,
    ) -> list[Tensor]:
        """Features of a study, which no prompt changes.

        Args:
            images: (B, M, K, J, I), 1 mm, in [0, 1].
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: Tokens at the split, (B, M, C, D, h, w).
            progress_callback: See `VolumeDecoder.encode`.
        """
        assert embeddings is not None
        return self._features(self._grids(embeddings, present, progress_callback), images, present)

    def _grids(
        self, embeddings: Tensor, present: Tensor, progress_callback: ProgressCallback = no_progress
    ) -> list[Tensor]:
        """Features of each modality after each quarter of the blocks, (B, M, C, D, h, w) each; the embedding last."""
        embedded, returned = self.encoder(
            *self.patches.stack(embeddings, present), self.return_layers, progress_callback
        )
        return [*returned, embedded]

    def _features(self, grids: list[Tensor], images: Tensor, present: Tensor) -> list[Tensor]:
        """What the decoder makes of the grids, fused over the modalities, and of the images."""
        levels = [fusion(grid, present) for fusion, grid in zip(self.fusions, grids, strict=True)]
        return self.decoder.encode(levels, images, present)

    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None = None) -> Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid, for prompts and the maps drawn from them."""
        return self.decoder.decode(features, prompts, maps)

    def decode_for_training(
        self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None, regions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """`decode`, and the losses of the auxiliary logits of the decoder's levels."""
        logits, aux_logits = self.decoder.decode_with_auxiliary(features, prompts, maps)
        return logits, self.decoder.auxiliary_loss(aux_logits, regions)

    def enable_checkpointing(self) -> bool:
        """Recompute the activations of the adapted encoder."""
        return self.encoder.enable_checkpointing()


def volumetric_adapters(channels: Sequence[int], width: int | None) -> list[VolumetricAdapter]:
    """An adapter for tokens of each of these `channels`, of so many channels itself; None for C / 4."""
    return [VolumetricAdapter(n, width or n // 4) for n in channels]
