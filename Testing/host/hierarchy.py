"""The subject hierarchy's bookkeeping: an item for every node that a user sees, gone when the node goes. No Qt.

Stands for `qSlicerSubjectHierarchyPluginLogic`; the hierarchy node itself is Slicer's own. Does not prove: which plugin
owns an item, where the application puts the items of DICOM files, anything about the tree on the screen.
"""

from typing import Any

import slicer
import vtk

SHOWN_CLASSES = (
    "vtkMRMLDisplayableNode",
    "vtkMRMLSequenceNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLTransformNode",
)


class HierarchyKeeper:
    """Observes a scene and keeps its subject hierarchy in step with the nodes."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        scene.AddObserver(scene.NodeAddedEvent, self._node_added)
        scene.AddObserver(scene.NodeAboutToBeRemovedEvent, self._node_about_to_go)
        scene.AddObserver(scene.EndImportEvent, self._import_ended, 10.0)
        scene.AddObserver(scene.EndCloseEvent, self._close_ended, 10.0)

    def hierarchy(self) -> Any:
        """The scene's one hierarchy node."""
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    def resolve(self) -> None:
        """Make the hierarchy node when the scene has none, and one of two when a file brought its own."""
        slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self._scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_added(self, caller: Any, event: Any, node: Any) -> None:
        if not self._scene.IsImporting() and not self._scene.IsClosing():
            self._add(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_about_to_go(self, caller: Any, event: Any, node: Any) -> None:
        if self._scene.IsClosing() or not belongs(node):
            return
        hierarchy = self.hierarchy()
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _close_ended(self, caller: Any, event: Any) -> None:
        self.resolve()

    def _import_ended(self, caller: Any, event: Any) -> None:
        self.resolve()
        for index in range(self._scene.GetNumberOfNodes()):
            self._add(self._scene.GetNthNode(index))

    def _add(self, node: Any) -> None:
        if not belongs(node):
            return
        hierarchy = self.hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)


def belongs(node: Any) -> bool:
    """Whether the application would give this node an item."""
    return not node.GetHideFromEditors() and any(node.IsA(name) for name in SHOWN_CLASSES)
