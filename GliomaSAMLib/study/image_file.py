"""The one reader of image files: volumes, labels and masks all go through `read_image_file`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError, is_out_of_memory
from ..files import check_name
from ..private_folder import folder_of_links
from .dicom import read_dicom_file
from .nifti import (
    ORIENTATIONS,
    SAME_PLACE_MM,
    NiftiError,
    NiftiPlace,
    check_whole,
    chosen_place,
    header_file,
    is_packed,
    lps_place,
    read_header,
    voxel_file,
)
from .reasons import no_warnings, reason_of
from .text_headers import HeaderError, check_metaimage, check_nrrd

NIFTI_SUFFIXES = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")

_PLACED_SUFFIXES = (".mnc", ".h5", ".hdf5", ".hdf", ".dcm")
"""Of the further formats that ITK reads, those that carry a place."""


@dataclass(frozen=True)
class ImageFile:
    """An image as it was read, and what its file says of its place.

    Args:
        image: Never resampled.
        note: What the user should know of its place; empty when all is well.
        placed: Whether the file says where in the patient the voxels lie, or a NIfTI file of which left is not known.
        nifti: The place as it stands in a NIfTI header, for results on the same grid.
        not_finite: How many voxels of a NIfTI file are NaN or infinite; they are 0 in `image`.
    """

    image: sitk.Image
    note: str = ""
    placed: bool = True
    nifti: NiftiPlace | None = None
    not_finite: int = 0


def check_orientation(orientation: str) -> None:
    """Raise `StudyError` for what is none of `ORIENTATIONS`."""
    if orientation not in ORIENTATIONS:
        raise StudyError(f"Unknown orientation {orientation!r}. Choose {', '.join(ORIENTATIONS)}")


@no_warnings()
def read_image_file(path: Path, orientation: str = "auto", number: int | None = None) -> ImageFile:
    """Read an image, and nothing but the file that is named.

    ITK looks for the voxels of `t1.nii.gz` in a `t1.nii` beside it; so it gets a link to the file in an empty folder.

    Args:
        path: A NIfTI file or pair, NRRD, MetaImage, one DICOM file, or whatever else ITK reads.
        orientation: Of `ORIENTATIONS`: which form of a NIfTI header gives the place where both do.
        number: Which volume of a DICOM file that holds several, from 1.

    Raises:
        StudyError: The file is absent, damaged, or its header says what cannot be; the text says what.
        OutputError: The temporary folder cannot be written.
    """
    check_orientation(orientation)
    check_name(path, StudyError)
    if not path.exists():
        raise StudyError(f"{path}: the file does not exist; check the path")
    if path.is_dir():
        raise StudyError(f"{path}: this is a folder; give the path of a file")
    try:
        if path.stat().st_size == 0:
            raise StudyError(f"{path}: the file is empty; copy or export it again")
        return _read(path, orientation, number)
    except (NiftiError, HeaderError) as error:
        raise StudyError(f"{path}: the file {error}") from error
    except (RuntimeError, ValueError, OSError) as error:
        if is_out_of_memory(error):
            raise MemoryError(f"for {path}") from error
        raise StudyError(
            f"{path}: not a readable image, or damaged or cut short ({reason_of(error)}); "
            "export it again as NIfTI, NRRD or MHA"
        ) from error


def _read(path: Path, orientation: str, number: int | None) -> ImageFile:
    name = path.name.lower()
    with path.open("rb") as file:
        start = file.read(132)
    if start[128:] == b"DICM":
        return ImageFile(read_dicom_file(path, number))
    if number is not None:
        raise StudyError(f"{path}: only DICOM holds volumes to choose from by #{number}; give the path alone")
    if name.endswith(NIFTI_SUFFIXES):
        return _read_nifti(path, orientation)
    if start.startswith(b"NRRD") or name.endswith((".nrrd", ".nhdr")):
        missing = check_nrrd(path)
    elif name.endswith((".mha", ".mhd")):
        missing = check_metaimage(path)
    elif name.endswith(_PLACED_SUFFIXES):
        missing = ""
    else:
        missing = "its format carries no position and no orientation in the patient"
    return ImageFile(sitk.ReadImage(str(path)), f"{missing}: check left and right" if missing else "", not missing)


def _read_nifti(path: Path, orientation: str) -> ImageFile:
    voxels_named = path.name.lower().endswith((".img", ".img.gz"))
    header_path = header_file(path) if voxels_named else path
    header = read_header(header_path)
    voxels = voxel_file(header_path) if header.pair and not voxels_named else path
    not_finite = check_whole(voxels, header)
    matrix, note = chosen_place(header, orientation)
    if header.pair:
        links = {_link_name("image.hdr", header_path): header_path, _link_name("image.img", voxels): voxels}
    else:
        links = {_link_name("image.nii", path): path}
    with folder_of_links(links) as folder:
        image = sitk.ReadImage(str(folder / next(iter(links))))
    if matrix is not None:
        image = _moved(image, matrix)
    return ImageFile(image, note, header.place is not None, header.place, not_finite)


def _link_name(name: str, path: Path) -> str:
    return f"{name}.gz" if is_packed(path) else name


def _moved(image: sitk.Image, matrix: np.ndarray) -> sitk.Image:
    """The image at the place that a matrix of voxels to RAS mm gives; as it is where ITK found the same, with its axes
    at right angles.
    """
    axes = image.GetDimension()
    if axes < 3:
        return image
    origin, spacing, direction = lps_place(matrix)
    turn = np.array(image.GetDirection()).reshape(axes, axes)[:3, :3]
    found = turn * image.GetSpacing()[:3]
    wanted = np.reshape(direction, (3, 3)) * spacing
    apart = np.abs(found - wanted) @ image.GetSize()[:3] + np.abs(np.array(image.GetOrigin()[:3]) - origin)
    if apart.max() <= SAME_PLACE_MM and np.allclose(turn.T @ turn, np.eye(3), atol=1e-4):
        return image
    whole = np.eye(axes)
    whole[:3, :3] = np.reshape(direction, (3, 3))
    image.SetOrigin((*origin, *image.GetOrigin()[3:]))
    image.SetSpacing((*spacing, *image.GetSpacing()[3:]))
    image.SetDirection(whole.ravel().tolist())
    return image
