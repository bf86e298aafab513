"""Icons of the buttons, for light and for dark themes."""

from pathlib import Path

import qt

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
