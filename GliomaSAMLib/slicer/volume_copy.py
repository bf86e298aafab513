"""A copy of a volume's voxels, taken in pieces, so that not even a large volume holds up the panel."""

from typing import Any

import numpy as np
import SimpleITK as sitk

from ..study.geometry import LPS_FROM_RAS, Geometry
from .geometry import covering_grid, image_array, image_start, perpendicular_grid, shifted, volume_matrix

PIECE_BYTES = 8_000_000
"""About what is copied at a time, in some milliseconds."""


class VolumeCopy:
    """The voxels of a volume and their places in the world, taken on the main thread; `image` is for any thread.

    Args:
        volume_node: A node that `check_volume_node` lets pass. It is not held.

    Raises:
        StudyError: A transform above it is not linear.
    """

    def __init__(self, volume_node: Any) -> None:
        image = volume_node.GetImageData()
        array = image_array(image)
        self._matrix = shifted(volume_matrix(volume_node), image_start(image))
        self._voxels = np.empty(array.shape, array.dtype)
        self._slices = 0

    @property
    def done(self) -> bool:
        """Whether all has been copied."""
        return self._slices == len(self._voxels)

    def copy_piece(self, volume_node: Any) -> None:
        """Copy some slices more of the node, which must not have changed in between."""
        array = image_array(volume_node.GetImageData())  # anew each time: VTK may have moved the voxels elsewhere
        stop = min(self._slices + max(1, PIECE_BYTES // max(1, array[:1].nbytes)), len(self._voxels))
        self._voxels[self._slices : stop] = array[self._slices : stop]
        self._slices = stop

    def image(self) -> sitk.Image:
        """The volume in the world, in SimpleITK's coordinates (LPS mm).

        Moving, turning, mirroring and stretching go into the geometry, without resampling; voxels whose axes are not
        perpendicular in the world are resampled linearly at their finest spacing, with the lowest value around.
        """
        size = self._voxels.shape[::-1]
        geometry = perpendicular_grid(self._matrix, size)
        if geometry is not None:
            return geometry.to_image(self._voxels)
        return _resampled(self._voxels, self._matrix, covering_grid(self._matrix, size))


def _resampled(array: np.ndarray, matrix: np.ndarray, grid: Geometry) -> sitk.Image:
    to_index = np.linalg.inv(matrix)
    points_to_index = sitk.AffineTransform(3)
    points_to_index.SetMatrix((to_index[:3, :3] @ LPS_FROM_RAS).ravel().tolist())
    points_to_index.SetTranslation(to_index[:3, 3].tolist())
    frame = grid.to_image(np.zeros(grid.shape, np.uint8))
    image = sitk.GetImageFromArray(array)  # its coordinates are voxel indices
    return sitk.Resample(image, frame, points_to_index, sitk.sitkLinear, float(array.min()), image.GetPixelID())
