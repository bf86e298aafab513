"""The panel: its sections, what it is told by the controller, and the messages that it shows."""

import logging
import time
from contextlib import contextmanager

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from .follow_up import FollowUpSection
from .inputs import InputsSection
from .messages import Messages
from .model import ModelSection
from .parameters import GliomaSAMParameters
from .prompts import PromptsSection
from .reading import ReadingButton
from .results import ResultsSection
from .segments import SegmentsSection
from .shortcuts import Shortcuts


class PanelListener:
    """Shows what the engine tells; of segmentations only what concerns the one that is shown.

    Args:
        panel: The `Panel`.
    """

    def __init__(self, panel):
        self._panel = panel

    def _isShown(self, task):
        parameters = self._panel.parameters
        return parameters is not None and task.node is parameters.segmentation

    def progress(self, fraction, text):
        """How far the work is; None when there is none."""
        self._panel.messages.progress(fraction, text)

    def modelChanged(self):
        """The engine answers with another model than was chosen."""
        if self._panel.parameters is not None:
            self._panel.model.sync()

    def message(self, text, kind):
        """A sentence for the user."""
        self._panel.message(text, kind)
        if kind == "error":
            self._panel.model.showState()  # what was installed may have proved broken

    def changed(self, task):
        """Prompts, notes, uncertainty or undo state of a task are others now."""
        if self._isShown(task):
            self._panel.showStep(task)

    def results(self, task):
        """The segments of a task hold a new result."""
        if self._isShown(task):
            self._panel.showResults(task)


LOGGER = logging.getLogger(__name__)

TICK_MS = 50

BUSY_TICK_MS = 5

YIELD_SECONDS = 0.02
"""In Slicer the main thread keeps Python's global lock while it waits for events, and a thread of Python gets on only
while the main thread runs Python that lets the lock go. So while there is work, each tick sleeps for so long: the
worker runs, and the panel still answers in a fraction of 0.1 s."""


