"""The section Follow-up as a person works it: visits, comparison, targets, lines, fields, views, report, cavity."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import slicer
from host.dialogs import DIALOGS
from PySide6 import QtCore, QtTest, QtWidgets
from scene_visits import Patient, lines_of, onion
from user.clinician import Clinician
from user.quick import QuickWork

from GliomaSAMLib.slicer.jobs import read_study_lazily


@pytest.fixture
def reader(slicer_with_module: Any, later_visit: tuple[Any, Any]) -> Clinician:
    """Somebody with two visits of a patient in the scene who has opened the section."""
    slicer_with_module.show(later_visit[0])
    clinician = Clinician(slicer_with_module)
    clinician.open_follow_up()
    return clinician


@pytest.fixture
def compared(reader: Clinician) -> Clinician:
    """The same person after the comparison."""
    table = reader.ui.visitsTable
    assert column(table, 0) == ["2024-03-01", "2024-06-03"] and column(table, 2) == ["yes", "yes"]
    assert all(table.item(row, 0).checkState() == QtCore.Qt.Checked for row in range(2))
    assert not reader.ui.exportReportButton.enabled and reader.ui.categoryLabel.text == ""
    assert "Not for clinical use" in reader.ui.followUpDisclaimerLabel.text
    reader.ui.alignedCheckBox.click()
    reader.window.pump(120)
    reader.ui.compareButton.click()
    until_done(reader)
    return reader


def until_done(reader: Clinician) -> None:
    reader.window.pump(120)
    session = reader.panel.followUp.session
    reader.window.wait_for(lambda: not session.is_waiting and not reader.panel.engine.busy, 60)
    reader.window.pump(120)


def column(table: Any, number: int) -> list[str]:
    return [table.item(row, number).text() for row in range(table.rowCount)]


def picture_of_section(reader: Clinician, name: str) -> None:
    """Keep a picture of the section as a whole."""
    for section in ("inputs", "prompts", "segments", "results", "model"):
        getattr(reader.ui, f"{section}Button").collapsed = True
    reader.window.window.resize(1100, 900)
    reader.window.pump(150)
    reader.picture(name)


@pytest.mark.slow
def test_a_date_is_typed(reader: Clinician) -> None:
    reader.ui.visitsTable.item(0, 0).setText("2024-07-01")
    reader.window.pump(150)
    assert column(reader.ui.visitsTable, 0) == ["2024-06-03", "2024-07-01"]
    reader.ui.visitsTable.item(0, 0).setText("yesterday")
    reader.window.pump(150)
    assert "date" in reader.panel.messages.text
    assert column(reader.ui.visitsTable, 0) == ["2024-06-03", "2024-07-01"]


@pytest.mark.slow
def test_fewer_than_two_visits(reader: Clinician) -> None:
    reader.ui.visitsTable.item(0, 0).setCheckState(QtCore.Qt.Unchecked)
    reader.window.pump(150)
    reader.ui.compareButton.click()
    assert "at least two visits" in reader.panel.messages.text


def test_visits_are_compared_and_a_line_is_dragged(compared: Clinician) -> None:
    ui = compared.ui
    assert ui.categoryLabel.text.startswith("2024-06-03: PD")
    assert "mm²" in ui.reasonsLabel.text
    rows = column(ui.lesionsTable, 0)
    assert rows[:2] == ["CE L1", "CE L2"]
    assert ui.lesionsTable.item(0, 0).checkState() == QtCore.Qt.Checked
    assert float(ui.lesionsTable.item(0, 4).text()) > 40 and column(ui.lesionsTable, 4)[1] == "+0.0"
    assert all(name.isVisibleTo(ui.followUpButton) for name in (ui.steroidsSelector, ui.radiotherapyEdit))
    assert not ui.outsideSelector.isVisibleTo(ui.followUpButton)
    picture_of_section(compared, "compared")
    compared.ui.lesionsTable.selectRow(0)
    compared.window.pump(150)
    session = compared.panel.followUp.session
    line = lines_of(session, "L1", 1)["longest"]
    before = compared.ui.lesionsTable.item(0, 3).text()
    ends = [line.GetNthControlPointPositionWorld(n) for n in range(2)]
    target = tuple(float((3 * a + b) / 4) for a, b in zip(*ends, strict=True))
    compared.picture("lines")
    compared.window.drag("Red", tuple(float(value) for value in ends[0]), target)
    until_done(compared)
    assert compared.ui.lesionsTable.item(0, 2).text().endswith("R")
    assert float(compared.ui.lesionsTable.item(0, 3).text()) < float(before)
    compared.picture("dragged")


@pytest.mark.slow
def test_a_lesion_is_no_target_any_more(compared: Clinician) -> None:
    compared.ui.lesionsTable.item(0, 0).setCheckState(QtCore.Qt.Unchecked)
    until_done(compared)
    assert compared.panel.followUp.session.assessment.components["CE"].targets == ("L2",)
    assert "L1 progresses" in compared.ui.reasonsLabel.text  # as one that is no target
    compared.ui.resetChoicesButton.click()
    until_done(compared)
    assert "L1 progresses" not in compared.ui.reasonsLabel.text and not compared.ui.resetChoicesButton.enabled


@pytest.mark.slow
def test_fields_are_asked_for_and_count(compared: Clinician) -> None:
    ui = compared.ui
    ui.visitsTable.selectRow(0)
    compared.window.pump(150)
    assert ui.categoryLabel.text.endswith("Baseline") and not ui.fieldsWidget.isVisibleTo(ui.followUpButton)
    ui.roleSelector.currentIndex = 3
    ui.roleSelector.activated.emit(3)
    ui.visitsTable.selectRow(1)
    until_done(compared)
    ui.radiotherapyEdit.text = "2024-05-01"
    ui.radiotherapyEdit.editingFinished.emit()
    until_done(compared)
    assert "PD, preliminary" in ui.categoryLabel.text
    assert ui.outsideSelector.isVisibleTo(ui.followUpButton)
    ui.radiotherapyEdit.text = "soon"
    ui.radiotherapyEdit.editingFinished.emit()
    compared.window.pump(150)
    assert "end of radiotherapy" in compared.panel.messages.text
    assert ui.radiotherapyEdit.text == "2024-05-01"


def test_steroids_follow_from_the_doses(compared: Clinician) -> None:
    ui, session = compared.ui, compared.panel.followUp.session
    assert ui.doseSpinBox.text == ui.doseBeforeSpinBox.text == "not known"
    assert ui.doseSpinBox.isVisibleTo(ui.followUpButton) and ui.doseBeforeSpinBox.isVisibleTo(ui.followUpButton)
    ui.doseBeforeSpinBox.value = 4.0
    ui.doseSpinBox.value = 6.0
    until_done(compared)
    assert [entry.fields.steroid_mg_per_day for entry in session.compared] == [4.0, 6.0]
    assert "steroids" not in session.assessment.overall[1].not_known
    assert ui.doseSpinBox.text == "6.00 mg" and ui.steroidsSelector.currentIndex == 0
    picture_of_section(compared, "doses")
    ui.visitsTable.selectRow(0)
    compared.window.pump(150)
    assert not ui.doseSpinBox.isVisibleTo(ui.followUpButton)
    ui.visitsTable.selectRow(1)
    ui.doseSpinBox.value = -1.0
    until_done(compared)
    assert session.compared[1].fields.steroid_mg_per_day is None
    assert "steroids" in session.assessment.overall[1].not_known


def test_what_is_being_typed_is_left_alone_by_results(compared: Clinician) -> None:
    ui = compared.ui
    compared.window.window.activateWindow()
    ui.radiotherapyEdit.setFocus()
    QtTest.QTest.keyClicks(ui.radiotherapyEdit, "2024-0")
    ui.steroidsSelector.activated.emit(2)
    until_done(compared)
    assert ui.radiotherapyEdit.text == "2024-0"
    QtTest.QTest.keyClicks(ui.radiotherapyEdit, "5-01")
    QtTest.QTest.keyClick(ui.radiotherapyEdit, QtCore.Qt.Key_Return)
    until_done(compared)
    assert compared.panel.followUp.session.compared[1].fields.radiotherapy_end.isoformat() == "2024-05-01"
    QtTest.QTest.keyClicks(ui.radiotherapyEdit, "x")
    QtTest.QTest.keyClick(ui.radiotherapyEdit, QtCore.Qt.Key_Return)
    compared.window.pump(150)
    assert "end of radiotherapy" in compared.panel.messages.text and ui.radiotherapyEdit.text == "2024-05-01"
    table = ui.visitsTable
    table.setCurrentCell(0, 0)
    table.editItem(table.item(0, 0))
    editor = table.findChild(QtWidgets.QLineEdit)
    editor.selectAll()
    QtTest.QTest.keyClicks(editor, "2024-0")
    ui.steroidsSelector.activated.emit(3)
    until_done(compared)
    QtTest.QTest.keyClicks(editor, "2-02")
    QtTest.QTest.keyClick(editor, QtCore.Qt.Key_Return)
    compared.window.pump(150)
    assert column(table, 0) == ["2024-02-02", "2024-06-03"]


def test_what_surgery_left_is_told_and_asked_about(compared: Clinician) -> None:
    ui = compared.ui
    boxes = (ui.surgerySelector, ui.hoursSpinBox)
    assert not any(box.isVisibleTo(ui.followUpButton) for box in boxes)
    for row, role in ((0, 1), (1, 2)):  # before and after surgery
        ui.visitsTable.selectRow(row)
        compared.window.pump(150)
        ui.roleSelector.activated.emit(role)
    until_done(compared)
    assert "Extent of resection: class 4: nothing was removed" in ui.reasonsLabel.text
    assert all(box.isVisibleTo(ui.followUpButton) for box in boxes)
    assert ui.hoursSpinBox.text == "not known"
    ui.surgerySelector.activated.emit(1)
    until_done(compared)
    assert "class 3A" in ui.reasonsLabel.text and ui.surgerySelector.currentIndex == 1
    ui.hoursSpinBox.selectAll()
    QtTest.QTest.keyClicks(ui.hoursSpinBox, "9")
    compared.panel.followUp.show()
    QtTest.QTest.keyClicks(ui.hoursSpinBox, "6")
    QtTest.QTest.keyClick(ui.hoursSpinBox, QtCore.Qt.Key_Return)
    until_done(compared)
    assert "96 hours after surgery" in ui.reasonsLabel.text
    picture_of_section(compared, "surgery")
    ui.hoursSpinBox.value = -1
    until_done(compared)
    assert "hours from surgery to the scan are not known" in ui.reasonsLabel.text
    assert compared.panel.followUp.session.compared[1].fields.hours_since_surgery is None


@pytest.mark.slow
def test_the_scene_goes_and_comes(compared: Clinician, tmp_path: Path) -> None:
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    compared.window.pump(200)
    assert compared.ui.visitsTable.rowCount == 0 and compared.ui.categoryLabel.text == ""
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    compared.wait()  # the section is open, so what was compared before is compared again
    until_done(compared)
    assert compared.ui.categoryLabel.text.startswith("2024-06-03: PD")


@pytest.mark.slow
def test_leaving_gives_the_views_back(compared: Clinician) -> None:
    compared.ui.sideBySideButton.click()
    compared.window.pump(150)
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    from GliomaSAMLib.slicer.follow_up.views import LAYOUT

    assert layout.GetViewArrangement() == LAYOUT and compared.ui.sideBySideButton.checked
    compared.ui.readingButton.click()  # the volumes of one visit instead
    assert layout.GetViewArrangement() != LAYOUT and not compared.ui.sideBySideButton.checked
    compared.ui.sideBySideButton.click()
    assert layout.GetViewArrangement() == LAYOUT and not compared.ui.readingButton.checked
    compared.window.select("")
    assert layout.GetViewArrangement() != LAYOUT


def test_a_visit_under_a_warp_leaves_the_panel_at_work(
    compared: Clinician, put_under_warp: Callable[[Any], Any]
) -> None:
    session = compared.panel.followUp.session
    put_under_warp(session.compared[0].visit.segmentation)
    compared.window.pump(150)
    assert "compare the visits again" in compared.ui.followUpNotesLabel.text
    assert compared.panel.messages.text == ""
    done: list[str] = []
    compared.panel.engine.background("work", lambda progress, cancel: "done", done.append)
    compared.window.wait_for(lambda: done, 10)


def test_a_comparison_that_is_stopped_leaves_the_section_as_it_was(
    compared: Clinician, patient: Patient, quick: QuickWork
) -> None:
    ui, session = compared.ui, compared.panel.followUp.session
    before = ui.categoryLabel.text
    patient.visit("20240901", onion(6))
    compared.wait()
    quick.seconds = 3.0
    ui.compareButton.click()
    compared.window.wait_for(lambda: compared.panel.engine.busy and not session._readings, 30)
    ui.cancelButton.click()
    compared.window.pump(200)
    quick.seconds = 0.0
    assert ui.categoryLabel.text == before
    for row in range(3):
        ui.visitsTable.selectRow(row)
        compared.window.pump(60)
    assert compared.panel.messages.text == "Stopped: comparing the visits"
    panel = compared.panel
    compared.window.select("")
    assert panel.messages.text == "Stopped: comparing the visits"


def test_another_patient_has_no_verdict_of_the_first(
    compared: Clinician, mrml_scene: Any, add_volume: Callable[..., Any]
) -> None:
    ui, parameters = compared.ui, compared.panel.parameters
    first = compared.panel.followUp.session.compared[1].visit
    ui.visitsTable.item(0, 0).setText("2024-02-02")
    until_done(compared)
    other = Patient(mrml_scene, add_volume, name="patient two")
    other.visit("20230301", onion(5))
    volume, node = other.visit("20230603", onion(5))
    ui.t1cSelector.setCurrentNode(volume)
    parameters.segmentation = node
    until_done(compared)
    ui.findVisitsButton.click()
    until_done(compared)
    assert column(ui.visitsTable, 0) == ["2023-03-01", "2023-06-03"]
    assert ui.categoryLabel.text == "" and ui.lesionsTable.rowCount == 0 and ui.followUpNotesLabel.text == ""
    assert not ui.exportReportButton.enabled and not ui.sideBySideButton.enabled
    ui.t1cSelector.setCurrentNode(first.volumes["t1c"])
    parameters.segmentation = first.segmentation
    until_done(compared)
    ui.findVisitsButton.click()
    until_done(compared)
    assert column(ui.visitsTable, 0) == ["2024-02-02", "2024-06-03"]
    assert ui.categoryLabel.text.startswith("2024-06-03: PD")


def test_what_fails_on_leaving_keeps_nothing_else_from_being_left(user: Clinician) -> None:
    user.click((12.0, 6.0, 4.0))
    panel, ui, prompts = user.panel, user.ui, user.task.prompt_nodes.nodes

    def fail() -> None:
        raise ZeroDivisionError("oh")

    panel.followUp.leave = fail
    ui.editor.setActiveEffectByName("Paint")
    user.window.select("")
    assert "ZeroDivisionError: oh" in panel.messages.text
    assert ui.editor.activeEffect() is None
    assert not any(node.GetDisplayNode().GetVisibility() for node in prompts)


def test_a_scene_saved_side_by_side_is_seen_again(compared: Clinician, tmp_path: Path) -> None:
    from GliomaSAMLib.slicer.follow_up.views import LAYOUT

    compared.window.add_layout(["GliomaSAMEarlier", "GliomaSAMLater"], plot="GliomaSAMCurve")
    compared.ui.sideBySideButton.click()
    compared.window.pump(150)
    display = compared.panel.followUp.session.compared[0].visit.segmentation.GetDisplayNode()
    assert not display.IsDisplayableInView("vtkMRMLSliceNodeGliomaSAMLater")
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    until_done(compared)
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    assert layout is None or layout.GetViewArrangement() != LAYOUT
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        assert node.GetDisplayNode().GetViewNodeIDs() == ()


def test_the_cavity_is_painted_and_told(user: Clinician) -> None:
    user.click((12.0, 6.0, 4.0))
    assert not user.ui.cavityLabel.isVisibleTo(user.ui.resultsButton)
    whole = user.masks()["WT"].sum()
    user.ui.cavityButton.click()
    assert user.ui.editor.currentSegmentID() == "GliomaSAM_cavity" and not user.ui.editorButton.collapsed
    user.ui.editor.paint((-12.0, -8.0, 4.0), 6.0)
    user.wait()
    assert "Resection cavity: 1." in user.ui.cavityLabel.text
    assert user.masks()["WT"].sum() == whole
    user.ui.editor.paint((12.0, 6.0, 4.0), 4.0)
    user.wait()
    assert not user.at(user.masks()["WT"], (12.0, 6.0, 4.0)) and user.masks()["WT"].sum() < whole


@pytest.fixture
def real_volumes(quick: QuickWork) -> None:
    """Volumes are read as they are, for pictures of them."""
    quick.read_study = read_study_lazily  # type: ignore[method-assign]


@pytest.mark.slow
def test_the_report_is_written(real_volumes: None, compared: Clinician, tmp_path: Path) -> None:
    compared.ui.exportReportButton.click()  # cancelled
    assert DIALOGS.take() == [("file", "A new or empty folder for the report")]
    assert compared.panel.messages.text == ""
    DIALOGS.path = str(tmp_path / "report")
    compared.ui.exportReportButton.click()
    until_done(compared)
    assert compared.panel.messages.text == "The report is in report"
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.json", "report.html", "measurements.csv", "V1.seg.nrrd", "V2.seg.nrrd"} <= names
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["components"]["CE"]["responses"][1]["2D"]["category"] == "PD"
    DIALOGS.agree = False
    compared.ui.exportReportButton.click()
    assert "Replace its files?" in DIALOGS.take()[-1][1] and not compared.panel.engine.busy
    DIALOGS.path = str(tmp_path)
    compared.ui.exportReportButton.click()
    assert "is not empty" in compared.panel.messages.text
