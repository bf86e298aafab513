"""What goes wrong unseen: exceptions in slots, observers and threads, and complaints of Qt.

PythonQt prints an exception in a slot and goes on, and so do PySide6 and VTK. Here they are collected, so that a test
fails on them.
"""

import sys
import threading
import traceback
from types import TracebackType
from typing import Any

from PySide6 import QtCore

QT_COMPLAINTS = ("thread", "QObject::", "QTimer", "QPainter", "QLayout", "No such", "destroyed while")


class Watch:
    """Collects while it is the context. `problems` are texts, one for each thing that went wrong."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __enter__(self) -> "Watch":
        self._before = (sys.excepthook, sys.unraisablehook, threading.excepthook)
        sys.excepthook = self._exception
        sys.unraisablehook = lambda args: self._exception(type(args.exc_value), args.exc_value, args.exc_traceback)
        threading.excepthook = lambda args: self._exception(args.exc_type, args.exc_value, args.exc_traceback)
        self._handler = self._qt_message  # PySide6 holds no reference of its own
        QtCore.qInstallMessageHandler(self._handler)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.excepthook, sys.unraisablehook, threading.excepthook = self._before
        QtCore.qInstallMessageHandler(None)

    def _exception(self, kind: Any, value: Any, trace: TracebackType | None) -> None:
        self.problems.append("".join(traceback.format_exception(kind, value, trace)))

    def _qt_message(self, kind: Any, context: Any, text: str) -> None:
        serious = kind in (QtCore.QtMsgType.QtCriticalMsg, QtCore.QtMsgType.QtFatalMsg)
        if serious or any(complaint in text for complaint in QT_COMPLAINTS):
            self.problems.append(f"Qt: {text}")

    def take(self) -> list[str]:
        """The problems so far; they are forgotten."""
        taken, self.problems = self.problems, []
        return taken

    def check(self) -> None:
        """Raise AssertionError when something went wrong."""
        problems = self.take()
        assert not problems, "\n".join(problems)
