"""A small Slicer in a window: a module's panel beside three live slice views, worked by a simulated mouse and keyboard.

    window = MiniSlicer()
    module = window.load(path)            # a scripted module
    window.select("GliomaSAM")            # enters it; `window.panel` is its Python object
    window.show(volume_node)
    window.click("Red", (10.0, 20.0, 5.0))
    window.wait_for(lambda: done)
    window.grab(path)                     # a picture of all of it

Does not prove: what the application draws round the panel and the views, other layouts, the 3D view, a real mouse.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from .plot_view import PlotView
from .pythonqt import stray_attributes
from .scripted import ScriptedModule, load_module
from .views import SliceView

VIEWS = {"Red": ("Axial", "#f34a33"), "Yellow": ("Sagittal", "#edd54c"), "Green": ("Coronal", "#6eb04b")}
"""The slice views by name: orientation and colour of the bar."""

RAS = tuple[float, float, float]


class PictureWidget(QtWidgets.QWidget):
    """Paints what a view has drawn."""

    view: Any

    def __init__(self) -> None:
        super().__init__()
        self._picture: Any = None

    def draw(self) -> None:
        """Take the view's pixels as they are now."""
        self._picture = picture_of(self.view.pixels())
        self.update()

    def paintEvent(self, event: Any) -> None:
        painter = QtGui.QPainter(self)
        if self._picture is not None:
            painter.drawImage(0, 0, self._picture)
        self.decorate(painter)
        painter.end()

    def decorate(self, painter: Any) -> None:
        """What lies over the picture."""


class SliceWidget(PictureWidget):
    """A slice view painted into a widget; the mouse over the widget goes to the view."""

    def __init__(self, name: str, orientation: str, colour: str, size: int) -> None:
        super().__init__()
        self.view = SliceView(name, orientation, (size, size))
        self._colour = QtGui.QColor(colour)
        self._waiting = False
        self.setMinimumSize(size, size)
        self.setMouseTracking(True)
        self.setFocusPolicy(QtCore.Qt.StrongFocus)
        self.view.observe(self.view.managers, "UpdateEvent", self.request_render)
        self.view.observe(self.view.logic, "ModifiedEvent", self.request_render)

    def sliceLogic(self) -> Any:
        return self.view.logic

    def mrmlSliceNode(self) -> Any:
        return self.view.node

    def sliceView(self) -> Any:
        return self

    def request_render(self, *_: Any) -> None:
        """Draw once when the event loop comes round, however often the view has changed until then."""
        if not self._waiting:
            self._waiting = True
            QtCore.QTimer.singleShot(0, self._render)

    def _render(self) -> None:
        """Let the view draw itself; its pixels are read when the window is grabbed."""
        self._waiting = False
        self.view.render()

    def decorate(self, painter: Any) -> None:
        painter.fillRect(0, 0, self.width, 4, self._colour)

    def resizeEvent(self, event: Any) -> None:
        self.view.resize(self.width, self.height)
        self.request_render()

    def _move(self, event: Any) -> None:
        place = event.position()
        modifiers = QtWidgets.QApplication.keyboardModifiers()
        shift = bool(modifiers & QtCore.Qt.ShiftModifier)
        control = bool(modifiers & QtCore.Qt.ControlModifier)
        self.view.move(place.x(), self.height - 1 - place.y(), shift, control)

    def mouseMoveEvent(self, event: Any) -> None:
        self._move(event)

    def mousePressEvent(self, event: Any) -> None:
        self._move(event)
        self.view.press(button_name(event))

    def mouseReleaseEvent(self, event: Any) -> None:
        self._move(event)
        self.view.release(button_name(event))

    def wheelEvent(self, event: Any) -> None:
        self.view.wheel(1 if event.angleDelta().y() > 0 else -1)

    def pixel(self, ras: RAS) -> Any:
        """The place in the widget where a place of the patient is seen."""
        x, y = self.view.ras_to_xy(ras)
        return QtCore.QPoint(round(x), round(self.height - 1 - y))


