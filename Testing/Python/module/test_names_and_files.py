"""Names that come with a scene are shown as text, and no file is lost that the user was not asked about."""

from pathlib import Path

import pytest
import slicer
from user.clinician import Clinician

INSIDE = (12.0, 6.0, 4.0)
TAG = '<img src="//elsewhere.example/p.png"> <b>t1</b>'

BUTTONS = {"csv": ".csv", "exportLabelMap": ".nii.gz", "exportSegmentation": ".seg.nrrd"}


def press(user: Clinician, button: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press a button of an export and choose `path` in the dialog."""
    from GliomaSAMPanel import dialogs

    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(path))
    getattr(user.ui, f"{button}Button").click()


@pytest.mark.parametrize("button", BUTTONS)
@pytest.mark.parametrize("name", ["tumour", "tumour.v2", "Dr. Who"])
def test_a_file_that_the_dialog_did_not_ask_about_stays(
    button: str, name: str, user: Clinician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.click(INSIDE)
    old = tmp_path / (name + BUTTONS[button])
    old.write_bytes(b"of yesterday")
    press(user, button, tmp_path / name, monkeypatch)
    assert old.read_bytes() == b"of yesterday"
    assert "whole name" in user.ui.messageLabel.text
    press(user, button, old, monkeypatch)  # now it has asked
    assert old.read_bytes() != b"of yesterday"


@pytest.mark.parametrize("button", BUTTONS)
def test_a_suffix_is_added_where_there_is_none(
    button: str, user: Clinician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.click(INSIDE)
    press(user, button, tmp_path / "tumour.v2", monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == ["tumour.v2" + BUTTONS[button]]


@pytest.mark.parametrize("linked", [False, True])
def test_the_file_of_a_volume_in_use_is_never_replaced(
    linked: bool, user: Clinician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.click(INSIDE)
    path = tmp_path / "t1c.nii.gz"
    path.write_bytes(b"the volume")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    user.panel.parameters.t1c.SetAndObserveStorageNodeID(storage.GetID())
    chosen = path
    if linked:
        chosen = tmp_path / "link.nii.gz"
        chosen.symlink_to(path)
    press(user, "exportLabelMap", chosen, monkeypatch)
    assert path.read_bytes() == b"the volume"
    assert "choose another name" in user.ui.messageLabel.text


def test_names_in_notes_and_messages_are_text(user: Clinician) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", TAG)
    for modality in ("t1", "t1c", "t2", "flair"):
        getattr(user.panel.parameters, modality).SetAndObserveTransformNodeID(transform.GetID())
    user.click(INSIDE)
    user.panel.message(TAG, "error")
    for label in (user.ui.notesLabel, user.ui.messageLabel, user.ui.accuracyLabel, user.ui.installLabel):
        assert int(label.textFormat) == 0  # Qt.PlainText


def test_names_in_tool_tips_are_text(user: Clinician) -> None:
    from PySide6.QtGui import Qt

    user.panel.inputs._unsure["t1"] = (user.panel.parameters.t1.GetID(), f"the name {TAG} could be T1 or T2")
    user.panel.inputs.markUnsure()
    assert "could be T1" in user.ui.t1Selector.toolTip
    assert not Qt.mightBeRichText(user.ui.t1Selector.toolTip)
