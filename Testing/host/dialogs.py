"""What the user is told and asked in pop-ups: recorded, and answered without a person.

Takes the place of `slicer.util`'s function that shows a message box; `infoDisplay`, `warningDisplay`, `errorDisplay`,
`confirmOkCancelDisplay`, `confirmYesNoDisplay`, `messageBox` end here, and the file dialogs of `qt.QFileDialog`. Does
not prove: that a pop-up can be read.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import slicer


@dataclass
class Dialogs:
    """`shown` are (level, text), the level "info", "warning", "error" or "file".

    `agree` is the answer to questions, `path` the file or folder that is chosen; an empty one is Cancel.
    """

    shown: list[tuple[str, str]] = field(default_factory=list)
    agree: bool = True
    path: str = ""

    def reset(self) -> None:
        """Forget what was shown, agree to everything, choose no file."""
        self.shown, self.agree, self.path = [], True, ""

    def install(self) -> None:
        slicer.util._messageDisplay = self._message
        slicer.util.messageBox = lambda text, parent=None, **options: self._message(logging.INFO, text, None, **options)

    def _message(self, level: int, text: str, testingReturnValue: Any, **options: Any) -> Any:  # noqa: N803
        from PySide6.QtWidgets import QMessageBox

        self.shown.append((logging.getLevelName(level).lower(), text))
        buttons = options.get("standardButtons") or QMessageBox.Ok
        yes = next((b for b in (QMessageBox.Ok, QMessageBox.Yes, QMessageBox.Retry) if b & buttons), QMessageBox.Ok)
        no = next((b for b in (QMessageBox.Cancel, QMessageBox.No, QMessageBox.Close) if b & buttons), yes)
        return yes if self.agree else no

    def take(self) -> list[tuple[str, str]]:
        """What was shown so far; it is forgotten."""
        taken, self.shown = self.shown, []
        return taken

    def choose(self, caption: str) -> str:
        """The answer to a file dialog."""
        self.shown.append(("file", caption))
        return self.path


DIALOGS = Dialogs()
"""The dialogs of this process."""


def file_dialog() -> type:
    """Stands for `qt.QFileDialog`, whose functions give one text in PythonQt, not the pair of PySide6."""
    from PySide6 import QtWidgets

    class QFileDialog(QtWidgets.QFileDialog):
        @staticmethod
        def getOpenFileName(parent: Any = None, caption: str = "", *_: Any) -> str:
            return DIALOGS.choose(caption)

        @staticmethod
        def getOpenFileNames(parent: Any = None, caption: str = "", *_: Any) -> tuple[str, ...]:
            path = DIALOGS.choose(caption)
            return (path,) if path else ()

        getSaveFileName = getOpenFileName
        getExistingDirectory = getOpenFileName

    return QFileDialog
