"""The method `ma_sam`: SAM's encoder tuned by FacT and depth adapters, with a decoder as fine as the pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..adapters.depth import DepthAdapter
from ..adapters.fact import FactorisedQKV, QKVSlots, SharedFactors
from ..decoders.sam_mask import StackMaskHead
from ..device import ProgressCallback, no_progress
from ..encoders.adapted import AdaptedEncoder, on_voxels, stack_tokens
from ..encoders.frozen_blocks import FrozenBlocks, SplitEncoder
from ..encoders.tiny_vit import TinyViTBlock
from ..fusion import GatedFusion
from ..prompt_maps import PromptSet
from .base import VolumeDecoder


@dataclass(frozen=True)
class MaSamConfig:
    """Sizes of the method.

    Args:
        modalities: Number of modalities.
        first_adapted_block: Where adapters begin: a stage of TinyViT (1 to 3) or a block of a ViT; what comes
            before is computed once.
        width: Channels of the depth adapters; None for C / 4. MA-SAM has 384.
        rank: Rank of FacT.
        dropout: Dropout inside FacT.
        train_transformer: Whether the mask decoder's transformer is trained too, as in MA-SAM.
        multiple: Edge in voxels of 1 mm of which the sides of an input must be multiples.
    """

    modalities: int = 4
    first_adapted_block: int = 2
    width: int | None = None
    rank: int = 32
    dropout: float = 0.1
    train_transformer: bool = False
    multiple: int = 16


class MaSam(VolumeDecoder):
    """SAM's encoder tuned by FacT and depth adapters, and a mask decoder as fine as the pixels.

    After MA-SAM (Chen et al., arXiv 2309.08842; code Apache-2.0).
    [code] In each block, queries and values are corrected by FacT, and two depth adapters exchange information
    between neighbouring slices: one before the attention, one between attention and MLP. The mask
    decoder upsamples to full resolution and needs no prompt; in its prompted mode it takes a box a slice.
    [ours] Zero-initialised adapters of width C / 4 instead of 384; the modalities, which MA-SAM does not know, go
    through the encoder one by one and are fused by a gated sum; WT, TC and ET are nested regions of their own
    instead of classes that exclude each other; the whole stack runs at once instead of windows of five slices, as
    the receptive field of each adapter is one neighbour on each side; slices lie 4 mm apart, and logits are
    interpolated between them.

    Trained with LiteMedSAM from stage 2 on: 0.05 M in FacT, 0.43 M in the adapters, 0.29 M in the mask decoder
    without its transformer (3.3 M), which stays frozen unless asked for.

    Args:
        config: The sizes.
        encoder: The encoder, split where the adapters begin.
    """

    def __init__(self, config: MaSamConfig, encoder: SplitEncoder) -> None:
        super().__init__()
        self.config = config
        blocks = encoder.trunk
        self.factors = factorise(blocks, config.rank, config.dropout)
        self.encoder = AdaptedEncoder(
            blocks,
            pre_adapters=[DepthAdapter(block.channels, config.width) for block in blocks],
            mid_adapters=[DepthAdapter(block.channels, config.width) for block in blocks],
        )
        self.fusion = GatedFusion(blocks.channels)
        self.head = StackMaskHead(
            stride=blocks.stride,
            head=encoder.head,
            points=False,
            dense_prompts=False,
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
        tokens, context = stack_tokens(embeddings, present)
        volumes, _ = self.encoder(tokens, context, progress_callback=progress_callback)
        return [self.fusion(volumes, present)]

    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptSet] | None = None) -> Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid; of the prompts only boxes are read."""
        return on_voxels(self.head(features[0], maps, prompts), maps)

    def learning_rate_factors(self) -> Mapping[str, float]:
        """What was learned before is changed slowly."""
        return {"encoder": 0.6, "head": 0.15}

    def enable_checkpointing(self) -> bool:
        """Recompute the activations of the adapted encoder."""
        return self.encoder.enable_checkpointing()


def factorise(blocks: FrozenBlocks, rank: int, dropout: float) -> nn.ModuleDict:
    """Put FacT into the attention of each block, and return the shared factors by their channels, for the network."""
    shared = nn.ModuleDict()
    for block in blocks:
        attention = block.attention
        slots = QKVSlots.of_tiny_vit(attention) if isinstance(block, TinyViTBlock) else QKVSlots.of_vit(attention)
        key = str(block.channels)
        if key not in shared:
            shared[key] = SharedFactors(block.channels, slots.heads * slots.key, rank)
        attention.qkv = FactorisedQKV(attention.qkv, shared[key], slots, dropout)  # type: ignore[arg-type]
    return shared
