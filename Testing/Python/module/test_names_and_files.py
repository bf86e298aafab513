"""Names that come with a scene are shown as text, and no file is lost that the user was not asked about."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

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


@pytest.fixture
def proposed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What the dialogs for files are opened with; they are answered with Cancel."""
    from GliomaSAMPanel import dialogs

    seen: list[Path] = []
    monkeypatch.setattr(dialogs, "saveFile", lambda title, path, pattern: seen.append(Path(path)) or "")
    return seen


def read_from(volume: Any, path: Path) -> None:
    """Let a volume be one that was read from a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"the volume")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    volume.SetAndObserveStorageNodeID(storage.GetID())


def test_files_are_saved_beside_the_volumes_and_then_where_the_user_saved_last(
    user: Clinician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proposed: list[Path]
) -> None:
    user.click(INSIDE)
    read_from(user.panel.parameters.t1c, tmp_path / "P07" / "t1c.nii.gz")
    read_from(user.panel.parameters.t1, tmp_path / "elsewhere" / "t1.nii.gz")
    user.task.node.SetName(" ../P07: 3/4")
    for button in BUTTONS:
        getattr(user.ui, f"{button}Button").click()
    assert proposed == [tmp_path / "P07" / f"_P07_ 3_4{suffix}" for suffix in BUTTONS.values()]
    (tmp_path / "results").mkdir()
    with monkeypatch.context() as answered:
        press(user, "csv", tmp_path / "results" / "mine.csv", answered)
    user.ui.exportLabelMapButton.click()
    assert proposed[-1] == tmp_path / "results" / "_P07_ 3_4.nii.gz"
    (tmp_path / "results" / "mine.csv").unlink()
    (tmp_path / "results").rmdir()
    user.ui.exportLabelMapButton.click()
    assert proposed[-1].parent == tmp_path / "P07"


@pytest.mark.parametrize("kept", ["temporary", "database", "gone", "none"])
def test_nothing_is_proposed_where_only_slicer_keeps_files_or_nobody_can(
    kept: str, user: Clinician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proposed: list[Path]
) -> None:
    import qt

    user.click(INSIDE)
    monkeypatch.setattr(qt.QStandardPaths, "writableLocation", lambda *_: str(tmp_path / "documents"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    own = tmp_path / "own"
    if kept != "none":
        read_from(user.panel.parameters.t1c, own / "scene" / "t1c.nii.gz")
    if kept == "temporary":
        monkeypatch.setattr(slicer.app, "temporaryPath", str(own))
    elif kept == "database":
        database = SimpleNamespace(databaseDirectory=str(own), instanceValue=lambda *_: "")
        monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    elif kept == "gone":
        (own / "scene" / "t1c.nii.gz").unlink()
        (own / "scene").rmdir()
    user.ui.csvButton.click()
    (tmp_path / "documents").mkdir()
    user.ui.csvButton.click()
    assert [path.parent.name for path in proposed] == ["home", "documents"]


@pytest.mark.parametrize("name", ["t1c.nii.gz", "t1c.nii"])
def test_the_name_of_a_file_of_the_patient_is_not_proposed(
    name: str, user: Clinician, tmp_path: Path, proposed: list[Path]
) -> None:
    user.click(INSIDE)
    read_from(user.panel.parameters.t1c, tmp_path / "P07" / name)
    user.task.node.SetName("t1c")
    user.ui.exportLabelMapButton.click()
    user.ui.csvButton.click()
    assert [path.name for path in proposed] == ["t1c Glioma.nii.gz", "t1c.csv"]


def test_the_table_tells_whose_numbers_these_are(
    user: Clinician, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    user.click(INSIDE)
    user.task.node.SetName("Glioma P07")
    press(user, "csv", tmp_path / "P07.csv", monkeypatch)
    user.ui.copyButton.click()
    user.ui.tableNodeButton.click()
    saved = [line.split(",") for line in (tmp_path / "P07.csv").read_text().splitlines()]
    copied = [line.split("\t") for line in qt.QApplication.clipboard().text().split("\n")]
    assert [line[0] for line in saved] == [line[0] for line in copied] == ["Segmentation", *["Glioma P07"] * 3]
    table = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLTableNode")
    assert table.GetCellText(0, 0) == "Glioma P07" and table.GetColumnName(0) == "Segmentation"
    assert user.ui.resultsTable.item(0, 0).text() == "Whole tumour"


def test_a_new_segmentation_is_called_after_the_examination(
    slicer_with_module: Any, add_patient: Any, patient: Any
) -> None:
    volumes = add_patient()
    for modality, volume in volumes.items():
        volume.SetName(f"P07_{modality}")
    clinician = Clinician(slicer_with_module)
    clinician.enter()
    clinician.wait()
    assert clinician.task.node.GetName() == "Glioma P07"
    assert clinician.ui.segmentationSelector.addNode().GetName() == "Glioma P07_1"
    march, _ = patient.visit("20240301", None)
    clinician.ui.segmentationSelector.setCurrentNode(None)
    for modality in volumes:
        getattr(clinician.ui, f"{modality}Selector").setCurrentNode(march if modality == "t1c" else None)
    clinician.wait()
    clinician.click(INSIDE)
    assert clinician.task.node.GetName() == "Glioma 2024-03-01"


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
