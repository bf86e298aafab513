"""Slices with positions of their own: whether they make up one even stack, in which order, and where it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError

SAME_DIRECTION = 1e-3

SAME_SPACING = 1e-3

ONE_PLACE_MM = 0.01

LARGEST_TILT = 0.25
"""In voxels: how far the last slice may lie beside the line along which the first looks."""

UNTOUCHED_MM = 0.01

LARGEST_NUMBER = 1e30
"""A place beyond it is damage, and its products would have no end."""

ONE_ONLY = ("stack", "echo time", "b-value")
"""What has one value throughout a volume, of what may tell slices apart."""


@dataclass(frozen=True)
class Slice:
    """Where one slice lies.

    Args:
        position: LPS mm of the centre of its first voxel; empty when it is not told, as the others.
        orientation: LPS unit vectors along a row and along a column, six numbers.
        spacing: Between rows and between columns, in mm.
        size: Rows and columns.
        what: What tells apart slices at one place, by name: the echo time, the b-value, ...
        stored: How its values are stored: the numbers of the header that decide on the type of the voxels.
    """

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    size: tuple[int, int]
    what: Mapping[str, str]
    stored: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Stack:
    """An even stack of slices.

    Args:
        order: The numbers of the slices, from the first along the normal to the last.
        origin: LPS mm of the first voxel.
        spacing: Along I, J, K in mm.
        direction: LPS unit vectors of I, J, K as columns, nine numbers row by row.
    """

    order: tuple[int, ...]
    origin: tuple[float, float, float]
    spacing: tuple[float, float, float]
    direction: tuple[float, ...]

    def place(self, image: sitk.Image) -> sitk.Image:
        """Give an image of these slices, in order, this place; one that lies there already stays as it is."""
        wanted = np.reshape(self.direction, (3, 3)) * self.spacing
        found = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
        apart = np.abs(found - wanted) @ image.GetSize() + np.abs(np.subtract(image.GetOrigin(), self.origin))
        if apart.max() > UNTOUCHED_MM:
            image.SetOrigin(self.origin)
            image.SetSpacing(self.spacing)
            image.SetDirection(self.direction)
        return image


def rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Numbers to two places, of any size, which numpy would multiply first."""
    return tuple(round(value, 2) for value in values)


def believable(values: Sequence[float]) -> bool:
    """Whether all numbers are finite and none is so large that it cannot be reckoned with."""
    return all(abs(value) < LARGEST_NUMBER for value in values)


def stack_of(slices: Sequence[Slice], name: str) -> Stack:
    """The stack that slices make up, in whatever order they come.

    Args:
        slices: Of one volume; see `parts_of`.
        name: What they are, for messages.

    Raises:
        StudyError: There is one slice only; a slice has no place, orientation or spacing of its own; they differ in
            orientation, spacing or size; several lie at one place; some are missing; the stack is tilted.
    """
    if len(slices) < 2:
        raise StudyError(f"{name}: there is one slice only; choose or export a whole volume")
    _check_told(slices, name)
    _check_alike(slices, name)
    _check_one_volume(slices, name)
    first = slices[0]
    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    row = row / np.linalg.norm(row)
    column = column - row * (row @ column)
    column = column / np.linalg.norm(column)
    normal = np.cross(row, column)
    positions = np.array([one.position for one in slices])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order])
    if steps.min() < ONE_PLACE_MM:
        raise StudyError(
            f"{name} has several slices at one place{_kinds(slices)}: export one of them as a series of its own"
        )
    usual = float(np.median(steps))
    if np.abs(steps - usual).max() > 0.05 * usual + 0.05:
        raise StudyError(
            f"{name}: slices are missing or unevenly spaced "
            f"({steps.min():.2f} to {steps.max():.2f} mm){_kinds(slices)}; export it again, one volume only"
        )
    ordered = positions[order]
    beside = ordered - ordered[0] - np.outer((ordered - ordered[0]) @ normal, normal)
    if np.linalg.norm(beside, axis=1).max() > LARGEST_TILT * min(first.spacing):
        raise StudyError(
            f"{name}: the slices are tilted (each lies beside the line along which the one before looks); "
            "resample the series onto a grid with right angles, or export it without the tilt of the gantry"
        )
    spacing = (first.spacing[1], first.spacing[0], float(steps.mean()))
    x, y, z = (float(value) for value in ordered[0])
    axes = np.stack([row, column, normal], axis=1)
    return Stack(tuple(int(n) for n in order), (x, y, z), spacing, tuple(float(v) for v in axes.ravel()))


