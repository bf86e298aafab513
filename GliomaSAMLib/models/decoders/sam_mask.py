"""SAM's mask decoder for stacks of slices, with the prompts of a volume as its tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import WeightsError
from ...regions import REGIONS
from ..blocks import Upsampling
from ..device import to_device
from ..prompt_maps import CHANNELS, POINT_CHANNELS, PromptSet

GRID = 64
"""Cells along a side at the size of training of SAM, MedSAM and LiteMedSAM."""

REACH_MM = 24.0
"""Distance in mm along the axis within which a point becomes a token of a slice."""

MAX_POINTS = 24
"""Largest number of point tokens of a slice; the nearest points are taken."""

_NEGATIVE, _POSITIVE, _CORNER, _OPPOSITE = range(4)


class SlicePrompts(nn.Module):
    """Tokens (D, P, channels) of a study's prompts for D slices.

    Args:
        channels: Channels of a token.
        head: Tensors of the base model's prompt encoder, names as in segment-anything; empty for made-up ones.
    """

    positions: Tensor

    def __init__(self, channels: int, head: Mapping[str, Tensor]) -> None:
        super().__init__()
        name = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
        random = torch.randn(2, channels // 2, generator=torch.Generator().manual_seed(0))
        self.register_buffer("positions", head.get(name, random).clone(), persistent=False)
        self.point_embeddings = nn.Embedding(4, channels)
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.region_embed = nn.Embedding(len(REGIONS), channels)
        self.distance_proj = nn.Linear(2, channels, bias=False)
        nn.init.zeros_(self.region_embed.weight)
        nn.init.zeros_(self.distance_proj.weight)
        if head:
            rows = [head[f"prompt_encoder.point_embeddings.{n}.weight"][0] for n in range(4)]
            self.point_embeddings.weight.data.copy_(torch.stack(rows))
            self.not_a_point_embed.weight.data.copy_(head["prompt_encoder.not_a_point_embed.weight"])

    def dense(self, shape: tuple[int, int]) -> Tensor:
        """Fourier features (channels, h, w) of the cells of a grid."""
        rows, columns = (torch.arange(n, device=self.positions.device) + 0.5 for n in shape)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return self._features(torch.stack([x, y], dim=-1)).permute(2, 0, 1)

    def forward(
        self, prompts: PromptSet, slices: Tensor, cells: tuple[float, float], mm: float, points: bool
    ) -> Tensor:
        """Tokens of one study's prompts.

        Args:
            prompts: In voxels of a grid.
            slices: Position of each slice along K of that grid, (D,).
            cells: Voxels of that grid in a cell of the embedding along J and I.
            mm: Edge of a voxel of that grid.
            points: Whether points become tokens; boxes always do.

        Returns:
            (D, P, channels); P is 1 where there are no prompts.
        """
        parts = [self.not_a_point_embed.weight[None].expand(len(slices), -1, -1)]
        if points and prompts.points:
            parts.append(self._points(prompts.points, slices, cells, mm))
        for low, high, region in prompts.boxes:
            parts.append(self._box(low, high, region, slices, cells, mm))
        return torch.cat(parts, dim=1)

    def _points(
        self,
        points: Sequence[tuple[Sequence[float], bool, str]],
        slices: Tensor,
        cells: tuple[float, float],
        mm: float,
    ) -> Tensor:
        device = slices.device
        places = to_device(np.array([tuple(place) for place, _, _ in points], np.float32), device)
        labels = to_device(np.array([_POSITIVE if sign else _NEGATIVE for _, sign, _ in points]), device)
        regions = to_device(np.array([REGIONS.index(region) for _, _, region in points]), device)
        tokens = self._at(places[:, 1:], cells) + self.point_embeddings(labels) + self.region_embed(regions)  # P x C
        offset = (slices[:, None] - places[None, :, 0]) * mm / REACH_MM  # D x P
        return self._within_reach(tokens, offset)

    def _within_reach(self, tokens: Tensor, offset: Tensor) -> Tensor:
        """Tokens (P, C) for each slice, of which they are `offset` (D, P) reaches away."""
        distance = self.distance_proj(torch.stack([offset, offset.abs()], dim=-1))
        near = torch.where((offset.abs() < 1)[..., None], tokens + distance, self.not_a_point_embed.weight[0])
        if tokens.shape[0] <= MAX_POINTS:
            return near
        nearest = offset.abs().argsort(dim=1)[:, :MAX_POINTS]
        return near.gather(1, nearest[..., None].expand(-1, -1, near.shape[-1]))

    def _box(
        self,
        low: Sequence[float],
        high: Sequence[float],
        region: str,
        slices: Tensor,
        cells: tuple[float, float],
        mm: float,
    ) -> Tensor:
        """Two corners for the slices that the box holds; a box in one slice is a token of that slice alone."""
        device = slices.device
        corners = to_device(np.array([[*low[1:]], [*high[1:]]], np.float32), device)
        kind = to_device(np.array([_CORNER, _OPPOSITE]), device)
        which = torch.full((2,), REGIONS.index(region), device=device)
        tokens = self._at(corners, cells) + self.point_embeddings(kind) + self.region_embed(which)
        half = (slices[1] - slices[0]) / 2 if len(slices) > 1 else slices.new_tensor(0.5)
        inside = (slices >= low[0] - half) & (slices <= high[0] + half)
        return torch.where(inside[:, None, None], tokens[None], self.not_a_point_embed.weight[0])

    def _at(self, places: Tensor, cells: tuple[float, float]) -> Tensor:
        """Fourier features (P, C) of voxels (J, I)."""
        j, i = (places[:, n] + 0.5 for n in (0, 1))
        return self._features(torch.stack([i / cells[1], j / cells[0]], dim=-1))

    def _features(self, xy: Tensor) -> Tensor:
        """Fourier features (..., C) of positions (..., 2) in cells."""
        angle = 2 * torch.pi * ((2 * xy / GRID - 1) @ self.positions)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


CELL_MM = 2.0
"""Edge of the voxels of prompt maps."""


class StackMaskHead(nn.Module):
    """SAM's mask decoder for stacks of slices: WT, TC and ET of every slice from fused embeddings and prompts.

    SAM (Kirillov et al., ICCV 2023), with the weights of the base model's file: two-way transformer between tokens and
    cells, upscaling, one small network a mask token. [ours] SAM's three mask tokens for "several masks" become the
    three regions; its token for one mask and its estimate of quality are left out. Drawn masks, boxes and the
    previous prediction enter as SAM's dense prompt, through a convolution initialised to zero. The transformer
    (3.3 M parameters) can stay frozen, which keeps weights files small and a short training from forgetting.

    Args:
        stride: Pixels of a cell of the embedding, a power of 2: the masks are as fine as the pixels.
        head: Tensors of the base model's prompt encoder and mask decoder; empty for random ones.
        points: Whether clicks enter as tokens.
        dense_prompts: Whether drawn masks, boxes and the previous prediction enter as a dense prompt.
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
        dense_prompts: bool,
        train_transformer: bool,
        channels: int = 256,
    ) -> None:
        from segment_anything.modeling.mask_decoder import MLP  # takes seconds, which other decoders need not wait for
        from segment_anything.modeling.transformer import TwoWayTransformer

        super().__init__()
        self.points = points
        try:
            self.prompts = SlicePrompts(channels, head)
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"the base model's file holds no prompt encoder of SAM: {error}") from error
        self.transformer: Any = TwoWayTransformer(depth=2, embedding_dim=channels, mlp_dim=2048, num_heads=8)
        self.mask_tokens = nn.Embedding(len(REGIONS), channels)
        self.upsampling = Upsampling(channels, doublings=stride.bit_length() - 1)
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(channels, channels, self.upsampling.channels_out, 3) for _ in REGIONS
        )
        self.no_mask_embed = nn.Parameter(torch.zeros(channels))
        self.dense_prompt_conv = nn.Conv2d(CHANNELS - POINT_CHANNELS, channels, 3, padding=1) if dense_prompts else None
        if self.dense_prompt_conv is not None:
            nn.init.zeros_(self.dense_prompt_conv.weight)
            nn.init.zeros_(self.dense_prompt_conv.bias)  # type: ignore[arg-type]
        if head:
            self._load(head)
        self.transformer.requires_grad_(train_transformer)

    def _load(self, head: Mapping[str, Tensor]) -> None:
        """Load the weights of the base model."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): t for name, t in head.items() if name.startswith(prefix)}

        try:
            self.transformer.load_state_dict(part("mask_decoder.transformer."))
            self.mask_tokens.weight.data.copy_(head["mask_decoder.mask_tokens.weight"][1:])
            self.no_mask_embed.data.copy_(head["prompt_encoder.no_mask_embed.weight"][0])
            if len(self.upsampling) == 5:
                self.upsampling.load_state_dict(part("mask_decoder.output_upscaling."))
                for n, network in enumerate(self.output_hypernetworks_mlps, start=1):
                    network.load_state_dict(part(f"mask_decoder.output_hypernetworks_mlps.{n}."))
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"the base model's file holds no mask decoder of SAM: {error}") from error

    def forward(self, embedding: Tensor, maps: Tensor, prompts: Sequence[PromptSet] | None) -> Tensor:
        """Logits (B, 3, D, H, W) at the pixels of the slices.

        Args:
            embedding: Fused (B, C, D, h, w).
            maps: Prompt maps (B, CHANNELS, K, J, I) over the same box.
            prompts: What the maps were drawn from, a study each.
        """
        given = prompts if prompts is not None else [PromptSet()] * len(embedding)
        return torch.stack([self._study(e, m, p) for e, m, p in zip(embedding, maps, given, strict=True)])

    def _study(self, embedding: Tensor, maps: Tensor, prompts: PromptSet) -> Tensor:
        slices = embedding.transpose(0, 1)  # D x C x h x w
        depth, channels, rows, columns = slices.shape
        where = (torch.arange(depth, device=maps.device) + 0.5) * maps.shape[1] / depth - 0.5
        cells = (maps.shape[2] / rows, maps.shape[3] / columns)
        tokens = self.prompts(prompts, where, cells, CELL_MM, self.points)
        tokens = torch.cat([self.mask_tokens.weight.expand(depth, -1, -1), tokens], dim=1)  # D x (3 + P) x C
        source = slices + self._dense_prompt(maps, (depth, rows, columns)).to(slices.dtype)
        position = self.prompts.dense((rows, columns)).expand(depth, -1, -1, -1)  # D x C x h x w
        found, source = self.transformer(source, position, tokens)  # D x (3 + P) x C, D x hw x C
        fine = self.upsampling(source.transpose(1, 2).reshape(depth, channels, rows, columns))
        weights = torch.stack([network(found[:, n]) for n, network in enumerate(self.output_hypernetworks_mlps)], dim=1)
        return torch.einsum("drc,dchw->rdhw", weights, fine)  # 3 x D x H x W

    def _dense_prompt(self, maps: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """The dense prompt (D, C, h, w)."""
        nothing = self.no_mask_embed[None, :, None, None]
        if self.dense_prompt_conv is None:
            return nothing
        coarse = F.interpolate(maps[None, POINT_CHANNELS:], size=shape, mode="trilinear", align_corners=False)[0]
        return nothing + self.dense_prompt_conv(coarse.transpose(0, 1))
