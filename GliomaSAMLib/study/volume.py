"""One MR volume of a study, with what has been found out about it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from .canonical import resample
from .geometry import Geometry

BACKGROUND_SHARE = 0.2
LARGEST_BRAIN_ML = 2300.0
_AIR_SHARE_OF_OTSU = 0.5


@dataclass(frozen=True)
class Volume:
    """One MR volume.

    Args:
        modality: One of `MODALITIES`.
        name: The file, series or image, as messages call it.
        image: The voxels as they came, never changed.
        motion: From LPS points of the reference volume to those of this image; None where the head did not move.
    """

    modality: str
    name: str
    image: sitk.Image
    motion: sitk.Transform | None = None

    @cached_property
    def geometry(self) -> Geometry:
        """The volume's own grid."""
        return Geometry.of_image(self.image)

    @cached_property
    def background(self) -> float:
        """The value of the air around a skull-stripped brain: the commonest on the six faces of the volume."""
        values = sitk.GetArrayViewFromImage(self.image)
        faces = np.concatenate([np.take(values, [0, -1], axis=axis).ravel() for axis in range(3)])
        found, counts = np.unique(faces, return_counts=True)
        return float(found[counts.argmax()])

    @cached_property
    def has_constant_air(self) -> bool:
        """Whether a good part of the volume is exactly one value, as cutting out the head or brain leaves it."""
        values = sitk.GetArrayViewFromImage(self.image)
        return bool(np.count_nonzero(values == self.background) >= BACKGROUND_SHARE * values.size)

    @cached_property
    def head(self) -> np.ndarray:
        """Bool (K, J, I) on the volume's own grid: what is not air."""
        values = sitk.GetArrayViewFromImage(self.image)
        if self.has_constant_air:
            return np.asarray(values != self.background)
        from skimage.filters import threshold_otsu  # 3D Slicer does not bring it, and names volumes without it

        low, high = np.percentile(values[::2, ::2, ::2], (0.5, 99.0))
        threshold = threshold_otsu(np.clip(values[::2, ::2, ::2], low, high).astype(np.float32)) if high > low else low
        return np.asarray(values > low + _AIR_SHARE_OF_OTSU * (threshold - low))

    @cached_property
    def head_extent(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last voxel (I, J, K) of the box around the head."""
        first, last = np.zeros(3), np.zeros(3)
        for axis in range(3):
            where = np.flatnonzero(self.head.any(axis=tuple(other for other in range(3) if other != axis)))
            first[2 - axis], last[2 - axis] = where[0], where[-1]
        return first, last

    @cached_property
    def skull_stripped(self) -> bool:
        """Whether only a brain is left: air of exactly one value, and what is left is no larger than a brain."""
        return self.has_constant_air and bool(np.count_nonzero(self.head) * self.geometry.voxel_ml < LARGEST_BRAIN_ML)

    def fits(self, grid: Geometry) -> bool:
        """Whether the voxels lie on `grid` as they are."""
        return self.motion is None and self.geometry.matches(grid)

    def head_on(self, grid: Geometry) -> np.ndarray:
        """`head` on another grid: bool (K, J, I)."""
        if self.fits(grid):
            return self.head
        head = self.geometry.to_image(self.head.astype(np.uint8))
        return resample(head, grid, nearest=True, transform=self.motion) > 0

    def values_on(self, grid: Geometry) -> np.ndarray:
        """The grey values on `grid` by one linear interpolation: float32 (K, J, I), NaN beyond the field of view."""
        image = sitk.Cast(self.image, sitk.sitkFloat32)
        return resample(image, grid, outside=float("nan"), transform=self.motion)