def _check_told(slices: Sequence[Slice], name: str) -> None:
    for one in slices:
        for values, count, what in (
            (one.position, 3, "position in the patient (Image Position)"),
            (one.orientation, 6, "orientation in the patient (Image Orientation)"),
            (one.spacing, 2, "distance between pixels (Pixel Spacing)"),
        ):
            if not values:
                raise StudyError(f"{name}: slices have no {what}; export the series again, with its geometry")
            if len(values) != count or not believable(values):
                raise StudyError(f"{name}: slices have a {what} of {_numbers(values)}; export the series again")
        if min(one.spacing) <= 0:
            raise StudyError(f"{name}: the pixels are {_numbers(one.spacing)} mm apart; export the series again")
        row, column = np.array(one.orientation[:3]), np.array(one.orientation[3:])
        if max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column)) > 10 * SAME_DIRECTION:
            raise StudyError(
                f"{name}: the orientation {_numbers(one.orientation)} is not one of two unit vectors at a right angle; "
                "export the series again"
            )


def _check_alike(slices: Sequence[Slice], name: str) -> None:
    first = slices[0]
    if len(sizes := {one.size for one in slices}) > 1:
        listed = ", ".join(f"{rows} x {columns}" for rows, columns in sorted(sizes))
        raise StudyError(f"{name}: slices differ in size ({listed}){_kinds(slices)}; export one volume only")
    if np.ptp([one.orientation for one in slices], axis=0).max() > SAME_DIRECTION:
        count = len({rounded(one.orientation) for one in slices})
        raise StudyError(
            f"{name}: slices differ in orientation ({count} orientations){_kinds(slices)}; "
            "export those of one orientation as a series of their own"
        )
    if np.ptp([one.spacing for one in slices], axis=0).max() > SAME_SPACING * min(first.spacing):
        raise StudyError(f"{name}: slices differ in Pixel Spacing{_kinds(slices)}; export one volume only")


def _check_one_volume(slices: Sequence[Slice], name: str) -> None:
    for what in ONE_ONLY:
        found = list(dict.fromkeys(one.what.get(what, "") for one in slices))
        if len(found) > 1 and not _nearly_one(found):
            places = {rounded(one.position) for one in slices}
            where = " at one place" if len(places) < len(slices) else ""
            raise StudyError(
                f"{name} has several slices{where} that belong to different volumes{_kinds(slices)}: export one of "
                "them as a series of its own"
            )


def _nearly_one(words: Sequence[str]) -> bool:
    """Whether all are numbers that differ by rounding only."""
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return False
    return max(numbers) - min(numbers) <= 0.01 * max(map(abs, numbers))


def _kinds(slices: Sequence[Slice]) -> str:
    """What differs among slices, to put after a complaint: " (echo time: 20, 90)", or "" when nothing does."""
    names = dict.fromkeys(name for one in slices for name in one.what)
    found = {name: dict.fromkeys(one.what.get(name, "none") for one in slices) for name in names}
    told = []
    for name, values in found.items():
        if len(values) > 1:
            shown = list(values)[:6]
            told.append(f"{name}: {', '.join(shown)}{' ...' if len(values) > 6 else ''}")
    return f" ({'; '.join(told)})" if told else ""


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
