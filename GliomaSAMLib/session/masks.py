"""The masks of one moment, kept small, so that undo shows them at once and what changed is found in milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..packed import Box, PackedMask, Shape, bounds_of
from ..regions import REGIONS

Boxes = dict[str, Box | None]
"""For each region the smallest box of voxels that changed, None where nothing did."""


@dataclass(frozen=True)
class PackedMasks:
    """The masks of all regions at one moment, uint8 (K, J, I) on the study's reference grid. Immutable.

    Args:
        shape: Shape of the grid.
        regions: For each region its mask.
    """

    shape: Shape
    regions: Mapping[str, PackedMask]

    @classmethod
    def of(cls, masks: Mapping[str, np.ndarray]) -> "PackedMasks":
        """Keep masks (K, J, I) of one grid."""
        k, j, i = next(iter(masks.values())).shape
        return cls((k, j, i), {region: PackedMask.of(mask) for region, mask in masks.items()})

    @classmethod
    def empty(cls, shape: Shape) -> "PackedMasks":
        """Nothing is inside any region."""
        return cls(shape, {region: PackedMask.empty() for region in REGIONS})

    def mask(self, region: str) -> np.ndarray:
        """uint8 (K, J, I) of 0 and 1."""
        mask = np.zeros(self.shape, np.uint8)
        self.regions[region].unpack_into(mask)
        return mask

    def masks(self) -> dict[str, np.ndarray]:
        """`mask` of every region."""
        return {region: self.mask(region) for region in self.regions}

    def voxels(self, region: str) -> int:
        """How many voxels are inside."""
        return self.regions[region].voxels()

    def replaced(self, masks: Mapping[str, np.ndarray]) -> "PackedMasks":
        """The same but for the regions of `masks` (K, J, I)."""
        packed = {region: PackedMask.of(mask) for region, mask in masks.items()}
        return PackedMasks(self.shape, {**self.regions, **packed})

    def changes(self, before: "PackedMasks") -> Boxes:
        """For each region the smallest box of voxels that differ from `before`, None where nothing does."""
        return {region: _difference(mask, before.regions[region]) for region, mask in self.regions.items()}


def _difference(mask: PackedMask, before: PackedMask) -> Box | None:
    boxes = [kept.box for kept in (mask, before) if kept.box is not None]
    if not boxes:
        return None
    low = np.min([box[0::2] for box in boxes], axis=0)
    high = np.max([box[1::2] for box in boxes], axis=0)
    corner = (int(low[0]), int(low[1]), int(low[2]))
    now, then = np.zeros(high - low, np.uint8), np.zeros(high - low, np.uint8)
    mask.unpack_into(now, corner)
    before.unpack_into(then, corner)
    found = bounds_of(now != then)
    if found is None:
        return None
    k0, k1, j0, j1, i0, i1 = found
    k, j, i = corner
    return k0 + k, k1 + k, j0 + j, j1 + j, i0 + i, i1 + i
