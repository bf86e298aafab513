"""Fixtures for tests in the small Slicer with Qt; a folder's conftest.py imports those it uses."""

from collections.abc import Iterator
from typing import Any

import pytest

from .views import prepare_rendering, rendering_problem


@pytest.fixture(scope="session")
def qt_host() -> None:
    """The Qt layer is started; `qt`, `ctk` and the widgets of `slicer` can be imported. Skips where PySide6 cannot."""
    prepare_rendering()
    try:
        from .qt_layer import start_qt
    except ImportError as error:
        pytest.skip(f"the Qt layer of the host cannot be loaded: {error}")
    start_qt()


@pytest.fixture
def watch(qt_host: None) -> Iterator[Any]:
    """Fails the test on an exception in a slot, an observer or a thread."""
    from .watch import Watch

    with Watch() as watching:
        yield watching
        watching.check()


@pytest.fixture
def mini_slicer(watch: Any, mrml_scene: Any) -> Iterator[Any]:
    """The window with three slice views; skips where nothing can be drawn."""
    problem = rendering_problem()
    if problem:
        pytest.skip(problem)
    from .dialogs import DIALOGS
    from .window import MiniSlicer

    DIALOGS.reset()
    window = MiniSlicer()
    yield window
    window.close()
