"""The panel as a person works it, with quick answers: prompts, segments, results, scenes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from user.clinician import Clinician
from user.quick import QuickWork

from GliomaSAMLib.errors import ModelError

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)

Patient = Callable[..., dict[str, Any]]


def test_opening_without_volumes_says_what_to_do(slicer_with_module: Any) -> None:
    clinician = Clinician(slicer_with_module)
    before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    clinician.enter()
    clinician.window.pump(150)
    assert "Load a patient's MR volumes" in clinician.ui.notesLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == before
    for name in ("positive", "negative", "propose", "undo", "guess"):
        getattr(clinician.ui, f"{name}Button").click()
    assert "volume" in clinician.panel.messages.text
    assert not clinician.ui.positiveButton.checked


def test_selectors_are_filled_and_encoding_begins_at_once(user: Clinician) -> None:
    assert {m: node.GetName() for m, node in user.panel.inputs.nodes().items()} == {
        m: f"Patient {m}" for m in ("t1", "t1c", "t2", "flair")
    }
    assert user.task.phase == "ready"
    assert "(?)" not in user.ui.flairLabel.text


def test_an_unsure_guess_is_marked_until_the_user_chooses(slicer_with_module: Any, add_patient: Patient) -> None:
    add_patient("t1c")
    other = add_patient("t1c")["t1c"]
    clinician = Clinician(slicer_with_module)
    clinician.enter()
    clinician.wait()
    assert clinician.ui.t1cLabel.text.endswith("(?)")
    assert "check" in clinician.ui.t1cSelector.toolTip
    clinician.ui.t1cSelector.setCurrentNode(None)
    clinician.ui.t1cSelector.setCurrentNode(other)
    clinician.wait()
    assert clinician.panel.parameters.t1c is other


def test_a_click_in_a_view_makes_three_segments(user: Clinician) -> None:
    user.click(INSIDE)
    assert user.task.segment_ids().keys() == {"WT", "TC", "ET"}
    segments = {region: user.segment(region) for region in ("WT", "TC", "ET")}
    assert all(user.at(mask, INSIDE) for mask in segments.values())
    table = user.ui.resultsTable
    volume = float(segments["WT"].sum()) * user.task.geometry.voxel_ml
    assert table.item(0, 1).text() == f"{volume:.2f}"
    assert float(table.item(0, 2).text()) > float(table.item(1, 2).text()) > 0
    assert "Not for clinical use" in user.ui.disclaimerLabel.text


def test_a_negative_click_changes_only_what_must(user: Clinician) -> None:
    user.click(INSIDE)
    before = user.masks()
    wrong = (22.0, 6.0, 4.0)
    user.click(wrong, positive=False)
    after = user.masks()
    assert user.at(before["WT"], wrong) and not user.at(after["WT"], wrong)
    assert 0 < (before["WT"] != after["WT"]).sum() < 60


@pytest.mark.parametrize("region", ["TC", "ET"])
def test_a_prompt_is_about_the_region_chosen(user: Clinician, region: str) -> None:
    user.click(INSIDE, region=region)
    assert [prompt.region for prompt in user.task.session.prompts] == [region]


def test_a_dragged_and_a_deleted_point_change_the_result(user: Clinician) -> None:
    user.click(INSIDE)
    before = user.masks()["WT"]
    user.ui.positiveButton.click()
    user.window.drag("Red", INSIDE, (2.0, -4.0, 4.0))
    user.wait()
    assert user.at(user.masks()["WT"], (-8.0, -10.0, 4.0)) and not np.array_equal(user.masks()["WT"], before)
    (node,) = [n for n in user.task.prompt_nodes.nodes if n.GetNumberOfControlPoints()]
    node.RemoveNthControlPoint(0)
    user.wait()
    assert user.task.session.prompts == () and not user.masks()["WT"].any()


def test_a_box_in_a_slice(user: Clinician) -> None:
    user.take("box")
    user.window.click("Red", (4.0, -2.0, 4.0))
    user.window.click("Red", (20.0, 14.0, 4.0))
    user.wait()
    (prompt,) = user.task.session.prompts
    assert prompt.kind == "box" and not user.ui.boxButton.checked
    assert user.masks()["WT"].any()


def test_undo_redo_and_reset(user: Clinician) -> None:
    shown = [user.masks()]
    for place, positive in ((INSIDE, True), (ELSEWHERE, True), ((13.0, 7.0, 4.0), False)):
        user.click(place, positive)
        shown.append(user.masks())
    for expected in reversed(shown[:-1]):
        user.ui.undoButton.click()
        user.wait()
        assert all(np.array_equal(mask, expected[region]) for region, mask in user.masks().items())
    assert not user.ui.undoButton.enabled and user.ui.redoButton.enabled
    for expected in shown[1:]:
        user.ui.redoButton.click()
        user.wait()
        assert all(np.array_equal(mask, expected[region]) for region, mask in user.masks().items())
    user.ui.resetButton.click()
    user.wait()
    assert not user.masks()["WT"].any() and user.task.session.can_undo


def test_an_edit_by_brush_is_kept_and_refined_from(user: Clinician) -> None:
    user.click(INSIDE)
    user.ui.editor.setCurrentSegmentID(user.task.segment_ids()["WT"])
    user.ui.editor.paint(ELSEWHERE, 5.0)
    user.click((14.0, 10.0, 4.0))
    assert user.at(user.masks()["WT"], ELSEWHERE) and user.at(user.masks()["WT"], (14.0, 10.0, 4.0))


def test_keys_press_buttons_only_while_entered(user: Clinician) -> None:
    assert "(P)" in user.ui.positiveButton.toolTip
    user.window.key("P")
    assert user.ui.positiveButton.checked
    user.window.key("N")
    assert user.ui.negativeButton.checked and not user.ui.positiveButton.checked
    user.window.key("N")
    assert not user.ui.negativeButton.checked
    panel = user.panel
    user.window.select("")
    user.window.key("P")
    assert not panel.ui.positiveButton.checked


def test_leaving_hides_the_prompts_and_entering_shows_them(user: Clinician) -> None:
    user.click(INSIDE)
    displays = [node.GetDisplayNode() for node in user.task.prompt_nodes.nodes]
    assert displays and all(display.GetVisibility() for display in displays)
    user.window.select("")
    assert not any(display.GetVisibility() for display in displays)
    user.enter()
    user.window.pump(120)
    assert all(display.GetVisibility() for display in displays)


def test_two_segmentations_keep_prompts_and_volumes_apart(user: Clinician, add_patient: Patient) -> None:
    user.click(INSIDE)
    first, mask = user.panel.parameters.segmentation, user.masks()["WT"]
    second = user.ui.segmentationSelector.addNode()
    user.wait()
    assert user.task.session.prompts == () and user.panel.parameters.segmentation is second
    user.ui.t1Selector.setCurrentNode(None)
    user.click(ELSEWHERE)
    user.ui.segmentationSelector.setCurrentNode(first)
    user.wait()
    assert len(user.task.session.prompts) == 1 and np.array_equal(user.masks()["WT"], mask)
    assert user.panel.parameters.t1 is not None and "t1" in user.task.volume_nodes
    user.ui.segmentationSelector.setCurrentNode(second)
    user.wait()
    assert user.panel.parameters.t1 is None


def test_disjoint_segments_share_no_voxel(user: Clinician) -> None:
    user.ui.styleSelector.currentIndex = 1
    user.wait()
    user.click(INSIDE)
    parts = [user.segment(part) for part in ("ED", "NC", "ET")]
    assert all(part.any() for part in parts) and sum(part.astype(int) for part in parts).max() == 1


def test_any_lesion_goes_to_a_segment_of_the_users_own(user: Clinician) -> None:
    segmentation = user.panel.parameters.segmentation.GetSegmentation()
    own = segmentation.AddEmptySegment("metastasis", "Metastasis")
    user.ui.styleSelector.currentIndex = 2
    user.wait()
    selector = user.ui.lesionSelector
    assert not selector.isHidden() and not user.ui.regionSelector.enabled
    selector.currentIndex = [selector.itemText(i) for i in range(selector.count)].index("Metastasis")
    selector.activated.emit(selector.currentIndex)
    user.wait()
    user.click(INSIDE)
    assert user.task.segment_ids() == {"lesion": own} and user.segment("lesion").any()


def test_the_same_volume_twice_is_told_and_changes_nothing(user: Clinician) -> None:
    user.click(INSIDE)
    before = user.masks()["WT"]
    user.ui.t2Selector.setCurrentNode(user.panel.parameters.flair)
    user.wait()
    assert user.panel.messages.text.startswith("✖")
    assert np.array_equal(user.masks()["WT"], before) and user.task.volume_nodes["t2"].GetName() == "Patient t2"


def test_cancel_stops_at_once_and_the_next_click_goes_on(user: Clinician, quick: QuickWork) -> None:
    quick.seconds = 5.0
    user.take("positive")
    user.window.click("Red", INSIDE)
    user.window.wait_for(lambda: user.ui.cancelButton.enabled, 3)
    user.ui.cancelButton.click()
    user.window.wait_for(lambda: not user.panel.engine.busy and not user.ui.cancelButton.enabled, 1.0)
    assert not user.masks()["WT"].any() and len(user.task.session.prompts) == 1
    quick.seconds = 0.0
    user.click(ELSEWHERE)
    assert user.at(user.masks()["WT"], INSIDE) and user.at(user.masks()["WT"], ELSEWHERE)


def test_results_are_copied_saved_and_put_into_the_scene(user: Clinician, tmp_path: Path, monkeypatch: Any) -> None:
    import qt
    from GliomaSAMPanel import dialogs

    user.click(INSIDE)
    user.ui.copyButton.click()
    assert qt.QApplication.clipboard().text().startswith("Segmentation\tRegion\t")
    user.ui.tableNodeButton.click()
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 1
    for button, name in (("csv", "r.csv"), ("exportLabelMap", "r.nii.gz"), ("exportSegmentation", "r.seg.nrrd")):
        monkeypatch.setattr(dialogs, "saveFile", lambda *_, name=name: str(tmp_path / name))
        getattr(user.ui, f"{button}Button").click()
        assert (tmp_path / name).is_file(), user.panel.messages.text
    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(tmp_path / "no" / "where.nii.gz"))
    user.ui.exportLabelMapButton.click()
    assert "does not exist" in user.panel.messages.text


def test_results_asked_for_in_the_moment_of_a_change_are_refused_in_words(
    user: Clinician, tmp_path: Path, monkeypatch: Any
) -> None:
    from GliomaSAMPanel import dialogs

    user.click(INSIDE)
    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(tmp_path / "saved"))
    for button in ("copy", "csv", "tableNode", "exportLabelMap", "exportSegmentation"):
        user.ui.segmentationSelector.addNode()  # the panel has not yet taken it over: its buttons still are as before
        getattr(user.ui, f"{button}Button").click()
        assert "still being read" in user.panel.messages.text, (button, user.panel.messages.text)
        user.wait()
        user.click(INSIDE)
    assert list(tmp_path.iterdir()) == [] and slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0


def test_results_of_no_volumes_are_refused_in_words(user: Clinician) -> None:
    user.click(INSIDE)
    for modality in ("t1", "t1c", "t2", "flair"):
        getattr(user.ui, f"{modality}Selector").setCurrentNode(None)
    user.ui.copyButton.click()
    assert "Choose at least one volume" in user.panel.messages.text, user.panel.messages.text


def test_uncertainty_is_shown_and_gone_to_and_taken_away(user: Clinician) -> None:
    user.click(INSIDE)
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    before = [view.GetForegroundVolumeID() for view in views]
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    assert all(view.GetForegroundVolumeID() not in (None, *before) for view in views)
    user.ui.uncertaintyButton.click()
    user.wait()
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    assert [view.GetForegroundVolumeID() for view in views] == before


def test_a_saved_scene_goes_on_where_it_was(user: Clinician, tmp_path: Path) -> None:
    user.click(INSIDE)
    user.click((20.0, 6.0, 4.0), positive=False)
    masks, prompts = user.masks(), [(p.kind, p.positive, p.region) for p in user.task.session.prompts]
    path = tmp_path / "patient.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    user.wait()
    assert user.task is None
    slicer.util.loadScene(str(path))
    user.wait()
    assert [(p.kind, p.positive, p.region) for p in user.task.session.prompts] == prompts
    assert all(np.array_equal(mask, masks[region]) for region, mask in user.masks().items())
    user.click(ELSEWHERE)
    assert user.at(user.masks()["WT"], ELSEWHERE) and user.at(user.masks()["WT"], INSIDE)
    assert [p.kind for p in user.task.session.prompts] == ["point"] * 3
    user.ui.undoButton.click()
    user.wait()
    assert [(p.kind, p.positive, p.region) for p in user.task.session.prompts] == prompts


def test_weights_that_the_user_trained_are_in_use(user: Clinician, untrained: Path, monkeypatch: Any) -> None:
    from GliomaSAMPanel import dialogs

    monkeypatch.setattr(dialogs, "openFile", lambda *_: str(untrained))
    user.ui.weightsButton.click()
    user.wait()
    assert user.panel.messages.text == f"The weights of {untrained.name} can be used now"
    assert user.panel.parameters.model == user.ui.modelSelector.currentText == str(untrained)
    user.click(INSIDE)
    assert user.panel.engine.choice.model == str(untrained) and user.at(user.masks()["WT"], INSIDE)


def test_a_scene_of_another_model_that_is_not_here_goes_on_from_its_segments(
    user: Clinician, quick: QuickWork, tmp_path: Path, monkeypatch: Any
) -> None:
    user.panel.parameters.model = "gliomasam_first"
    user.click(INSIDE)
    assert user.ui.modelSelector.currentText == "gliomasam_first"
    masks, old = user.masks(), user.task.session.prompts
    path = tmp_path / "patient.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    user.wait()
    user.panel.engine.set_model("gliomasam")
    user.panel.engine.jobs._models.clear()

    def load(name: str, device: str) -> Any:
        if name == "gliomasam_first":
            raise ModelError(f"there is no model {name!r}")
        return quick.load(name, device)

    monkeypatch.setattr(user.panel.engine.jobs, "_load", load)
    slicer.util.loadScene(str(path))
    user.wait()
    assert "gliomasam takes its place" in user.panel.messages.text
    assert user.panel.parameters.model == user.ui.modelSelector.currentText == "gliomasam"
    selector = user.ui.modelSelector
    assert "gliomasam_first" not in [selector.itemText(n) for n in range(len(user.panel.model._entries))]
    assert user.task.session.prompts == old and user.ui.notesLabel.text.startswith(
        "other weights or rules made what the segments hold"
    )
    assert all(np.array_equal(mask, masks[region]) for region, mask in user.masks().items())
    user.click(ELSEWHERE)
    assert [p.kind for p in user.task.session.prompts] == ["mask"] * 3 + ["point"] and user.task.session.earlier == old
    assert user.ui.notesLabel.text.startswith("the dimmed prompts")
    assert all(np.all(mask >= masks[region]) for region, mask in user.masks().items())
    user.ui.undoButton.click()
    user.wait()
    assert user.task.session.prompts == old
    assert all(np.array_equal(mask, masks[region]) for region, mask in user.masks().items())


def test_a_segment_added_to_results_that_were_empty_when_saved_stays_as_it_is(user: Clinician, tmp_path: Path) -> None:
    user.ui.styleSelector.currentIndex = 1
    user.wait()
    ids = user.task.node.GetSegmentation().GetSegmentIDs()
    assert set(ids) == {"GliomaSAM_ED", "GliomaSAM_NC", "GliomaSAM_ET"}
    path = tmp_path / "patient.mrb"

    def save_and_load() -> Any:
        assert slicer.util.saveScene(str(path))
        slicer.mrmlScene.Clear()
        slicer.util.loadScene(str(path))
        user.window.pump(120)
        return user.task.node

    node = save_and_load()
    volume = user.panel.inputs.nodes()["t1c"]
    block = np.zeros_like(slicer.util.arrayFromVolume(volume), np.uint8)
    block[10:20, 10:20, 12:25] = 1
    node.GetSegmentation().AddEmptySegment("mine", "mine")
    slicer.util.updateSegmentBinaryLabelmapFromArray(block, node, "mine", volume)
    node = save_and_load()
    assert node.GetBinaryLabelmapInternalRepresentation("mine").GetSpacing() == volume.GetSpacing()
    held = slicer.util.arrayFromSegmentBinaryLabelmap(node, "mine", user.panel.inputs.nodes()["t1c"])
    assert np.array_equal(held, block)


def test_nothing_is_left_behind(user: Clinician) -> None:
    import threading

    user.click(INSIDE)
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    panel = user.panel
    user.window.select("")
    panel.close()
    user.window.pump(50)
    assert [t.name for t in threading.enumerate() if t.name == "GliomaSAM"] == []
    assert panel.engine is None and panel.parameters is None and not panel._timer.active
    assert not any(user.ui.editor.listens()) if user.window._selected else True
    hidden = [n.GetName() for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if n.GetHideFromEditors()]
    assert hidden == []


def test_sample_data_are_registered_with_checksums(slicer_with_module: Any) -> None:
    (source,) = slicer.modules.sampleDataSources["GliomaSAM"]
    assert len(source["uris"]) == len(source["checksums"]) == len(source["nodeNames"]) == 4
    assert all(checksum.startswith("SHA256:") and len(checksum) == 71 for checksum in source["checksums"])


def test_the_checksums_are_those_of_the_files(shared_data: Path, slicer_with_module: Any) -> None:
    import hashlib

    (source,) = slicer.modules.sampleDataSources["GliomaSAM"]
    for name, checksum in zip(source["fileNames"], source["checksums"], strict=True):
        path = shared_data / "odd" / "BraTS-GLI-00001-000" / name
        assert f"SHA256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == checksum


@pytest.mark.parametrize("in_front", [True, False])
def test_the_worker_gets_on_though_the_main_thread_keeps_pythons_lock(user: Clinician, in_front: bool) -> None:
    """A job that lets the lock go at every step, as one that reads many files does, waits for it at every step. It gets
    on as well while another module is shown.
    """
    steps = [0]
    panel = user.panel
    if not in_front:
        user.window.select("")

    def count(progress: Any, cancel: Any) -> None:
        while not cancel():
            steps[0] += 1
            time.sleep(0)

    def counted(seconds: float) -> float:
        """Steps a second while the main thread waits for events."""
        steps[0] = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            user.window.pump(50)
        return steps[0] / seconds

    panel.engine.background("counting", count)
    user.window.wait_for(lambda: steps[0] > 0, 30)
    steps[0] = 0
    time.sleep(0.5)  # the lock is the worker's alone
    alone = steps[0] / 0.5
    shared = counted(1.0)
    panel.cancel()
    assert shared > 0.3 * alone, (shared, alone)
