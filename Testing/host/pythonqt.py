"""PySide6 made to behave as PythonQt does inside Slicer: properties are attributes, unknown attributes are refused.

`start_pythonqt()` changes the classes of PySide6 for the whole process, so that a process with this host does nothing
else with Qt. What a module meets in PythonQt, and here too:

- a Qt property is an attribute (`button.text = "x"`, `widget.width`), no longer a method; a read-only one is refused;
- an attribute that Qt does not know raises AttributeError instead of being stored silently;
- values of numpy and pathlib are refused by properties;
- `widget.connect("clicked(bool)", function)` with a signature that must exist; the function gets as many arguments as
  the signature has and it takes;
- `name`, `className()`, `delete()`, `exec_()`; short names of enumerations.

Does not prove: conversions of C++ types that PySide6 does and PythonQt does not (or the other way round), overloads,
keyword arguments (`host.lint` looks for them in the source), the lifetime of C++ objects, Qt 5.
"""

import inspect
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from PySide6 import QtCore, QtGui, QtNetwork, QtTest, QtUiTools, QtWidgets

VIRTUAL = ("sizeHint", "minimumSizeHint")
"""Properties left as methods: C++ looks these names up in Python to find overrides, and must not find a property."""

QT_MODULES = (QtCore, QtGui, QtWidgets, QtUiTools, QtNetwork, QtTest)
STAND_INS: dict[str, type] = {}
"""Widgets that Slicer and CTK bring, by name: filled by `stand_in`."""


