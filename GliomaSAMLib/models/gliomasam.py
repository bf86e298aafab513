"""The method `gliomasam`: two readers of one encoder, whose answers are averaged. [ours]

The front of the encoder is computed once for each slice and kept. Behind it two networks look at the same study in
different ways: `decoder3d` reads the frozen embeddings with a deep 3D network, `adapted3d` adapts the encoder's last
blocks across slices and modalities and reads them with a shallow one. They err differently, so their logits are
averaged; the README tells what the mean and each alone reach. The frozen embeddings are computed for every second slice
and interpolated between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..prompts.maps import PromptVoxels
from .adapted3d import Adapted3d, Adapted3dConfig
from .adapted_encoder import unadapted
from .cut_encoder import CutEncoder
from .decoder3d import DecoderConfig, PromptableDecoder3d

EVERY = 2
"""Slices from one with frozen embeddings to the next."""


@dataclass(frozen=True)
class GliomaSamConfig:
    """Sizes of the two readers.

    Args:
        frozen: The reader of frozen embeddings.
        adapted: The reader with adapters.
    """

    frozen: DecoderConfig = field(default_factory=DecoderConfig)
    adapted: Adapted3dConfig = field(default_factory=Adapted3dConfig)

    @property
    def first(self) -> int:
        """Where the encoder is cut."""
        return self.adapted.first

    @property
    def multiple(self) -> int:
        """Edge in voxels of 1 mm of which the sides of an input must be multiples."""
        return max(self.frozen.multiple, self.adapted.multiple)


class GliomaSam(nn.Module):
    """See the file's text; the methods are those of `PromptableDecoder3d`.

    Args:
        config: The sizes.
        encoder: The encoder, cut where the adapters begin.
    """

    def __init__(self, config: GliomaSamConfig, encoder: CutEncoder) -> None:
        super().__init__()
        self.config = config
        self.frozen = PromptableDecoder3d(config.frozen)
        self.adapted = Adapted3d(config.adapted, encoder)
        self.done = 1.0

    def encode(self, images: Tensor, present: Tensor, embeddings: Tensor | None = None) -> list[Tensor]:
        """Features of a study, which no prompt changes: those of one reader, then those of the other.

        Args:
            images: (B, M, K, J, I), 1 mm, in [0, 1].
            present: (B, M) bool. The content of an absent modality is ignored.
            embeddings: Tokens at the cut, (B, M, C, D, h, w).
        """
        assert embeddings is not None
        frozen = self.frozen.encode(images, present, self._embed(embeddings, present))
        return [*frozen, *self.adapted.encode(images, present, embeddings)]

    @torch.no_grad()
    def _embed(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Frozen embeddings (B, M, 256, D, h, w) of the tokens at the cut; what lies between slices is interpolated."""
        depth = tokens.shape[3]
        some = unadapted(self.adapted.encoder.blocks, tokens[:, :, :, ::EVERY], present)
        place = torch.arange(depth, device=tokens.device) / EVERY
        below = place.long()
        above = (below + 1).clamp(max=some.shape[3] - 1)
        share = (place - below).to(some.dtype)[:, None, None]
        return torch.lerp(some[:, :, :, below], some[:, :, :, above], share)

    def decode(self, features: list[Tensor], maps: Tensor, prompts: Sequence[PromptVoxels] | None = None) -> Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid, for prompts and the maps drawn from them."""
        levels = len(self.config.frozen.widths)
        one = self.frozen.decode(features[:levels], maps, prompts)
        other = self.adapted.decode(features[levels:], maps, prompts)
        return one.float().lerp_(other.float(), 0.5)

    def auxiliary_loss(self, regions: Tensor) -> Tensor:
        """The losses of the reader with adapters."""
        self.adapted.done = self.done
        return self.adapted.auxiliary_loss(regions)

    def learning_rate_factors(self) -> Mapping[str, float]:
        """Adapters of what was learned before are changed slowly."""
        return {f"adapted.{name}": factor for name, factor in self.adapted.learning_rate_factors().items()}
