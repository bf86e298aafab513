"""The two diameters of a lesion as a calliper gives them: both lines stay inside, from edge to edge.

A reader sets the calliper on the outer edges of the lesion on one axial slice, without crossing what is not lesion.
The ends of the longest diameter are middles of borders between a voxel of the region and one outside it: nearer to the
truth than centres or corners of voxels. A line is inside when each piece of it between two crossings of borders of
voxels lies in the region; this is tested exactly, without sampling. The perpendicular is the supremum of the chords at
right angles that cross the longest diameter. The slice is that with the largest product, so that a thin spur on another
slice does not move the measurement.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from ..geometry import Geometry
from .diameters import Diameters, axial_axis, in_ras, parts_of, slice_spacing

SAME_MM = 1e-6
"""Lengths in mm, and products in mm², that differ by less are equal."""

FIRST_LOOKS = tuple(number * (5**0.5 - 1) / 2 % 1 for number in range(1, 65))
"""Where a line is looked at before it is tested exactly: most lines that leave the region are found here.

Multiples of the golden ratio are spread evenly, and none of them lies on a border of voxels for ends on half voxels.
"""

FIRST_BAND = 0.01
"""The share of the longest distance by which the first band of lengths is wide; each further one is twice as wide."""

TESTED_AT_ONCE = 128

PAIRS_AT_ONCE = 1 << 19
"""Of ends, and of lines and the borders that they may cross: what keeps a ragged region from filling the memory."""

HALF_DOWN, HALF_ASIDE = np.array([0.5, 0.0]), np.array([0.0, 0.5])


@dataclass(frozen=True, eq=False)
class Cross:
    """The two lines on one slice.

    Args:
        longest_mm: The longest diameter.
        perpendicular_mm: The longest chord across it.
        longest: Its ends (2, 2), voxels of the slice.
        perpendicular: The ends (2, 2) of a chord that comes within 1e-6 of it.
    """

    longest_mm: float
    perpendicular_mm: float
    longest: np.ndarray
    perpendicular: np.ndarray

    @property
    def product_mm2(self) -> float:
        """The product of both."""
        return self.longest_mm * self.perpendicular_mm


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of a slice with one voxel of outside around it, and what its convex hull says of its diameters: how far
    another end is from each end at most.
    """

    mask: np.ndarray
    corner: np.ndarray
    ends: np.ndarray
    reach_mm: np.ndarray
    hull_mm2: float

    @property
    def hull_mm(self) -> float:
        """The longest distance of two ends."""
        return float(self.reach_mm.max())


def calliper_diameters(mask: np.ndarray, geometry: Geometry) -> tuple[Diameters, int] | None:
    """The two diameters of a lesion on the axial slice with the largest product; None where it is empty.

    Equal products: the longer diameter, then the slice nearest to the middle of the lesion's slices, then the lower
    index.

    Args:
        mask: (K, J, I), what is not 0 belongs to the lesion.
        geometry: Its grid.

    Returns:
        The diameters, and the index of the slice along its axis of the array.
    """
    axis, spacing = axial_axis(geometry), slice_spacing(geometry)
    slices = np.moveaxis(np.asarray(mask), axis, 0)
    shown = np.flatnonzero(slices.any(axis=(1, 2)))
    parts = {int(index): list(_parts(slices[index], spacing)) for index in shown}
    # The two lines are the diagonals of a quadrilateral inside the hull: half their product is at most its area.
    limits = {index: 2 * max(part.hull_mm2 for part in of_slice) for index, of_slice in parts.items()}
    found: dict[int, Cross] = {}
    best = 0.0
    for index in sorted(limits, key=lambda index: -limits[index]):
        if limits[index] < best - 2 * SAME_MM:
            break
        cross = _cross(parts[index], spacing, best - 2 * SAME_MM)
        if cross is not None:
            found[index] = cross
            best = max(best, cross.product_mm2)
    if not found:
        return None
    index = _largest(found, (shown[0] + shown[-1]) / 2)
    cross = found[index]
    lines = (in_ras(ends, index, axis, geometry) for ends in (cross.longest, cross.perpendicular))
    return Diameters(cross.longest_mm, cross.perpendicular_mm, *lines), index


