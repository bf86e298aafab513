"""`slicer.app` with Qt: signals, settings, cursors, the manager of modules and that of the layout.

Everything that it lacks itself is asked of `QApplication`, of which Slicer's application is a subclass. Does not prove:
the order of start-up, persistence of settings (they live in a temporary folder), layouts.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

from .core import Application


class Signals(QtCore.QObject):
    """The signals of the application that modules connect to."""

    startupCompleted = QtCore.Signal()
    moduleAboutToBeUnloaded = QtCore.Signal(str)
    aboutToQuit = QtCore.Signal()


class ModuleManager:
    """Stands for `qSlicerModuleManager`."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def connect(self, signature: str, function: Any) -> bool:
        return bool(self._signals.connect(signature, function))

    def disconnect(self, signature: str, function: Any) -> bool:
        return bool(self._signals.disconnect(signature, function))

    def module(self, name: str) -> Any:
        return getattr(slicer.modules, name.lower(), None)

    def factoryManager(self) -> Any:
        return SimpleNamespace(loadedModuleNames=self.modulesNames, isLoaded=lambda name: bool(self.module(name)))

    def modulesNames(self) -> list[str]:
        return [module.name for module in vars(slicer.modules).values() if hasattr(module, "logic")]


class LayoutManager:
    """Stands for `qSlicerLayoutManager`: the slice views of the window, by name."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self.views)

    def sliceWidget(self, name: str) -> Any:
        return self.views.get(name)

    @property
    def threeDViewCount(self) -> int:
        return 0

    def resetSliceViews(self) -> None:
        for view in self.views.values():
            view.sliceLogic().FitSliceToAll()

    def pauseRender(self) -> None:
        """Nothing is drawn while a slot runs."""

    def resumeRender(self) -> None:
        """Nothing is drawn while a slot runs."""


class QtApplication(Application):
    """`slicer.app` with Qt. `testing` is what `testingEnabled()` says, `applicationLocaleName` the chosen language."""

    documentationBaseUrl = "https://slicer.readthedocs.io/en/latest/"
    applicationVersion = "5.12.0"
    applicationLocaleName = "en_US"
    revision = "0"
    testing = True

    def __init__(self, core: Application) -> None:
        self.__dict__.update(vars(core))
        QtCore.QSettings.setDefaultFormat(QtCore.QSettings.IniFormat)
        QtCore.QSettings.setPath(QtCore.QSettings.IniFormat, QtCore.QSettings.UserScope, self.temporaryPath)
        self.qt_application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
        self.qt_application.setOrganizationName("host")
        self.qt_application.setApplicationName("Slicer")
        self._settings = QtCore.QSettings(str(Path(self.temporaryPath) / "Slicer.ini"), QtCore.QSettings.IniFormat)
        self._settings.setValue("Developer/SelfTestDisplayMessageDelay", 1)
        self.signals = Signals()
        self._modules = ModuleManager(self.signals)
        self._layout = LayoutManager()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "qt_application":
            raise AttributeError(name)
        return getattr(self.qt_application, name)

    def connect(self, signature: str, function: Any) -> bool:
        return bool(self.signals.connect(signature, function))

    def disconnect(self, signature: str, function: Any) -> bool:
        return bool(self.signals.disconnect(signature, function))

    def moduleManager(self) -> ModuleManager:
        return self._modules

    def layoutManager(self) -> LayoutManager:
        return self._layout

    def settings(self) -> Any:
        return self._settings

    def userSettings(self) -> Any:
        return self._settings

    def testingEnabled(self) -> bool:
        return self.testing

    isTestingEnabled = testingEnabled

    def translate(self, context: str, text: str) -> str:
        return QtCore.QCoreApplication.translate(context, text)

    def topLevelWidgets(self) -> tuple[Any, ...]:
        return tuple(QtWidgets.QApplication.topLevelWidgets())

    def processEvents(self) -> None:
        QtWidgets.QApplication.processEvents()

    def setOverrideCursor(self, cursor: Any) -> None:
        QtWidgets.QApplication.setOverrideCursor(cursor)

    def restoreOverrideCursor(self) -> None:
        QtWidgets.QApplication.restoreOverrideCursor()

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def setRenderPaused(self, paused: bool) -> None:
        """Nothing is drawn while a slot runs."""