class PlotWidget(PictureWidget):
    """A plot view painted into a widget."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.view = PlotView(name)

    def draw(self) -> None:
        self.view.resize(self.width, self.height)
        super().draw()


def picture_of(pixels: Any) -> Any:
    rows, columns, _ = pixels.shape
    return QtGui.QImage(pixels.data, columns, rows, 3 * columns, QtGui.QImage.Format_RGB888).copy()


def button_name(event: Any) -> str:
    names = {QtCore.Qt.LeftButton: "Left", QtCore.Qt.RightButton: "Right", QtCore.Qt.MiddleButton: "Middle"}
    return names[event.button()]


class ModuleSelector(QtWidgets.QWidget):
    """Stands for the application's selector of modules: leaves one and enters the next."""

    def __init__(self, window: "MiniSlicer") -> None:
        super().__init__()
        self._window = window

    def selectModule(self, name: str) -> None:
        self._window.select(name)


class MainWindow(QtWidgets.QMainWindow):
    """Bears the name under which `slicer.util.mainWindow()` looks for it."""

    selector: Any = None

    def moduleSelector(self) -> Any:
        return self.selector


class MiniSlicer:
    """The window. One at a time; `close` before the next."""

    def __init__(self, view_size: int = 300, panel_width: int = 400) -> None:
        self._modules: dict[str, ScriptedModule] = {}
        self._selected = ""
        self.window = MainWindow()
        self.window.setObjectName("qSlicerMainWindow")
        self.window.selector = ModuleSelector(self)
        self.window.setStatusBar(QtWidgets.QStatusBar())
        middle = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(middle)
        self._panels = QtWidgets.QScrollArea()
        self._panels.setWidgetResizable(True)
        self.panel_width = panel_width
        row.addWidget(self._panels)
        grid = QtWidgets.QGridLayout()
        self.views: dict[str, SliceWidget] = {}
        for index, (name, (orientation, colour)) in enumerate(VIEWS.items()):
            self.views[name] = SliceWidget(name, orientation, colour, view_size)
            grid.addWidget(self.views[name], index // 2, index % 2)
        row.addLayout(grid, 1)
        self._grid = grid
        self._plots: list[PlotWidget] = []
        self.window.setCentralWidget(middle)
        slicer.app.layoutManager().views = self.views
        self.window.show()
        self.pump()

    @property
    def panel_width(self) -> int:
        """The width of the panel in pixels."""
        return int(self._panels.width)

    @panel_width.setter
    def panel_width(self, pixels: int) -> None:
        self._panels.setFixedWidth(pixels)

    def close(self) -> None:
        """Leave and unload the modules, close the views and the window."""
        self.select("")
        for module in self._modules.values():
            module.unload()
        self._modules.clear()
        self._panels.takeWidget()
        for widget in (*self.views.values(), *self._plots):
            widget.view.close()
        slicer.app.layoutManager().views = {}
        self.window.close()
        self.window.setObjectName("")
        self.window.deleteLater()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)
        self.pump()

    def load(self, path: Path) -> ScriptedModule:
        """Load a scripted module from its file, without entering it."""
        module = load_module(path)
        self._modules[module.name] = module
        return module

    def select(self, name: str) -> None:
        """Leave the module on show and enter another; an empty name, or one not loaded here, leaves only."""
        if self._selected:
            self._modules[self._selected].widgetRepresentation().exit()
        self._selected = name if name in self._modules else ""
        if self._selected:
            container = self._modules[name].widgetRepresentation()
            if self._panels.widget() is not container:
                self._panels.takeWidget()
                self._panels.setWidget(container)
            container.show()
            container.enter()
        self.pump()

    @property
    def panel(self) -> Any:
        """The Python object of the panel on show."""
        return self._modules[self._selected].widgetRepresentation().self()

    def show(self, volume_node: Any) -> None:
        """Show a volume in all views."""
        for widget in self.views.values():
            widget.view.show(volume_node)
        self.pump()

    def arrange(self, *rows: Sequence[str]) -> None:
        """Show some of the slice views, in rows."""
        for widget in self.views.values():
            widget.setVisible(False)
        for line, row in enumerate(rows):
            for column, name in enumerate(row):
                self._grid.addWidget(self.views[name], line, column)
                self.views[name].setVisible(True)
        self.pump()

    def add_layout(self, *rows: Sequence[str], plot: str = "", size: int = 240) -> None:
        """Show further axial views in rows, over a plot view where one is named, as the application does when it takes
        up a layout. Here the views are there before a module asks for them.
        """
        for name in (name for row in rows for name in row):
            self.views[name] = SliceWidget(name, *VIEWS["Red"], size)
        self.arrange(*rows)
        if plot:
            self._plots.append(PlotWidget(plot))
            self._grid.addWidget(self._plots[-1], len(rows), 0, 1, max(map(len, rows)))
            for row, share in enumerate((7, 3)):
                self._grid.setRowStretch(row, share)
        self.pump()

    def jump(self, ras: RAS) -> None:
        """Move all views to the slices through a place."""
        for widget in self.views.values():
            widget.view.jump(ras)
        self.pump()

    def click(self, view: str, ras: RAS, button: Any = QtCore.Qt.LeftButton) -> None:
        """Click where a place is seen; the view moves to its slice first."""
        widget = self.views[view]
        widget.view.jump(ras)
        self.pump()
        place = widget.pixel(ras)
        QtTest.QTest.mouseMove(widget, place)
        QtTest.QTest.mouseClick(widget, button, QtCore.Qt.NoModifier, place)
        self.pump()

    def drag(self, view: str, start: RAS, end: RAS, button: Any = QtCore.Qt.LeftButton, steps: int = 8) -> None:
        """Press at one place, move in steps, release at the other. Both lie in the slice of the first."""
        widget = self.views[view]
        widget.view.jump(start)
        self.pump()
        first, last = widget.pixel(start), widget.pixel(end)
        move(widget, first, QtCore.Qt.NoButton)
        QtTest.QTest.mousePress(widget, button, QtCore.Qt.NoModifier, first)
        for step in range(1, steps + 1):
            move(widget, first + (last - first) * (step / steps), button)
        QtTest.QTest.mouseRelease(widget, button, QtCore.Qt.NoModifier, last)
        self.pump()

    def wheel(self, view: str, steps: int = 1) -> None:
        """Turn the wheel over a view: forward for positive steps."""
        widget = self.views[view]
        centre = QtCore.QPointF(widget.width / 2, widget.height / 2)
        for _ in range(abs(steps)):
            event = QtGui.QWheelEvent(
                centre,
                centre,
                QtCore.QPoint(0, 0),
                QtCore.QPoint(0, 120 if steps > 0 else -120),
                QtCore.Qt.NoButton,
                QtCore.Qt.NoModifier,
                QtCore.Qt.NoScrollPhase,
                False,
            )
            QtWidgets.QApplication.sendEvent(widget, event)
        self.pump()

    def key(self, sequence: str) -> None:
        """Press a key or a combination such as "Ctrl+Z" in the window."""
        combination = QtGui.QKeySequence(sequence)[0]
        QtTest.QTest.keyClick(self.window, combination.key(), combination.keyboardModifiers())
        self.pump()

    def pump(self, milliseconds: int = 0) -> None:
        """Let the event loop run: what waits now, and for so long."""
        if milliseconds:
            QtTest.QTest.qWait(milliseconds)
        for _ in range(3):
            QtWidgets.QApplication.processEvents()

    def wait_for(self, condition: Callable[[], Any], seconds: float = 10.0) -> None:
        """Let the event loop run until something holds.

        Raises:
            TimeoutError: it does not within `seconds`.
        """
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{condition} does not hold after {seconds} seconds")
            QtTest.QTest.qWait(5)

    def grab(self, path: Path) -> None:
        """Write a picture of the whole window as PNG."""
        self.pixmap().save(str(path))

    def pixmap(self) -> Any:
        """A picture of the whole window as it is now."""
        for widget in (*self.views.values(), *self._plots):
            widget.draw()
        self.pump()
        return self.window.grab()

    def strays(self) -> list[str]:
        """Attributes stored on Qt's objects that PythonQt would have refused."""
        return stray_attributes(self.window)


def move(widget: Any, place: Any, button: Any) -> None:
    """Move the mouse over a widget with a button held."""
    position = QtCore.QPointF(place)
    world = QtCore.QPointF(widget.mapToGlobal(QtCore.QPoint(0, 0))) + position
    event = QtGui.QMouseEvent(
        QtCore.QEvent.MouseMove, position, world, QtCore.Qt.NoButton, button, QtCore.Qt.NoModifier
    )
    QtWidgets.QApplication.sendEvent(widget, event)
