"""Stand-ins for the general widgets of Slicer that show a scene: the top of a panel, the node selector, the tree.

Does not prove: sorting and filtering beyond types, hidden nodes and attributes; drag and drop; menus of nodes.
"""

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .pythonqt import stand_in

CREATE = "<create>"
"""In place of a node's id: the entry that makes a new node."""


class SceneHolder:
    """What every MRML widget has: a scene."""

    _scene: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene


@stand_in
class qMRMLWidget(SceneHolder, QtWidgets.QWidget):  # noqa: N801 (Slicer names it)
    """The top widget of a panel: tells its children of the scene by its signal."""

    SIGNATURES = frozenset({"mrmlSceneChanged(vtkMRMLScene*)"})
    mrmlSceneChanged = QtCore.Signal(object)

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


@stand_in
class qMRMLSubjectHierarchyTreeView(SceneHolder, QtWidgets.QTreeView):  # noqa: N801
    """The tree of the subject hierarchy: takes the scene and shows nothing."""


def stored_property(name: str, kind: Any, default: Any, refresh: bool = True) -> Any:
    """A property that a widget keeps and, when asked to, shows anew after a change."""
    place = f"_{name}"

    def read(widget: Any) -> Any:
        return getattr(widget, place, default)

    def write(widget: Any, value: Any) -> None:
        setattr(widget, place, list(value) if isinstance(value, tuple) else value)
        if refresh:
            widget._refresh()

    return QtCore.Property(kind, read, write)


@stand_in
class qMRMLNodeComboBox(SceneHolder, QtWidgets.QWidget):  # noqa: N801
    """A selector of a node of certain types, with "None" and "Create new" when enabled."""

    SIGNATURES = frozenset(
        {
            f"{signal}(vtkMRMLNode*)"
            for signal in ("currentNodeChanged", "nodeAddedByUser", "nodeAdded", "nodeActivated")
        }
    )
    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._observations: list[tuple[Any, int]] = []
        self._attributes: dict[str, dict[str, Any]] = {}
        self._ids: list[str] = []
        self._current = ""
        self._box = QtWidgets.QComboBox()
        self._box.setSizeAdjustPolicy(QtWidgets.QComboBox.AdjustToMinimumContentsLengthWithIcon)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.activated.connect(self._chosen)
        self.setEnabled(False)

    def setMRMLScene(self, scene: Any) -> None:
        self._forget()
        self._scene = scene
        self.setEnabled(scene is not None)
        if scene is not None:
            events = (
                scene.NodeAddedEvent,
                scene.NodeRemovedEvent,
                scene.EndBatchProcessEvent,
                scene.EndCloseEvent,
                scene.EndImportEvent,
            )
            self._observations = [(scene, scene.AddObserver(event, self._scene_changed)) for event in events]
            self.destroyed.connect(lambda *_, kept=self._observations: [o.RemoveObserver(tag) for o, tag in kept])
        self._refresh()

    def _forget(self) -> None:
        for observed, tag in self._observations:
            observed.RemoveObserver(tag)
        self._observations.clear()

    def _scene_changed(self, caller: Any, event: str) -> None:
        if not self._scene.IsBatchProcessing():
            self._refresh()

    def nodes(self) -> list[Any]:
        """The nodes that the list offers."""
        found = []
        for kind in self.nodeTypes if self._scene is not None else ():
            for node in slicer.util.getNodesByClass(kind, self._scene):
                hidden = node.GetHideFromEditors() and not self.showHidden
                child = node.GetClassName() != kind and (
                    not self.showChildNodeTypes or node.GetClassName() in self.hideChildNodeTypes
                )
                if not hidden and not child and self._has_attributes(node, kind):
                    found.append(node)
        return found

    def _has_attributes(self, node: Any, kind: str) -> bool:
        wanted = self._attributes.get(kind, {})
        values = {name: node.GetAttribute(name) for name in wanted}
        return all(values[name] is not None and value in (None, values[name]) for name, value in wanted.items())

    def _refresh(self) -> None:
        """Fill the list anew and keep the current node when it is still there."""
        entries = [("", self.noneDisplay)] if self.noneEnabled else []
        entries += [(node.GetID(), node.GetName()) for node in self.nodes()]
        offered = [identifier for identifier, _ in entries]
        if self.addEnabled and self.nodeTypes and self._scene is not None:
            entries.append((CREATE, f"Create new {self.nodeTypes[0].removeprefix('vtkMRML').removesuffix('Node')}"))
        self._ids = [identifier for identifier, _ in entries]
        self._box.clear()
        self._box.addItems([text for _, text in entries])
        self._select(self._current if self._current in offered else next(iter(offered), ""))

    def _select(self, identifier: str) -> None:
        self._box.setCurrentIndex(self._ids.index(identifier) if identifier in self._ids else -1)
        if identifier != self._current:
            self._current = identifier
            self.currentNodeIDChanged.emit(identifier)
            self.currentNodeChanged.emit(self.currentNode())

    def _chosen(self, index: int) -> None:
        """The user chose an entry."""
        if self._ids[index] == CREATE:
            self.nodeAddedByUser.emit(self.addNode())
        else:
            self._select(self._ids[index])
            self.nodeActivated.emit(self.currentNode())

    def addNode(self, kind: str = "") -> Any:
        """What "Create new" does; as in Slicer, the new node has a name of its own."""
        kind = kind or self.nodeTypes[0]
        name = self._scene.GenerateUniqueName(self.baseName) if self.baseName else ""
        node = self._scene.AddNewNodeByClass(kind, name)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAdded.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        if self.currentNode() is not None:
            self._scene.RemoveNode(self.currentNode())

    def addAttribute(self, kind: str, name: str, value: Any = None) -> None:
        self._attributes.setdefault(kind, {})[name] = None if value is None else str(value)
        self._refresh()

    def removeAttribute(self, kind: str, name: str) -> None:
        self._attributes.get(kind, {}).pop(name, None)
        self._refresh()

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, identifier: str) -> None:
        self._select(identifier if identifier in self._ids and identifier != CREATE else "")

    def nodeCount(self) -> int:
        return len(self.nodes())

    currentNodeID = QtCore.Property(str, lambda self: self._current, setCurrentNodeID)
    nodeTypes = stored_property("nodeTypes", "QStringList", [])
    hideChildNodeTypes = stored_property("hideChildNodeTypes", "QStringList", [])
    noneDisplay = stored_property("noneDisplay", str, "None")
    baseName = stored_property("baseName", str, "", refresh=False)
    noneEnabled = stored_property("noneEnabled", bool, False)
    addEnabled = stored_property("addEnabled", bool, True)
    removeEnabled = stored_property("removeEnabled", bool, True)
    renameEnabled = stored_property("renameEnabled", bool, False)
    editEnabled = stored_property("editEnabled", bool, False)
    showHidden = stored_property("showHidden", bool, False)
    showChildNodeTypes = stored_property("showChildNodeTypes", bool, True)
    selectNodeUponCreation = stored_property("selectNodeUponCreation", bool, True, refresh=False)
