"""Lesions of one visit: parts of a mask that belong together, with their volumes and two diameters."""

from dataclasses import dataclass

import numpy as np

from ..geometry import Geometry
from ..output.diameters import Diameters


@dataclass(frozen=True, eq=False)
class VisitMasks:
    """The outlines of one visit on their own grid, never resampled.

    Args:
        geometry: The grid.
        wt: Whole tumour, uint8 (K, J, I).
        tc: Tumour core, within `wt`.
        et: Enhancing tumour, within `tc`.
        cavity: Resection cavity, in no region; None where it is not known.
    """

    geometry: Geometry
    wt: np.ndarray
    tc: np.ndarray
    et: np.ndarray
    cavity: np.ndarray | None = None


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
    """What one component shows at one visit: lesions in the order of the specification (4.5), and specks."""

    lesions: tuple[Lesion, ...]
    specks: Specks
