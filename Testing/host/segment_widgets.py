"""Stand-ins for the table of segments, the embedded Segment Editor and the button Show 3D, over Slicer's own
segmentation and editor logic.

Does not prove: the effects of the editor (a test paints by `paint`), its buttons and shortcuts, the cells of the table
beyond name and visibility; the menu of the button, where the surfaces' smoothing is chosen.
"""

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from .ctk_widgets import ctkMenuButton
from .mrml_widgets import SceneHolder, stored_property
from .pythonqt import stand_in


@stand_in
class qMRMLSegmentsTableView(SceneHolder, QtWidgets.QWidget):  # noqa: N801 (Slicer names it)
    """A table of the segments of one segmentation: a row a segment, its check box shows and hides it."""

    SIGNATURES = frozenset({"selectionChanged(QItemSelection,QItemSelection)"})
    selectionChanged = QtCore.Signal(object, object)
    segmentAboutToBeModified = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._tags: list[tuple[Any, int]] = []
        self._table = QtWidgets.QTableWidget(0, 1)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.setHorizontalHeaderLabels(["Name"])
        self._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectRows)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.itemSelectionChanged.connect(lambda: self.selectionChanged.emit(None, None))
        self._table.itemChanged.connect(self._toggled)

    def segmentationNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._node = node
        self._tags = []
        if node is not None:
            events = (slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved)
            events += (slicer.vtkSegmentation.SegmentModified, slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent)
            self._tags = [(node, node.AddObserver(event, lambda *_: self._refresh())) for event in events]
            self.destroyed.connect(lambda *_, kept=self._tags: [observed.RemoveObserver(tag) for observed, tag in kept])
        self._refresh()

    def _segment_ids(self) -> list[str]:
        if self._node is None or self._node.GetSegmentation() is None:
            return []
        return list(self._node.GetSegmentation().GetSegmentIDs())

    def _refresh(self) -> None:
        chosen = self.selectedSegmentIDs()
        blocked = self._table.blockSignals(True)
        identifiers = self._segment_ids()
        self._table.setRowCount(len(identifiers))
        for row, identifier in enumerate(identifiers):
            self._table.setItem(row, 0, self._item(identifier))
        self.setSelectedSegmentIDs([identifier for identifier in chosen if identifier in identifiers])
        self._table.blockSignals(blocked)

    def _item(self, identifier: str) -> Any:
        item = QtWidgets.QTableWidgetItem(self._node.GetSegmentation().GetSegment(identifier).GetName())
        item.setData(QtCore.Qt.UserRole, identifier)
        display = self._node.GetDisplayNode()
        shown = display is not None and display.GetSegmentVisibility(identifier)
        item.setCheckState(QtCore.Qt.Checked if shown else QtCore.Qt.Unchecked)
        return item

    def _toggled(self, item: Any) -> None:
        if self._node is not None and self._node.GetDisplayNode() is not None:
            shown = item.checkState() == QtCore.Qt.Checked
            self._node.GetDisplayNode().SetSegmentVisibility(item.data(QtCore.Qt.UserRole), shown)

    def selectedSegmentIDs(self) -> list[str]:
        return [item.data(QtCore.Qt.UserRole) for item in self._table.selectedItems()]

    def setSelectedSegmentIDs(self, identifiers: Any) -> None:
        self._table.clearSelection()
        for row in range(self._table.rowCount):
            item = self._table.item(row, 0)
            item.setSelected(item.data(QtCore.Qt.UserRole) in identifiers)

    def clearSelection(self) -> None:
        self._table.clearSelection()

    def tableWidget(self) -> Any:
        return self._table

    segmentCount = QtCore.Property(int, lambda self: len(self._segment_ids()))
    readOnly = stored_property("readOnly", bool, False)
    headerVisible = stored_property("headerVisible", bool, True)
    visibilityColumnVisible = stored_property("visibilityColumnVisible", bool, True)
    colorColumnVisible = stored_property("colorColumnVisible", bool, True)
    opacityColumnVisible = stored_property("opacityColumnVisible", bool, True)
    statusColumnVisible = stored_property("statusColumnVisible", bool, False)
    layerColumnVisible = stored_property("layerColumnVisible", bool, False)
    filterBarVisible = stored_property("filterBarVisible", bool, False)
    jumpToSelectedSegmentEnabled = stored_property("jumpToSelectedSegmentEnabled", bool, False)


