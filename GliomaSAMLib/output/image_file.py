"""Images on disk, whole or not at all, and read back to be sure."""

import os

import numpy as np
import SimpleITK as sitk

from ..errors import OutputError
from ..writing import replacing


def write_image(path: str | os.PathLike[str], image: sitk.Image, header: tuple[bytes, bytes] | None = None) -> None:
    """Write an image, compressed where the format can, in the place of what is at `path`. The suffix chooses the
    format.

    The file is read back before it replaces the old one, as some of ITK's writers do not notice a full disk.

    Args:
        path: The file.
        image: The image.
        header: A line of the file's header as ITK writes it, and what is to stand there instead.

    Raises:
        OutputError: It cannot be written; the old file is unchanged and nothing else is left.
    """
    with replacing(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
            if header is not None:
                temporary.write_bytes(temporary.read_bytes().replace(*header, 1))
            intact = temporary.exists() and _same_voxels(sitk.ReadImage(str(temporary)), image)
        except RuntimeError as error:
            raise OutputError(_failure(path, temporary.parent)) from error
        if not intact:
            raise OutputError(_failure(path, temporary.parent))


def _same_voxels(image: sitk.Image, other: sitk.Image) -> bool:
    return np.array_equal(sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(other))


def _failure(path: str | os.PathLike[str], folder: os.PathLike[str]) -> str:
    """What went wrong as far as it shows: ITK does not tell a full disk from other failures."""
    try:
        status = os.statvfs(folder)
        free = status.f_bavail * status.f_frsize / 1e6
        reason = f"the folder has {free:.1f} MB free"
    except (OSError, AttributeError):
        reason = "the disk may be full"
    advice = "free space or choose another folder; a file that was there before is unchanged"
    return f"{os.fspath(path)} could not be written ({reason}): {advice}"
