"""Where the brain is: what a skull-stripped volume holds, or what deepbet finds in a head."""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ..errors import StudyError
from .canonical import resample
from .extent import bounding_box
from .extraction import extract_brain
from .geometry import Geometry
from .progress import Reporter
from .volume import Volume

SKULL = ("auto", "on", "off")
_BEST_FOR_EXTRACTION = ("t1", "t1c", "t2", "flair")
_SMALLEST_PART = 0.01


def find_brain(
    volumes: list[Volume], grid: Geometry, skull: str, report: Reporter
) -> tuple[np.ndarray, sitk.Image, list[str]]:
    """Find the brain.

    Args:
        volumes: All volumes of the study.
        grid: The reference grid.
        skull: `on`: extract the brain; `off`: take what is not air; `auto`: see whether the skull is on.
        report: Progress and cancel.

    Returns:
        The brain on `grid`, bool (K, J, I); the same as a uint8 image on the finest grid known; notes for the user.

    Raises:
        StudyError: No brain is found, or `skull` is `on` and the extraction fails.
        Cancelled: The user asked to stop.
    """
    if skull not in SKULL:
        raise StudyError(f"skull={skull!r} is not known: choose auto, on or off")
    stripped = [volume for volume in volumes if volume.skull_stripped]
    notes = []
    if skull == "on" or (skull == "auto" and not stripped):
        source = min(volumes, key=lambda volume: _BEST_FOR_EXTRACTION.index(volume.modality))
        try:
            return _extracted(source, grid, report)
        except StudyError as error:
            if skull == "on":
                raise StudyError(f"{source.name}: {error}") from error
            notes.append(f"the skull seems to be on, but {error}: the whole head is used instead")
    chosen = stripped if stripped and skull == "auto" else volumes
    if 0 < len(stripped) < len(volumes) and skull == "auto":
        notes.append(
            f"the brain is taken from the skull-stripped {' and '.join(volume.modality for volume in stripped)}"
        )
    brain = np.zeros(grid.shape, bool)
    for volume in chosen:
        report.report(0.5, f"finding the brain in {volume.modality}")
        brain |= volume.head_on(grid)
    brain = _solid(brain)
    return brain, grid.to_image(brain.astype(np.uint8)), notes


def _extracted(source: Volume, grid: Geometry, report: Reporter) -> tuple[np.ndarray, sitk.Image, list[str]]:
    fine = extract_brain(source.image, report)
    if source.motion is not None:  # bring it from the source's place to the reference's
        fine_grid = Geometry.of_image(fine)
        moved = resample(sitk.Cast(fine, sitk.sitkFloat32), fine_grid, transform=source.motion)
        fine = fine_grid.to_image((moved > 0.5).astype(np.uint8))
    brain = resample(fine, grid, nearest=True) > 0
    if not brain.any():
        raise StudyError("the brain lies outside the reference grid")
    millilitres = np.count_nonzero(sitk.GetArrayViewFromImage(fine)) / 1000.0
    return (
        brain,
        fine,
        [f"the brain was found in {source.modality} with deepbet: {millilitres:.0f} mL; the skull is left out"],
    )


def _solid(mask: np.ndarray) -> np.ndarray:
    """The large connected parts of `mask`, with their holes filled."""
    if not mask.any():
        raise StudyError("no brain was found: every voxel on the reference grid is air")
    box = bounding_box(mask)
    part = mask[box]
    labels, count = ndimage.label(part)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        part = (sizes >= _SMALLEST_PART * sizes.max())[labels]
    air, _ = ndimage.label(np.pad(~part, 1, constant_values=True))
    result = np.zeros(mask.shape, bool)
    result[box] = (air != air[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return result
