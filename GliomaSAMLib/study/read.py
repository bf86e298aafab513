"""Reading one volume from a file, a DICOM folder or a SimpleITK image, and refusing what cannot be used."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from .complete import check_complete
from .dicom import DicomSeries, read_dicom_folder, read_series

Source = str | Path | DicomSeries | sitk.Image
"""What a user gives for a volume: a file, a folder with one DICOM series, one series of a folder, or an image."""

IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
SMALLEST_AXIS = 4
LARGEST_EXTENT_MM = 1000.0


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
    if isinstance(source, sitk.Image):
        name = f"the {modality} image"
        image = sitk.Image(source)  # shares the voxels until one of the two is written to
    elif isinstance(source, DicomSeries):
        name = f"series {source} in {source.folder}"
        image = read_series(source)
    elif isinstance(source, str | Path):
        path = Path(source)
        name = str(path)
        image = read_dicom_folder(path) if path.is_dir() else _read_file(path, modality)
    else:
        raise StudyError(
            f"the {modality} volume is a {type(source).__name__}: give a path, a DICOM folder or a SimpleITK image"
        )
    image = _three_dimensional(image, name)
    if not any_values:
        _check_values(sitk.GetArrayViewFromImage(image), name)
    return image, name


def _read_file(path: Path, modality: str) -> sitk.Image:
    if not path.exists():
        raise StudyError(f"{path}: there is no such file; check the path of the {modality} volume")
    if path.stat().st_size == 0:
        raise StudyError(f"{path}: the file is empty; copy or export it again")
    try:
        check_complete(path)
        return sitk.ReadImage(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise StudyError(
            f"{path}: not a readable image, or damaged or cut short; export it again as NIfTI, NRRD or MHA"
        ) from error


def _three_dimensional(image: sitk.Image, name: str) -> sitk.Image:
    """Return `image` if it is one 3D volume of grey values."""
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    size = " x ".join(str(n) for n in image.GetSize())
    if image.GetDimension() != 3:
        raise StudyError(f"{name}: the image has {image.GetDimension()} dimensions ({size}); give one 3D volume")
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise StudyError(
            f"{name}: the voxels are colours, vectors or complex numbers; give a volume of one grey value a voxel"
        )
    if min(image.GetSize()) < SMALLEST_AXIS:
        raise StudyError(f"{name}: only {size} voxels; give a whole 3D volume, not single slices")
    extent = max(n * step for n, step in zip(image.GetSize(), image.GetSpacing(), strict=True))
    if not np.isfinite(extent) or extent > LARGEST_EXTENT_MM:
        raise StudyError(f"{name}: the volume is {extent:.0f} mm long; its voxel spacing is wrong, export it again")
    return image


def _check_values(values: np.ndarray, name: str) -> None:
    if values.dtype.kind == "f":
        bad = int(values.size - np.count_nonzero(np.isfinite(values)))
        if bad:
            raise StudyError(
                f"{name}: {bad} of {values.size} voxels are NaN or infinite; replace them, or export the volume again"
            )
    lowest = values.min()
    if lowest == values.max():
        raise StudyError(f"{name}: every voxel is {lowest:g}; there is no image in this volume")
