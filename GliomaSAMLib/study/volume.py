"""One MR volume: read from a file, a DICOM folder or a SimpleITK image, and refused where it cannot be used."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..files import check_name
from ..geometry import Geometry, bounding_box, resample
from .dicom import DicomSeries, read_dicom_folder, read_series, split_choice
from .image_file import ImageFile, check_orientation, read_image_file
from .nifti import FARTHEST_MM, ORIENTATIONS, SMALLEST_STEP_MM, NiftiPlace

BACKGROUND_SHARE = 0.2

LARGEST_BRAIN_ML = 2300.0

SLAB_MM = 90.0
"""A field of view with a shorter side holds no whole brain of an adult."""

SCALP_SHARE = 0.15
"""From this part of the surface on, a volume whose air is one value is a head with its skull on."""

_AIR_SHARE_OF_OTSU = 0.5

Source = str | Path | DicomSeries | sitk.Image
"""What a user gives for a volume: a file, a folder with one DICOM series, one series of a folder, or an image. Of a
DICOM folder or file with several volumes, `PATH#2` is the second; a path without a number says which there are.
"""

IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")

SMALLEST_AXIS = 4

LARGEST_EXTENT_MM = 1000.0

LARGEST_VALUE = 1e12
"""No MR volume has grey values beyond it, and models take them as 32 bits."""

LARGEST_SHEAR = 1e-3
"""The largest cosine between two axes of a volume, which are to be at right angles."""


@dataclass(frozen=True)
class Volume:
    """One MR volume.

    Args:
        modality: One of `MODALITIES`.
        name: The file, series or image, as messages call it.
        image: The voxels as they came, never changed.
        motion: From LPS points of the reference volume to those of this image; None where the head did not move.
        note: What the user should know of the place that the file gives; empty when all is well.
        placed: Whether the file says where in the patient the volume lies.
        nifti: The place as it stands in a NIfTI header.
        not_finite: How many voxels its file has that are NaN or infinite, and 0 in `image`.
        scalp: What `scalp_share` is, where that is known.
    """

    modality: str
    name: str
    image: sitk.Image
    motion: sitk.Transform | None = None
    note: str = ""
    placed: bool = True
    nifti: NiftiPlace | None = None
    not_finite: int = 0
    scalp: float | None = None

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
    def head_ml(self) -> float:
        """Millilitres that are not air."""
        return float(np.count_nonzero(self.head)) * self.geometry.voxel_ml

    @cached_property
    def head_extent(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last voxel (I, J, K) of the box around the head."""
        box = bounding_box(self.head)[::-1]
        return np.array([float(side.start) for side in box]), np.array([float(side.stop - 1) for side in box])

    @property
    def is_cut(self) -> bool:
        """Whether the head goes on beyond the field of view."""
        first, last = self.head_extent
        return bool((first == 0).any() or (last == np.asarray(self.geometry.size) - 1).any())

    @property
    def is_slab(self) -> bool:
        """Whether the field of view is shorter than a brain along one of its axes, and cuts the head."""
        return self.is_cut and bool((np.asarray(self.geometry.size) * self.geometry.spacing).min() < SLAB_MM)

    @property
    def may_be_stripped(self) -> bool:
        """Whether the air is one value and what is left no larger than a brain: so is a child's head, or a slab."""
        return self.has_constant_air and 0 < self.head_ml < LARGEST_BRAIN_ML

    @cached_property
    def scalp_share(self) -> float:
        """On how much of the surface scalp and skull lie under it, 0 to 1: see `skull.scalp_share`."""
        if self.scalp is not None:
            return self.scalp
        from .skull import scalp_share  # loads what naming volumes does not need

        return scalp_share(sitk.GetArrayViewFromImage(self.image), self.geometry, self.background)

    @cached_property
    def skull_stripped(self) -> bool:
        """Whether only a brain is left: air of exactly one value, no more than a brain, and no scalp around it."""
        return self.may_be_stripped and self.scalp_share < SCALP_SHARE

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


