"""A mask kept small: eight voxels a byte, inside the box that holds it."""

from dataclasses import dataclass

import numpy as np

from .geometry import Extent, bounding_box

Shape = tuple[int, int, int]
Box = tuple[int, int, int, int, int, int]
"""(k0, k1, j0, j1, i0, i1), ends excluded."""


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
        box = bounds_of(mask > 0)
        return cls(box, np.packbits(mask[_slices(box)] > 0) if box else np.zeros(0, np.uint8))

    @classmethod
    def empty(cls) -> "PackedMask":
        """Nothing is inside."""
        return cls(None, np.zeros(0, np.uint8))

    def voxels(self) -> int:
        """How many voxels are inside."""
        return int(np.unpackbits(self.packed).sum())

    def holds(self, voxels: np.ndarray) -> np.ndarray:
        """Which of `voxels` (N, 3), K, J, I, are inside."""
        if self.box is None:
            return np.zeros(len(voxels), bool)
        low, high = np.reshape(self.box, (3, 2)).T
        inside = np.all((voxels >= low) & (voxels < high), axis=1)
        bits = np.ravel_multi_index(tuple((voxels[inside] - low).T), tuple(high - low))
        inside[inside] = self.packed[bits >> 3] >> (7 - (bits & 7)) & 1
        return inside

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


def bounds_of(inside: np.ndarray) -> Box | None:
    """The smallest box that holds every True of a bool (K, J, I)."""
    if not inside.any():
        return None
    k, j, i = bounding_box(inside)
    return k.start, k.stop, j.start, j.stop, i.start, i.stop


def _slices(box: Box) -> Extent:
    k0, k1, j0, j1, i0, i1 = box
    return slice(k0, k1), slice(j0, j1), slice(i0, i1)
