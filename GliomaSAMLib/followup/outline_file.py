"""Which file in the folder of a visit holds its outlines."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..data.labels import outline_files
from ..errors import StudyError
from ..files import seen_in
from ..study.image_file import read_image_file
from ..study.modalities import DEPTH, sub_folders
from ..study.naming import is_named_after_a_tumour, is_tumour_outline, speaks_of_sequence
from ..study.volume import image_suffix

NO_SEGMENTATION = "-"
"""What is given in the place of a file for a visit without one."""

LARGEST_LABEL = 4
"""Of a map of the regions of a glioma, in any order."""


def segmentation_file(folder: Path, given: Path | str | None) -> tuple[Path | None, tuple[str, ...]]:
    """The file with the outlines of a visit, None where there is none, and what the user should know of the choice.

    Args:
        folder: Of the visit.
        given: The file to take, or "-" for none. Default the only one whose name speaks of a segmentation, else the
            only one that is called after a tumour and no sequence, three levels of sub-folders deep.

    Raises:
        StudyError: There are several, or one that is not called so may be one: nothing that was outlined is passed
            over unsaid.
    """
    if given is not None:
        if str(given) == NO_SEGMENTATION:
            return None, ()
        path = Path(given)
        if not path.is_file():
            raise StudyError(f"{path}: the segmentation of the visit {folder.name} is no file; check the path")
        return path, ()
    for speaks in (is_tumour_outline, is_named_after_a_tumour):
        for level in _levels(folder):
            found = [path for place in level for path in outline_files(place, speaks)]
            if len(found) > 1:
                names = ", ".join(path.name for path in found)
                raise StudyError(
                    f"The visit {folder.name} has {len(found)} segmentations: {names}. Say which (--segmentation), or "
                    "leave one there"
                )
            if found:
                said = () if speaks is is_tumour_outline else (f"{found[0].name} is taken as its segmentation",)
                return found[0], said
    _refuse_unnamed(folder)
    return None, ()


def _levels(folder: Path) -> Iterator[list[Path]]:
    level = [folder]
    for _ in range(DEPTH):
        yield level
        level = sub_folders(level)


def _refuse_unnamed(folder: Path) -> None:
    """Raise `StudyError` where a file that no name says anything of holds labels."""
    files = [path for level in _levels(folder) for place in level for path in seen_in(place) if path.is_file()]
    named = [(path, path.name[: -len(suffix)]) for path in files if (suffix := image_suffix(path))]
    found = [path.name for path, stem in named if not speaks_of_sequence(stem) and _holds_labels(path)]
    if found:
        raise StudyError(
            f"The visit {folder.name} has no file that is called a segmentation, but {', '.join(found)} may be one: "
            "give it with --segmentation or call it seg; if it is none, give - in its place (--segmentation -)"
        )


def _holds_labels(path: Path) -> bool:
    """Whether all voxels are small whole numbers as labels are, and some of them not 0."""
    try:
        image = read_image_file(path).image
    except StudyError:  # who needs the file says what is wrong with it
        return False
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        return False
    values = sitk.GetArrayViewFromImage(image)
    if values.min() != 0 or not 0 < values.max() <= LARGEST_LABEL:
        return False
    return bool(np.isin(values, range(LARGEST_LABEL + 1)).all())
