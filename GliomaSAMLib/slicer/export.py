"""Segments out of the scene: a BraTS label map, or Slicer's own segmentation file."""

import os
from typing import Any

import numpy as np
import slicer
import vtk

from ..errors import OutputError
from ..files import replacing
from ..geometry import Geometry
from ..output.segmentation import (
    LABEL_MAP_SUFFIXES,
    SEGMENTATION_SUFFIX,
    check_output_path,
    write_image,
    write_label_map,
)
from .geometry import local_to_world, matrix_from_array, perpendicular_grid
from .segments.node import check_segmentation_node
from .segments.writer import SegmentWriter
from .volumes import volume_matrix

Path = str | os.PathLike[str]


def export_label_map(
    segmentation_node: Any,
    reference: Any,
    path: Path,
    et_label: int = 3,
    style: str = "nested",
    lesion_segment: str | None = None,
) -> None:
    """Write our segments, as they are now, as a label map: NCR 1, ED 2, ET `et_label`; a lesion of the user's is 1.

    Args:
        segmentation_node: Holds the segments.
        reference: The grid to write on: a `Geometry` (world, RAS mm) or a volume node with perpendicular axes.
        path: Ending in .nii.gz, .nii, .nrrd or .mha. A file that is there is replaced.
        et_label: 3, or 4 as before 2023.
        style, lesion_segment: Which segments, see `SegmentWriter`.

    Raises:
        OutputError: There are no such segments, or the file cannot be written; an old one is then unchanged.
        StudyError: A transform above a node is not linear.
    """
    check_output_path(path, LABEL_MAP_SUFFIXES)
    check_segmentation_node(segmentation_node)
    geometry = _geometry(reference)
    writer = SegmentWriter(segmentation_node, geometry, style, lesion_segment=lesion_segment)
    masks = {region: writer.read(region) for region in ("WT", "TC", "ET")}
    held = {region: mask for region, mask in masks.items() if mask is not None}
    if "WT" not in held:
        raise OutputError(
            f"{segmentation_node.GetName()} holds no segments of GliomaSAM to export: click the tumour first"
        )
    if style == "lesion":
        write_image(path, geometry.to_image(held["WT"]))
        return
    nothing = np.zeros(geometry.shape, np.uint8)  # a segment that the user removed
    write_label_map(path, {region: held.get(region, nothing) for region in masks}, geometry, et_label)


def export_segmentation(segmentation_node: Any, path: Path) -> None:
    """Write all segments of a node as Slicer's segmentation file, with names, colours, terminology and layers as they
    are in the scene, in the world where the node lies under a linear transform. The node is not changed.

    Raises:
        OutputError: The file cannot be written; an old one is then unchanged.
        StudyError: A transform above the node is not linear.
    """
    path = check_output_path(path, (SEGMENTATION_SUFFIX,))
    check_segmentation_node(segmentation_node)
    if segmentation_node.GetSegmentation().GetNumberOfSegments() == 0:
        raise OutputError(f"{segmentation_node.GetName()} holds no segments to export: click the tumour first")
    copy = slicer.vtkMRMLSegmentationNode()  # outside the scene: nobody sees it
    copy.SetName(segmentation_node.GetName())
    copy.GetSegmentation().DeepCopy(segmentation_node.GetSegmentation())
    to_world = vtk.vtkTransform()
    to_world.SetMatrix(matrix_from_array(local_to_world(segmentation_node)))
    if segmentation_node.GetParentTransformNode() is not None:
        copy.GetSegmentation().ApplyLinearTransform(to_world)
    with replacing(path) as temporary:
        storage_node = slicer.vtkMRMLSegmentationStorageNode()
        storage_node.SetFileName(str(temporary))
        storage_node.SetUseCompression(True)
        if not storage_node.WriteData(copy) or not temporary.exists():
            raise OutputError(f"{path} cannot be written: free space or choose another folder")


def _geometry(reference: Any) -> Geometry:
    if isinstance(reference, Geometry):
        return reference
    size = reference.GetImageData().GetDimensions()
    geometry = perpendicular_grid(volume_matrix(reference), size)
    if geometry is None:
        raise OutputError(
            f"{reference.GetName()} has slanting axes, which label maps cannot have: export on another volume's grid"
        )
    return geometry
