"""The grid on which models see a study: 1 mm, head first, cropped to the brain, normalised."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.optimize import linear_sum_assignment

from ..geometry import Geometry

LOW_PERCENT, HIGH_PERCENT = 0.5, 99.5


def normalise(values: np.ndarray, brain: np.ndarray, measured: np.ndarray | None = None) -> np.ndarray | None:
    """Map the grey values inside the brain to [0, 1].

    The 0.5 and 99.5 percentiles become 0 and 1, so outliers (a FLAIR maximum of 32767) and negative values do no harm.

    Args:
        values: float32 (K, J, I); NaN where the volume does not reach.
        brain: bool (K, J, I).
        measured: bool (K, J, I), voxels that the percentiles are taken over besides being in the brain; default all.

    Returns:
        float32 (K, J, I) in [0, 1], 0 outside the brain and where `values` is NaN; None when there is no contrast.
    """
    inside = brain & np.isfinite(values)
    sample = values[inside & measured] if measured is not None else values[inside]
    if sample.size == 0:
        return None
    low, high = np.percentile(sample, (LOW_PERCENT, HIGH_PERCENT))
    if not high > low:
        low, high = float(sample.min()), float(sample.max())
    if not high > low:
        return None
    result = np.zeros(values.shape, np.float32)
    result[inside] = np.clip((values[inside] - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return result


SPACING_MM = 1.0

MARGIN_MM = 4.0

SAME_SPACING = 1e-3

_AXES_RAS = -np.eye(3) * (1, 1, -1)  # columns: I to the left, J to the back, K to the head


@dataclass(frozen=True)
class CanonicalVolume:
    """The study as models see it.

    Args:
        geometry: 1 mm isotropic; array axes (K, J, I) run to S, P, L as nearly as the reference's own axes allow.
        images: For each modality present float32 (K, J, I) in [0, 1], 0 outside the brain.
        brain: bool (K, J, I).
    """

    geometry: Geometry
    images: dict[str, np.ndarray]
    brain: np.ndarray


@dataclass(frozen=True)
class Axes:
    """How the axes of the reference turn into canonical ones.

    Args:
        order: For the canonical array axes (K, J, I), the reference array axis (0 is K, 1 J, 2 I) that runs along it.
        flipped: Whether that reference axis runs the other way.
    """

    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]


def canonical_axes(reference: Geometry) -> Axes:
    """The permutation and flips that bring the axes of `reference` nearest to S, P, L."""
    cosines = _AXES_RAS.T @ np.asarray(reference.direction)  # canonical I, J, K by reference I, J, K
    _, columns = linear_sum_assignment(-np.abs(cosines))
    order = tuple(2 - int(columns[2 - axis]) for axis in range(3))
    flipped = tuple(bool(cosines[2 - axis, columns[2 - axis]] < 0) for axis in range(3))
    return Axes(order, flipped)  # type: ignore[arg-type]


def reorient(array: np.ndarray, axes: Axes) -> np.ndarray:
    """A view of a reference array (K, J, I) with its axes running to S, P, L."""
    turned = array.transpose(axes.order)
    return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in axes.flipped)]


def restore(array: np.ndarray, axes: Axes) -> np.ndarray:
    """The inverse of `reorient`, also a view."""
    turned = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in axes.flipped)]
    return turned.transpose(tuple(np.argsort(axes.order)))


def reoriented_geometry(reference: Geometry, axes: Axes) -> Geometry:
    """The grid of `reorient(array, axes)`."""
    columns = [2 - axis for axis in axes.order][::-1]  # reference ijk axis for canonical I, J, K
    flips = axes.flipped[::-1]
    start = np.zeros(3)
    for column, flip in zip(columns, flips, strict=True):
        start[column] = reference.size[column] - 1 if flip else 0
    signs = np.array([-1.0 if flip else 1.0 for flip in flips])
    direction = np.asarray(reference.direction)[:, columns] * signs
    return Geometry(
        tuple(reference.size[c] for c in columns),  # type: ignore[arg-type]
        tuple(reference.spacing[c] for c in columns),  # type: ignore[arg-type]
        tuple(float(v) for v in reference.to_ras(start)),  # type: ignore[arg-type]
        tuple(tuple(float(v) for v in row) for row in direction),  # type: ignore[arg-type]
    )


def isotropic(geometry: Geometry) -> Geometry:
    """The grid of 1 mm voxels over the same space; `geometry` itself where the spacing is 1 mm already."""
    spacing = np.asarray(geometry.spacing)
    if np.all(np.abs(spacing - SPACING_MM) < SAME_SPACING):
        return geometry
    extent = np.asarray(geometry.size) * spacing
    size = np.maximum(np.ceil(extent / SPACING_MM - 1e-6), 1).astype(int)
    first = ((extent - size * SPACING_MM) / 2 + SPACING_MM / 2) / spacing - 0.5  # centred on the same space
    origin = geometry.to_ras(first)
    return Geometry(
        tuple(int(n) for n in size),  # type: ignore[arg-type]
        (SPACING_MM,) * 3,
        tuple(float(v) for v in origin),  # type: ignore[arg-type]
        geometry.direction,
    )


def brain_box(brain: np.ndarray, geometry: Geometry) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Start and shape (K, J, I) of the bounding box of `brain` with a margin of 4 mm, within the grid."""
    start, stop = [], []
    for axis in range(3):
        where = np.flatnonzero(brain.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = int(np.ceil(MARGIN_MM / geometry.spacing[2 - axis]))
        start.append(max(int(where[0]) - margin, 0))
        stop.append(min(int(where[-1]) + 1 + margin, brain.shape[axis]))
    shape = tuple(b - a for a, b in zip(start, stop, strict=True))
    return tuple(start), shape  # type: ignore[return-value]


@dataclass(frozen=True)
class CanonicalGrid:
    """The canonical grid of a study, and the ways between it and the reference.

    Args:
        reference: The grid of the results.
        axes: How the axes of the reference turn into canonical ones.
        whole: The canonical grid before cropping.
        start: First voxel (K, J, I) of the crop in `whole`.
        geometry: The canonical grid.
        brain: bool (K, J, I) on `geometry`.
        exact: Whether `reference` and `geometry` differ by cropping and flipping only.
    """

    reference: Geometry
    axes: Axes
    whole: Geometry
    start: tuple[int, int, int]
    geometry: Geometry
    brain: np.ndarray
    exact: bool

    @classmethod
    def around(cls, brain: np.ndarray, brain_image: sitk.Image, reference: Geometry) -> "CanonicalGrid":
        """The grid around a brain, given as bool (K, J, I) on `reference` and as a uint8 image on its finest grid."""
        axes = canonical_axes(reference)
        turned = reoriented_geometry(reference, axes)
        whole = isotropic(turned)
        exact = whole == turned
        on_whole = reorient(brain, axes)
        if not exact:
            on_whole = resample(sitk.Cast(brain_image, sitk.sitkFloat32), whole) >= 0.5
        if not on_whole.any():
            on_whole = resample(reference.to_image(brain.astype(np.uint8)), whole, nearest=True) > 0
        start, shape = brain_box(on_whole, whole)
        cropped = np.ascontiguousarray(on_whole[_box_slices(start, shape)])
        return cls(reference, axes, whole, start, whole.crop(start, shape), cropped, exact)

    def cut(self, array: np.ndarray) -> np.ndarray:
        """An array on `reference` turned and cropped, without interpolation; only where `exact`."""
        return np.ascontiguousarray(reorient(array, self.axes)[_box_slices(self.start, self.geometry.shape)])

    def from_reference(self, array: np.ndarray) -> np.ndarray:
        """An array on `reference`, at the nearest voxel, in its own number type."""
        if self.exact:
            return self.cut(array)
        if array.dtype == bool:
            return self.from_reference(array.astype(np.uint8)).astype(bool)
        return resample(self.reference.to_image(array), self.geometry, nearest=True).astype(array.dtype, copy=False)

    def to_reference(self, array: np.ndarray) -> np.ndarray:
        """A float32 array on `geometry`, linearly interpolated on `reference`, 0 outside."""
        if not self.exact:
            return resample(self.geometry.to_image(np.ascontiguousarray(array)), self.reference)
        whole = np.zeros(self.whole.shape, np.float32)
        whole[_box_slices(self.start, self.geometry.shape)] = array
        return np.ascontiguousarray(restore(whole, self.axes))


def _box_slices(start: tuple[int, int, int], shape: tuple[int, int, int]) -> tuple[slice, ...]:
    return tuple(slice(first, first + length) for first, length in zip(start, shape, strict=True))


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
    resampler.SetOutputOrigin((-geometry.origin[0], -geometry.origin[1], geometry.origin[2]))
    direction = np.diag([-1.0, -1.0, 1.0]) @ np.asarray(geometry.direction)
    resampler.SetOutputDirection(direction.ravel().tolist())
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    if transform is not None:
        resampler.SetTransform(transform)
    return sitk.GetArrayFromImage(resampler.Execute(image))
