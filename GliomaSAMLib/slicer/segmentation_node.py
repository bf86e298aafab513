"""Segmentation nodes: made for a volume, looked at, given the grid on which segments are stored."""

from typing import Any

import numpy as np
import slicer

from ..errors import OutputError
from ..study.geometry import Geometry
from .geometry import (
    covering_grid,
    image_array,
    image_matrix,
    local_to_world,
    matrix_from_array,
    perpendicular_grid,
    same_grid,
)
from .segment_voxels import segment_image

FILL_OPACITY, OUTLINE_OPACITY = 0.25, 1.0


def new_segmentation(scene: Any, name: str, volume_node: Any = None) -> Any:
    """Add a segmentation node, shown as outlines with a light filling, to a scene.

    Args:
        scene: The scene.
        name: A name for people.
        volume_node: Whose grid it takes, and beside which it lies in the subject hierarchy, so that DICOM export finds
            its study; or None.
    """
    segmentation_node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentation_node.CreateDefaultDisplayNodes()
    display_node = segmentation_node.GetDisplayNode()
    display_node.SetOpacity2DFill(FILL_OPACITY)
    display_node.SetOpacity2DOutline(OUTLINE_OPACITY)
    if volume_node is not None:
        segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        place = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volume_node))
        item = hierarchy.GetItemByDataNode(segmentation_node)
        if place and item:
            hierarchy.SetItemParent(item, place)
    return segmentation_node


def check_segmentation_node(segmentation_node: Any) -> None:
    """Raise where segments cannot be written into a node.

    Raises:
        OutputError: There is none, it is of another kind, was removed, or holds surfaces.
        StudyError: It lies under a transform that is not linear.
    """
    if segmentation_node is None or not segmentation_node.IsA("vtkMRMLSegmentationNode"):
        raise OutputError("no segmentation is chosen: choose one, or make a new one")
    name = segmentation_node.GetName()
    if segmentation_node.GetScene() is None:
        raise OutputError(f"the segmentation {name} was removed from the scene: choose another, or make a new one")
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.GetNumberOfSegments() and not segmentation.IsSourceRepresentationImageData():
        raise OutputError(
            f"the segments of {name} are surfaces, not label maps: choose another segmentation, "
            "or convert it in the module Segmentations (Binary labelmap, Make source)"
        )
    local_to_world(segmentation_node)


def set_reference(segmentation_node: Any, reference: Geometry, volume_node: Any = None) -> None:
    """Give a segmentation that has neither grid nor voxels the grid `reference` (world, RAS mm), and remember the
    volume it stands for. One that has a grid keeps it.
    """
    role = segmentation_node.GetReferenceImageGeometryReferenceRole()
    if stored_grid(segmentation_node) is None:
        if volume_node is not None:
            segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
        matrix, size = _wanted_grid(segmentation_node, reference)
        stored = stored_grid(segmentation_node)
        if stored is None or not same_grid(stored, matrix, size):
            _store_grid(segmentation_node, matrix, size)
    elif volume_node is not None and segmentation_node.GetNodeReference(role) is None:
        segmentation_node.SetNodeReferenceID(role, volume_node.GetID())


def stored_grid(segmentation_node: Any) -> np.ndarray | None:
    """From voxel indices (I, J, K) of a segmentation to its own coordinates: as its reference geometry says, else as
    the first label map that holds anything; None where there is neither.
    """
    converter = slicer.vtkSegmentationConverter
    segmentation = segmentation_node.GetSegmentation()
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    if text and converter.DeserializeImageGeometry(text, image, False):
        return image_matrix(image)
    for segment_id in segmentation.GetSegmentIDs():
        held = segment_image(segmentation_node, segment_id)
        if held is not None and image_array(held).size:
            return image_matrix(held)
    return None


def place_empty_layers(segmentation_node: Any) -> None:
    """Give label maps that hold nothing the segmentation's grid. Slicer leaves them at voxels of 1 mm from the origin,
    and when it saves it merges segments that do not overlap into the first label map: those would be resampled.
    """
    matrix = stored_grid(segmentation_node)
    if matrix is None:
        return
    for segment_id in segmentation_node.GetSegmentation().GetSegmentIDs():
        image = segment_image(segmentation_node, segment_id)
        if image is not None and not np.allclose(image_matrix(image), matrix) and not image_array(image).any():
            image.SetGeometryFromImageToWorldMatrix(matrix_from_array(matrix))


def segment_grid(segmentation_node: Any, segment_id: str) -> np.ndarray:
    """From voxel indices (I, J, K) of a segment to the node's coordinates: of the label map that holds it, else as
    `stored_grid`. Raises `OutputError` where nothing is known.
    """
    image = segment_image(segmentation_node, segment_id)
    if image is not None and image_array(image).size:
        return image_matrix(image)
    matrix = stored_grid(segmentation_node)
    if matrix is None:
        raise OutputError(f"the grid of {segmentation_node.GetName()} is not known: make a new segmentation")
    return matrix


def _wanted_grid(segmentation_node: Any, reference: Geometry) -> tuple[np.ndarray, tuple[int, int, int]]:
    """`reference` in the node's coordinates, with perpendicular axes as label maps need them."""
    matrix = np.linalg.inv(local_to_world(segmentation_node)) @ reference.ijk_to_ras
    grid = perpendicular_grid(matrix, reference.size) or covering_grid(matrix, reference.size)
    return grid.ijk_to_ras, grid.size


def _store_grid(segmentation_node: Any, matrix: np.ndarray, size: tuple[int, int, int]) -> None:
    converter = slicer.vtkSegmentationConverter
    extent = [end for count in size for end in (0, count - 1)]
    text = converter.SerializeImageGeometry(matrix_from_array(matrix), extent)
    name = converter.GetReferenceImageGeometryParameterName()
    segmentation_node.GetSegmentation().SetConversionParameter(name, text)
