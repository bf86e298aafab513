"""The method `cmaa`: a SAM for several MR modalities by cross-modality attention adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ...errors import ModelError
from ..adapters.cross_modality import CrossModalityAdapter
from ..decoders.sam_mask import StackMaskHead
from ..device import ProgressCallback, no_progress
from ..encoders.adapted import AdaptedEncoder, on_voxels, stack_tokens
from ..encoders.frozen_blocks import SplitEncoder
from ..fusion import GatedFusion, SpatialCorrelatedFusion
from ..prompt_maps import PromptSet
from .base import VolumeDecoder
from .distillation import weighted_distillation


@dataclass(frozen=True)
class CmaaConfig:
    """Sizes of the method.

    Args:
        modalities: Number of modalities that can be told apart.
        first_adapted_block: Where adapters begin: a stage of TinyViT (1 to 3) or a block of a ViT; what comes
            before is computed once.
        width: Channels of the adapters; None for max(32, C / 4).
        fusion: "gated", or "scff" for the correlated fusion of `csad`.
        distillation: Weight of the attention distillation of `csad`; 0 is off.
        train_transformer: Whether the mask decoder's transformer is trained too.
        multiple: Edge in voxels of 1 mm of which the sides of an input must be multiples.
    """

    modalities: int = 4
    first_adapted_block: int = 2
    width: int | None = None
    fusion: Literal["gated", "scff"] = "gated"
    distillation: float = 0.0
    train_transformer: bool = False
    multiple: int = 16


class Cmaa(VolumeDecoder):
    """SAM for several MR modalities by cross-modality attention adapters.

    After Shi et al., "Cross-modality Attention Adapter" (arXiv 2307.01124).
    [paper] An adapter based on multimodal fusion fine-tunes SAM for the segmentation of gliomas on four MR
    modalities.
    [ours] Everything else. One frozen encoder reads all modalities, folded into the batch; before each block of
    TinyViT, and between attention and MLP of each block of a ViT, the tokens of the modalities attend to each other
    at each position. The embeddings are fused by a gated sum, and SAM's own mask decoder segments WT, TC and ET slice
    by slice; clicks and boxes are tokens of the slices near them (`decoders.sam_mask`). Slices lie 4 mm apart;
    between them logits are interpolated.

    The plug-in form of `csad` can be switched on: its attention distillation on the outputs of the blocks, and its
    fusion instead of the gated sum.

    Trained with LiteMedSAM from stage 2 on: 0.25 M in the adapters, 0.52 M in the mask decoder without its
    transformer (3.3 M), which stays frozen unless asked for.

    Args:
        config: The sizes.
        encoder: The encoder, split where the adapters begin.

    Raises:
        ModelError: There is no such fusion.
    """

    def __init__(self, config: CmaaConfig, encoder: SplitEncoder) -> None:
        super().__init__()
        if config.fusion not in ("gated", "scff"):
            raise ModelError(f"there is no fusion {config.fusion!r}: choose gated or scff")
        self.config = config
        blocks = encoder.trunk
        adapters = [CrossModalityAdapter(b.channels, config.modalities, config.width) for b in blocks]
        self.encoder = AdaptedEncoder(blocks, **{blocks.cross_modality_place: adapters})
        self.gated = GatedFusion(blocks.channels) if config.fusion == "gated" else None
        self.correlated = None
        if config.fusion == "scff":
            self.correlated = SpatialCorrelatedFusion(channels=blocks.channels, modalities=config.modalities)
        self.head = StackMaskHead(
            stride=blocks.stride,
            head=encoder.head,
            points=True,
            dense_prompts=True,
            train_transformer=config.train_transformer,
        )

    def encode(
        self,
        images: Tensor,
        present: Tensor,
        embeddings: Tensor | None = None,
        progress_callback: ProgressCallback = no_progress,
    ) -> list[Tensor]:
        """The fused embedding (B, 256, D, h, w) of a study, which no prompt changes.

        Args:
            images: Not used.
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: Tokens at the split, (B, M, C, D, h, w).
            progress_callback: See `VolumeDecoder.encode`.
        """
        assert embeddings is not None
        volumes, _ = self.encoder(*stack_tokens(embeddings, present), progress_callback=progress_callback)
        return [self._fused(volumes, present)]

    def encode_for_training(
        self, images: Tensor, present: Tensor, embeddings: Tensor | None = None, training_progress: float = 1.0
    ) -> tuple[list[Tensor], Tensor]:
        """`encode`, and the weighted attention distillation of the outputs of all blocks."""
        assert embeddings is not None
        layers = range(len(self.encoder.blocks)) if self.config.distillation > 0 else ()
        volumes, outputs = self.encoder(*stack_tokens(embeddings, present), layers)
        loss = weighted_distillation(outputs, present, self.config.distillation, training_progress)
        return [self._fused(volumes, present)], loss

    def _fused(self, volumes: Tensor, present: Tensor) -> Tensor:
        """The modalities (B, M, C, D, h, w) as one (B, C, D, h, w)."""
        return self.gated(volumes, present) if self.gated is not None else self._correlate(volumes, present)

    def _correlate(self, volumes: Tensor, present: Tensor) -> Tensor:
        """SCFF of (B, M, C, D, h, w), slice by slice."""
        assert self.correlated is not None
        depth = volumes.shape[3]
        slices = volumes.permute(0, 3, 1, 2, 4, 5).flatten(0, 1)
        fused = self.correlated(slices, present.repeat_interleave(depth, dim=0))
        return fused.unflatten(0, (-1, depth)).transpose(1, 2)

    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None = None) -> Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid, for prompts and the maps drawn from them."""
        return on_voxels(self.head(features[0], maps, prompts), maps)

    def learning_rate_factors(self) -> Mapping[str, float]:
        """What was learned before is changed slowly."""
        return {"encoder": 0.6, "head": 0.15}

    def enable_checkpointing(self) -> bool:
        """Recompute the activations of the adapted encoder."""
        return self.encoder.enable_checkpointing()
