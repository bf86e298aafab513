"""Keyboard shortcuts, and icons for light and dark themes."""

from pathlib import Path

import qt
import slicer

ICONS = ("positive", "negative", "box", "roi", "scribble", "lasso", "undo", "redo", "reset", "propose")
"""Names of the icons; the buttons are called NAMEButton."""


def setIcons(ui, top, folder):
    """Give the buttons the icons of the theme that a widget shows.

    Args:
        ui: The widgets by name.
        top: The widget whose colours are those of the theme.
        folder: Path of the icons.
    """
    background = top.palette.color(qt.QPalette.Window)
    theme = "dark" if background.lightness() < 128 else "light"
    for name in ICONS:
        getattr(ui, f"{name}Button").icon = qt.QIcon(str(Path(folder) / f"{name}_{theme}.png"))


KEYS = {
    "positiveButton": "P",
    "negativeButton": "N",
    "boxButton": "D",
    "roiButton": "O",
    "scribbleButton": "S",
    "lassoButton": "L",
    "undoButton": "U",
    "redoButton": "Ctrl+U",
    "proposeButton": "M",
    "readingButton": "C",
    "regionSelector": "E",
    "uncertaintyButton": "J",
}
"""By the name of the button that a key presses, or of the selector in which it goes on to the next entry. Slicer's own
are 0 to 9, A, B, F, G, I, Q, R, T, V, W, X, Y, Z, arrows, comma, stop and brackets in the views and the Segment Editor,
and Ctrl with A, B, C, F, H, O, S, V, W, X, Y, Z."""


def action(widget):
    """What a key does with a widget: press it, or take its next entry, after the last one the first."""
    return widget.click if isinstance(widget, qt.QAbstractButton) else lambda: takeNext(widget)


def takeNext(selector):
    """Take the next entry of a selector."""
    if selector.enabled:
        selector.currentIndex = (selector.currentIndex + 1) % selector.count


class Shortcuts:
    """Presses buttons of the panel, and goes on in a selector.

    Args:
        ui: The widgets of the panel.
        parent: The widget whose window the keys work in, when there is no main window.
    """

    def __init__(self, ui, parent):
        self._ui = ui
        self._parent = parent
        self._shortcuts = []
        for name, key in KEYS.items():
            widget = getattr(ui, name)
            widget.toolTip = f"{widget.toolTip} ({key})"

    def install(self):
        """Make the keys work."""
        if self._shortcuts:
            return
        parent = slicer.util.mainWindow() or self._parent
        for name, key in KEYS.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), parent)
            shortcut.connect("activated()", action(getattr(self._ui, name)))
            self._shortcuts.append(shortcut)

    def remove(self):
        """Give the keys back."""
        for shortcut in self._shortcuts:
            shortcut.disconnect("activated()")
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
