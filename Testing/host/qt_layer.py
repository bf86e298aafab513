"""Slicer with its Qt layer: `start_qt()` brings `qt`, `ctk`, the widgets of `slicer` and Slicer's Python files.

A process that has called it uses PySide6 changed for the whole of its life; the tests give it a process of its own.
"""

import sys
from types import ModuleType
from typing import Any

import slicer

from . import ctk_widgets, mrml_widgets, parameter_annotations, parameter_node, place_widget, scripted, segment_widgets
from .application import QtApplication
from .core import start_core
from .dialogs import DIALOGS, file_dialog
from .python_files import python_files
from .pythonqt import QT_MODULES, STAND_INS, start_pythonqt
from .ui_loader import QUiLoader

NOT_IN_PYTHONQT = ("Signal", "Slot", "Property", "SignalInstance")


def start_qt() -> None:
    """Start the core and the Qt layer once for the process."""
    if "qt" in sys.modules:
        return
    start_core()
    start_pythonqt()
    slicer.app = QtApplication(slicer.app)
    register("qt", qt_names())
    register("ctk", {name: kind for name, kind in STAND_INS.items() if name.startswith("ctk")})
    for name, kind in STAND_INS.items():
        if name.startswith("q"):
            setattr(slicer, name, kind)
    slicer.qSlicerScriptedLoadableModule = scripted.ScriptedModule
    register_python_files()
    DIALOGS.install()


def qt_names() -> dict[str, Any]:
    """What `qt` holds: everything public of Qt's modules, without what only PySide6 has."""
    names = {name: getattr(module, name) for module in QT_MODULES for name in dir(module) if not name.startswith("_")}
    for name in NOT_IN_PYTHONQT:
        names.pop(name, None)
    names |= {"QUiLoader": QUiLoader, "QFileDialog": file_dialog()}
    return names


def register_python_files() -> None:
    files = python_files()
    base_classes = {name: value for name, value in vars(scripted).items() if name.startswith("ScriptedLoadable")}
    script = ModuleType("slicer.ScriptedLoadableModule")
    vars(script).update(base_classes, __all__=list(base_classes))
    wrapper = ModuleType("slicer.parameterNodeWrapper")
    public = ("parameterNodeWrapper", "isParameterNodeWrapper", "findChildWidgetForParameter")
    vars(wrapper).update({name: getattr(parameter_node, name) for name in public})
    vars(wrapper).update({kind.__name__: kind for kind in parameter_annotations.ANNOTATIONS})
    wrapper.SlicerParameterNamePropertyName = parameter_node.PROPERTY  # type: ignore[attr-defined]
    files |= {"slicer.ScriptedLoadableModule": script, "slicer.parameterNodeWrapper": wrapper}
    for name, module in files.items():
        sys.modules[name] = module
        if name.startswith("slicer."):
            setattr(slicer, name.partition(".")[2], module)


def register(name: str, content: dict[str, Any]) -> None:
    module = ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module


__all__ = ["ctk_widgets", "mrml_widgets", "place_widget", "segment_widgets", "start_qt"]
