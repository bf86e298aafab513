"""Lesions of one visit: parts of a mask that belong together, with their volumes and two diameters.

What is no rule of a source is a convention of this project: specks, the distance at which parts are one lesion, and the
note on spurs. That both diameters reach 10 mm on at least two adjacent slices is of RANO (PMC10584081, table 1); slices
thicker than 5 mm ask for twice their thickness (RANO 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from ..errors import StudyError
from ..geometry import Geometry, bounding_box, floats
from ..output.callipers import SAME_MM, calliper_diameters, longest_after_opening, slices_that_reach
from ..output.diameters import Diameters, axial_axis, slice_spacing
from ..regions import REGIONS
from .distances import joined, near_boxes, nearest_mm, surface_of
from .options import COMPONENTS, FollowUpOptions

LEAST_MM = 10.0
"""What both diameters of a measurable lesion have to reach on slices of up to 5 mm."""

SPUR_SHARE = 0.2
"""A longest diameter that an opening shortens by more than this is worth a look at the outline."""

RIGHT_ANGLE = 1e-3

_TOUCHING = np.ones((3, 3, 3), int)


@dataclass(frozen=True, eq=False)
class VisitMasks:
    """The outlines of one visit on their own grid, never resampled.

    Args:
        geometry: The grid.
        wt: Whole tumour, uint8 (K, J, I).
        tc: Tumour core, within `wt`.
        et: Enhancing tumour, within `tc`.
        cavity: Resection cavity, in no region; None where it is not known.
        known: The regions that the outlines tell; an empty mask of another one says nothing.
    """

    geometry: Geometry
    wt: np.ndarray
    tc: np.ndarray
    et: np.ndarray
    cavity: np.ndarray | None = None
    known: tuple[str, ...] = REGIONS

    def regions_ml(self) -> dict[str, float | None]:
        """Volumes of the whole masks, specks too; None of a region that is not told."""
        masks = zip(REGIONS, (self.wt, self.tc, self.et), strict=True)
        return {name: self._ml(mask) if name in self.known else None for name, mask in masks}

    def non_enhancing_ml(self) -> float | None:
        """Volume of the whole tumour without the enhancing one; None where either is not told."""
        return self._ml((self.wt > 0) & ~(self.et > 0)) if {"WT", "ET"}.issubset(self.known) else None

    def cavity_ml(self) -> float | None:
        """Volume of the resection cavity; None where it is not known."""
        return None if self.cavity is None else self._ml(self.cavity)

    def _ml(self, mask: np.ndarray) -> float:
        return float(np.count_nonzero(mask)) * self.geometry.voxel_ml


@dataclass(frozen=True, eq=False)
class Lesion:
    """One focus at one visit.

    Args:
        voxels: Its voxels, int (N, 3) in the order K, J, I.
        volume_ml: Their volume.
        parts: How many parts that do not touch it has.
        diameters: On the slice with the largest product.
        slice_index: Index of that slice along the slice axis of the array.
        slices: On how many slices it is seen.
        min_diameter_mm: What both diameters have to reach.
        why_not: Why it is not measurable, such as "below 10.0 mm" or "seen on one slice"; None where it is.
        centroid_ras: RAS mm of the mean of its voxels.
        note: What the reader should look at, such as a spur; empty when all is well.
    """

    voxels: np.ndarray
    volume_ml: float
    parts: int
    diameters: Diameters
    slice_index: int
    slices: int
    min_diameter_mm: float
    why_not: str | None
    centroid_ras: tuple[float, float, float]
    note: str = ""

    @property
    def measurable(self) -> bool:
        """Whether it can be a target."""
        return self.why_not is None


@dataclass(frozen=True)
class Specks:
    """Parts too small for lesions: their number and their volume together."""

    count: int
    volume_ml: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What one component shows at one visit.

    Args:
        lesions: In the order of the specification (4.5).
        specks: What is too small for a lesion.
        told: Whether the outlines tell the component's region; where they do not, that there is nothing says nothing.
    """

    lesions: tuple[Lesion, ...]
    specks: Specks
    told: bool = True


@dataclass(frozen=True, eq=False)
class _Part:
    """What touches: its voxels (N, 3), and those at its surface in mm along the axes of the array."""

    voxels: np.ndarray
    surface: np.ndarray