@stand_in
class qMRMLSegmentationShow3DButton(ctkMenuButton):  # noqa: N801
    """Makes the surfaces of a segmentation, which its display shows in 3D views, and takes them away again; it is
    pressed while there are any, whoever made them.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._tags: list[tuple[Any, int]] = []
        self.setText("Show 3D")
        self.setCheckable(True)
        self.setEnabled(False)
        self.toggled.connect(self._show)

    def segmentationNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        if node is self._node:
            return
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._node, self._tags = node, []
        if node is not None:
            events = (slicer.vtkSegmentation.SegmentAdded, slicer.vtkSegmentation.SegmentRemoved)
            events += (slicer.vtkSegmentation.ContainedRepresentationNamesModified, vtk.vtkCommand.ModifiedEvent)
            self._tags = [(node, node.AddObserver(event, lambda *_: self._refresh())) for event in events]
            self.destroyed.connect(lambda *_, kept=self._tags: [observed.RemoveObserver(tag) for observed, tag in kept])
        self._refresh()

    def _refresh(self) -> None:
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        if segmentation is None:
            self.setEnabled(False)
            return
        surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        made_of_surfaces = segmentation.GetSourceRepresentationName() == surface
        self.setEnabled(segmentation.GetNumberOfSegments() > 0 and not made_of_surfaces)
        blocked = self.blockSignals(True)
        self.setChecked(segmentation.ContainsRepresentation(surface))
        self.blockSignals(blocked)

    def _show(self, on: bool) -> None:
        converter = slicer.vtkSegmentationConverter
        surface, labelmap = (
            converter.GetSegmentationClosedSurfaceRepresentationName(),
            converter.GetSegmentationBinaryLabelmapRepresentationName(),
        )
        segmentation = self._node.GetSegmentation()
        if not on:
            segmentation.RemoveRepresentation(surface)
        elif segmentation.CreateRepresentation(surface) and self._node.GetDisplayNode() is not None:
            self._node.GetDisplayNode().SetPreferredDisplayRepresentationName3D(surface)
            self._node.GetDisplayNode().SetPreferredDisplayRepresentationName2D(labelmap)


class Effect:
    """An effect of the editor, known by its name only."""

    def __init__(self, name: str) -> None:
        self.name = name


@stand_in
class qMRMLSegmentEditorWidget(SceneHolder, QtWidgets.QWidget):  # noqa: N801
    """The Segment Editor embedded in a panel. `paint` does what its brush would do."""

    SIGNATURES = frozenset(
        {"segmentationNodeChanged(vtkMRMLSegmentationNode*)", "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)"}
    )
    currentSegmentIDChanged = QtCore.Signal(str)
    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._effect: Effect | None = None
        self._order: list[str] = []
        self._shortcuts = False
        self._views = False
        self._label = QtWidgets.QLabel("Segment Editor")
        QtWidgets.QVBoxLayout(self).addWidget(self._label)

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self._logic.SetMRMLScene(scene)
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._logic.SetSegmentEditorNode(node)

    def mrmlSegmentEditorNode(self) -> Any:
        return self._logic.GetSegmentEditorNode()

    def _require_node(self, setter: str) -> None:
        if self.mrmlSegmentEditorNode() is None:
            raise RuntimeError(f"{setter} fails in Slicer before setMRMLSegmentEditorNode")

    def setSegmentationNode(self, node: Any) -> None:
        if node is not None:
            self._require_node("setSegmentationNode")
        if self.mrmlSegmentEditorNode() is not None and node is not self.segmentationNode():
            self._logic.SetSegmentationNode(node)
            self.segmentationNodeChanged.emit(node)

    def segmentationNode(self) -> Any:
        editor = self.mrmlSegmentEditorNode()
        return editor.GetSegmentationNode() if editor is not None else None

    def setSourceVolumeNode(self, node: Any) -> None:
        if node is not None:
            self._require_node("setSourceVolumeNode")
        if self.mrmlSegmentEditorNode() is not None and node is not self.sourceVolumeNode():
            self._logic.SetSourceVolumeNode(node)
            self.sourceVolumeNodeChanged.emit(node)

    def sourceVolumeNode(self) -> Any:
        editor = self.mrmlSegmentEditorNode()
        return editor.GetSourceVolumeNode() if editor is not None else None

    def currentSegmentID(self) -> str:
        return self._logic.GetCurrentSegmentID() or ""

    def setCurrentSegmentID(self, identifier: str) -> None:
        if identifier != self.currentSegmentID():
            self._logic.SetCurrentSegmentID(identifier)
            self.currentSegmentIDChanged.emit(identifier)

    def availableEffectNames(self) -> list[str]:
        return ["Paint", "Draw", "Erase", "Smoothing", "Islands", "Scissors"]

    def setEffectNameOrder(self, names: Any) -> None:
        self._order = list(names)

    def effectByName(self, name: str) -> Effect | None:
        return Effect(name) if name in self.availableEffectNames() else None

    def setActiveEffectByName(self, name: str) -> None:
        self.setActiveEffect(self.effectByName(name))

    def setActiveEffect(self, effect: Effect | None) -> None:
        self._effect = effect

    def activeEffect(self) -> Effect | None:
        return self._effect

    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()

    def undo(self) -> None:
        self._logic.Undo()

    def redo(self) -> None:
        self._logic.Redo()

    def installKeyboardShortcuts(self, parent: Any = None) -> None:
        self._shortcuts = True

    def uninstallKeyboardShortcuts(self) -> None:
        self._shortcuts = False

    def setupViewObservations(self) -> None:
        self._views = True

    def removeViewObservations(self) -> None:
        self._views = False

    def listens(self) -> tuple[bool, bool]:
        """For tests: whether shortcuts are installed, and whether views are observed."""
        return self._shortcuts, self._views

    def paint(self, ras: tuple[float, float, float], radius: float, add: bool = True) -> None:
        """For tests: a ball of `radius` mm round a place is painted into the current segment, or erased from it.

        Through the real editor logic, with its masking and overwrite mode and one undo state, as the brush does.
        """
        if not self._logic.UpdateReferenceGeometryImage() or not self._logic.UpdateSelectedSegmentLabelmap():
            raise RuntimeError("the editor has no segment to paint into: set segmentation, source volume and segment")
        self._logic.UpdateAlignedSourceVolume()
        self._logic.UpdateMaskLabelmap()
        self._logic.ResetModifierLabelmapToDefault()
        labelmap = self._logic.GetModifierLabelmap()
        paint_ball(labelmap, self.segmentationNode(), ras, radius)
        self.saveStateForUndo()
        mode = self._logic.ModificationModeAdd if add else self._logic.ModificationModeRemove
        arguments = (self.segmentationNode(), self.currentSegmentID(), labelmap, mode, False, False)
        self._logic.ModifySegmentByLabelmap(*arguments)

    readOnly = stored_property("readOnly", bool, False, refresh=False)
    undoEnabled = stored_property("undoEnabled", bool, True, refresh=False)
    maximumNumberOfUndoStates = stored_property("maximumNumberOfUndoStates", int, 10, refresh=False)
    effectColumnCount = stored_property("effectColumnCount", int, 2, refresh=False)
    unorderedEffectsVisible = stored_property("unorderedEffectsVisible", bool, True, refresh=False)
    segmentationNodeSelectorVisible = stored_property("segmentationNodeSelectorVisible", bool, True, refresh=False)
    sourceVolumeNodeSelectorVisible = stored_property("sourceVolumeNodeSelectorVisible", bool, True, refresh=False)
    switchToSegmentationsButtonVisible = stored_property("switchToSegmentations", bool, True, refresh=False)
    addRemoveSegmentButtonsVisible = stored_property("addRemoveSegmentButtonsVisible", bool, True, refresh=False)
    specifyGeometryButtonVisible = stored_property("specifyGeometryButtonVisible", bool, True, refresh=False)
    maskingSectionVisible = stored_property("maskingSectionVisible", bool, True, refresh=False)
    show3DButtonVisible = stored_property("show3DButtonVisible", bool, True, refresh=False)
    autoShowSourceVolumeNode = stored_property("autoShowSourceVolumeNode", bool, True, refresh=False)


def paint_ball(labelmap: Any, segmentation_node: Any, ras: tuple[float, float, float], radius: float) -> None:
    """Set the voxels within `radius` mm of a place in the world in a label map of the segmentation."""
    import numpy as np
    from vtk.util.numpy_support import vtk_to_numpy

    to_local = vtk.vtkGeneralTransform()
    transform = segmentation_node.GetParentTransformNode()
    if transform is not None:
        transform.GetTransformFromWorld(to_local)
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    to_world = slicer.util.arrayFromVTKMatrix(matrix)
    extent = labelmap.GetExtent()
    axes = [np.arange(extent[2 * axis], extent[2 * axis + 1] + 1) for axis in (2, 1, 0)]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    places = np.stack([i, j, k], -1) @ to_world[:3, :3].T + to_world[:3, 3]
    ball = ((places - to_local.TransformPoint(ras)) ** 2).sum(-1) <= radius**2
    voxels = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(ball.shape)
    voxels[ball] = 1
    labelmap.GetPointData().GetScalars().Modified()
    labelmap.Modified()