class PropertyAttribute:
    """A Qt property as attribute of the instances; the class still gives what PySide6 had under the name."""

    def __init__(self, name: str, original: Any, writable: bool) -> None:
        self.name = name
        self.original = original
        self.writable = writable

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self.original if self.original is not None else self
        return QtCore.QObject.property(instance, self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        if not self.writable:
            raise AttributeError(f"the property '{self.name}' of {class_name(instance)} is read-only")
        refuse_foreign(value, f"{class_name(instance)}.{self.name}")
        if QtCore.QObject.setProperty(instance, self.name, value):
            return
        setter = getattr(instance, f"set{self.name[0].upper()}{self.name[1:]}", None)  # for enumerations
        if setter is None:
            raise ValueError(f"the property '{self.name}' of {class_name(instance)} does not take {value!r}")
        setter(value)


def refuse_foreign(value: Any, place: str) -> None:
    """Raise TypeError for what PythonQt cannot convert to a property's type."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == "numpy" or isinstance(value, pathlib.PurePath):
        raise TypeError(f"{place} is given a {kind.__module__}.{kind.__name__}, which PythonQt does not convert")


def class_name(instance: Any) -> str:
    """The name of the C++ class: of the nearest class that is Qt's own or a stand-in."""
    return next(kind.__name__ for kind in type(instance).__mro__ if is_wrapper(kind))


def is_wrapper(kind: type) -> bool:
    """Whether instances of exactly this class would be C++ objects, on which Python code may store nothing."""
    return kind.__module__.startswith("PySide6.") or STAND_INS.get(kind.__name__) is kind


def own_properties(kind: type) -> Iterator[Any]:
    meta = kind.__dict__.get("staticMetaObject")
    if meta is not None:
        yield from (meta.property(index) for index in range(meta.propertyOffset(), meta.propertyCount()))


def expose_properties(kind: type) -> type:
    """Make the properties that a class declares itself attributes of its instances."""
    for prop in own_properties(kind):
        name = prop.name()
        present = kind.__dict__.get(name)
        # PySide6 looks for a property of a stand-in under its name, and must find its own kind
        if name not in VIRTUAL and not isinstance(present, PropertyAttribute | QtCore.Signal | QtCore.Property):
            setattr(kind, name, PropertyAttribute(name, getattr(kind, name, None), prop.isWritable()))
    kind.__setattr__ = set_attribute  # type: ignore[method-assign, assignment]
    return kind


def stand_in(kind: type) -> type:
    """Decorator of a widget that stands for one of Slicer or CTK: known to the loader of .ui files by its name."""
    STAND_INS[kind.__name__] = kind
    return expose_properties(kind)


def set_attribute(instance: Any, name: str, value: Any) -> None:
    """`QObject.__setattr__` of PythonQt. A stand-in keeps its own state in names with an underscore."""
    kind = type(instance)
    own = name.startswith("_") and not kind.__module__.startswith("PySide6.")
    if is_wrapper(kind) and not own and not hasattr(kind, name):
        raise AttributeError(
            f"'{name}' does not exist on {kind.__name__} and creation of new attributes on C++ objects is not allowed"
        )
    holder = next((base for base in kind.__mro__ if name in vars(base)), None)
    descriptor = vars(holder)[name] if holder is not None else None
    if isinstance(descriptor, QtCore.Property):
        refuse_foreign(value, f"{kind.__name__}.{name}")
        sequence = list(value) if isinstance(value, tuple) else value  # PythonQt takes any sequence as a list
        if not QtCore.QObject.setProperty(instance, name, sequence):
            raise AttributeError(f"the property '{name}' of {kind.__name__} is read-only or does not take {value!r}")
    elif hasattr(type(descriptor), "__set__"):
        descriptor.__set__(instance, value)
    else:
        vars(instance)[name] = value


def stray_attributes(root: Any) -> list[str]:
    """What is stored on Qt's own objects under `root` and PythonQt would have refused, as "class 'name': attribute"."""
    return [
        f"{type(child).__name__} {child.objectName!r}: {name}"
        for child in [root, *root.findChildren(QtCore.QObject)]
        if is_wrapper(type(child))
        for name, value in vars(child).items()
        if not isinstance(value, QtCore.SignalInstance) and not name.startswith("_")
    ]


class Connections:
    """Slots made by `connect("signal(types)", function)`, to be found again by `disconnect`."""

    def __init__(self) -> None:
        self._slots: dict[tuple[int, str], list[tuple[Callable[..., Any], Callable[..., Any]]]] = {}

    def connect(self, sender: Any, signature: str, function: Callable[..., Any]) -> bool:
        signal, types = find_signal(sender, signature)
        slot = limited(function, len(types))
        self._slots.setdefault((id(sender), signature), []).append((function, slot))
        signal.connect(slot)
        key = (id(sender), signature)
        sender.destroyed.connect(lambda *_: self._slots.pop(key, None))
        return True

    def disconnect(self, sender: Any, signature: str, function: Callable[..., Any] | None = None) -> bool:
        signal, _ = find_signal(sender, signature)
        kept = []
        found = False
        for connected, slot in self._slots.pop((id(sender), signature), []):
            if function is None or connected == function:
                signal.disconnect(slot)
                found = True
            else:
                kept.append((connected, slot))
        if kept:
            self._slots[id(sender), signature] = kept
        return found


def find_signal(sender: Any, signature: str) -> tuple[Any, list[str]]:
    """The signal of a signature such as "clicked(bool)", and the types of its arguments.

    Raises:
        ValueError: the sender has no signal of that signature; PythonQt does no more than print it.
    """
    match = re.fullmatch(r"2?(\w+)\((.*)\)", signature.replace(" ", ""))
    if match is None:
        raise ValueError(f"'{signature}' is not a signature like 'clicked(bool)'")
    name, inner = match.groups()
    types = [part for part in inner.split(",") if part]
    normal = bytes(QtCore.QMetaObject.normalizedSignature(f"{name}({inner})").data()).decode()
    declared = getattr(type(sender), "SIGNATURES", {})  # of stand-ins, whose signals carry VTK objects
    if sender.metaObject().indexOfSignal(normal) < 0 and normal not in declared:
        raise ValueError(f"signal '{normal}' does not exist on {class_name(sender)}")
    return getattr(sender, name), types


def limited(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The function as a slot of `count` arguments, or of as many as it takes by position if that is fewer."""
    if inspect.isfunction(function) or inspect.ismethod(function):
        parameters = inspect.signature(function).parameters.values()
        if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
            by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
            count = min(count, len(by_position))
    slots: dict[int, Callable[..., Any]] = {  # PySide6 chooses the overload of a signal by what the slot declares
        0: lambda: function(),
        1: lambda a: function(a),
        2: lambda a, b: function(a, b),
        3: lambda a, b, c: function(a, b, c),
    }
    return slots[count]


CONNECTIONS = Connections()
ORIGINAL_GETATTRIBUTE = QtCore.QObject.__getattribute__


def get_attribute(instance: Any, name: str) -> Any:
    """`QObject.__getattribute__`: PySide6 serves `connect` from C++, ahead of the class, so it is caught here."""
    if name in ("connect", "disconnect"):
        return by_signature(instance, name)
    return ORIGINAL_GETATTRIBUTE(instance, name)


def by_signature(instance: Any, name: str) -> Callable[..., Any]:
    """`connect` or `disconnect` of an object: PythonQt's form for a signature, PySide6's own for anything else."""

    def call(*arguments: Any) -> Any:
        if isinstance(arguments[0], str) and (len(arguments) == 1 or callable(arguments[1])):
            return getattr(CONNECTIONS, name)(instance, *arguments)
        if isinstance(arguments[0], QtCore.QObject):  # PySide6 calls back with the sender
            return getattr(QtCore.QObject, name)(*arguments)
        return ORIGINAL_GETATTRIBUTE(instance, name)(*arguments)

    return call


def start_pythonqt() -> None:
    """Change the classes of PySide6. Once for the process."""
    if getattr(QtCore.QObject, "_is_like_pythonqt", False):
        return
    for module in QT_MODULES:
        for kind in [getattr(module, name) for name in dir(module)]:  # classes come into being when asked for
            if isinstance(kind, type) and issubclass(kind, QtCore.QObject):
                expose_properties(kind)
    QtCore.QObject._is_like_pythonqt = True
    QtCore.QObject.name = PropertyAttribute("objectName", None, True)
    QtCore.QObject.className = class_name
    QtCore.QObject.delete = lambda instance: instance.deleteLater()
    QtCore.QObject.__getattribute__ = get_attribute
