"""What the engine tells the panel."""


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
        if fraction is None and self._panel.parameters is not None:
            self._panel.model.sync()

    def message(self, text, kind):
        """A sentence for the user."""
        self._panel.message(text, kind)
        if kind == "error":
            self._panel.model.showState()  # what was installed may have proved broken

    def changed(self, task):
        """Prompts, notes, doubt or undo state of a task are others now."""
        if self._isShown(task):
            self._panel.showTask(task)

    def results(self, task):
        """The segments of a task hold a new result."""
        if self._isShown(task):
            self._panel.showResults(task)
