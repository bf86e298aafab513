"""Slice views: what they show, the place in their middle, and their scale."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .geometry import array_from_matrix


def slice_node(scene: Any, tag: str) -> Any:
    """The slice node of a view, by its singleton tag; None where the application has made none."""
    return scene.GetSingletonNode(tag, "vtkMRMLSliceNode")


def composite_nodes(scene: Any) -> Iterator[Any]:
    """What each view shows."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        yield scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")


def composite_node(scene: Any, tag: str) -> Any:
    """What a view shows, by its singleton tag; None where the application has made none."""
    return next((node for node in composite_nodes(scene) if node.GetLayoutName() == tag), None)


def show_volume(composite: Any, volume_node: Any, linked: bool) -> None:
    """Let a view show one volume, or none, and nothing over it, and keep it where a volume is shown in all views.

    Args:
        composite: The `composite_node` of the view.
        volume_node: The volume; None for none.
        linked: Whether Slicer moves the view with the others of its group.
    """
    composite.SetLinkedControl(linked)
    composite.SetHotLinkedControl(linked)
    composite.SetDoPropagateVolumeSelection(False)
    composite.SetBackgroundVolumeID(volume_node.GetID() if volume_node is not None else None)
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)


def middle_of_view(node: Any) -> np.ndarray:
    """The place in the middle of a slice view, RAS mm."""
    return array_from_matrix(node.GetSliceToRAS())[:3, 3]


def centre(node: Any, place: np.ndarray) -> None:
    """Let the middle of a slice view be a place, RAS mm, without turning it."""
    if np.allclose(middle_of_view(node), place, atol=1e-4):
        return
    matrix = node.GetSliceToRAS()
    for axis in range(3):
        matrix.SetElement(axis, 3, float(place[axis]))
    node.UpdateMatrices()


def bounds_of(volume_node: Any) -> np.ndarray:
    """The box of a volume, (3, 2), RAS mm."""
    bounds = [0.0] * 6
    volume_node.GetRASBounds(bounds)
    return np.reshape(bounds, (3, 2))


def show_middle(node: Any, volume_node: Any) -> None:
    """Let a slice view show all of a volume's middle axial slice, in the planes of its voxels."""
    node.RotateToVolumePlane(volume_node)
    centre(node, bounds_of(volume_node).mean(axis=1))
    _fit(node, volume_node)


def _fit(node: Any, volume_node: Any) -> None:
    """Let a slice view show all of a volume's axial slice; one without voxels changes nothing."""
    wide, high = np.diff(bounds_of(volume_node))[:2, 0]
    columns, rows, _ = node.GetDimensions()
    if min(columns, rows) < 1 or min(wide, high) <= 0:
        return
    scale = max(wide / columns, high / rows)
    node.SetFieldOfView(scale * columns, scale * rows, node.GetFieldOfView()[2])


def scale_like(node: Any, other: Any) -> None:
    """Give a slice view as many mm a pixel as another one."""
    (columns, rows, _), there = node.GetDimensions(), other.GetDimensions()
    if min(columns, rows, there[0]) < 1:
        return
    scale = other.GetFieldOfView()[0] / there[0]
    before = node.GetFieldOfView()
    if not np.allclose(before[:2], (scale * columns, scale * rows)):
        node.SetFieldOfView(scale * columns, scale * rows, before[2])
