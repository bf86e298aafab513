"""What the panel says: one message at a time, and how far the work in the background has come."""

import time

import qt
from slicer.i18n import tr as _

COLOURS = {"info": "", "warning": "#b8860b", "error": "#d9534f"}

SIGNS = {"info": "", "warning": "⚠ ", "error": "✖ "}
"""A message's kind is told by more than its colour."""

FULL = 1000
"""Maximum of the progress bar."""

ESTIMATE_AFTER = 2.0
"""Seconds of work before a time left is guessed."""


class Messages:
    """Shows one message at a time, and how far the work in the background has come.

    Args:
        ui: The widgets of the panel.
    """

    def __init__(self, ui):
        self._label = ui.messageLabel
        self._bar = ui.progressBar
        self._cancel = ui.cancelButton
        self._label.textFormat = qt.Qt.PlainText
        self._kind = "info"
        self._started = None
        self.show("", "info")
        self.progress(None, "")

    @property
    def text(self):
        """The message that is shown, "" when none is."""
        return self._label.text

    def show(self, text, kind):
        """Show a message of the kind "info", "warning" or "error"; an empty one hides the line."""
        self._kind = kind
        self._label.text = SIGNS[kind] + text if text else ""
        self._label.styleSheet = f"color: {COLOURS[kind]};" if COLOURS[kind] else ""
        self._label.visible = bool(text)

    def clear(self):
        """Take the message away, at the beginning of an action of the user."""
        self.show("", "info")

    def progress(self, fraction, text):
        """Show how far the work is, 0 to 1; None when nothing is being done any more."""
        if fraction is None:
            self._started = None
            self._bar.value = 0
            self._bar.format = _("Ready")
            self._cancel.enabled = False
            return
        now = time.monotonic()
        if self._started is None or fraction < self._started[1]:
            self._started = (now, fraction)
        self._bar.value = int(FULL * min(max(fraction, 0.0), 1.0))
        self._bar.format = text + self._left(now, fraction)
        self._cancel.enabled = True

    def _left(self, now, fraction):
        """The time left as text, from how long the work has taken so far."""
        started, first = self._started
        if now - started < ESTIMATE_AFTER or fraction - first < 0.02:
            return ""
        seconds = (now - started) * (1.0 - fraction) / (fraction - first)
        if seconds < 60:
            return _(", about {seconds} s left").format(seconds=max(1, round(seconds)))
        return _(", about {minutes} min left").format(minutes=round(seconds / 60))
