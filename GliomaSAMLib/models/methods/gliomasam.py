"""The method `gliomasam`: adapters across slices and modalities, and a multi-scale decoder. [ours]"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ..adapters.cross_modality import CrossModalityAdapter
from ..decoders.multiscale import MultiscaleDecoderConfig
from ..encoders.adapted import AdaptedEncoder
from ..encoders.frozen_blocks import FrozenBlocks
from .distillation import weighted_distillation
from .medsam3d import MedSam3d, MedSam3dConfig, volumetric_adapters


@dataclass(frozen=True)
class GliomaSamConfig(MedSam3dConfig):
    """Sizes of the method, besides those of `3dmedsam`, and which of its parts are there.

    Args:
        skip_widths: Channels of the decoder at 2 and 4 mm.
        fine_blocks: Residual blocks of the decoder at 2 mm.
        cross_modality: Whether there are adapters across modalities.
        depth: Whether there are volumetric adapters.
        distillation: Weight of the attention distillation; 0 is off.
        image_skips: Whether the decoder reads the images themselves.
    """

    skip_widths: tuple[int, int] = (32, 64)
    fine_blocks: int = 1
    cross_modality: bool = True
    depth: bool = True
    distillation: float = 0.1
    image_skips: bool = True


class GliomaSam(MedSam3d):
    """Adapters across slices and modalities in the encoder, and a multi-scale 3D mask decoder. [ours]

    Combines three published ideas in one network. Tokens of neighbouring slices are joined to 3D patches, which
    exchange information through volumetric adapters before each block (as in `3dmedsam`). Between attention and MLP
    the modalities attend to each other at each position (as in `cmaa`). In training, attention distillation makes
    the attention maps of the modalities similar, so that any of them may be missing (as in `csad`). Features after
    each quarter of the blocks are fused over the modalities present. The decoder (`decoders.multiscale`) reads them,
    the clicks as tokens and as maps at 2 and 4 mm, and skip connections from the images.

    Trained with LiteMedSAM from stage 2 on: 0.4 M in patches and adapters, 1.4 M in the decoder.

    Args:
        config: The sizes.
        encoder: The encoder, split where the adapters begin.
    """

    config: GliomaSamConfig

    def _adapted(self, blocks: FrozenBlocks, channels: Sequence[int]) -> AdaptedEncoder:
        config = self.config
        across = [CrossModalityAdapter(n, config.modalities, config.width) for n in channels]
        return AdaptedEncoder(
            blocks,
            pre_adapters=volumetric_adapters(channels, config.width) if config.depth else None,
            mid_adapters=across if config.cross_modality else None,
        )

    def _decoder_config(self, widths: tuple[int, ...]) -> MultiscaleDecoderConfig:
        return replace(
            super()._decoder_config(widths),
            image_skips=self.config.image_skips,
            point_maps=True,
            fine_blocks=self.config.fine_blocks,
        )

    def encode_for_training(
        self, images: Tensor, present: Tensor, embeddings: Tensor | None = None, training_progress: float = 1.0
    ) -> tuple[list[Tensor], Tensor]:
        """`encode`, and the weighted attention distillation of the features that the decoder reads."""
        assert embeddings is not None
        grids = self._grids(embeddings, present)
        loss = weighted_distillation(grids, present, self.config.distillation, training_progress)
        return self._features(grids, images, present), loss

    def learning_rate_factors(self) -> Mapping[str, float]:
        """Adapters of what was learned before are changed slowly."""
        return {"encoder": 0.6} if self.config.depth or self.config.cross_modality else {}
