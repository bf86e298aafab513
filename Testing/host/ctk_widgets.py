"""Stand-ins for the widgets of CTK that a module's panel uses.

Each has the properties, signals and slots that modules rely on. Does not prove: the look, the keyboard, anything that
CTK does beyond what is written here.
"""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from .pythonqt import stand_in

HEADER = 24
"""Height of the header of a collapsible button, in pixels."""


@stand_in
class ctkCheckBox(QtWidgets.QCheckBox):  # noqa: N801 (CTK names it)
    """A check box."""


@stand_in
class ctkComboBox(QtWidgets.QComboBox):  # noqa: N801
    """A combo box."""


@stand_in
class ctkDoubleSpinBox(QtWidgets.QDoubleSpinBox):  # noqa: N801
    """A spin box."""


@stand_in
class ctkMessageBox(QtWidgets.QMessageBox):  # noqa: N801
    """A message box; the box "don't show again" is left out."""


@stand_in
class ctkMenuButton(QtWidgets.QPushButton):  # noqa: N801
    """A push button with a menu of its own; a click on the button does not open it."""

    _menu: Any = None

    def setMenu(self, menu: Any) -> None:
        self._menu = menu

    def menu(self) -> Any:
        return self._menu


@stand_in
class ctkCollapsibleButton(QtWidgets.QAbstractButton):  # noqa: N801
    """A section with a header that hides and shows it. A child shown while collapsed stays visible, unlike in CTK."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, *arguments: Any) -> None:
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        super().__init__(*(argument for argument in arguments if not isinstance(argument, str)))
        self._hidden: list[Any] = []
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, HEADER, 0, 0)
        QtWidgets.QAbstractButton.setSizePolicy(
            self, QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Policy.Maximum
        )
        self.toggled.connect(self._show_contents)

    def _show_contents(self, show: bool) -> None:
        if show:
            for child in self._hidden:
                child.setVisible(True)
            self._hidden = []
        else:
            children = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly)
            self._hidden = [child for child in children if not child.isHidden()]
            for child in self._hidden:
                child.setVisible(False)
        self.updateGeometry()
        self.contentsCollapsed.emit(not show)

    collapsed = QtCore.Property(bool, lambda self: not self.isChecked(), lambda self, value: self.setChecked(not value))
    collapsedHeight = QtCore.Property(int, lambda self: HEADER, lambda self, value: None)

    def setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    def sizeHint(self) -> Any:
        inner = self.layout()
        width = inner.sizeHint().width() if inner is not None else 100
        height = HEADER
        if inner is not None and self.isChecked():
            wrapped = inner.totalHeightForWidth(self.width) if inner.hasHeightForWidth() else 0
            height = max(inner.sizeHint().height(), wrapped)
        return QtCore.QSize(width, max(height, HEADER))

    def minimumSizeHint(self) -> Any:
        hint = super().minimumSizeHint()
        return hint if self.isChecked() else QtCore.QSize(hint.width(), HEADER)

    def hitButton(self, position: Any) -> bool:
        return bool(position.y() < HEADER)

    def paintEvent(self, event: Any) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width, HEADER - 2)
        option.text = f"{'▾' if self.isChecked() else '▸'} {self.text}"
        painter.drawControl(QtWidgets.QStyle.CE_PushButton, option)


@stand_in
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):  # noqa: N801
    """A group box that folds when unchecked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setCheckable(True)
        self.setChecked(True)
        self.toggled.connect(self._fold)

    def _fold(self, show: bool) -> None:
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
            child.setVisible(show)

    collapsed = QtCore.Property(bool, lambda self: not self.isChecked(), lambda self, value: self.setChecked(not value))


def spin_property(name: str, kind: type) -> Any:
    """A property of a slider widget that its spin box holds."""
    setter = f"set{name[0].upper()}{name[1:]}"

    def read(widget: Any) -> Any:
        return getattr(widget._spin, name)

    def write(widget: Any, value: Any) -> None:
        getattr(widget._spin, setter)(value)
        widget._match()

    return QtCore.Property(kind, read, write)


@stand_in
class ctkSliderWidget(QtWidgets.QWidget):  # noqa: N801
    """A slider beside a spin box. The slider moves in single steps."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self._spin = QtWidgets.QDoubleSpinBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._spin)
        self._match()
        self._slider.valueChanged.connect(self._from_slider)
        self._spin.valueChanged.connect(self._from_spin)

    def _match(self) -> None:
        """Give the slider the range and the value of the spin box."""
        spin = self._spin
        step = spin.singleStep or 1.0
        blocked = self._slider.blockSignals(True)
        self._slider.setRange(0, round(min((spin.maximum - spin.minimum) / step, 1e6)))
        self._slider.setValue(round((spin.value - spin.minimum) / step))
        self._slider.blockSignals(blocked)

    def _from_slider(self, position: int) -> None:
        self._spin.setValue(self._spin.minimum + position * (self._spin.singleStep or 1.0))

    def _from_spin(self, value: float) -> None:
        self._match()
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    value = spin_property("value", float)
    minimum = spin_property("minimum", float)
    maximum = spin_property("maximum", float)
    singleStep = spin_property("singleStep", float)
    decimals = spin_property("decimals", int)
    suffix = spin_property("suffix", str)
    prefix = spin_property("prefix", str)
    pageStep = QtCore.Property(float, lambda self: 1.0, lambda self, value: None)
    tracking = QtCore.Property(bool, lambda self: True, lambda self, value: None)

    def setValue(self, value: float) -> None:
        self._spin.setValue(value)

    def setRange(self, low: float, high: float) -> None:
        self._spin.setRange(low, high)
        self._match()


@stand_in
class ctkPathLineEdit(QtWidgets.QWidget):  # noqa: N801
    """A line for a path. The button that opens a file dialog is there and does nothing; the history is forgotten."""

    Dirs, Files, Drives, NoSymLinks, Readable, Writable, Executable, Hidden, System = (1 << bit for bit in range(9))
    currentPathChanged = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._line = QtWidgets.QLineEdit()
        self._filters, self._name_filters, self._key = self.Files, [], ""
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        button = QtWidgets.QToolButton()
        button.setText("…")
        layout.addWidget(button)
        self._line.textChanged.connect(self.currentPathChanged)

    currentPath = QtCore.Property(str, lambda self: self._line.text, lambda self, path: self._line.setText(path))
    filters = QtCore.Property(int, lambda self: self._filters, lambda self, value: setattr(self, "_filters", value))
    nameFilters = QtCore.Property(
        "QStringList", lambda self: self._name_filters, lambda self, value: setattr(self, "_name_filters", value)
    )
    settingKey = QtCore.Property(str, lambda self: self._key, lambda self, value: setattr(self, "_key", value))

    def setCurrentPath(self, path: str) -> None:
        self._line.setText(path)

    def addCurrentPathToHistory(self) -> None:
        """The history is not kept."""


@stand_in
class ctkColorPickerButton(QtWidgets.QPushButton):  # noqa: N801
    """A button with a colour; it opens no dialog."""

    colorChanged = QtCore.Signal(QtGui.QColor)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._colour = QtGui.QColor()

    def setColor(self, colour: Any) -> None:
        if colour != self._colour:
            self._colour = QtGui.QColor(colour)
            self.colorChanged.emit(self._colour)

    color = QtCore.Property(QtGui.QColor, lambda self: self._colour, setColor)
