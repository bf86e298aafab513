"""The masks of one moment, kept small, so that undo shows them at once and what changed is found in milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..geometry import Extent, bounding_box
from ..regions import REGIONS

Shape = tuple[int, int, int]
Box = tuple[int, int, int, int, int, int]
"""(k0, k1, j0, j1, i0, i1), ends excluded."""
Boxes = dict[str, Box | None]
"""For each region the smallest box of voxels that changed, None where nothing did."""


@dataclass(frozen=True)
class PackedMask:
    """One mask, packed eight voxels a byte inside the box that holds it.

    Args:
        box: (k0, k1, j0, j1, i0, i1), ends excluded; None for an empty mask.
        packed: The bits of the voxels in the box.
    """

    box: Box | None
    packed: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> "PackedMask":
        """Keep a mask (K, J, I); what is not 0 is inside."""
        box = _bounds(mask > 0)
        return cls(box, np.packbits(mask[_slices(box)] > 0) if box else np.zeros(0, np.uint8))

    @classmethod
    def empty(cls) -> "PackedMask":
        """Nothing is inside."""
        return cls(None, np.zeros(0, np.uint8))

    def voxels(self) -> int:
        """How many voxels are inside."""
        return int(np.unpackbits(self.packed).sum())

    def equals(self, other: "PackedMask") -> bool:
        """Whether the same voxels are inside."""
        return self.box == other.box and np.array_equal(self.packed, other.packed)

    def unpack_into(self, target: np.ndarray, corner: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Set the voxels inside to 1 in `target`, whose first voxel is `corner` (K, J, I) of the whole grid."""
        if self.box is None:
            return
        k, j, i = corner
        k0, k1, j0, j1, i0, i1 = self.box
        shape = (k1 - k0, j1 - j0, i1 - i0)
        bits = np.unpackbits(self.packed, count=int(np.prod(shape))).reshape(shape)
        target[k0 - k : k1 - k, j0 - j : j1 - j, i0 - i : i1 - i] = bits


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
    found = _bounds(now != then)
    if found is None:
        return None
    k0, k1, j0, j1, i0, i1 = found
    k, j, i = corner
    return k0 + k, k1 + k, j0 + j, j1 + j, i0 + i, i1 + i


def _bounds(inside: np.ndarray) -> Box | None:
    """The smallest box that holds every True of a bool (K, J, I)."""
    if not inside.any():
        return None
    k, j, i = bounding_box(inside)
    return k.start, k.stop, j.start, j.stop, i.start, i.stop


def _slices(box: Box) -> Extent:
    k0, k1, j0, j1, i0, i1 = box
    return slice(k0, k1), slice(j0, j1), slice(i0, i1)