def measure(
    masks: VisitMasks, component: str, options: FollowUpOptions, slice_thickness_mm: float | None = None
) -> Measured:
    """Find and measure the lesions of a component on the visit's own grid.

    Args:
        masks: The outlines; `et` within `tc` within `wt`.
        component: "CE", the enhancing tumour, or "nonCE", the whole tumour.
        options: How parts are joined, what the diameters cross, what counts as measurable.
        slice_thickness_mm: Of the acquisition, where the grid's slices are thinner than that.

    Raises:
        StudyError: The grid cannot be measured, or a mask does not fit it.
    """
    if component not in COMPONENTS:
        raise ValueError(f"{component} is no component: choose {', '.join(COMPONENTS)}")
    check_masks(masks)
    enhancing = component == "CE"
    base = masks.et if enhancing else masks.wt
    geometry, voxel_ml = masks.geometry, masks.geometry.voxel_ml
    told = ("ET" if enhancing else "WT") in masks.known
    if not told or not base.any():
        return Measured((), Specks(0, 0.0), told)
    parts = _parts(base, geometry)
    large = [part for part in parts if len(part.voxels) * voxel_ml >= options.speck_ml - 1e-9]
    specks = sum(len(part.voxels) for part in parts) - sum(len(part.voxels) for part in large)
    cores = ndimage.label(masks.tc, _TOUCHING)[0] if enhancing else None
    lesions = []
    for group in _groups(large, cores, options.merge_mm):
        voxels = np.concatenate([large[index].voxels for index in group])
        voxels = voxels[np.lexsort(voxels.T[::-1])]
        measured = voxels
        if cores is not None and options.extent == "tc":
            held = np.unique(cores[tuple(voxels.T)])
            measured = np.argwhere(np.isin(cores, held[held > 0]))
        lesions.append(_lesion(voxels, measured, len(group), geometry, options, slice_thickness_mm))
    lesions.sort(key=order)
    return Measured(tuple(lesions), Specks(len(parts) - len(large), specks * voxel_ml))


def order(lesion: Lesion) -> tuple[float, float, list[int]]:
    """The order of lesions: product falling, then volume falling, then the lowest voxel."""
    return -round(lesion.diameters.product_mm2, 6), -lesion.volume_ml, lesion.voxels[0].tolist()


def choose_targets(measurable: Sequence[bool], count: int) -> tuple[int, ...]:
    """Indices of the targets: the first measurable lesions, in their order."""
    return tuple(index for index, large in enumerate(measurable) if large)[:count]


def least_diameter(geometry: Geometry, slice_thickness_mm: float | None = None) -> float:
    """What both diameters of a measurable lesion have to reach, in mm."""
    return max(LEAST_MM, 2 * max(*geometry.spacing, slice_thickness_mm or 0.0))


def check_masks(masks: VisitMasks) -> None:
    """Raise StudyError where nothing can be measured on a grid, or where a mask does not fit it."""
    geometry = masks.geometry
    if not (np.isfinite(geometry.spacing).all() and min(geometry.spacing) > 0):
        raise StudyError(f"The segmentation has a spacing of {geometry.spacing} mm: it has to be above 0")
    direction = np.asarray(geometry.direction, float)
    if not np.allclose(direction.T @ direction, np.eye(3), atol=RIGHT_ANGLE):
        raise StudyError("The axes of the segmentation are not at right angles: resample it to a regular grid")
    for name in ("wt", "tc", "et"):
        shape = getattr(masks, name).shape
        if shape != geometry.shape:
            raise StudyError(f"The mask {name.upper()} has the shape {shape}, its grid {geometry.shape}")
    if geometry.shape[axial_axis(geometry)] < 2:
        raise StudyError("The segmentation has one slice only: a follow-up needs volumes of at least two")


def _parts(base: np.ndarray, geometry: Geometry) -> list[_Part]:
    """The parts of a mask that touch by a face, an edge or a corner."""
    extent = bounding_box(np.asarray(base) > 0)
    labels, count = ndimage.label(np.asarray(base)[extent] > 0, _TOUCHING)
    spacing = np.array(geometry.spacing[::-1])
    parts = []
    for number, box in enumerate(ndimage.find_objects(labels, count), start=1):
        corner = [outer.start + inner.start for outer, inner in zip(extent, box, strict=True)]
        voxels = np.argwhere(labels[box] == number) + corner
        parts.append(_Part(voxels, surface_of(voxels) * spacing))
    return parts


