"""The button that shows the volumes in use beside each other, in linked views."""

import slicer


class ReadingButton:
    """Opens the views as long as it is down and the module is shown, with the volumes that are chosen, or, where
    that choice was refused, those in use.

    Args:
        panel: The `Panel`.
    """

    def __init__(self, panel):
        self._panel = panel
        self._button = panel.ui.readingButton
        self._views = None
        self._button.connect("clicked()", self._clicked)

    def _clicked(self):
        if not self._panel.isRefused:
            self._panel.messages.clear()
        if self._button.checked:
            self._button.checked = bool(self._panel.parameters is not None and self._panel.inputs.require())
        if self._button.checked:
            self._panel.followUp.leave()
        self.show()

    def show(self):
        """Make the views those of the volumes, or give back what was before; without volumes the button goes up."""
        self.watch()
        with self._panel.attempt():
            nodes = self._panel.inputs.inUse() if self._panel.parameters is not None else {}
            if not nodes:
                self.close()
            elif self._button.checked and self._panel.entered:
                from GliomaSAMLib.slicer.reading import ReadingViews

                self._views = self._views or ReadingViews(slicer.mrmlScene)
                if self._views.open(nodes):
                    self._panel.viewsChanged()
            else:
                self.hide()

    def hide(self):
        """Give back the layout that was before; the button stays down, so that `show` opens the views again."""
        views, self._views = self._views, None
        if views is not None:
            views.close()

    def close(self):
        """Give back the layout that was before, and let the button up."""
        self._button.checked = False
        self.hide()

    def watch(self):
        """Let the button up where the user has chosen another layout."""
        if self._views is not None and not self._views.is_open:
            self.close()
