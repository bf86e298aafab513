"""The grid on which models see a study: 1 mm, head first, cropped to the brain, normalised."""

import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..geometry import Extent, Geometry, bounding_box, floats, ints, resample, triple

LOW_PERCENT, HIGH_PERCENT = 0.5, 99.5

SPACING_MM = 1.0

MARGIN_MM = 4.0

SAME_SPACING = 1e-3

SMALLEST_BRAIN_ML = 0.1
"""Less is no brain."""

_AXES = "LPS"  # I to the left, J to the back, K to the head


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


def canonical_axes(reference: Geometry) -> np.ndarray:
    """The permutation and flips that bring the axes of `reference` nearest to the left, the back and the head.

    Returns:
        An orientation of `nibabel.orientations`, (3, 2): for each of the axes I, J, K of the reference the canonical
        axis that it becomes, and -1 where it runs the other way, else 1.
    """
    from nibabel import orientations  # 3D Slicer does not bring it

    return np.asarray(
        orientations.ornt_transform(
            orientations.io_orientation(reference.ijk_to_ras), orientations.axcodes2ornt(tuple(_AXES))
        )
    )


def reorient(array: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """A view of a reference array (K, J, I) with its axes running to S, P, L."""
    from nibabel import orientations

    return np.asarray(orientations.apply_orientation(array.T, axes)).T


def restore(array: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The inverse of `reorient`, also a view."""
    from nibabel import orientations

    same = np.array([[0, 1], [1, 1], [2, 1]])
    return reorient(array, orientations.ornt_transform(same, axes))


def reoriented_geometry(reference: Geometry, axes: np.ndarray) -> Geometry:
    """The grid of `reorient(array, axes)`."""
    from nibabel import orientations

    order = np.argsort(axes[:, 0])  # reference axis for canonical I, J, K
    first = orientations.inv_ornt_aff(axes, reference.size)[:3, 3]
    direction = np.asarray(reference.direction)[:, order] * axes[order, 1]
    return Geometry(
        ints(np.take(reference.size, order)),
        floats(np.take(reference.spacing, order)),
        floats(reference.to_ras(first)),
        triple(map(floats, direction)),
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
    return Geometry(ints(size), (SPACING_MM,) * 3, floats(origin), geometry.direction)


@dataclass(frozen=True)
class CanonicalGrid:
    """The canonical grid of a study, and the mappings between it and the reference.

    Args:
        reference: The grid of the results.
        axes: How the axes of the reference turn into canonical ones, see `canonical_axes`.
        whole: The canonical grid before cropping.
        box: The crop in `whole`: slices along K, J, I.
        geometry: The canonical grid.
        brain: bool (K, J, I) on `geometry`.
        exact: Whether `reference` and `geometry` differ by cropping and flipping only.
    """

    reference: Geometry
    axes: np.ndarray
    whole: Geometry
    box: Extent
    geometry: Geometry
    brain: np.ndarray
    exact: bool

    @classmethod
    def around(cls, brain: np.ndarray, brain_image: sitk.Image, reference: Geometry) -> "CanonicalGrid":
        """The grid around a brain, given as bool (K, J, I) on `reference` and as a uint8 image on its finest grid.

        Raises:
            StudyError: The brain is smaller than one can be.
        """
        axes = canonical_axes(reference)
        turned = reoriented_geometry(reference, axes)
        whole = isotropic(turned)
        exact = whole == turned
        on_whole = reorient(brain, axes)
        if not exact:
            on_whole = resample(sitk.Cast(brain_image, sitk.sitkFloat32), whole) >= 0.5
        if not on_whole.any():
            on_whole = resample(reference.to_image(brain.astype(np.uint8)), whole, nearest=True) > 0
        if np.count_nonzero(on_whole) * whole.voxel_ml < SMALLEST_BRAIN_ML:
            raise StudyError(
                f"The brain found has less than {SMALLEST_BRAIN_ML} mL: the voxel spacing of the volumes is wrong, "
                "export them again, or they show no head"
            )
        box = bounding_box(on_whole, triple(math.ceil(MARGIN_MM / spacing) for spacing in whole.spacing[::-1]))
        cropped = np.ascontiguousarray(on_whole[box])
        geometry = whole.crop(triple(side.start for side in box), triple(cropped.shape))
        return cls(reference, axes, whole, box, geometry, cropped, exact)

    def cut(self, array: np.ndarray) -> np.ndarray:
        """An array on `reference` turned and cropped, without interpolation; only where `exact`."""
        return np.ascontiguousarray(reorient(array, self.axes)[self.box])

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
        whole[self.box] = array
        return np.ascontiguousarray(restore(whole, self.axes))
