"""The section Prompts: tools that place points, boxes and lines in the views, and their history."""

import slicer
from slicer.i18n import tr as _

from .parameters import Style

TOOLS = {
    "positiveButton": "point",
    "negativeButton": "point",
    "boxButton": "box2d",
    "roiButton": "box",
    "scribbleButton": "scribble",
    "lassoButton": "lasso",
}
"""By the name of a button the kind of prompt that it places."""


class PromptsSection:
    """Puts the next clicks in the views into the right markups node, and leads the history.

    Args:
        panel: The `Panel`.
    """

    def __init__(self, panel):
        self._panel = panel
        self._ui = panel.ui
        self._tool = ""
        for name in TOOLS:
            getattr(self._ui, name).connect("clicked()", lambda name=name: self._pressed(name))
        self._ui.undoButton.connect("clicked()", lambda: self._do("undo"))
        self._ui.redoButton.connect("clicked()", lambda: self._do("redo"))
        self._ui.resetButton.connect("clicked()", lambda: self._do("reset"))
        self._ui.proposeButton.connect("clicked()", self.propose)
        self._ui.placeWidget.connect("activeMarkupsPlaceModeChanged(bool)", self._placeModeChanged)
        self._ui.placeWidget.buttonsVisible = False

    @property
    def tool(self):
        """The name of the tool's button that is down, "" when none is."""
        return self._tool

    def _pressed(self, name):
        self.choose(name if getattr(self._ui, name).checked else "")

    def choose(self, name):
        """Take a tool by the name of its button; "" puts it away."""
        self._panel.messages.clear()
        self._tool = ""
        with self._panel.attempt():
            task = self._panel.requireTask() if name and not self._panel.refusesSideBySide() else None
            if task is not None:
                self._place(task, name)
        self._follow()

    def _follow(self):
        """Let views and buttons follow the tool that is taken, or that none is."""
        if not self._tool:
            self._ui.placeWidget.setPlaceModeEnabled(False)
        self._showTool()

    def _place(self, task, name):
        """Take a tool: let the views place its kind of prompt."""
        self._tool = ""  # what the widget tells meanwhile is the end of placing for the node before
        kind = TOOLS[name]
        sign = not self._panel.parameters.outside if kind in ("scribble", "lasso") else name != "negativeButton"
        node = task.prompt_nodes.node_for(kind, sign, self._region())
        several = kind == "point"
        widget = self._ui.placeWidget
        widget.placeMultipleMarkups = (
            slicer.qSlicerMarkupsPlaceWidget.ForcePlaceMultipleMarkups
            if several
            else slicer.qSlicerMarkupsPlaceWidget.ForcePlaceSingleMarkup
        )
        widget.setCurrentNode(node)
        widget.setPlaceModeEnabled(True)
        self._tool = name

    def _region(self):
        parameters = self._panel.parameters
        return "WT" if parameters.style is Style.LESION else parameters.region.value

    def parametersChanged(self):
        """Go on with the tool for the region or sign chosen since."""
        self.showInViews()
        task = self._panel.task
        if self._tool and task is not None:
            with self._panel.attempt():
                self._place(task, self._tool)
            self._follow()

    def showInViews(self):
        """Show the prompts where that is chosen, and never over another visit of the patient."""
        task, panel = self._panel.task, self._panel
        if task is not None:
            wanted = panel.parameters.showPrompts and panel.entered
            task.prompt_nodes.show(wanted and not panel.followUp.isSideBySide)

    def stop(self):
        """Put the tool away and leave all markups nodes alone; no later click of another module goes into one."""
        self._tool = ""
        widget = self._ui.placeWidget
        if widget.placeModeEnabled:
            widget.setPlaceModeEnabled(False)
        if widget.currentNodeActive:
            slicer.app.applicationLogic().GetSelectionNode().SetReferenceActivePlaceNodeID(None)
        widget.setCurrentNode(None)
        self._showTool()

    def _placeModeChanged(self, placing):
        """A box or a line is finished, or the user went on to something else."""
        if not placing and self._tool:
            self._tool = ""
            self._showTool()

    def _showTool(self):
        for name in TOOLS:
            getattr(self._ui, name).checked = name == self._tool

    def _do(self, action):
        """One of the buttons below the tools."""
        self._panel.messages.clear()
        with self._panel.attempt():
            task = self._panel.requireTask()
            if task is not None:
                getattr(task.session, action)()

    def propose(self):
        """Outline the tumour without a click, and go there."""
        self._do("propose")
        self._panel.results.seek()

    def show(self, task):
        """Show what a task allows."""
        self._ui.undoButton.enabled = task is not None and task.session.can_undo
        self._ui.redoButton.enabled = task is not None and task.session.can_redo
        self._ui.resetButton.enabled = task is not None and task.session.history.has_result
        count = len(task.session.prompts) if task is not None else 0
        self._ui.promptsButton.text = _("Prompts ({count})").format(count=count) if count else _("Prompts")
        self._ui.regionSelector.enabled = self._panel.parameters is not None and (
            self._panel.parameters.style is not Style.LESION
        )
