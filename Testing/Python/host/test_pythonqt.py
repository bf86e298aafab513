"""PySide6 made to behave as PythonQt: properties, attributes, connections, complaints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("qt_host")


def test_properties_are_attributes() -> None:
    import qt

    button = qt.QPushButton("yes")
    button.text = "no"
    button.checkable = True
    button.name = "answer"
    assert (button.text, button.checkable, button.objectName, button.className()) == (
        "no",
        True,
        "answer",
        "QPushButton",
    )
    slider = qt.QSlider()
    slider.orientation = qt.Qt.Horizontal
    assert slider.orientation == qt.Qt.Horizontal == 1
    with pytest.raises(AttributeError, match="read-only"):
        button.width = 3


def test_attributes_that_qt_does_not_know_are_refused() -> None:
    import ctk
    import qt

    for widget in (qt.QPushButton(), ctk.ctkSliderWidget(), ctk.ctkCollapsibleButton()):
        with pytest.raises(AttributeError, match="minimumValue"):
            widget.minimumValue = 1
    inherited = type("Own", (qt.QWidget,), {})()
    inherited.mine = 1  # a class of the module's own may store what it likes
    assert inherited.mine == 1


@pytest.mark.parametrize("value", [Path("x"), np.str_("x"), np.float32(1)])
def test_foreign_values_are_refused(value: Any) -> None:
    import ctk
    import qt

    with pytest.raises(TypeError, match="PythonQt does not convert"):
        qt.QLabel().text = value
    with pytest.raises(TypeError, match="PythonQt does not convert"):
        ctk.ctkSliderWidget().value = value


def test_connections_by_signature() -> None:
    import qt

    button = qt.QPushButton()
    button.checkable = True
    got: list[Any] = []

    def with_default(value: Any = "none") -> None:
        got.append(value)

    button.connect("clicked()", with_default)
    button.connect("clicked(bool)", with_default)
    button.connect("toggled(bool)", lambda: got.append("toggled"))
    button.click()
    assert sorted(map(str, got)) == ["True", "none", "toggled"]
    button.disconnect("clicked()", with_default)
    button.disconnect("toggled(bool)")
    got.clear()
    button.click()
    assert got == [False]
    assert not button.disconnect("clicked()", with_default)
    for wrong in ("clicked(int)", "pressed2()", "clicked"):
        with pytest.raises(ValueError):
            button.connect(wrong, print)


def test_what_pythonqt_lacks_is_not_there() -> None:
    import qt

    assert not hasattr(qt, "Signal") and not hasattr(qt, "Property")
    assert hasattr(qt.QDialog, "exec_")


def test_exceptions_in_slots_observers_and_threads_are_caught(watch: Any, mrml_scene: Any) -> None:
    import threading

    import qt

    def fail(*_: Any) -> None:
        raise RuntimeError("on purpose")

    button = qt.QPushButton()
    button.connect("clicked(bool)", fail)
    button.click()
    tag = mrml_scene.AddObserver("ModifiedEvent", fail)
    mrml_scene.Modified()
    mrml_scene.RemoveObserver(tag)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    problems = watch.take()
    assert len(problems) == 3 and all("on purpose" in problem for problem in problems)


def test_a_timer_started_in_a_thread_is_caught(watch: Any) -> None:
    import threading

    import qt

    timer = qt.QTimer()
    thread = threading.Thread(target=timer.start, args=(10,))
    thread.start()
    thread.join()
    assert any("another thread" in problem for problem in watch.take())


def test_file_dialogs_give_one_text() -> None:
    import qt
    from host.dialogs import DIALOGS

    DIALOGS.reset()
    assert qt.QFileDialog.getSaveFileName(None, "Save", "", "*.nii.gz") == ""
    DIALOGS.path = "mask.nii.gz"
    assert qt.QFileDialog.getSaveFileName(None, "Save", "", "*.nii.gz") == "mask.nii.gz"
    assert DIALOGS.take() == [("file", "Save"), ("file", "Save")]
