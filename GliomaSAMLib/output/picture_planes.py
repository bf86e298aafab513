"""The three planes of a picture, cut from a canonical volume whose axes (K, J, I) point to S, P, L."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..study.geometry import Geometry


@dataclass(frozen=True)
class Plane:
    """One plane in radiological display.

    Args:
        name: For people.
        axis: The array axis it cuts across.
        origin: Where matplotlib puts the first row.
        left, right, top: Letters of the patient's sides at the edges.
        across: Which of R, A, S (0, 1, 2) the axis across follows.
    """

    name: str
    axis: int
    origin: Literal["upper", "lower"]
    left: str
    right: str
    top: str
    across: int

    def section(self, array: np.ndarray, index: int) -> np.ndarray:
        """The slice `index` of an array (K, J, I), its rows and columns in the order of the remaining axes."""
        return np.take(array, index, axis=self.axis)

    def extent(self, geometry: Geometry) -> tuple[float, float]:
        """Width and height of a slice in voxels."""
        height, width = (size for axis, size in enumerate(geometry.shape) if axis != self.axis)
        return width, height

    def limits(self, rows: int) -> tuple[float, float]:
        """The range of the vertical axis for slices of this many rows."""
        return (rows - 0.5, -0.5) if self.origin == "upper" else (-0.5, rows - 0.5)

    def largest_section(self, mask: np.ndarray) -> int:
        """The slice in which a mask (K, J, I) has most voxels."""
        return int(np.argmax(mask.sum(axis=tuple(axis for axis in range(3) if axis != self.axis))))

    def place(self, kji: np.ndarray) -> np.ndarray:
        """Horizontal and vertical coordinates in the slice, and distance along the axis across, of voxel positions
        (N, 3) K, J, I.
        """
        vertical, horizontal = np.delete(kji, self.axis, axis=1).T
        return np.stack([horizontal, vertical, kji[:, self.axis]], axis=1)

    def position(self, geometry: Geometry, index: int) -> str:
        """Where a slice lies, such as "S -12 mm": RAS mm at the middle of the slice."""
        kji = (np.asarray(geometry.shape) - 1) / 2
        kji[self.axis] = index
        return f"{'RAS'[self.across]} {geometry.to_ras(kji[::-1])[self.across]:.0f} mm"


PLANES = (
    Plane("axial", 0, "upper", "R", "L", "A", 2),
    Plane("coronal", 1, "lower", "R", "L", "S", 1),
    Plane("sagittal", 2, "lower", "A", "P", "S", 0),
)
