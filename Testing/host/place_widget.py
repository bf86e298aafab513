"""Stand-in for `qSlicerMarkupsPlaceWidget`: a button that puts the next clicks in the views into a markups node.

The markups logic, the selection and the interaction node behind it are Slicer's own. Does not prove: the menu of the
buttons, colours, shortcuts.
"""

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .mrml_widgets import SceneHolder
from .pythonqt import stand_in


@stand_in
class qSlicerMarkupsPlaceWidget(SceneHolder, QtWidgets.QWidget):  # noqa: N801
    """Places points of the current markups node."""

    (
        ShowPlaceMultipleMarkupsOption,
        HidePlaceMultipleMarkupsOption,
        ForcePlaceSingleMarkup,
        ForcePlaceMultipleMarkups,
    ) = range(4)
    activeMarkupsPlaceModeChanged = QtCore.Signal(bool)
    activeMarkupsFiducialPlaceModeChanged = QtCore.Signal(bool)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._multiple = self.ShowPlaceMultipleMarkupsOption
        self._told = False
        self._updating = False
        self._observations: list[tuple[Any, int]] = []
        self._button = QtWidgets.QToolButton()
        self._button.setText("+")
        self._button.setCheckable(True)
        self._delete = QtWidgets.QToolButton()
        self._delete.setText("-")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        layout.addWidget(self._delete)
        self._button.clicked.connect(self.setPlaceModeEnabled)
        self._delete.clicked.connect(lambda: self.deleteLastPoint())
        self._update()

    def setMRMLScene(self, scene: Any) -> None:
        for observed, tag in self._observations:
            observed.RemoveObserver(tag)
        self._scene = scene
        if scene is None:
            self._observations = []
        else:
            watched = {self.interactionNode(): "ModifiedEvent", self.selectionNode(): "ModifiedEvent"}
            watched[scene] = scene.NodeRemovedEvent
            self._observations = [(node, node.AddObserver(event, self._modified)) for node, event in watched.items()]
        self.destroyed.connect(lambda *_, kept=self._observations: [node.RemoveObserver(tag) for node, tag in kept])
        self._update()

    def interactionNode(self) -> Any:
        return slicer.app.applicationLogic().GetInteractionNode()

    def selectionNode(self) -> Any:
        return slicer.app.applicationLogic().GetSelectionNode()

    def currentNode(self) -> Any:
        return self._node

    currentMarkupsNode = currentNode

    def setCurrentNode(self, node: Any) -> None:
        self._node = node if node is not None and node.IsA("vtkMRMLMarkupsNode") else None
        self._update()

    def placeButton(self) -> Any:
        return self._button

    def deleteButton(self) -> Any:
        return self._delete

    def _active(self) -> bool:
        if self._scene is None or self._node is None or self._node.GetScene() is None:
            return False
        logic = slicer.app.applicationLogic().GetModuleLogic("Markups")
        same_class = self.selectionNode().GetActivePlaceNodeClassName() == self._node.GetClassName()
        return same_class and logic.GetActiveListID() == self._node.GetID()

    def _placing(self) -> bool:
        node = self.interactionNode()
        return self._active() and node.GetCurrentInteractionMode() == node.Place

    def setPlaceModeEnabled(self, enable: bool) -> None:
        if self._scene is None or self._node is None:
            return
        interaction = self.interactionNode()
        if not enable:
            interaction.SetCurrentInteractionMode(interaction.ViewTransform)
            return
        if not self._active():
            slicer.app.applicationLogic().GetModuleLogic("Markups").SetActiveList(self._node)
        if self._multiple in (self.ForcePlaceSingleMarkup, self.ForcePlaceMultipleMarkups):
            interaction.SetPlaceModePersistence(self._multiple == self.ForcePlaceMultipleMarkups)
        interaction.SetCurrentInteractionMode(interaction.Place)

    def setPlaceMultipleMarkups(self, option: int) -> None:
        self._multiple = option

    def setPlaceModePersistency(self, persistent: bool) -> None:
        self.interactionNode().SetPlaceModePersistence(persistent)

    def setCurrentNodeActive(self, active: bool) -> None:
        if active != self._active():
            logic = slicer.app.applicationLogic().GetModuleLogic("Markups")
            logic.SetActiveList(self._node if active else None)
            if not active:
                self.setPlaceModeEnabled(False)

    def deleteLastPoint(self) -> None:
        if self._node is not None and self._node.GetNumberOfControlPoints():
            self._node.RemoveNthControlPoint(self._node.GetNumberOfControlPoints() - 1)

    def deleteAllPoints(self) -> None:
        if self._node is not None:
            self._node.RemoveAllControlPoints()

    def _modified(self, caller: Any, event: str) -> None:
        if self._node is not None and self._node.GetScene() is None:
            self._node = None
        self._update()

    def _update(self) -> None:
        """As `updateWidget`: what changes while it tells of a change is not told."""
        if self._updating:
            return
        self._updating = True
        placing = self._placing()
        self._button.setEnabled(self._scene is not None and self._node is not None)
        self._button.setChecked(placing)
        if placing != self._told:
            self.activeMarkupsFiducialPlaceModeChanged.emit(placing)
            self.activeMarkupsPlaceModeChanged.emit(placing)
            self._told = placing
        self._updating = False

    placeModeEnabled = QtCore.Property(bool, _placing, setPlaceModeEnabled)
    placeMultipleMarkups = QtCore.Property(int, lambda self: self._multiple, setPlaceMultipleMarkups)
    currentNodeActive = QtCore.Property(bool, _active, setCurrentNodeActive)
    placeModePersistency = QtCore.Property(
        bool, lambda self: bool(self.interactionNode().GetPlaceModePersistence()), setPlaceModePersistency
    )

    def _set_buttons_visible(self, visible: bool) -> None:
        self._button.setVisible(visible)
        self._delete.setVisible(visible)

    buttonsVisible = QtCore.Property(bool, lambda self: not self._button.isHidden(), _set_buttons_visible)
    deleteAllControlPointsOptionVisible = QtCore.Property(bool, lambda self: True, lambda self, value: None)