def image_suffix(path: Path) -> str | None:
    """The suffix of a file name that tells a volume (`.nii.gz`, `.mha`, ...), or None."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(IMAGE_SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None)


def read_volume(source: Source, modality: str, any_values: bool = False) -> tuple[sitk.Image, str]:
    """Read one volume and check that it can be used.

    Args:
        source: A NIfTI, NRRD or MetaImage file, a folder with one DICOM series, a series, or an image (never changed).
        modality: What the volume is, for messages.
        any_values: Only the grid is wanted: do not look at the values.

    Returns:
        A 3D scalar image with finite, non-constant values, and the name by which messages call it.

    Raises:
        StudyError: The volume is absent, damaged, not three-dimensional, or holds nothing usable.
    """
    found, name = read_image(source, modality, any_values)
    return found.image, name


def read_image(
    source: Source, modality: str, any_values: bool = False, orientation: str = ORIENTATIONS[0]
) -> tuple[ImageFile, str]:
    """As `read_volume`, with what the file says of its place.

    Args:
        source: As for `read_volume`.
        modality: What the volume is, for messages.
        any_values: Only the grid is wanted: do not look at the values.
        orientation: Of `ORIENTATIONS`: which form of a NIfTI header gives the place where its two differ.

    Raises:
        StudyError: As `read_volume`.
    """
    check_orientation(orientation)
    if isinstance(source, sitk.Image):
        name = f"the {modality} image"
        found = ImageFile(sitk.Image(source))  # shares the voxels until one of the two is written to
    elif isinstance(source, DicomSeries):
        name = f"series {source} in {source.folder}"
        found = ImageFile(read_series(source))
    elif isinstance(source, str | Path):
        check_name(source, StudyError)
        path, number = split_choice(source)
        name = str(source)
        if not path.exists():
            raise StudyError(f"{path}: the file does not exist; check the path of the {modality} volume")
        if path.is_dir():
            found = ImageFile(read_dicom_folder(path, number))
        else:
            found = read_image_file(path, orientation, number)
    else:
        raise StudyError(
            f"The {modality} volume is a {type(source).__name__}: give a path, a DICOM folder or a SimpleITK image"
        )
    found = replace(found, image=_three_dimensional(found.image, name))
    if not any_values:
        _check_values(sitk.GetArrayViewFromImage(found.image), name, found.not_finite)
    return found, name


def _three_dimensional(image: sitk.Image, name: str) -> sitk.Image:
    """Return `image` if it is one 3D volume of grey values."""
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    check_grid(image, name)
    if min(image.GetSize()) < SMALLEST_AXIS:
        raise StudyError(f"{name}: only {_size(image)} voxels; give a whole 3D volume, not single slices")
    return image


def check_grid(image: sitk.Image, name: str) -> None:
    """Raise `StudyError` where an image is not one grey value a voxel on a 3D grid, or this grid cannot be: sheared,
    far away, or without extent.
    """
    if image.GetDimension() != 3:
        dimensions = f"{image.GetDimension()} dimensions ({_size(image)})"
        raise StudyError(f"{name}: the image has {dimensions}; give one 3D volume")
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise StudyError(
            f"{name}: the voxels are colours, vectors or complex numbers; give a volume of one grey value a voxel"
        )
    _check_place(image, name)
    extent = max(n * step for n, step in zip(image.GetSize(), image.GetSpacing(), strict=True))
    if not np.isfinite(extent) or extent > LARGEST_EXTENT_MM:
        raise StudyError(f"{name}: the volume is {extent:.0f} mm long; its voxel spacing is wrong, export it again")


def _size(image: sitk.Image) -> str:
    return " x ".join(str(n) for n in image.GetSize())


def _check_place(image: sitk.Image, name: str) -> None:
    """Raise `StudyError` when the grid lies nowhere, has no extent, or has axes that are not at right angles."""
    origin, spacing, axes = image.GetOrigin(), image.GetSpacing(), np.reshape(image.GetDirection(), (3, 3))
    if not all(np.isfinite(one).all() for one in (origin, spacing, axes)):
        raise StudyError(f"{name}: its place or voxel spacing is not a finite number; export it again")
    if min(spacing) < SMALLEST_STEP_MM:
        raise StudyError(f"{name}: a voxel spacing of {min(spacing):g} mm cannot be; export it again")
    if max(map(abs, origin)) > FARTHEST_MM:
        raise StudyError(f"{name}: its first voxel lies {max(map(abs, origin)):g} mm away; export it again")
    if np.abs(axes.T @ axes - np.eye(3)).max() > LARGEST_SHEAR:
        raise StudyError(
            f"{name}: its axes are not at right angles (sheared); resample it onto a grid with right angles"
        )


def _check_values(values: np.ndarray, name: str, not_finite: int) -> None:
    if values.dtype.kind == "f":
        bad = int(values.size - np.count_nonzero(np.isfinite(values)))
        if bad:
            raise StudyError(
                f"{name}: {bad} of {values.size} voxels are NaN or infinite; replace them, or export the volume again"
            )
    lowest, highest = values.min(), values.max()
    if max(-float(lowest), float(highest)) > LARGEST_VALUE:
        beyond = np.count_nonzero(np.abs(values) > LARGEST_VALUE)
        raise StudyError(
            f"{name}: {beyond} of {values.size} voxels are beyond {LARGEST_VALUE:g}, which no grey value is; replace "
            "them, or export the volume again"
        )
    if lowest == highest:
        said = f", for {not_finite} in the file are NaN or infinite" if not_finite else ""
        raise StudyError(f"{name}: every voxel is {lowest:g}{said}; the volume shows no image")
