"""Slicer's own Grow from seeds, run outside the application."""

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import VTK_FLOAT, VTK_UNSIGNED_CHAR
from vtkmodules.vtkCommonDataModel import vtkImageData

from ...errors import ModelError

FOREGROUND, BACKGROUND = 1, 2
"""Labels of seeds; 0 is to be filled."""


def grow_from_seeds(intensity: np.ndarray, seeds: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Give every voxel the label of the seed that reaches it at the least cost. uint8 (K, J, I).

    Args:
        intensity: float32 (K, J, I).
        seeds: uint8 (K, J, I): `FOREGROUND`, `BACKGROUND` or 0. Seeds keep their label.
        spacing: mm between voxels along I, J, K.

    Raises:
        ModelError: slicer-core is not installed.

    Source: vtkImageGrowCutSegment of 3D Slicer, the filter behind the Segment Editor's effect, as in the package
    slicer-core; Zhu et al., "An effective interactive medical image segmentation method using fast GrowCut", 2014.
    """
    try:
        from slicer_core.vtkSlicerSegmentationsModuleLogic import vtkImageGrowCutSegment
    except ImportError as error:
        raise ModelError(f"Grow from seeds needs the package slicer-core: pip install slicer-core ({error})") from error
    grower = vtkImageGrowCutSegment()
    grower.SetIntensityVolume(_image(intensity.astype(np.float32), spacing, VTK_FLOAT))
    grower.SetSeedLabelVolume(_image(seeds.astype(np.uint8), spacing, VTK_UNSIGNED_CHAR))
    grower.Update()
    grown = grower.GetOutput()
    return vtk_to_numpy(grown.GetPointData().GetScalars()).reshape(seeds.shape).astype(np.uint8)


def _image(array: np.ndarray, spacing: tuple[float, float, float], kind: int) -> vtkImageData:
    image = vtkImageData()
    image.SetDimensions(array.shape[::-1])
    image.SetSpacing(spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True, array_type=kind))
    return image
