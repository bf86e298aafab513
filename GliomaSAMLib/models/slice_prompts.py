"""Prompts of a volume as tokens for SAM's mask decoder, slice by slice.

SAM (Kirillov et al., ICCV 2023) embeds a point as the random Fourier features of its position plus a learned vector of
its label, and a box as its two corners. That is taken over, weights included (from the base model's file), as positions
in units of the 64 cells that the base models were trained with.
[ours] A click in a volume is told to the slices round it as well: a vector that depends on the distance of the slice is
added, and one of the region that the click is about; both begin at zero. Slices out of reach are told "not a point".
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..prompts.maps import PromptVoxels
from ..regions import REGIONS

GRID = 64
"""Cells along a side at the size of training of SAM, MedSAM and LiteMedSAM."""

REACH_MM = 24.0
"""Slices further from a point are not told of it."""

MOST_POINTS = 24
"""Points that a slice is told of, the nearest first."""

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
        made_up = torch.randn(2, channels // 2, generator=torch.Generator().manual_seed(0))
        self.register_buffer("positions", head.get(name, made_up).clone(), persistent=False)
        self.labels = nn.Embedding(4, channels)
        self.nothing = nn.Embedding(1, channels)
        self.region = nn.Embedding(len(REGIONS), channels)
        self.distance = nn.Linear(2, channels, bias=False)
        nn.init.zeros_(self.region.weight)
        nn.init.zeros_(self.distance.weight)
        if head:
            rows = [head[f"prompt_encoder.point_embeddings.{n}.weight"][0] for n in range(4)]
            self.labels.weight.data.copy_(torch.stack(rows))
            self.nothing.weight.data.copy_(head["prompt_encoder.not_a_point_embed.weight"])

    def dense(self, shape: tuple[int, int]) -> Tensor:
        """Fourier features (channels, h, w) of the cells of a grid."""
        rows, columns = (torch.arange(n, device=self.positions.device) + 0.5 for n in shape)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return self._features(torch.stack([x, y], dim=-1)).permute(2, 0, 1)

    def forward(
        self, prompts: PromptVoxels, slices: Tensor, cells: tuple[float, float], mm: float, points: bool
    ) -> Tensor:
        """Tokens of one study's prompts.

        Args:
            prompts: In voxels of a grid.
            slices: Position of each slice along K of that grid, (D,).
            cells: Voxels of that grid in a cell of the embedding along J and I.
            mm: Edge of a voxel of that grid.
            points: Whether points are told; boxes are in any case.

        Returns:
            (D, P, channels); P is 1 where there is nothing to tell.
        """
        parts = [self.nothing.weight[None].expand(len(slices), -1, -1)]
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
        places = torch.tensor([tuple(place) for place, _, _ in points], dtype=torch.float32, device=device)
        labels = torch.tensor([_POSITIVE if sign else _NEGATIVE for _, sign, _ in points], device=device)
        regions = torch.tensor([REGIONS.index(region) for _, _, region in points], device=device)
        tokens = self._at(places[:, 1:], cells) + self.labels(labels) + self.region(regions)  # P x C
        offset = (slices[:, None] - places[None, :, 0]) * mm / REACH_MM  # D x P
        return self._told(tokens, offset)

    def _told(self, tokens: Tensor, offset: Tensor) -> Tensor:
        """Tokens (P, C) for each slice, of which they are `offset` (D, P) reaches away."""
        distance = self.distance(torch.stack([offset, offset.abs()], dim=-1))
        told = torch.where((offset.abs() < 1)[..., None], tokens + distance, self.nothing.weight[0])
        if tokens.shape[0] <= MOST_POINTS:
            return told
        nearest = offset.abs().argsort(dim=1)[:, :MOST_POINTS]
        return told.gather(1, nearest[..., None].expand(-1, -1, told.shape[-1]))

    def _box(
        self,
        low: Sequence[float],
        high: Sequence[float],
        region: str,
        slices: Tensor,
        cells: tuple[float, float],
        mm: float,
    ) -> Tensor:
        """Two corners for the slices that the box holds; a box in one slice is told to that slice alone."""
        device = slices.device
        corners = torch.tensor([[*low[1:]], [*high[1:]]], dtype=torch.float32, device=device)
        kind = torch.tensor([_CORNER, _OPPOSITE], device=device)
        which = torch.full((2,), REGIONS.index(region), device=device)
        tokens = self._at(corners, cells) + self.labels(kind) + self.region(which)
        half = (slices[1] - slices[0]) / 2 if len(slices) > 1 else slices.new_tensor(0.5)
        inside = (slices >= low[0] - half) & (slices <= high[0] + half)
        return torch.where(inside[:, None, None], tokens[None], self.nothing.weight[0])

    def _at(self, places: Tensor, cells: tuple[float, float]) -> Tensor:
        """Fourier features (P, C) of voxels (J, I)."""
        j, i = (places[:, n] + 0.5 for n in (0, 1))
        return self._features(torch.stack([i / cells[1], j / cells[0]], dim=-1))

    def _features(self, xy: Tensor) -> Tensor:
        """Fourier features (..., C) of positions (..., 2) in cells."""
        angle = 2 * torch.pi * ((2 * xy / GRID - 1) @ self.positions)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)
