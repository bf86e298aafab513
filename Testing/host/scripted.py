"""Stand-ins for the base classes of a scripted module, and the loading of one as the application does it.

Does not prove: the developer's section with Reload and Test, the help section, dependencies between modules,
the search for modules in folders.
"""

import copy
import importlib.util
import sys
import unittest
from pathlib import Path
from typing import Any, ClassVar

import slicer
from PySide6 import QtGui, QtWidgets

from .mrml_widgets import qMRMLWidget
from .pythonqt import stand_in


class ScriptedLoadableModule:
    """Base class of the module: what the application knows of it is set on `parent`."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        for extension in (".svg", ".png"):
            icon = Path(self.resourcePath(f"Icons/{self.moduleName}{extension}"))
            if icon.is_file():
                parent.icon = QtGui.QIcon(str(icon))
                break

    def resourcePath(self, name: str) -> str:
        return str(Path(self.parent.path).parent / "Resources" / name)

    def getDefaultModuleDocumentationLink(self, docPage: Any = None) -> str:  # noqa: N803
        return f'<a href="{slicer.app.moduleDocumentationUrl(self.moduleName)}">documentation</a>'

    def runTest(self, msec: int = 1, **options: Any) -> None:
        test = getattr(sys.modules[type(self).__module__], f"{self.moduleName}Test")()
        test.messageDelay = msec
        test.runTest(**options)


class ScriptedLoadableModuleWidget:
    """Base class of the panel: `parent` is the widget to fill, `layout` its layout."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.developerMode = False
        self.parent = parent if parent is not None else ModuleWidget.bare()
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def resourcePath(self, name: str) -> str:
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / name)

    def setup(self) -> None:
        """Fill the panel; to be extended."""

    def cleanup(self) -> None:
        """Called when the panel goes; to be overridden."""

    def onReload(self) -> None:
        slicer.util.reloadScriptedModule(self.moduleName)

    def _onModuleAboutToBeUnloaded(self, name: str) -> None:
        if name == self.moduleName:
            self.cleanup()
            manager = slicer.app.moduleManager()
            manager.disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)


class ScriptedLoadableModuleLogic:
    """Base class of the logic, with the module's parameter node."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        """The module's node of parameters in the scene; made when there is none."""
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node is not None:
                return node
        else:
            present = self.getAllParameterNodes()
            if present:
                return present[0]
        return slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list[Any]:
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self) -> Any:
        node = slicer.vtkMRMLScriptedModuleNode()
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Base class of a module's own test: `runTest` runs every method with "test" in its name."""

    messageDelay = 1

    def delayDisplay(self, message: str, requestedDelay: Any = None, msec: Any = None) -> None:  # noqa: N803
        slicer.app.processEvents()

    def runTest(self, **options: Any) -> None:
        names = [name for name in dir(self) if name.startswith("test") and callable(getattr(self, name))]
        for name in names:
            self.setUp()
            getattr(self, name)()
            self.tearDown()


class ModuleParent:
    """What `parent` is for a `ScriptedLoadableModule`: the properties that Slicer gives it, and no others."""

    PROPERTIES: ClassVar[dict[str, Any]] = {
        "title": "",
        "categories": [],
        "dependencies": [],
        "contributors": [],
        "helpText": "",
        "acknowledgementText": "",
        "icon": None,
        "hidden": False,
        "index": -1,
        "associatedNodeTypes": [],
        "extensions": {},
        "widgetRepresentationCreationEnabled": True,
    }

    def __init__(self, path: Path) -> None:
        object.__setattr__(self, "path", str(path))
        for name, value in self.PROPERTIES.items():
            object.__setattr__(self, name, copy.copy(value))

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.PROPERTIES:
            raise AttributeError(f"'{name}' does not exist on qSlicerScriptedLoadableModule")
        object.__setattr__(self, name, value)


@stand_in
class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):  # noqa: N801 (Slicer names it)
    """The widget that holds a module's panel: it makes, enters, leaves and reloads it."""

    _module: Any = None
    _panel: Any = None
    _entered = False

    @property
    def isEntered(self) -> bool:
        return self._entered

    def self(self) -> Any:
        return self._panel

    def build(self, module: "ScriptedModule") -> None:
        """Make the panel from the module's class and set it up."""
        self._module = module
        if self.layout() is None:
            self.setLayout(QtWidgets.QVBoxLayout())
        self.setMRMLScene(slicer.mrmlScene)
        self._panel = getattr(sys.modules[module.name], f"{module.name}Widget")(self)
        setattr(slicer.modules, f"{module.name}Widget", self._panel)
        self._panel.setup()

    def reload(self) -> None:
        self.build(self._module)

    def enter(self) -> None:
        self._entered = True
        self._call("enter")

    def exit(self) -> None:
        self._entered = False
        self._call("exit")

    def _call(self, name: str) -> None:
        if hasattr(self._panel, name):
            getattr(self._panel, name)()


class ModuleWidget:
    """Makes the widget in which a panel stands when nobody gives it one."""

    @staticmethod
    def bare() -> Any:
        widget = qMRMLWidget()
        widget.setLayout(QtWidgets.QVBoxLayout())
        widget.setMRMLScene(slicer.mrmlScene)
        return widget


class ScriptedModule:
    """What `slicer.modules.NAME` gives for a scripted module."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.path = str(path)
        self.parent = ModuleParent(path)
        self._container: Any = None
        script = load_script(path)
        self.instance = getattr(script, self.name)(self.parent)

    @property
    def title(self) -> str:
        return str(self.parent.title)

    def logic(self) -> Any:
        return None

    def widgetRepresentation(self) -> Any:
        """The widget with the panel; made at the first call."""
        if self._container is None:
            self._container = qSlicerScriptedLoadableModuleWidget()
            self._container.build(self)
        return self._container

    def unload(self) -> None:
        """What happens at the end of the application: the panel cleans up and goes."""
        slicer.app.signals.moduleAboutToBeUnloaded.emit(self.name)
        if self._container is not None:
            self._container.deleteLater()
            self._container = None
        for name in (self.name.lower(), f"{self.name}Widget", f"{self.name}Instance"):
            if hasattr(slicer.modules, name):
                delattr(slicer.modules, name)
        sys.modules.pop(self.name, None)


def load_script(path: Path) -> Any:
    """Import a module's file; its folder is on the path, as in the application."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None and specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = script
    specification.loader.exec_module(script)
    return script


def load_module(path: Path) -> ScriptedModule:
    """Load a scripted module from its file, and tell it that the application has started."""
    module = ScriptedModule(Path(path))
    setattr(slicer.modules, module.name.lower(), module)
    setattr(slicer.modules, f"{module.name}Instance", module.instance)
    slicer.app.signals.startupCompleted.emit()
    return module