def slices_that_reach(mask: np.ndarray, geometry: Geometry, least_mm: float) -> list[int]:
    """Indices of the axial slices on which both diameters are at least so long."""
    spacing = slice_spacing(geometry)
    slices = np.moveaxis(np.asarray(mask), axial_axis(geometry), 0)
    large = []
    for index in np.flatnonzero(slices.any(axis=(1, 2))):
        cross = slice_cross(slices[index], spacing)
        if cross is not None and min(cross.longest_mm, cross.perpendicular_mm) >= least_mm - SAME_MM:
            large.append(int(index))
    return large


def slice_cross(section: np.ndarray, spacing: np.ndarray) -> Cross | None:
    """The two lines on one slice (rows, columns), spacing in mm of both; None where it is empty."""
    return _cross(list(_parts(section, spacing)), spacing, 0.0)


def _largest(found: dict[int, Cross], middle: float) -> int:
    """The slice with the largest product; products that differ by less than `SAME_MM` are equal."""

    def rank(index: int) -> tuple[float, ...]:
        return found[index].product_mm2, found[index].longest_mm, -abs(index - middle), -index

    first, *others = sorted(found)
    best = first
    for index in others:
        unequal = (pair for pair in zip(rank(index), rank(best), strict=True) if abs(pair[0] - pair[1]) > SAME_MM)
        mine, theirs = next(unequal, (0.0, 0.0))
        if mine > theirs:
            best = index
    return best


def _parts(section: np.ndarray, spacing: np.ndarray) -> Iterator[_Part]:
    """The parts of a slice that do not touch, not even by a corner: no line inside leads from one to another."""
    for part, corner in parts_of(np.asarray(section) > 0):
        mask = np.pad(part, 1)
        ends = _border_middles(mask)
        hull = ConvexHull(_border_corners(mask) * spacing)
        reach = cdist(ends * spacing, ends[ConvexHull(ends).vertices] * spacing).max(axis=1)
        yield _Part(mask, corner - 1, ends, reach, float(hull.volume))


def _border_middles(mask: np.ndarray) -> np.ndarray:
    """The middles (N, 2) in voxels of all borders between the region and its outside."""
    return np.concatenate(_borders(mask))


def _border_corners(mask: np.ndarray) -> np.ndarray:
    """The ends (N, 2) in voxels of those borders, more than once."""
    below, beside = _borders(mask)
    corners = [below + HALF_ASIDE, below - HALF_ASIDE, beside + HALF_DOWN, beside - HALF_DOWN]
    return np.concatenate(corners)


