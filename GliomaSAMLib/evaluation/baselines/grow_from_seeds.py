"""Slicer's Grow from seeds as baseline: from a ball and a 3D box, or from three painted planes."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import VTK_FLOAT, VTK_UNSIGNED_CHAR
from vtkmodules.vtkCommonDataModel import vtkImageData

from ...data.cases import OpenCase
from ...data.placement import RobotPrompt, deepest_voxel, largest_component
from ...errors import CaseError, ModelError
from ...geometry import bounding_box
from .lite_medsam import BEST_MODALITY

FOREGROUND, BACKGROUND = 1, 2
"""Labels of seeds; 0 is to be filled."""

BALL_MM = 5.0
"""Radius of the first seed."""

CLICK_MM = 3.0
"""Radius of the seed at each correcting click."""

BOX_MARGIN = 4
"""Voxels between the truth and the 3D box; everything outside the box is background."""

PLANE_INSIDE, PLANE_OUTSIDE = 2.0, 4.0
"""Voxels by which the painted tumour stays inside the truth, and the painted background outside."""


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


class GrowFromSeedsBall:
    """A ball of 5 mm at the deepest voxel of the truth, and everything outside a 3D box round the truth as background.

    The robot may go on: each click paints a ball of 3 mm with its sign. Grows on FLAIR for WT, on T1c for TC and ET.
    """

    name = "Grow from seeds, ball + box"
    initial_input = "a ball and a 3D box"
    signature = f"ball {BALL_MM}, margin {BOX_MARGIN}, click {CLICK_MM}"
    weights = folder = ""

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """Grow from ball and box. uint8 (K, J, I); empty when the truth is."""
        self._case = case
        self._intensity = intensity_of(case, region)
        truth = case.truth[region]
        seeds = np.zeros(truth.shape, np.uint8)
        if truth.any():
            seeds[:] = BACKGROUND
            seeds[bounding_box(truth, BOX_MARGIN)] = 0
            middle = deepest_voxel(largest_component(truth > 0), case.geometry.spacing[::-1])
            paint_ball(seeds, middle, BALL_MM, FOREGROUND, case)
        self._seeds = [seeds]
        self._masks = [grown(self._intensity, seeds, case)]
        return self._masks[-1]

    def prompt(self, prompt: RobotPrompt) -> np.ndarray:
        """Paint a ball at a click and grow again."""
        seeds = self._seeds[-1].copy()
        label = FOREGROUND if prompt.positive else BACKGROUND
        paint_ball(seeds, prompt.voxels[0], CLICK_MM, label, self._case)
        self._seeds.append(seeds)
        self._masks.append(grown(self._intensity, seeds, self._case))
        return self._masks[-1]

    def undo(self) -> np.ndarray:
        """Take the last ball back."""
        self._seeds.pop()
        self._masks.pop()
        return self._masks[-1]


class GrowFromSeedsPlanes:
    """Three orthogonal planes where the truth is largest along each axis, painted from the truth without an error.

    On each plane everything deeper than 2 voxels in the truth is tumour, everything beyond 4 voxels background.
    """

    name = "Grow from seeds, three planes"
    initial_input = "three planes painted without an error"
    signature = f"largest planes {PLANE_INSIDE} {PLANE_OUTSIDE}"
    weights = folder = ""

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """Grow from the planes. uint8 (K, J, I); empty when the truth is."""
        truth = case.truth[region] > 0
        seeds = np.zeros(truth.shape, np.uint8)
        if truth.any():
            for plane in largest_planes(truth):
                paint_plane(seeds, truth, plane)
            if not (seeds == FOREGROUND).any():  # a region thinner than the brush
                seeds[deepest_voxel(largest_component(truth), case.geometry.spacing[::-1])] = FOREGROUND
        return grown(intensity_of(case, region), seeds, case)


def intensity_of(case: OpenCase, region: str) -> np.ndarray:
    """The volume to grow on. Raises CaseError when the case lacks it."""
    (modality,) = BEST_MODALITY[region]
    if modality not in case.images:
        raise CaseError(f"Case {case.name} has no {modality}, on which {region} is grown")
    return case.images[modality]


def paint_ball(seeds: np.ndarray, middle: tuple[int, int, int], radius: float, label: int, case: OpenCase) -> None:
    """Paint a ball of `radius` mm round a voxel (K, J, I), clipped at the edge of the volume."""
    spacing = case.geometry.spacing[::-1]
    reach = [int(radius // step) for step in spacing]
    places = [np.arange(max(0, m - r), min(n, m + r + 1)) for m, r, n in zip(middle, reach, seeds.shape, strict=True)]
    squares = [((place - m) * step) ** 2 for place, m, step in zip(places, middle, spacing, strict=True)]
    ball = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :] <= radius**2
    box = tuple(slice(place[0], place[-1] + 1) for place in places)
    seeds[box][ball] = label


def largest_planes(truth: np.ndarray) -> Iterator[tuple[int | slice, ...]]:
    """The index of the plane across each axis that holds most of the truth (K, J, I), as a person would choose it."""
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        place = int(np.argmax(np.count_nonzero(truth, axis=others)))
        yield tuple(place if axis == other else slice(None) for other in range(3))


def paint_plane(seeds: np.ndarray, truth: np.ndarray, plane: tuple[int | slice, ...]) -> None:
    """Paint tumour and background on one plane, at their distances from the border of the truth in that plane."""
    inside = truth[plane]
    depth = ndimage.distance_transform_edt(inside)
    distance = ndimage.distance_transform_edt(~inside)
    view = seeds[plane]
    view[depth > PLANE_INSIDE] = FOREGROUND
    view[distance > PLANE_OUTSIDE] = BACKGROUND


def grown(intensity: np.ndarray, seeds: np.ndarray, case: OpenCase) -> np.ndarray:
    """The voxels that foreground seeds take. uint8 (K, J, I).

    Only the part of the volume that is not background already, with a rim of two voxels, and holds brain is grown.
    """
    mask = np.zeros(seeds.shape, np.uint8)
    if (seeds == FOREGROUND).any():
        box = bounding_box((seeds != BACKGROUND) & ((intensity > 0) | (seeds == FOREGROUND)), margin=2)
        crop = seeds[box]
        mask[box] = grow_from_seeds(intensity[box], crop, case.geometry.spacing) == FOREGROUND
    return mask