def _groups(parts: list[_Part], cores: np.ndarray | None, merge_mm: float) -> list[list[int]]:
    """Parts that are one lesion: in the same part of the core, or near each other; transitive."""
    pairs: list[tuple[int, int]] = []
    first_in: dict[int, int] = {}  # for each part of the core, the first part that lies in it
    for number, part in enumerate(parts):
        held = () if cores is None else np.unique(cores[tuple(part.voxels.T)]).tolist()
        pairs += [(first_in.setdefault(core, number), number) for core in held if core]
    surfaces = [part.surface for part in parts]
    limit = merge_mm + SAME_MM
    for a, b in near_boxes(surfaces, surfaces, limit):
        if a < b and nearest_mm(surfaces[a], surfaces[b]) <= limit:
            pairs.append((a, b))
    return joined(len(parts), pairs)


def _lesion(
    voxels: np.ndarray,
    measured: np.ndarray,
    parts: int,
    geometry: Geometry,
    options: FollowUpOptions,
    slice_thickness_mm: float | None,
) -> Lesion:
    """Measure the diameters of a lesion in `measured`, and its volume in `voxels`."""
    low = measured.min(axis=0)
    mask = np.zeros(measured.max(axis=0) - low + 1, bool)
    mask[tuple((measured - low).T)] = True
    grid = geometry.crop(tuple(low.tolist()), mask.shape)
    found = calliper_diameters(mask, grid)
    assert found is not None
    diameters, index = found
    axis = axial_axis(geometry)
    shown = np.unique(measured[:, axis])
    least = least_diameter(geometry, slice_thickness_mm)
    large = shown if options.two_slices == "visible" else np.array(slices_that_reach(mask, grid, least))
    why_not = _why_not(diameters, least, shown, large)
    return Lesion(
        voxels=voxels,
        volume_ml=len(voxels) * geometry.voxel_ml,
        parts=parts,
        diameters=diameters,
        slice_index=index + int(low[axis]),
        slices=len(shown),
        min_diameter_mm=least,
        why_not=why_not,
        centroid_ras=floats(geometry.to_ras(voxels.mean(axis=0)[::-1])),
        note=_spur(np.take(mask, index, axis), geometry, diameters) if why_not is None else "",
    )


def _why_not(diameters: Diameters, least: float, shown: np.ndarray, large: np.ndarray) -> str | None:
    """Why a lesion is not measurable; None where it is."""
    if below(diameters, least):
        return f"below {least:.1f} mm"
    if len(shown) == 1:
        return "seen on one slice"
    if not any(second - first == 1 for first, second in pairwise(shown)):
        return "seen on no two adjacent slices"
    if not any(second - first == 1 for first, second in pairwise(large)):
        return f"below {least:.1f} mm on one of each two adjacent slices"
    return None


def measurable_by_reader(lesion: Lesion, diameters: Diameters, geometry: Geometry) -> str | None:
    """Why a lesion is not measurable with the diameters that a reader drew; None where it is."""
    shown = np.unique(lesion.voxels[:, axial_axis(geometry)])
    return _why_not(diameters, lesion.min_diameter_mm, shown, shown)


def below(diameters: Diameters, least_mm: float) -> bool:
    """Whether one of two diameters does not reach what both have to reach."""
    return min(diameters.largest_mm, diameters.perpendicular_mm) < least_mm - SAME_MM


def _spur(section: np.ndarray, geometry: Geometry, diameters: Diameters) -> str:
    """A note where an opening of the slice shortens the longest diameter much."""
    length = longest_after_opening(section, slice_spacing(geometry))
    if length >= (1 - SPUR_SHARE) * diameters.largest_mm:
        return ""
    if not length:
        return "Look at the outline: on the slice that is measured it is thinner than five voxels everywhere"
    return (
        "Look at the outline: without what is thinner than five voxels, such as a spur, the longest diameter would be "
        f"{length:.1f} mm, not {diameters.largest_mm:.1f} mm"
    )
