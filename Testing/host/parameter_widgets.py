"""How a field of a parameter node is bound to a widget: which class takes which type, what is read, what tells of it.

As in Slicer, the class of a widget is compared exactly: a subclass is not bound, and that is an error.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6 import QtWidgets

from . import ctk_widgets as ctk
from .mrml_widgets import qMRMLNodeComboBox
from .parameter_annotations import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange

Read = Callable[[Any], Any]
Write = Callable[[Any, Any], None]

COMBO_BOXES = (QtWidgets.QComboBox, ctk.ctkComboBox)
FLOAT_WIDGETS = (QtWidgets.QDoubleSpinBox, ctk.ctkSliderWidget, ctk.ctkDoubleSpinBox)
INT_WIDGETS = (QtWidgets.QSlider, QtWidgets.QSpinBox)


class Binding:
    """One widget bound to one field."""

    def __init__(self, name: str, widget: Any, signal: str, read: Read, write: Write) -> None:
        self.name = name
        self.widget = widget
        self._signal = signal
        self._read = read
        self._write = write
        self._slot: Any = None

    def read(self) -> Any:
        return self._read(self.widget)

    def write(self, value: Any) -> None:
        self._write(self.widget, value)

    def connect(self, changed: Callable[[], None]) -> None:
        self._slot = lambda *_: changed()
        getattr(self.widget, self._signal).connect(self._slot)

    def disconnect(self) -> None:
        if self._slot is not None:
            getattr(self.widget, self._signal).disconnect(self._slot)
            self._slot = None


def bind(field: Any, widget: Any) -> Binding:
    """A binding of a field to a widget.

    Raises:
        RuntimeError: Slicer has no connector for this class of widget and this type.
    """
    maker = next((maker for matches, maker in MAKERS if matches(field, type(widget))), None)
    if maker is None:
        kinds = f"{type(widget).__name__} '{widget.objectName}' and {field.name}: {field.hint}"
        raise RuntimeError(f"no connector between {kinds}")
    return Binding(field.name, widget, *maker(field, widget))


def by_property(name: str, signal: str) -> Callable[[Any, Any], tuple[str, Read, Write]]:
    """The value is a property of the widget."""

    def read(widget: Any) -> Any:
        return getattr(widget, name)

    def write(widget: Any, value: Any) -> None:
        setattr(widget, name, value)

    return lambda field, widget: (signal, read, write)


def number(field: Any, widget: Any) -> tuple[str, Read, Write]:
    """A spin box or a slider: the annotations give range, decimals and step."""
    low, high = limits(field)
    slider = isinstance(widget, QtWidgets.QSlider | ctk.ctkSliderWidget)
    if slider and (low is None or high is None):
        raise RuntimeError(f"{field.name}: a slider needs a bounded number")
    by_type = {type(annotation): annotation for annotation in field.annotations}
    if Decimals in by_type or (field.kind is int and type(widget) in FLOAT_WIDGETS):
        widget.decimals = by_type[Decimals].value if Decimals in by_type else 0
    if SingleStep in by_type:
        widget.singleStep = by_type[SingleStep].value
    unbounded = 2**31 - 1 if field.kind is int else 1e300
    widget.setRange(-unbounded if low is None else low, unbounded if high is None else high)
    return "valueChanged", lambda w: field.kind(w.value), lambda w, value: w.setValue(field.kind(value))


def limits(field: Any) -> tuple[float | None, float | None]:
    low: float | None = None
    high: float | None = None
    for annotation in field.annotations:
        if isinstance(annotation, WithinRange | Minimum):
            low = annotation.minimum
        if isinstance(annotation, WithinRange | Maximum):
            high = annotation.maximum
    return low, high


def choice(field: Any, widget: Any) -> tuple[str, Read, Write]:
    """A combo box, filled with the choices of an annotation or with the names of an enumeration."""
    annotations = [annotation for annotation in field.annotations if isinstance(annotation, Choice)]
    if field.is_enum:
        values = list(field.kind)
        labels = [value.label() if hasattr(value, "label") else value.name for value in values]
    elif annotations:
        values = list(annotations[0].choices)
        labels = [str(value) for value in values]
    else:
        raise RuntimeError(f"{field.name}: a combo box needs an enumeration or the annotation Choice")
    widget.clear()
    widget.addItems(labels)
    return (
        "currentIndexChanged",
        lambda w: values[w.currentIndex],
        lambda w, value: w.setCurrentIndex(values.index(value)),
    )


def node(field: Any, widget: Any) -> tuple[str, Read, Write]:
    widget.nodeTypes = [field.kind.__name__]
    return "currentNodeChanged", lambda w: w.currentNode(), lambda w, value: w.setCurrentNode(value)


def path(field: Any, widget: Any) -> tuple[str, Read, Write]:
    return "currentPathChanged", lambda w: Path(w.currentPath), lambda w, value: w.setCurrentPath(str(value))


def checkable(field: Any, widget: Any) -> tuple[str, Read, Write]:
    if not widget.checkable:
        raise RuntimeError(f"{field.name}: the button '{widget.objectName}' must be checkable")
    return by_property("checked", "toggled")(field, widget)


MAKERS: list[tuple[Callable[[Any, type], bool], Callable[[Any, Any], tuple[str, Read, Write]]]] = [
    (
        lambda field, kind: field.kind is bool and kind in (QtWidgets.QCheckBox, ctk.ctkCheckBox),
        by_property("checked", "toggled"),
    ),
    (lambda field, kind: field.kind is bool and kind is QtWidgets.QPushButton, checkable),
    (lambda field, kind: field.kind is int and kind in INT_WIDGETS, number),
    (lambda field, kind: field.kind in (int, float) and kind in FLOAT_WIDGETS, number),
    (lambda field, kind: kind in COMBO_BOXES and (field.is_enum or field.kind in (int, float, str, bool)), choice),
    (lambda field, kind: field.kind is str and kind is QtWidgets.QLineEdit, by_property("text", "textChanged")),
    (
        lambda field, kind: field.kind is str and kind in (QtWidgets.QTextEdit, QtWidgets.QPlainTextEdit),
        by_property("plainText", "textChanged"),
    ),
    (lambda field, kind: field.kind is Path and kind is ctk.ctkPathLineEdit, path),
    (lambda field, kind: field.is_node and kind is qMRMLNodeComboBox, node),
]
"""Which class of widget takes which type of field."""
