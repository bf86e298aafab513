"""SAM's mask decoder for stacks of slices: WT, TC and ET of every slice from fused embeddings and prompts.

SAM (Kirillov et al., ICCV 2023), with the weights of the base model's file: two-way transformer between tokens and
cells, upscaling, one small network a mask token. [ours] SAM's three mask tokens for "several masks" become the three
regions; its token for one mask and its estimate of quality are left out. What a user has drawn, boxed, or what the
model itself proposes enters as SAM's dense prompt, by a convolution that begins at zero. The transformer (3.3 M
parameters) can stay frozen, which keeps weights files small and a short training from forgetting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from segment_anything.modeling.mask_decoder import MLP
from segment_anything.modeling.transformer import TwoWayTransformer
from torch import Tensor, nn

from ..errors import WeightsError
from ..prompts.maps import CHANNELS, POINT_CHANNELS, PromptVoxels
from ..regions import REGIONS
from .slice_prompts import SlicePrompts
from .upsampling import Upsampling

CELL_MM = 2.0
"""Edge of the voxels of prompt maps."""


class StackMaskHead(nn.Module):
    """See the file's text.

    Args:
        stride: Pixels of a cell of the embedding, a power of 2: the masks are as fine as the pixels.
        head: Tensors of the base model's prompt encoder and mask decoder; empty for random ones.
        points: Whether clicks are told to the decoder.
        drawn: Whether drawn masks, boxes and the proposal are told as a dense prompt.
        train_transformer: Whether the transformer is trained.
        channels: Channels of the embedding.

    Raises:
        WeightsError: The tensors are not those of SAM's mask decoder.
    """

    def __init__(
        self,
        *,
        stride: int,
        head: Mapping[str, Tensor],
        points: bool,
        drawn: bool,
        train_transformer: bool,
        channels: int = 256,
    ) -> None:
        super().__init__()
        self.points = points
        try:
            self.prompts = SlicePrompts(channels, head)
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"the base model's file holds no prompt encoder of SAM: {error}") from error
        self.transformer: Any = TwoWayTransformer(depth=2, embedding_dim=channels, mlp_dim=2048, num_heads=8)
        self.regions = nn.Embedding(len(REGIONS), channels)
        self.upsampling = Upsampling(channels, doublings=stride.bit_length() - 1)
        self.hyper = nn.ModuleList(MLP(channels, channels, self.upsampling.channels_out, 3) for _ in REGIONS)
        self.no_drawing = nn.Parameter(torch.zeros(channels))
        self.drawing = nn.Conv2d(CHANNELS - POINT_CHANNELS, channels, 3, padding=1) if drawn else None
        if self.drawing is not None:
            nn.init.zeros_(self.drawing.weight)
            nn.init.zeros_(self.drawing.bias)  # type: ignore[arg-type]
        if head:
            self._load(head)
        self.transformer.requires_grad_(train_transformer)

    def _load(self, head: Mapping[str, Tensor]) -> None:
        """Take over what the base model has learned."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): t for name, t in head.items() if name.startswith(prefix)}

        try:
            self.transformer.load_state_dict(part("mask_decoder.transformer."))
            self.regions.weight.data.copy_(head["mask_decoder.mask_tokens.weight"][1:])
            self.no_drawing.data.copy_(head["prompt_encoder.no_mask_embed.weight"][0])
            if len(self.upsampling) == 5:
                self.upsampling.load_state_dict(part("mask_decoder.output_upscaling."))
                for n, network in enumerate(self.hyper, start=1):
                    network.load_state_dict(part(f"mask_decoder.output_hypernetworks_mlps.{n}."))
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"the base model's file holds no mask decoder of SAM: {error}") from error

    def forward(self, embedding: Tensor, maps: Tensor, prompts: Sequence[PromptVoxels] | None) -> Tensor:
        """Logits (B, 3, D, H, W) at the pixels of the slices.

        Args:
            embedding: Fused (B, C, D, h, w).
            maps: Prompt maps (B, CHANNELS, K, J, I) over the same box.
            prompts: What the maps were drawn from, a study each.
        """
        given = prompts if prompts is not None else [PromptVoxels()] * len(embedding)
        return torch.stack([self._study(e, m, p) for e, m, p in zip(embedding, maps, given, strict=True)])

    def _study(self, embedding: Tensor, maps: Tensor, prompts: PromptVoxels) -> Tensor:
        slices = embedding.transpose(0, 1)  # D x C x h x w
        depth, channels, rows, columns = slices.shape
        where = (torch.arange(depth, device=maps.device) + 0.5) * maps.shape[1] / depth - 0.5
        cells = (maps.shape[2] / rows, maps.shape[3] / columns)
        tokens = self.prompts(prompts, where, cells, CELL_MM, self.points)
        tokens = torch.cat([self.regions.weight.expand(depth, -1, -1), tokens], dim=1)
        source = slices + self._drawn(maps, (depth, rows, columns)).to(slices.dtype)
        position = self.prompts.dense((rows, columns)).expand(depth, -1, -1, -1)
        found, source = self.transformer(source, position, tokens)
        fine = self.upsampling(source.transpose(1, 2).reshape(depth, channels, rows, columns))
        weights = torch.stack([network(found[:, n]) for n, network in enumerate(self.hyper)], dim=1)
        return torch.einsum("drc,dchw->rdhw", weights, fine)

    def _drawn(self, maps: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """The dense prompt (D, C, h, w)."""
        nothing = self.no_drawing[None, :, None, None]
        if self.drawing is None:
            return nothing
        coarse = F.interpolate(maps[None, POINT_CHANNELS:], size=shape, mode="trilinear", align_corners=False)[0]
        return nothing + self.drawing(coarse.transpose(0, 1))
