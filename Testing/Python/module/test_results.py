"""What is copied and saved of the results is the answer to all prompts, or it is told that it is not."""

from pathlib import Path
from typing import Any

import pytest
import slicer
from user.clinician import Clinician
from user.quick import QuickWork

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)
BUTTONS = ("copy", "csv", "tableNode", "exportLabelMap", "exportSegmentation")


@pytest.fixture
def saving(tmp_path: Path, monkeypatch: Any) -> Path:
    """The folder that all is saved into."""
    from GliomaSAMPanel import dialogs

    (tmp_path / "saved").mkdir()
    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(tmp_path / "saved" / "result"))
    return tmp_path / "saved"


def clipboard() -> Any:
    import qt

    return qt.QApplication.clipboard()


def test_nothing_is_saved_while_a_prompt_is_being_answered(user: Clinician, saving: Path) -> None:
    user.click(INSIDE)
    clipboard().setText("before")
    user.task.session.add_point(ELSEWHERE, True, "WT")
    for button in BUTTONS:
        getattr(user.ui, f"{button}Button").click()
        assert user.panel.messages.text == ("The last prompt is being answered: try again when the outline is shown"), (
            button
        )
    assert list(saving.iterdir()) == [] and clipboard().text() == "before"
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0
    user.wait()
    user.ui.copyButton.click()
    volume = float(user.masks()["WT"].sum()) * user.task.geometry.voxel_ml
    assert f"\t{volume:.2f}\t" in clipboard().text()
    assert user.panel.messages.text == "The table is on the clipboard"


def test_it_is_told_that_a_stopped_prompt_is_not_in_what_is_saved(
    user: Clinician, saving: Path, quick: QuickWork
) -> None:
    user.click(INSIDE)
    quick.seconds = 3.0
    user.task.session.add_point(ELSEWHERE, True, "WT")
    user.window.pump(300)
    user.ui.cancelButton.click()
    quick.seconds = 0.0
    user.wait()
    for button in BUTTONS:
        getattr(user.ui, f"{button}Button").click()
        assert "The last prompt was not answered: this is the outline before it" in user.panel.messages.text, button
    assert len(list(saving.iterdir())) == 3
