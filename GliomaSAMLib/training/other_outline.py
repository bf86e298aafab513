"""Users who mean another outline than the label. [ours]

Where a glioma ends is a matter of judgement, and experts differ. A network that has only met users who mean the label
learns that a click is a hint about the label; one that has met users of another mind learns to obey it, with the tissue
that belongs to it.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.device import to_device
from ..regions import REGIONS
from .chance import Chance
from .click_simulation import Click, click_at, place_in
from .masks import depths, distances, nested, on_cells, piece_of, position, widened

CELL = 2
"""Edge in voxels of 1 mm of the cells that simulated users click."""

CHANGES = ((0, 1, 0.26), (1, 0, 0.24), (1, 2, 0.14), (2, 1, 0.14), (2, 3, 0.11), (3, 2, 0.11))
"""From which level to which, and how often: 0 is outside of all regions, 1 in WT only, 2 in TC too, 3 in ET too."""

RADIUS_MM = (5.0, 20.0)
"""How far the tissue reaches at most round its middle."""

WINDOW_MM = 44
"""Edge of the cube round the middle that is looked at."""

TOLERANCE = (0.06, 0.35)
"""How much the grey values, in [0, 1], may differ from those of the middle; the more, the nearer."""

LEAST_MM3 = 300

FAR_SHARE = 0.12
"""Share of additions to WT that may lie anywhere in the brain; the others lie near the tumour."""

NEAR_CELLS = 4


@dataclass(frozen=True)
class Outline:
    """What a user means instead of the label.

    Args:
        levels: Number of nested regions that hold a voxel, uint8 (K, J, I); the label where there is no other outline.
        click: In what joined or left the region; not there where there is no other outline.
    """

    levels: Tensor
    click: Click


def another_outline(
    levels: Tensor,
    images: Tensor,
    present: np.ndarray,
    chance: Chance,
    border: float = 0.0,
    known: Collection[str] = REGIONS,
) -> Outline:
    """Let tissue round a random place that looks alike in the images join a region or leave one.

    There is no other outline where the place that was drawn has too little tissue round it.

    Args:
        levels: Number of nested regions that hold a voxel, uint8 (K, J, I), voxels of 1 mm, sides even.
        images: (M, K, J, I) in [0, 1], 0 outside the brain.
        present: bool (M,): which images say what is alike.
        chance: Decides.
        border: Share of clicks at the border of what changed.
        known: The regions that the label tells; no others change.
    """
    changes = [change for change in CHANGES if REGIONS[max(change[:2]) - 1] in known]
    shares = np.array([share for _, _, share in changes])
    old, new, _ = changes[int(chance.rng.choice(len(changes), p=shares / shares.sum()))]
    joins = new > old
    seen = images[to_device(np.flatnonzero(present), images.device)] if not present.all() else images
    brain = images.amax(dim=0) > 0
    where = _places(levels[::CELL, ::CELL, ::CELL], brain[::CELL, ::CELL, ::CELL], old, joins, chance)
    middle = CELL * position(chance.pick(where), where.shape)
    window = _Window(middle, levels.shape)
    inner = window.cut(levels)
    piece = _alike(window.cut(seen), middle - window.start, chance) & window.cut(brain)
    piece &= (inner == old) if joins else (inner >= old)
    there = where.any() & (piece.sum() >= LEAST_MM3)
    meant = window.paste(levels, torch.where(piece & there, new, inner).to(levels.dtype))
    index = max(old, new) - 1
    changed = on_cells(meant > index) != on_cells(levels > index)
    depth = depths(changed)
    piece_of_it = piece_of(changed, depth.flatten().argmax())
    place = place_in(depth * piece_of_it, chance, border)
    truth = on_cells(nested(meant))
    click = click_at(place, truth, index, piece_of_it, changed.any())
    return Outline(torch.where(changed.any(), meant, levels), click)


def _places(levels: Tensor, brain: Tensor, old: int, joins: bool, chance: Chance) -> Tensor:
    """Cells that may be the middle of what changes, bool (k, j, i)."""
    if not joins:
        return levels >= old
    if old:
        return levels == old
    outside = (levels == 0) & brain
    near = widened(levels > 0, 2 * NEAR_CELLS + 1)
    return outside if chance.happens(FAR_SHARE) else outside & (near | ~near.any())


class _Window:
    """A cube of `WINDOW_MM` round a place that only the device knows, kept inside the volume.

    Args:
        middle: The place, int64 (3,).
        shape: Shape (K, J, I) of the volume.
    """

    def __init__(self, middle: Tensor, shape: torch.Size) -> None:
        sides = [min(side, WINDOW_MM) for side in shape]
        starts = [(middle[n] - sides[n] // 2).clamp(0, shape[n] - sides[n]) for n in range(3)]
        self.start = torch.stack(starts)
        k, j, i = (start + torch.arange(side, device=middle.device) for start, side in zip(starts, sides, strict=True))
        self._at = (k[:, None, None], j[:, None], i)

    def cut(self, volume: Tensor) -> Tensor:
        """What a volume (..., K, J, I) holds there."""
        return volume[(..., *self._at)]

    def paste(self, volume: Tensor, content: Tensor) -> Tensor:
        """A volume (K, J, I) that holds `content` there."""
        return volume.index_put(self._at, content)


def _alike(images: Tensor, middle: Tensor, chance: Chance) -> Tensor:
    """Tissue that looks like that in the middle and lies within some voxels of it, bool (K, J, I)."""
    radius = chance.uniform(*RADIUS_MM)
    calm = F.avg_pool3d(images[None], 3, 1, 1)[0]
    rows, columns = calm.shape[2:]
    place = (middle[0] * rows + middle[1]) * columns + middle[2]
    there = calm.flatten(1).index_select(1, place[None])
    difference = (calm - there[:, :, None, None]).square().mean(dim=0).sqrt()
    tolerance = float(np.exp(chance.uniform(*np.log(TOLERANCE))))
    bumps = 0.25 * chance.smooth(calm.shape[1:], max(calm.shape[1:]) / 3)
    return distances(middle, calm.shape[1:]) / radius + difference / tolerance + bumps < 1