class Panel:
    """Brings parameters, tasks and widgets together. It is the `Listener` of its engine.

    What the user changes becomes parameters at once, and is acted upon at the next tick of a timer, so that several
    changes at a time, such as four selectors filled one after the other, are one.

    Args:
        ui: The widgets by name.
        top: The widget that holds them.
        logic: The `GliomaSAMLogic`.
        requirements: Path of the file with the Python packages that GliomaSAM needs.

    Attributes:
        parameters: The parameters in use; None while there is no scene to keep them.
        engine: None until everything is installed.
        entered: Whether the module is the one that is shown.
        isRefused: Whether the chosen volumes cannot be used, so that the task goes on with those of before.
    """

    def __init__(self, ui, top, logic, requirements):
        self.ui = ui
        self.logic = logic
        self.parameters = None
        self.engine = None
        self.entered = False
        self._guiTag = None
        self._parameterTag = None
        self._applied = {}
        self.isRefused = False
        self._node = None
        self._noted = ()
        self._due = False
        self._guessDue = False
        self.messages = Messages(ui)
        self.inputs = InputsSection(self)
        self.prompts = PromptsSection(self)
        self.segments = SegmentsSection(self)
        self.results = ResultsSection(self)
        self.followUp = FollowUpSection(self)
        self.reading = ReadingButton(self)
        self.model = ModelSection(self, requirements)
        self.shortcuts = Shortcuts(ui, top)
        ui.cancelButton.connect("clicked()", self.cancel)
        self._timer = qt.QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.connect("timeout()", self.tick)
        self.model.fill()
        self._timer.start()

    # what the sections ask for

    @property
    def task(self):
        """The task of the segmentation that is selected; None when there is none."""
        node = self.parameters.segmentation if self.parameters is not None else None
        return self.engine.task(node) if self.engine is not None and node is not None else None

    def requireEngine(self):
        """The engine; a message and None when something is not installed."""
        if self.engine is None and not self.startEngine():
            self.message(_("Something is not installed yet: see Model and device below"), "warning")
            self.ui.modelButton.collapsed = False
        return self.engine

    def requireTask(self):
        """The task for what the user is about to do, with a new segmentation when there is none; None and a message
        when that cannot be.
        """
        if self.parameters is None or self.requireEngine() is None:
            return None
        if not self.inputs.require():
            return None
        if self.parameters.segmentation is None:
            self.segments.newSegmentation(self.inputs.nodes())
        if self.task is not None and self.task.phase == "empty":
            self.tryAgain()
        if self._due:
            self._apply()
        task = self.task
        return task if task is None or task.phase != "empty" else None

    def refusesSideBySide(self):
        """Whether two visits are shown side by side, where a place of one view is none of the other; a message then."""
        if self.followUp.isSideBySide:
            self.message(_("Two visits are shown side by side: press Side by side again to work on one"), "info")
        return self.followUp.isSideBySide

    def viewsChanged(self):
        """Other views are shown: let prompts and uncertainty be seen where they belong."""
        with self.attempt():
            self.prompts.showInViews()
            self.results.showUncertaintyAnew(self.task)

    def tryAgain(self):
        """Let the volumes that were refused be tried again: what spoke against them may have been put right."""
        if self.isRefused:
            self._applied.pop("inputs", None)
            self._due = True

    @contextmanager
    def attempt(self, waiting=False):
        """Do something for the user: an error becomes a message, and the program goes on.

        Args:
            waiting: Show that it takes a while.
        """
        if waiting:
            slicer.app.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            yield
        except Exception as error:
            if type(error).__module__ == "GliomaSAMLib.errors":
                self.message(str(error), "error")
            else:
                LOGGER.exception("unexpected error")
                text = _("An unexpected error ({error}): save your work; more is in the error log")
                self.message(text.format(error=f"{type(error).__name__}: {error}"), "error")
        finally:
            if waiting:
                slicer.app.restoreOverrideCursor()

    def message(self, text, kind):
        """Tell the user a sentence of the kind "info", "warning" or "error"."""
        self.messages.show(text, kind)

    def startEngine(self):
        """Make the engine if everything is installed. Returns whether there is one."""
        if self.engine is None and self.model.ready():
            self.engine = self.logic.createEngine(PanelListener(self))
            self._due = True
        return self.engine is not None

    def cancel(self):
        """Stop the work in the background."""
        self.messages.clear()
        with self.attempt():
            if self.engine is not None:
                self.results.cancelled()
                self.engine.cancel()
                self.followUp.cancelled()

    # entering and leaving

    def enter(self):
        """The module is shown."""
        self.entered = True
        self._due = self._guessDue = True
        self.tryAgain()
        self.shortcuts.install()
        self.segments.enter()
        if not self.model.showState():
            self.message(_("Something is not installed yet: see Model and device below"), "warning")

    def leave(self):
        """Another module is shown: nothing of this one stays in the views, and no key of it works."""
        self.entered = False
        self.shortcuts.remove()
        for step in (
            self.prompts.stop,
            self.results.release,
            self.followUp.leave,
            self.reading.hide,
            self.segments.leave,
            self._takeEdits,
            self._hidePrompts,
        ):
            with self.attempt():
                step()

    def _takeEdits(self):
        if self.task is not None:
            self.task.take_edits()

    def _hidePrompts(self):
        if self.task is not None:
            self.task.prompt_nodes.show(False)

    def close(self):
        """The panel goes: nothing of it is left behind."""
        self._timer.stop()
        self.leave()
        if self.engine is not None:
            self.engine.close()
            self.engine = None
        self.setParameterNode(None)

    # the scene

    def setParameterNode(self, node):
        """Bind the widgets to a parameter node; None lets go of the scene."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._guiTag)
            self.parameters.RemoveObserver(self._parameterTag)
            self.prompts.stop()
            self.results.release()
            self.followUp.release()
            self.reading.close()
            self.segments.release()
            self.inputs.forget()
        isNew = node is not None and not node.GetParameter("model")
        self.parameters = GliomaSAMParameters(node) if node is not None else None
        if isNew:
            self.model.choose()
        self._applied = {}
        self._node = None
        if self.parameters is not None:
            self._giveViewsBack()
            self.segments.setScene()
            self._guiTag = self.parameters.connectGui(self.ui)
            self._parameterTag = self.parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self._parametersModified)
            self._due = self._guessDue = True
        self.showTask(None)
        self.results.show(None)

    def _giveViewsBack(self):
        """Take out of the views what the scene was saved with: the overlay, and two visits side by side."""
        with self.attempt():
            from GliomaSAMLib.slicer.follow_up.views import show_everywhere
            from GliomaSAMLib.slicer.uncertainty_overlay import give_back_foregrounds

            give_back_foregrounds(slicer.mrmlScene)
            show_everywhere(slicer.mrmlScene)

    def volumesMayHaveCome(self):
        """Nodes came into the scene: look for volumes at the next tick."""
        self._guessDue = True
        self.followUp.nodesMayHaveChanged()

    def _parametersModified(self, caller, event):
        self._due = True

    def tick(self):
        """Act upon what has changed, and let the engine deliver its results."""
        if slicer.mrmlScene.IsBatchProcessing():
            return
        with self.attempt():
            if self.parameters is not None:
                if self._guessDue and self.entered:
                    self._guessDue = False
                    self.inputs.guess()
                self.segments.showLesions()
                if self._due:
                    self._apply()
                self.reading.watch()
        if self.engine is not None:
            with self.attempt():
                self.followUp.tick()
            with self.attempt():
                self.engine.collect()
                self.results.watch()
                self._letWork(self.engine.busy)

    def _letWork(self, busy):
        """Give the worker's thread its share of time."""
        interval = BUSY_TICK_MS if busy else TICK_MS
        if self._timer.interval != interval:
            self._timer.setInterval(interval)
        if busy:
            time.sleep(YIELD_SECONDS)

    def _apply(self):
        """Make what the parameters say hold."""
        self._due = False
        self.inputs.keepSamePatient()
        volumes = self.inputs.nodes()
        if volumes:
            self.startEngine()
        self.model.apply()
        if self.engine is not None:
            if self._isNew("scene", True):
                self.segments.placeEmptyLayers()
            ids = tuple(node.GetID() for node in volumes.values())
            if self._isNew("volumes", ids) and volumes:
                self._forgetRefusal()
                self.segments.nameNext(volumes)
                if self.parameters.segmentation is None and self.entered:
                    self.segments.newSegmentation(volumes)
                elif self.parameters.segmentation is self._node and self._node is not None:
                    self.segments.separate(volumes)
            if self.parameters.segmentation is not self._node:
                self._switch()
        self._applyToTask()
        self.inputs.markUnsure()
        self.reading.show()
        self.prompts.parametersChanged()
        self.followUp.parametersChanged()
        self.showTask(self.task)

    def _switch(self):
        """Show another segmentation: its volumes, prompts and settings."""
        self.prompts.stop()
        self.results.release()
        if self._node is not None and self._node.GetScene() is not None:
            self.engine.task(self._node).prompt_nodes.show(False)
        self._node = self.parameters.segmentation
        task = self.task
        if task is not None and task.volume_nodes:
            self.inputs.show(task)
            self.segments.show(task)
        elif task is not None:
            self.inputs.offerOwn(task.node)
            self.parameters.lesionSegment = task.style.lesion_segment or ""
        self.model.sync()
        self.results.show(task)

    def _applyToTask(self):
        """Give the task its volumes and its style, where they are new."""
        task, parameters = self.task, self.parameters
        self.segments.showEditor(task)
        if task is None:
            return
        options = self.inputs.options()
        ids = {modality: node.GetID() for modality, node in self.inputs.nodes().items()}
        if self._isNew("inputs", (task.node.GetID(), ids, options)):
            self._forgetRefusal()
            self.isRefused = not task.set_volumes(self.inputs.nodes(), **options)
        style = (parameters.style, parameters.overwrite, parameters.lesionSegment)
        if self._isNew("style", (task.node.GetID(), style)):
            self.segments.apply(task)

    def _forgetRefusal(self):
        """Other volumes are chosen than those that were refused: what was said of these holds no more."""
        if self.isRefused:
            self.messages.clear()
        self.isRefused = False

    def _isNew(self, what, value):
        """Whether a value is another than the last time; it is remembered."""
        new = self._applied.get(what) != value
        self._applied[what] = value
        return new

    def showTask(self, task):
        """Show what a task says, but for its results."""
        self.prompts.show(task)
        self._noted = (task.notes, task.volume_nodes) if task is not None else ()
        if self.parameters is not None:
            self.inputs.showNotes(task)
            self.results.showUncertainty(task)

    def showStep(self, task):
        """Show another step of the task that is shown: its prompts, and what else is new with it."""
        if (task.notes, task.volume_nodes) != self._noted or self.parameters.showUncertainty or self.results.going:
            self.showTask(task)
        else:
            self.prompts.show(task)

    def showResults(self, task):
        """Show a new result of a task."""
        self.results.show(task)
        self.results.changed(task)
        self.followUp.nodesMayHaveChanged()
        if not self._due:
            self.segments.noteLesion(task)
