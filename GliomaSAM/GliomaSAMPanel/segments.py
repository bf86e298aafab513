"""The section Segments: where results go and how, and Slicer's Segment Editor for work by hand."""

from dataclasses import dataclass
from typing import Any

import slicer
from slicer.i18n import tr as _

from .parameters import Overwrite, Style

EDITOR_TAG = "GliomaSAM"
"""Singleton tag of the embedded editor's node: its settings are not those of the Segment Editor module."""
OVERLAP = "GliomaSAM.overlap"
"""Attribute of that node once segments may overlap, as nested ones do: what the user chooses from then on stays."""
UNDO_STATES = 20


@dataclass(frozen=True)
class UndoState:
    """Keeps an undo state of the embedded editor before GliomaSAM writes, while the editor shows the same segmentation.

    Args:
        editor: The qMRMLSegmentEditorWidget.
        node: The segmentation node that is written.
    """

    editor: Any
    node: Any

    def __call__(self):
        """Keep one."""
        if self.editor.segmentationNode() is self.node:
            self.editor.saveStateForUndo()


class SegmentsSection:
    """Leads the selectors of segmentation, style and overwriting, and the embedded editor.

    Args:
        panel: The `Panel`.
    """

    def __init__(self, panel):
        self._panel = panel
        self._ui = panel.ui
        self._lesions = [""]
        self._filling = False
        self.editorNode = None
        self._ui.editor.segmentationNodeSelectorVisible = False
        self._ui.editor.sourceVolumeNodeSelectorVisible = False
        self._ui.editor.maximumNumberOfUndoStates = UNDO_STATES
        self._ui.lesionSelector.connect("activated(int)", self._chooseLesion)
        self._ui.cavityButton.connect("clicked()", self.paintCavity)

    def setScene(self):
        """Take an editor node of the scene, made when there is none; its keys work while the module is shown."""
        node = slicer.mrmlScene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(EDITOR_TAG)
            node = slicer.mrmlScene.AddNode(node)
        if not node.GetAttribute(OVERLAP):  # Slicer's default takes what is painted out of all other segments
            node.SetOverwriteMode(node.OverwriteNone)
            node.SetAttribute(OVERLAP, "allowed")
        if node is not self.editorNode:
            self.editorNode = node
            self._ui.editor.setMRMLSegmentEditorNode(node)
        if self._panel.entered:
            self.enter()

    def placeEmptyLayers(self):
        """See that saving the scene leaves all segments as they are: those of GliomaSAM that hold nothing have lost
        their place when the scene was read.
        """
        from GliomaSAMLib.slicer.persistence import ATTRIBUTE
        from GliomaSAMLib.slicer.segments.node import place_empty_layers

        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if node.GetAttribute(ATTRIBUTE):
                place_empty_layers(node)

    def release(self):
        """Let go of the scene."""
        self.leave()
        if self.editorNode is not None:
            self._ui.editor.setSegmentationNode(None)
            self._ui.editor.setSourceVolumeNode(None)
            self._ui.editor.setMRMLSegmentEditorNode(None)
            self.editorNode = None

    def enter(self):
        """Let the editor's keys and views work."""
        self._ui.editor.setupViewObservations()
        self._ui.editor.installKeyboardShortcuts()

    def leave(self):
        """Give keys and views back."""
        self._ui.editor.setActiveEffect(None)
        self._ui.editor.uninstallKeyboardShortcuts()
        self._ui.editor.removeViewObservations()

    def newSegmentation(self, volumes):
        """A new segmentation node for volumes by modality, selected on the panel."""
        from GliomaSAMLib.slicer.examinations import reference_volume
        from GliomaSAMLib.slicer.segments.node import new_segmentation

        name = slicer.mrmlScene.GenerateUniqueName(nameFor(volumes))
        node = new_segmentation(slicer.mrmlScene, name, reference_volume(volumes))
        self._panel.parameters.segmentation = node
        return node

    def leaveFor(self, volumes):
        """Go on with the segmentation made on these volumes, else with a new one; one that is still empty is kept."""
        from GliomaSAMLib.slicer.examinations import segmentation_made_on
        from GliomaSAMLib.slicer.follow_up.outlines import has_outline

        before, task, found = self._panel.parameters.segmentation, self._panel.task, segmentation_made_on(volumes)
        used = before is not None and (has_outline(before) or (task is not None and task.session.prompts))
        if found is not None or used:
            self._panel.parameters.segmentation = found

    def nameNext(self, volumes):
        """Let a segmentation that the user adds in the selector be named after volumes by modality."""
        self._ui.segmentationSelector.baseName = nameFor(volumes)

    def separate(self, volumes):
        """Let results on volumes that are not those of the segmentation go to one of their own: on those of another
        patient or examination, and on any where its own are gone, unless these are of the same patient. It is the one
        made on these volumes, else a new one.
        """
        from GliomaSAMLib.slicer.examinations import is_of_another_examination, segmentation_made_on
        from GliomaSAMLib.slicer.persistence import has_lost_volumes
        from GliomaSAMLib.slicer.segments.patient import same_patient

        before = self._panel.parameters.segmentation
        if has_lost_volumes(before) and not any(same_patient(before, node) for node in volumes.values()):
            shown = _("The volumes of {before} are gone: {name}, which was made on those chosen, is shown")
            new = _(
                "The volumes of {before} are gone: results go to {name}, which is new; choose {before} to go on there"
            )
        elif is_of_another_examination(before, volumes):
            shown = _("This is another examination: {name}, which was made on it, is shown; {before} stays as it is")
            new = _("This is another examination: its results go to {name}, which is new; {before} stays as it is")
        elif all(same_patient(before, node) is False for node in volumes.values()):
            shown = _("This is another patient: {name}, which was made on these volumes, is shown; {before} stays")
            new = _("This is another patient: results go to {name}, which is new; {before} stays as it is")
        else:
            return
        self._giveBack(before)
        found = segmentation_made_on(volumes)
        text = new if found is None else shown
        if found is None:
            found = self.newSegmentation(volumes)
        else:
            self._panel.parameters.segmentation = found
        self._panel.message(text.format(name=found.GetName(), before=before.GetName()), "info")

    def _giveBack(self, segmentation):
        """Let a segmentation that is left keep to its examination, though volumes of the next one were chosen for it
        meanwhile, one after another.
        """
        from GliomaSAMLib.slicer.examinations import without_other_examinations

        task = self._panel.engine.task(segmentation)
        own = without_other_examinations(segmentation, task.volume_nodes)
        if own and own != task.volume_nodes:
            task.set_volumes(own, **task.options)

    def show(self, task):
        """Show how a task writes its segments."""
        parameters = self._panel.parameters
        parameters.style = Style(task.style.style)
        parameters.overwrite = Overwrite(task.style.overwrite)
        parameters.lesionSegment = task.style.lesion_segment or ""

    def apply(self, task):
        """Let a task write as is chosen on the panel."""
        from GliomaSAMLib.slicer.segments.view import SegmentStyle

        parameters = self._panel.parameters
        lesion = parameters.style is Style.LESION
        present = parameters.lesionSegment in task.node.GetSegmentation().GetSegmentIDs()
        style = SegmentStyle(
            parameters.style.value,
            parameters.overwrite.value,
            parameters.lesionSegment if lesion and present else None,
            self.editorNode,
            UndoState(self._ui.editor, task.node),
        )
        if style != task.style:
            task.set_style(style)

    def showEditor(self, task):
        """Let the editor work on the segmentation and the volume of a task."""
        self._ui.editor.setSegmentationNode(task.node if task is not None else None)
        volumes = self._panel.inputs.nodes()
        wanted = next((volumes[m] for m in ("t1c", "flair", "t2", "t1") if m in volumes), None)
        if self._ui.editor.sourceVolumeNode() not in volumes.values():
            self._ui.editor.setSourceVolumeNode(wanted)

    def paintCavity(self):
        """Choose the segment of the resection cavity in the editor, made when there is none."""
        self._panel.messages.clear()
        with self._panel.attempt():
            from GliomaSAMLib.slicer.segments.cavity import add_cavity

            task = self._panel.requireTask()
            if task is None:
                return
            name = add_cavity(task.node, task.geometry, self._ui.editor.sourceVolumeNode())
            self._ui.editorButton.collapsed = False
            self._ui.editor.setSegmentationNode(task.node)
            self._ui.editor.setCurrentSegmentID(name)
            self._panel.results.showCavity(task)

    def noteLesion(self, task):
        """Choose the segment that a task made for "a new one", which is none any more."""
        parameters = self._panel.parameters
        if parameters.style is Style.LESION and not parameters.lesionSegment and task.style.lesion_segment:
            parameters.lesionSegment = task.style.lesion_segment

    def showLesions(self):
        """Fill the list of segments that "any lesion" can go to, which others may add, rename and remove; a lesion
        whose segment is gone goes to a new one.
        """
        parameters = self._panel.parameters
        node = parameters.segmentation if parameters is not None else None
        lesion = node is not None and parameters.style is Style.LESION
        self._ui.lesionSelector.visible = self._ui.lesionLabel.visible = lesion
        if not lesion:
            return
        segmentation = node.GetSegmentation()
        if segmentation.GetSegment(parameters.lesionSegment) is None:
            parameters.lesionSegment = ""
        chosen = parameters.lesionSegment
        ids = [name for name in segmentation.GetSegmentIDs() if name == chosen or self._canHoldLesion(node, name)]
        texts = [_("a new one"), *(segmentation.GetSegment(name).GetName() for name in ids)]
        self._lesions = ["", *ids]
        box = self._ui.lesionSelector
        if [box.itemText(index) for index in range(box.count)] != texts:
            box.clear()
            box.addItems(texts)
        box.currentIndex = self._lesions.index(chosen)

    def _chooseLesion(self, index):
        self._panel.parameters.lesionSegment = self._lesions[index]

    def _canHoldLesion(self, node, name):
        """Whether a segment is none of those that have another meaning: regions of the tumour, and the cavity."""
        if self._panel.task is None:
            return True
        from GliomaSAMLib.slicer.segments.node import REGION_TAG
        from GliomaSAMLib.slicer.segments.ownership import segment_tag

        return segment_tag(node.GetSegmentation().GetSegment(name), REGION_TAG) in ("", "lesion")


def nameFor(volumes):
    """What a segmentation of volumes by modality is called, by their examination."""
    from GliomaSAMLib.slicer.naming import name_of_examination

    return f"{_('Glioma')} {name_of_examination(volumes)}".rstrip()
