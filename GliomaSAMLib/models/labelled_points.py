"""Points and boxes in a volume as tokens for attention. [ours]

A token is what the features show at a place, what the user says of it (inside or outside, or a corner of a box), of
which region, and where it lies. Unlike the related public design, which knows no negative clicks, every point is
labelled. Three learned tokens, one a region, are always there, so that there is something to attend to unprompted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..prompts.maps import PromptVoxels
from ..regions import REGIONS

LABELS = ("negative", "positive", "lowest corner", "highest corner")
MERGE_CELLS = 2.0
"""Points of one meaning within a cube of so many cells are one token: a filled lasso is thousands of points."""

WAVELENGTHS = (8.0, 16.0, 32.0, 64.0)
"""Of the waves that describe a place, in cells."""


@dataclass(frozen=True)
class PlacedPrompts:
    """The prompts of a batch, filled up to the same number.

    Args:
        positions: (B, n, 3) float32, in cells (K, J, I); the centre of the first cell is 0.
        labels: (B, n), index in `LABELS`.
        regions: (B, n), index in `REGIONS`.
        absent: (B, n) bool, true for what only fills up.
    """

    positions: Tensor
    labels: Tensor
    regions: Tensor
    absent: Tensor


def place_prompts(prompts: Sequence[PromptVoxels], device: torch.device) -> PlacedPrompts:
    """Gather points and corners of boxes; the masks of `prompts` are no tokens."""
    rows = [_meanings(one) for one in prompts]
    count = max((len(row) for row in rows), default=0)
    positions = torch.zeros(len(rows), count, 3)
    meanings = torch.zeros(len(rows), count, 2, dtype=torch.long)
    absent = torch.ones(len(rows), count, dtype=torch.bool)
    for n, row in enumerate(rows):
        if row:
            positions[n, : len(row)] = torch.tensor([position for position, _, _ in row])
            meanings[n, : len(row)] = torch.tensor([[label, region] for _, label, region in row])
            absent[n, : len(row)] = False
    meanings = meanings.to(device)
    return PlacedPrompts(positions.to(device), meanings[..., 0], meanings[..., 1], absent.to(device))


def _meanings(prompts: PromptVoxels) -> list[tuple[list[float], int, int]]:
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


def waves(positions: Tensor) -> Tensor:
    """Describe positions (..., 3) by sines and cosines (..., 6 * wavelengths)."""
    lengths = torch.tensor(WAVELENGTHS, device=positions.device)
    angles = (2 * torch.pi * positions[..., None] / lengths).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class PointTokens(nn.Module):
    """Make the tokens of one level.

    Args:
        width: Channels of the level and of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.always = nn.Parameter(torch.randn(len(REGIONS), width) * 0.5)
        self.labels = nn.Embedding(len(LABELS), width)
        self.regions = nn.Embedding(len(REGIONS), width)
        self.look = nn.Linear(width, width)
        self.place = nn.Linear(6 * len(WAVELENGTHS), width, bias=False)

    def forward(self, level: Tensor, placed: PlacedPrompts, shape: Sequence[int]) -> Tensor:
        """Tokens (B, 3 + n, width): one a region, then one a prompt.

        Args:
            level: Features (B, width, z, y, x).
            placed: Where the prompts are, in cells of a box of `shape`.
            shape: Shape (K, J, I) of the box in cells.
        """
        always = self.always.expand(level.shape[0], -1, -1)
        seen = self.look(sample(level, placed.positions, shape))
        said = self.labels(placed.labels) + self.regions(placed.regions) + self.place(waves(placed.positions))
        return torch.cat([always, (seen + said).to(always.dtype)], dim=1)


def sample(level: Tensor, positions: Tensor, shape: Sequence[int]) -> Tensor:
    """Features (B, n, C) of `level` (B, C, z, y, x) at `positions` (B, n, 3), given in cells of the box of `shape` that
    the level covers, by trilinear interpolation; beyond the centres of its outer cells those hold.
    """
    if not positions.shape[1]:
        return level.new_zeros((level.shape[0], 0, level.shape[1]))
    sides = torch.tensor(list(shape), device=positions.device, dtype=positions.dtype)
    grid = ((2 * positions + 1) / sides - 1).flip(-1)[:, None, None]  # B x 1 x 1 x n x 3, in (x, y, z)
    found = F.grid_sample(level.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found[:, :, 0, 0].transpose(1, 2)