def _borders(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the borders between rows and of those between columns."""
    below = np.argwhere(mask[1:] != mask[:-1]) + HALF_DOWN
    beside = np.argwhere(mask[:, 1:] != mask[:, :-1]) + HALF_ASIDE
    return below, beside


def _cross(parts: list[_Part], spacing: np.ndarray, least_mm2: float) -> Cross | None:
    """The longest diameter on a slice and its perpendicular; None where their product is below `least_mm2`."""
    longest = 0.0
    lines: list[tuple[float, _Part, np.ndarray]] = []
    for part in sorted(parts, key=lambda part: -part.hull_mm):
        if part.hull_mm < longest - SAME_MM:
            break
        # A chord is no longer than the distance of two corners of the hull, at most a voxel's diagonal above hull_mm.
        across_mm = part.hull_mm + float(np.hypot(*spacing))
        least = longest - SAME_MM if len(parts) > 1 else least_mm2 / across_mm
        for length, ends in _longest_inside(part, spacing, least):
            longest = max(longest, length)
            lines.append((length, part, ends))
    best: Cross | None = None
    for length, part, ends in lines:
        if length < longest - SAME_MM:
            continue
        width, across = _widest_across(part.mask, ends, spacing)
        if best is None or width > best.perpendicular_mm + SAME_MM:
            best = Cross(length, width, ends + part.corner, across + part.corner)
    return best


def _longest_inside(part: _Part, spacing: np.ndarray, least_mm: float) -> list[tuple[float, np.ndarray]]:
    """The longest lines inside between two ends, all of those that are equal; none where they are below `least_mm`.

    Pairs of ends are looked at in bands of falling length.
    """
    high = part.hull_mm + SAME_MM
    width = FIRST_BAND * part.hull_mm
    while high > max(least_mm, 0.0):
        low = high - width
        lengths, starts, ends = _likely_lines(part, spacing, low, high)
        found: list[tuple[float, np.ndarray]] = []
        for begin in range(0, len(lengths), TESTED_AT_ONCE):
            batch = slice(begin, begin + TESTED_AT_ONCE)
            if found and lengths[begin] < found[0][0] - SAME_MM:
                break
            for index in np.flatnonzero(_inside(part.mask, starts[batch], ends[batch])) + begin:
                found.append((float(lengths[index]), np.stack([starts[index], ends[index]])))
        if found and found[0][0] - SAME_MM > low:
            return [line for line in found if line[0] >= found[0][0] - SAME_MM and line[0] >= least_mm]
        if found:  # equal ones may lie in the next band
            high, width = found[0][0] + SAME_MM, 3 * SAME_MM
            continue
        high, width = low, 2 * width
    return []


def _likely_lines(
    part: _Part, spacing: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lines between two ends that are longer than `low` and no longer than `high`, without most of those that
    leave the region: lengths by which they fall, starts and ends (N, 2).
    """
    ends = part.ends[part.reach_mm > low - SAME_MM]
    points = ends * spacing
    lengths, starts, stops = [np.empty(0)], [np.empty(0, int)], [np.empty(0, int)]
    at = 0
    while at < len(ends) - 1:
        stop = at + max(PAIRS_AT_ONCE // (len(ends) - at), 1)
        distances = cdist(points[at:stop], points[at:])
        first, second = np.nonzero(np.triu((distances <= high) & (distances > low), 1))
        kept = _may_be_inside(part.mask, ends[at:], first, second)
        lengths.append(distances[first[kept], second[kept]])
        starts.append(first[kept] + at)
        stops.append(second[kept] + at)
        at = stop
    length, start, end = (np.concatenate(all_of) for all_of in (lengths, starts, stops))
    order = np.argsort(-length, kind="stable")
    return length[order], ends[start[order]], ends[end[order]]


def _may_be_inside(mask: np.ndarray, ends: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Indices of the lines between ends of which no point that is looked at lies outside the region."""
    inside = mask.ravel()
    left = np.arange(len(first))
    (rows, columns), width = ends.T + 0.5, mask.shape[1]
    row, column = rows[first], columns[first]
    down, aside = rows[second] - row, columns[second] - column
    for place in FIRST_LOOKS:
        at = (row + place * down).astype(np.int32) * width + (column + place * aside).astype(np.int32)
        kept = inside[at]
        left, row, column, down, aside = left[kept], row[kept], column[kept], down[kept], aside[kept]
    # A line along a border of voxels starts where one side of it is outside; borders are whole numbers here.
    along_border = ((down == 0) & (row % 1 == 0)) | ((aside == 0) & (column % 1 == 0))
    return left[~along_border]


def _inside(mask: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether every piece between crossings of borders of voxels lies in the region; lines (N, 2) to (N, 2)."""
    cuts = [np.zeros((len(starts), 1)), np.ones((len(starts), 1))]
    for axis in (0, 1):
        borders = np.arange(mask.shape[axis] + 1) - 0.5
        step = (ends - starts)[:, axis, None]
        crossing = (borders - starts[:, axis, None]) / np.where(step == 0, np.inf, step)
        cuts.append(np.clip(crossing, 0, 1))
    return _pieces(mask, np.sort(np.concatenate(cuts, axis=1), axis=1), starts, ends - starts).all(axis=1).astype(bool)


def _pieces(mask: np.ndarray, cuts: np.ndarray, starts: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Whether the pieces of lines between cuts (N, M), start + cut x step, lie in the region: (N, M - 1).

    Pieces without length count as inside.
    """
    middles = (cuts[:, 1:] + cuts[:, :-1]) / 2
    voxels = [
        np.clip(np.floor(starts[:, axis, None] + middles * steps[:, axis, None] + 0.5), 0, mask.shape[axis] - 1)
        for axis in (0, 1)
    ]
    return mask[voxels[0].astype(int), voxels[1].astype(int)] | (np.diff(cuts, axis=1) < 1e-9)


def _widest_across(mask: np.ndarray, ends: np.ndarray, spacing: np.ndarray) -> tuple[float, np.ndarray]:
    """The supremum in mm of the chords inside that cross a line at right angles, and the ends of one that is near it.

    Between the places where corners of borders project onto the line, the length of the chord is linear, so that its
    limits at both sides of each such place suffice.
    """
    along = (ends[1] - ends[0]) * spacing
    length = float(np.linalg.norm(along))
    along /= length
    across = np.array([-along[1], along[0]])
    where = np.sort((_border_corners(mask) - ends[0]) * spacing @ along)
    breaks = np.concatenate([[0.0], where[(where > 0) & (where < length)], [length]])
    first, step = breaks[:-1], np.diff(breaks)
    first, step = first[step > 1e-7], step[step > 1e-7]
    places = np.concatenate([first + 1e-6 * step, first + (1 - 1e-6) * step])
    starts = ends[0] + places[:, None] * along / spacing
    step_mm = across / spacing  # voxels
    rows = max(PAIRS_AT_ONCE // sum(mask.shape), 1)
    chords = [_chords(mask, starts[at : at + rows], step_mm) for at in range(0, len(starts), rows)]
    chord = np.concatenate(chords)
    widest = int(np.argmax(chord[:, 1] - chord[:, 0]))
    back, forth = chord[widest]
    return float(forth - back), starts[widest] + np.array([back, forth])[:, None] * step_mm


def _chords(mask: np.ndarray, starts: np.ndarray, step: np.ndarray) -> np.ndarray:
    """How far in mm lines through points (N, 2) stay in the region, back and forth (N, 2); `step` is one mm."""
    cuts = [np.zeros((len(starts), 1))]
    for axis in (0, 1):
        if abs(step[axis]) > 1e-9:
            cuts.append((np.arange(mask.shape[axis] + 1) - 0.5 - starts[:, axis, None]) / step[axis])
    cut = np.sort(np.concatenate(cuts, axis=1), axis=1)
    outside = ~_pieces(mask, cut, starts, np.broadcast_to(step, starts.shape))
    rows = np.arange(len(starts))
    forth = cut[rows, np.argmax(outside & (cut[:, :-1] >= 0), axis=1)]
    back = cut[rows, outside.shape[1] - np.argmax((outside & (cut[:, 1:] <= 0))[:, ::-1], axis=1)]
    return np.stack([back, forth], axis=1)


def longest_after_opening(section: np.ndarray, spacing: np.ndarray, radius: int = 2) -> float:
    """The longest diameter in mm on a slice without strands that a disc of `radius` voxels does not fit into."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    opened = ndimage.binary_opening(np.pad(np.asarray(section) > 0, radius), rows**2 + columns**2 <= radius**2)
    cross = slice_cross(opened, spacing)
    return 0.0 if cross is None else cross.longest_mm
