"""Looks in the source of a module for what PySide6 takes and PythonQt does not, and in a panel for what is not bound.

Does not find: everything; it knows the traps that modules have fallen into.
"""

import ast
import enum
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GONE_SIGNALS = re.compile(r"^(currentIndexChanged|activated|highlighted)\(QString\)$")
"""Signals of Qt 5 that Qt 6 does not have."""

ONLY_PYSIDE = ("Signal", "Slot", "Property")
SETTERS = re.compile(r"(set|add|insert|remove)[A-Z]\w*")
TRANSLATORS = ("_", "tr")


def pythonqt_problems(path: Path) -> list[str]:
    """What in a Python file would fail in PythonQt or with another version of Qt: "line: what"."""
    methods = qt_methods()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        f"{path.name}:{node.lineno}: {problem}"
        for node in ast.walk(tree)
        for problem in [*call_problems(node, methods), *name_problems(node)]
    ]


def call_problems(node: ast.AST, methods: set[str]) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    last = name.rpartition(".")[2]
    of_qt = re.match(r"(qt|ctk)\.", name) or (SETTERS.fullmatch(last) and last in methods)
    if of_qt and node.keywords:
        yield f"{name} is given keyword arguments, which PythonQt does not take"
    if last == "exec" and "." in name:
        yield "PythonQt has exec_, not exec"
    if name in TRANSLATORS and node.args and isinstance(node.args[0], ast.JoinedStr):
        yield 'a translated text must not be an f-string: use _("... {x}").format(x=...)'


def name_problems(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and GONE_SIGNALS.match(node.value):
        yield f"the signal {node.value} is gone in Qt 6"
    if isinstance(node, ast.Attribute):
        parts = ast.unparse(node).split(".")
        if parts[0] == "qt" and len(parts) == 2 and parts[1] in ONLY_PYSIDE:
            yield f"qt.{parts[1]} does not exist in PythonQt"
        if parts[0] == "qt" and len(parts) == 4 and is_enumeration(parts[1], parts[2]):
            yield f"{'.'.join(parts)}: PythonQt knows qt.{parts[1]}.{parts[3]}"


def qt_methods() -> set[str]:
    """The names of all methods of Qt's objects."""
    from .pythonqt import QT_MODULES, QtCore

    kinds = [getattr(module, name) for module in QT_MODULES for name in dir(module)]
    objects = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, QtCore.QObject)]
    return {name for kind in objects for name in dir(kind)}


def is_enumeration(owner: str, name: str) -> bool:
    from .pythonqt import QT_MODULES

    kind = next((getattr(module, owner) for module in QT_MODULES if hasattr(module, owner)), None)
    member = getattr(kind, name, None)
    return isinstance(member, type) and issubclass(member, enum.Enum)


def unbound(parameters: Any, gui: Any) -> list[str]:
    """Fields of a parameter node that no widget under `gui` is bound to, and names at widgets that are no fields."""
    from PySide6 import QtWidgets

    from .parameter_node import PROPERTY

    named = {widget.property(PROPERTY) for widget in gui.findChildren(QtWidgets.QWidget)} - {None, ""}
    fields = set(parameters.allParameters)
    return [f"no widget for {name}" for name in sorted(fields - named)] + [
        f"no field for {name}" for name in sorted(named - fields)
    ]
