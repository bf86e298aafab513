"""Points and corners of boxes as labelled tokens, and how they lie to the cells of a coarse grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...regions import REGIONS
from ..device import to_device
from ..prompt_maps import PromptSet

LABELS = ("negative", "positive", "lowest corner", "highest corner")

MERGE_CELLS = 2.0
"""Edge in cells of the cubes within which points of the same label and region are merged into one token, as a filled
lasso is thousands of points."""

WAVELENGTHS = (8.0, 16.0, 32.0, 64.0)
"""Wavelengths of the Fourier features of a position, in cells."""


@dataclass(frozen=True)
class PlacedPrompts:
    """The prompts of a batch, padded to the same number.

    Args:
        positions: (B, n, 3) float32, in cells (K, J, I); the centre of the first cell is 0.
        labels: (B, n), index in `LABELS`.
        regions: (B, n), index in `REGIONS`.
        absent: (B, n) bool, true for padding.
    """

    positions: Tensor
    labels: Tensor
    regions: Tensor
    absent: Tensor


def place_prompts(prompts: Sequence[PromptSet], device: torch.device) -> PlacedPrompts:
    """Gather points and corners of boxes; the masks of `prompts` are no tokens."""
    rows = [_meanings(one) for one in prompts]
    count = max((len(row) for row in rows), default=0)
    positions = np.zeros((len(rows), count, 3), np.float32)
    meanings = np.zeros((len(rows), count, 2), np.int64)
    absent = np.ones((len(rows), count), bool)
    for n, row in enumerate(rows):
        if row:
            positions[n, : len(row)] = [position for position, _, _ in row]
            meanings[n, : len(row)] = [[label, region] for _, label, region in row]
            absent[n, : len(row)] = False
    labels, regions = (to_device(meanings[..., n], device) for n in (0, 1))
    return PlacedPrompts(to_device(positions, device), labels, regions, to_device(absent, device))


def _meanings(prompts: PromptSet) -> list[tuple[list[float], int, int]]:
    """Position, label and region of every token, points that lie together merged."""
    together: dict[tuple[int, ...], list[list[float]]] = {}
    for position, positive, region in prompts.points:
        place = [float(value) for value in position]
        key = (int(positive), REGIONS.index(region), *(int(value // MERGE_CELLS) for value in place))
        together.setdefault(key, []).append(place)
    found = [
        ([sum(axis) / len(places) for axis in zip(*places, strict=True)], key[0], key[1])
        for key, places in together.items()
    ]
    for low, high, region in prompts.boxes:
        for label, corner in ((2, low), (3, high)):
            found.append(([float(value) for value in corner], label, REGIONS.index(region)))
    return found


def cell_positions(shape: Sequence[int], grid: Sequence[int], device: torch.device) -> Tensor:
    """Where the centres of a coarse grid lie: (z * y * x, 3) in the cells of a finer one.

    Args:
        shape: Shape (K, J, I) in cells of the box that both grids cover.
        grid: Shape (z, y, x) of the coarse grid.
        device: Where to put them.
    """
    axes = [(torch.arange(n, device=device) + 0.5) * (side / n) - 0.5 for side, n in zip(shape, grid, strict=True)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 2)


def fourier_features(positions: Tensor) -> Tensor:
    """Sines and cosines (..., 6 * wavelengths) of positions (..., 3) in cells."""
    angles = torch.stack([2 * torch.pi * positions / length for length in WAVELENGTHS], dim=-1).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


@dataclass(frozen=True)
class Relations:
    """How the prompts and the cells of the coarse grid lie to each other, which is the same on all levels.

    Args:
        placed: The prompts.
        shape: Shape (K, J, I) in cells of the box that both lie in.
        encoding: Fourier features of the grid's cells, (z * y * x, 6 * wavelengths).
        distance: Squared distances of tokens and grid in cells, (B, 3 + n, z * y * x); 0 for the tokens of regions.
        absent: Tokens without influence, bool (B, 3 + n).
    """

    placed: PlacedPrompts
    shape: Sequence[int]
    encoding: Tensor
    distance: Tensor
    absent: Tensor

    @classmethod
    def of(cls, placed: PlacedPrompts, shape: Sequence[int], grid: Sequence[int]) -> "Relations":
        """Those of prompts in a box of `shape`, and a grid (z, y, x) that covers it."""
        cells = cell_positions(shape, grid, placed.positions.device)
        distance = (placed.positions[:, :, None] - cells).square().sum(dim=-1)
        distance, absent = F.pad(distance, (0, 0, len(REGIONS), 0)), F.pad(placed.absent, (len(REGIONS), 0))
        return cls(placed, shape, fourier_features(cells), distance, absent)


class PointTokens(nn.Module):
    """Make the tokens of one level.

    Args:
        width: Channels of the level and of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.region_tokens = nn.Parameter(torch.randn(len(REGIONS), width) * 0.5)
        self.labels = nn.Embedding(len(LABELS), width)
        self.regions = nn.Embedding(len(REGIONS), width)
        self.feature_proj = nn.Linear(width, width)
        self.pos_proj = nn.Linear(6 * len(WAVELENGTHS), width, bias=False)

    def forward(self, level: Tensor, placed: PlacedPrompts, shape: Sequence[int]) -> Tensor:
        """Tokens (B, 3 + n, width): one a region, then one a prompt.

        Args:
            level: Features (B, width, z, y, x).
            placed: Where the prompts are, in cells of a box of `shape`.
            shape: Shape (K, J, I) of the box in cells.
        """
        region_tokens = self.region_tokens.expand(level.shape[0], -1, -1)
        features = self.feature_proj(sample(level, placed.positions, shape))
        prompt_tokens = (
            self.labels(placed.labels)
            + self.regions(placed.regions)
            + self.pos_proj(fourier_features(placed.positions))
        )
        return torch.cat([region_tokens, (features + prompt_tokens).to(region_tokens.dtype)], dim=1)


def sample(level: Tensor, positions: Tensor, shape: Sequence[int]) -> Tensor:
    """Features (B, n, C) of `level` (B, C, z, y, x) at `positions` (B, n, 3), given in cells of the box of `shape` that
    the level covers, by trilinear interpolation; beyond the centres of its outer cells those hold.
    """
    if not positions.shape[1]:
        return level.new_zeros((level.shape[0], 0, level.shape[1]))
    z, y, x = ((2 * positions[..., axis] + 1) / side - 1 for axis, side in enumerate(shape))
    grid = torch.stack([x, y, z], dim=-1)[:, None, None]  # B x 1 x 1 x n x 3
    found = F.grid_sample(level.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found[:, :, 0, 0].transpose(1, 2)
