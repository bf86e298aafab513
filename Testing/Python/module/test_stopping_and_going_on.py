"""Cancel, Reload, and scenes closed and loaded while the module is shown."""

from pathlib import Path

import numpy as np
import pytest
import slicer
from user.clinician import Clinician
from user.quick import QuickWork

INSIDE = (12.0, 6.0, 4.0)


@pytest.mark.parametrize("wish", ["uncertaintyCheckBox", "uncertaintyButton"])
def test_cancel_ends_the_search_for_uncertain_places(user: Clinician, quick: QuickWork, wish: str) -> None:
    user.click(INSIDE)
    quick.seconds = 1.0
    getattr(user.ui, wish).click()
    engine = user.panel.engine
    user.window.wait_for(lambda: engine._current is not None and engine._current[1].kind == "uncertainty")
    user.ui.cancelButton.click()
    user.window.pump(300)
    assert not engine.busy and engine._current is None and user.panel.messages.text.startswith("Stopped")
    assert not user.ui.uncertaintyCheckBox.checked and user.panel.results._overlay is None
    quick.seconds = 0.0
    getattr(user.ui, wish).click()  # asked for again
    user.wait()
    assert user.task.uncertainty() is not None


def test_cancel_leaves_uncertain_places_that_are_known(user: Clinician, quick: QuickWork) -> None:
    user.click(INSIDE)
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    assert user.panel.results._overlay is not None
    user.panel.cancel()
    user.wait()
    assert user.ui.uncertaintyCheckBox.checked and user.panel.results._overlay is not None


def test_after_reload_the_panel_works(user: Clinician, quick: QuickWork) -> None:
    user.window.panel.onReload()
    user.window.panel.logic.engineOptions = quick.options()
    user.wait()
    assert user.panel.entered and user.panel.parameters is not None
    user.click(INSIDE)
    assert user.at(user.segment("WT"), INSIDE)
    user.window.select("")
    assert not slicer.modules.GliomaSAMWidget.panel.entered


def test_reload_while_another_module_is_shown_enters_nothing(user: Clinician, quick: QuickWork) -> None:
    user.window.select("")
    slicer.modules.GliomaSAMWidget.onReload()
    panel = slicer.modules.GliomaSAMWidget.panel
    slicer.modules.GliomaSAMWidget.logic.engineOptions = quick.options()
    user.window.pump(100)
    assert not panel.entered and panel.parameters is None and panel.ui.editor.listens() == (False, False)


def test_the_editor_listens_after_a_scene_is_closed_and_loaded(user: Clinician, tmp_path: Path) -> None:
    user.click(INSIDE)
    assert user.ui.editor.listens() == (True, True)
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    user.window.pump(200)
    assert user.ui.editor.listens() == (True, True)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    user.wait()
    assert user.ui.editor.listens() == (True, True) and np.any(user.masks()["WT"])
    editor = user.ui.editor
    user.window.select("")
    assert editor.listens() == (False, False)
