"""The method `gliomasam`: adapters across slices and modalities, and a multi-scale decoder. [ours]

What the published methods do apart, in one network. The tokens of slices are joined to patches with a depth and see
their neighbours through volumetric adapters before each block (as `3dmedsam`); between attention and MLP the modalities
look at each other at each position (as `cmaa`); in training, attention distillation makes the modalities alike in what
they look at, so that any of them may be missing (as `csad`). Features after each quarter of the blocks are fused over
the modalities present and read by the decoder of `multiscale_decoder`, which sees clicks as tokens, and as maps at 2
and 4 mm, and skips from the images.

Trained with LiteMedSAM from stage 2 on: 0.4 M in patches and adapters, 1.4 M in the decoder.
"""

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
    """See the file's text; the methods are those of `registry.VolumeDecoder`.

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
