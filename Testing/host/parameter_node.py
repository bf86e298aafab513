"""Stand-in for `slicer.parameterNodeWrapper`: typed fields kept in a node of the scene and bound to widgets.

Fields of types bool, int, float, str, Path, Enum and nodes (optional or not), with the annotations of
`host.parameter_annotations`. Does not prove: packs, lists, dictionaries, unions of other types; that the stored text is
the same to the letter as Slicer's.
"""

import enum
import inspect
import types
import typing
from pathlib import Path
from typing import Any

import slicer
import vtk

from .parameter_annotations import ANNOTATIONS, Choice, Default, validate
from .parameter_widgets import Binding, bind

PROPERTY = "SlicerParameterName"


class Field:
    """One field of a parameter node: its type, its default and how it is stored."""

    def __init__(self, name: str, hint: Any, default: Any) -> None:
        self.name = name
        self.hint = hint
        self.annotations = list(getattr(hint, "__metadata__", ()))
        self.kind, self.optional = plain_type(hint)
        self.is_node = inspect.isclass(self.kind) and issubclass(self.kind, slicer.vtkMRMLNode)
        if not self.is_node and self.kind not in (bool, int, float, str, Path) and not self.is_enum:
            raise TypeError(f"the host's parameter node has no way to store {name}: {hint}")
        wrong = [annotation for annotation in self.annotations if not isinstance(annotation, ANNOTATIONS)]
        if wrong:
            raise TypeError(f"{name}: the annotations {wrong} are unknown to Slicer")
        self.default = self._first_default(default)

    @property
    def is_enum(self) -> bool:
        return inspect.isclass(self.kind) and issubclass(self.kind, enum.Enum)

    def _first_default(self, default: Any) -> Any:
        given = [annotation.value for annotation in self.annotations if isinstance(annotation, Default)]
        choices = [annotation.choices[0] for annotation in self.annotations if isinstance(annotation, Choice)]
        if default is not inspect.Parameter.empty:
            return default
        if given or choices or self.is_node or self.optional:
            return (given or choices or [None])[0]
        return next(iter(self.kind)) if self.is_enum else Path() if self.kind is Path else self.kind()

    def check(self, value: Any) -> None:
        """Raise TypeError or ValueError for what the field does not take."""
        if value is None and (self.optional or self.is_node):
            return
        number = self.kind is float and isinstance(value, int) and not isinstance(value, bool)
        if not isinstance(value, self.kind) and not number:
            raise TypeError(f"{self.name} takes a {self.kind.__name__}, not {value!r}")
        for annotation in self.annotations:
            validate(annotation, self.name, value)

    def stored(self, node: Any) -> bool:
        return self.is_node or self.name in node.GetParameterNames()

    def write(self, node: Any, value: Any) -> None:
        self.check(value)
        if self.is_node:
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, value.name if self.is_enum and value is not None else str(value))

    def read(self, node: Any) -> Any:
        if self.is_node:
            return node.GetNodeReference(self.name)
        if not self.stored(node):
            return self.default
        text = node.GetParameter(self.name)
        if text == "None" and self.optional:
            return None
        if self.kind is bool:
            return text == "True"
        if self.is_enum:
            return self.kind[text]
        return self.kind(text)


def plain_type(hint: Any) -> tuple[Any, bool]:
    """The type without annotations, and whether None is allowed."""
    hint = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        if len(kinds) != 1:
            raise TypeError(f"the host's parameter node takes no union of several types: {hint}")
        return plain_type(kinds[0])[0], True
    return hint, False


class ParameterNode:
    """What the decorator adds to a class of fields."""

    allParameters: dict[str, Field]

    def __init__(self, parameterNode: Any) -> None:  # noqa: N803 (Slicer names it)
        self.parameterNode = parameterNode
        self._bindings: dict[int, tuple[list[Binding], int]] = {}
        self._filling = False
        for field in self.allParameters.values():
            if not field.stored(parameterNode) and field.default is not None:
                field.write(parameterNode, field.default)

    def getValue(self, name: str) -> Any:
        return self._field(name).read(self.parameterNode)

    def setValue(self, name: str, value: Any) -> None:
        self._field(name).write(self.parameterNode, value)

    def _field(self, name: str) -> Field:
        if name not in self.allParameters:
            raise ValueError(f"there is no parameter {name}; there are {', '.join(self.allParameters)}")
        return self.allParameters[name]

    def default(self, name: str) -> Any:
        return Default(self._field(name).default)

    def dataType(self, name: str) -> Any:
        return self._field(name).hint

    def StartModify(self) -> int:
        return int(self.parameterNode.StartModify())

    def EndModify(self, before: int) -> None:
        self.parameterNode.EndModify(before)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, gui: Any) -> int:
        """Bind every widget under `gui`, or in its attributes, that bears the name of a parameter."""
        from PySide6 import QtWidgets

        is_widget = isinstance(gui, QtWidgets.QWidget)
        widgets = gui.findChildren(QtWidgets.QWidget) if is_widget else list(vars(gui).values())
        named = {w.property(PROPERTY): w for w in widgets if hasattr(w, "property") and w.property(PROPERTY)}
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Bind widgets by the names of parameters; a tag for `disconnectGui`."""
        bindings = [bind(self._field(name), widget) for name, widget in mapping.items()]
        for binding in bindings:
            binding.write(self.getValue(binding.name))
            binding.connect(lambda binding=binding: self._from_gui(binding))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui())
        tag = max(self._bindings, default=-1) + 1
        self._bindings[tag] = (bindings, observer)
        return tag

    def disconnectGui(self, tag: int) -> None:
        bindings, observer = self._bindings.pop(tag, ([], None))
        for binding in bindings:
            binding.disconnect()
        if observer is not None:
            self.RemoveObserver(observer)

    def _from_gui(self, binding: Binding) -> None:
        if not self._filling:
            with slicer.util.NodeModify(self.parameterNode):
                self.setValue(binding.name, binding.read())

    def _to_gui(self) -> None:
        if self._filling:
            return
        self._filling = True
        try:
            for bindings, _ in self._bindings.values():
                for binding in bindings:
                    binding.write(self.getValue(binding.name))
        finally:
            self._filling = False


def parameterNodeWrapper(cls: Any = None) -> Any:
    """Decorator of a class of annotated fields."""
    if cls is None:
        return parameterNodeWrapper
    fields = {
        name: Field(name, hint, vars(cls).get(name, inspect.Parameter.empty))
        for name, hint in typing.get_type_hints(cls, include_extras=True).items()
    }
    members: dict[str, Any] = {key: value for key, value in vars(cls).items() if key not in ("__dict__", "__weakref__")}
    for name, field in fields.items():
        if hasattr(ParameterNode, name):
            raise ValueError(f"'{name}' is a reserved name in a parameter node")
        members[name] = field_property(field)
    members.update(allParameters=fields, _is_parameter_node_wrapper=True)
    members.pop("__init__", None)
    return type(cls.__name__, (ParameterNode,), members)


def field_property(field: Field) -> property:
    return property(
        lambda instance: field.read(instance.parameterNode),
        lambda instance, value: field.write(instance.parameterNode, value),
    )


def isParameterNodeWrapper(thing: Any) -> bool:
    return getattr(thing, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget: Any, name: str) -> Any:
    from PySide6 import QtWidgets

    return next((w for w in widget.findChildren(QtWidgets.QWidget) if w.property(PROPERTY) == name), None)
