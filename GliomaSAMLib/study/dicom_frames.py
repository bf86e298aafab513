"""Multi-frame DICOM files: the frames in the order of their own positions."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from .dicom_elements import Elements, read_elements
from .slices import Slice, believable, stack_of

SHARED, PER_FRAME = 0x52009229, 0x52009230

_FRAMES, _ROWS, _COLUMNS = 0x00280008, 0x00280010, 0x00280011

_POSITION, _ORIENTATION, _PIXEL_SPACING, _SLICE_SPACING = 0x00200032, 0x00200037, 0x00280030, 0x00180088

_PLANE_POSITION, _PLANE_ORIENTATION, _PIXEL_MEASURES = 0x00209113, 0x00209116, 0x00289110

_CONTENT, _ECHO, _DIFFUSION, _TYPE, _RESCALE = 0x00209111, 0x00189114, 0x00189117, 0x00189226, 0x00289145


def frame_count(elements: Elements) -> int:
    """How many frames a file holds; one where it does not say it."""
    count = elements.decimals(_FRAMES)
    return int(count[0]) if count and np.isfinite(count[0]) else 1


def read_frames(path: Path, name: str, frames: Sequence[Slice], numbers: Sequence[int]) -> sitk.Image:
    """A volume of a DICOM file of several frames.

    Args:
        path: The file.
        name: What it is, for messages.
        frames: All that it holds, as `frames_of` gives them.
        numbers: Of the frames that make up the volume.

    Raises:
        StudyError: The frames make up no even stack (as `stack_of`).
        RuntimeError: SimpleITK cannot read the pixels.
    """
    stack = stack_of([frames[number] for number in numbers], name)
    order = [numbers[place] for place in stack.order]
    image = sitk.ReadImage(str(path))
    if image.GetDimension() != 3 or image.GetSize()[2] != len(frames):
        raise StudyError(f"{name}: the pixels of {len(frames)} frames cannot be read; export the series again")
    if order != list(range(len(frames))):
        values = sitk.GetArrayViewFromImage(image)[order]
        image = sitk.GetImageFromArray(values, isVector=image.GetNumberOfComponentsPerPixel() > 1)
    return stack.place(image)


def frames_of(path: Path, name: str) -> list[Slice]:
    """Where the frames of a DICOM file lie, in the order in which they are stored.

    Raises:
        StudyError: The file is damaged or holds one slice only, its frames have no place of their own, or they differ
            in the scale of their values.
        OSError: It cannot be read.
    """
    elements = read_elements(path)
    frames = frame_count(elements)
    if frames < 2:
        raise StudyError(f"{name}: the file is a single slice; give the folder with all slices of the series")
    if PER_FRAME in elements.items or SHARED in elements.items:
        return _enhanced_frames(elements, frames, name)
    return _plain_frames(elements, frames, name)


def _enhanced_frames(elements: Elements, frames: int, name: str) -> list[Slice]:
    shared = elements.first(SHARED)
    each = elements.items.get(PER_FRAME, [])
    if len(each) != frames:
        raise StudyError(f"{name}: {frames} frames, but {len(each)} places for them; export the series again")
    size = (int((elements.binary(_ROWS) or (0,))[0]), int((elements.binary(_COLUMNS) or (0,))[0]))
    slices = []
    scales = set()
    for own in each:
        position = _group(own, shared, _PLANE_POSITION).decimals(_POSITION)
        orientation = _group(own, shared, _PLANE_ORIENTATION).decimals(_ORIENTATION)
        spacing = _group(own, shared, _PIXEL_MEASURES).decimals(_PIXEL_SPACING)
        slices.append(Slice(position, orientation, spacing, size, dict(_what(own, shared))))
        rescale = _group(own, shared, _RESCALE)
        scales.add((rescale.decimals(0x00281053), rescale.decimals(0x00281052)))
    if len(scales) > 1:
        raise StudyError(f"{name}: the frames differ in the scale of their values (Rescale Slope); export it as NIfTI")
    return slices


def _group(own: Elements, shared: Elements, tag: int) -> Elements:
    return (own if tag in own.items else shared).first(tag)


def _what(own: Elements, shared: Elements) -> Iterator[tuple[str, str]]:
    """What may tell apart frames at one place, by name."""
    content = own.first(_CONTENT)
    for label, value in (
        ("stack", content.text(0x00209056)),
        ("time", content.binary(0x00209128)),
        ("echo time", _group(own, shared, _ECHO).binary(0x00189082)),
        ("b-value", _group(own, shared, _DIFFUSION).binary(0x00189087)),
        ("type", _group(own, shared, _TYPE).text(0x00089007)),
    ):
        if value:
            yield label, value if isinstance(value, str) else f"{value[0]:g}"


def _plain_frames(elements: Elements, frames: int, name: str) -> list[Slice]:
    """Of a file that gives one place for all its frames: they follow along the normal, when it says how far apart."""
    position, orientation = elements.decimals(_POSITION), elements.decimals(_ORIENTATION)
    spacing, step = elements.decimals(_PIXEL_SPACING), elements.decimals(_SLICE_SPACING)
    if not step or not believable(step[:1]) or step[0] <= 0:
        raise StudyError(
            f"{name}: the {frames} frames have no places of their own and no distance between them; export the series "
            "again, with its geometry"
        )
    if len(orientation) != 6 or len(position) != 3 or not believable((*position, *orientation)):
        raise StudyError(f"{name}: the frames have no position or orientation in the patient; export the series again")
    normal = np.cross(orientation[:3], orientation[3:])
    places = [tuple(float(x) for x in np.add(position, n * step[0] * normal)) for n in range(frames)]
    return [Slice(place, orientation, spacing, (0, 0), {}) for place in places]
