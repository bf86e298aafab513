"""The folder of the subject hierarchy that holds the prompts of one segmentation."""

from typing import Any

import vtk

FOLDER = "GliomaSAM.prompts"
"""Attribute of the folder: the id of its segmentation node."""


def into_folder(scene: Any, segmentation_node: Any, node: Any) -> None:
    """Put a node into the folder of a segmentation, which is made where it is missing."""
    hierarchy = scene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    item = hierarchy.GetItemByDataNode(node)
    if not item:
        return
    folder = find_folder(scene, segmentation_node)
    if not folder:
        own = hierarchy.GetItemByDataNode(segmentation_node)
        parent = hierarchy.GetItemParent(own) if own else hierarchy.GetSceneItemID()
        folder = hierarchy.CreateFolderItem(parent, f"{segmentation_node.GetName()} prompts")
        hierarchy.SetItemAttribute(folder, FOLDER, segmentation_node.GetID())
    hierarchy.SetItemParent(item, folder)


def find_folder(scene: Any, segmentation_node: Any) -> int:
    """The folder's item; 0 where there is none."""
    hierarchy = scene.GetSubjectHierarchyNode()
    return next((f for f in _folders(hierarchy) if f[1] == segmentation_node.GetID()), (0, ""))[0] if hierarchy else 0


def keep_folder(scene: Any, segmentation_node: Any, node: Any) -> None:
    """After loading a scene, which may change ids: the folder that holds `node` is that of the segmentation."""
    hierarchy = scene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    parent = hierarchy.GetItemParent(item) if item else 0
    if parent and hierarchy.HasItemAttribute(parent, FOLDER):
        hierarchy.SetItemAttribute(parent, FOLDER, segmentation_node.GetID())


def remove_empty_folder(scene: Any, segmentation_node: Any) -> None:
    """Remove the folder unless somebody has put something else into it."""
    hierarchy = scene.GetSubjectHierarchyNode()
    folder = find_folder(scene, segmentation_node)
    if folder and hierarchy.GetNumberOfItemChildren(folder) == 0:
        hierarchy.RemoveItem(folder)


def _folders(hierarchy: Any) -> list[tuple[int, str]]:
    """All folders of prompts, each with the id of its segmentation."""
    items = vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    found = [items.GetId(number) for number in range(items.GetNumberOfIds())]
    return [
        (item, hierarchy.GetItemAttribute(item, FOLDER)) for item in found if hierarchy.HasItemAttribute(item, FOLDER)
    ]
