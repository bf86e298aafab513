"""The comparison of visits in the scene: numbers, the reader's targets and lines, what is saved, what is left alone."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_visits import PLACE, SECOND, Patient, ball, lines_of, onion

from GliomaSAMLib.errors import OutputError, StudyError

Work = Callable[[], None]


def state_of(node: Any) -> object:
    """All that a volume or a segmentation holds, as text and arrays."""
    import slicer
    from vtk.util.numpy_support import vtk_to_numpy

    if node.IsA("vtkMRMLVolumeNode"):
        return slicer.util.arrayFromVolume(node).tobytes(), node.GetParentTransformNode(), node.GetName()
    segmentation = node.GetSegmentation()
    images = [node.GetBinaryLabelmapInternalRepresentation(name) for name in segmentation.GetSegmentIDs()]
    return list(segmentation.GetSegmentIDs()), [vtk_to_numpy(i.GetPointData().GetScalars()).tobytes() for i in images]


def test_two_visits_are_compared(two_visits: Any, follow_up: Any, work: Work) -> None:
    nodes = [node for pair in two_visits for node in pair]
    before = [state_of(node) for node in nodes]
    follow_up.find()
    assert [entry.is_included for entry in follow_up.entries] == [True, True]
    follow_up.compare()
    work()
    found = follow_up.assessment
    assert [visit.date for visit in found.visits] == [date(2024, 3, 1), date(2024, 6, 3)]
    assert [found.growth["ET"].points[n][0] for n in range(2)] == [0, 94]
    ce = found.components["CE"]
    assert ce.targets == ("L1", "L2") and ce.at["L1"][1].volume_ml > 1.8 * ce.at["L1"][0].volume_ml
    assert found.responses[1]["2D"].category == "PD"
    assert found.visits[1].alignment.method == "identity"
    assert [state_of(node) for node in nodes] == before


def test_too_few_visits_and_no_date(patient: Patient, follow_up: Any) -> None:
    patient.visit("20240301", onion(7))
    follow_up.find()
    with pytest.raises(StudyError, match="1 visit to compare: outline and tick at least two"):
        follow_up.compare()
    patient.visit(None, onion(7))
    follow_up.find()
    with pytest.raises(StudyError, match=r"date of .* is not known: type it"):
        follow_up.compare()
    assert follow_up.assessment is None and not follow_up.is_waiting


def test_a_typed_date_counts_and_outlives_a_new_search(patient: Patient, follow_up: Any) -> None:
    patient.visit("20240301", onion(7))
    patient.visit(None, onion(9))
    follow_up.find()
    follow_up.set_date(follow_up.entries[1], date(2023, 1, 1))
    follow_up.find()
    assert [entry.date for entry in follow_up.entries] == [date(2023, 1, 1), date(2024, 3, 1)]


def test_there_are_lines_of_the_targets(compared: Any) -> None:
    keys = {one.key for one in compared.callipers.nodes}
    assert keys == {("CE", track, visit) for track in ("L1", "L2") for visit in (0, 1)}
    lines = lines_of(compared, "L1", 1)
    found = compared.assessment.components["CE"].at["L1"][1].diameters
    assert lines["longest"].GetLineLengthWorld() == pytest.approx(found.largest_mm)
    assert lines["perpendicular"].GetLineLengthWorld() == pytest.approx(found.perpendicular_mm)
    assert not compared.has_choices


def test_a_dragged_line_changes_the_numbers(compared: Any, work: Work) -> None:
    before = compared.assessment.components["CE"]
    line = lines_of(compared, "L1", 1)["longest"]
    ends = np.array([line.GetNthControlPointPositionWorld(n) for n in range(2)])
    middle = ends.mean(axis=0)
    line.SetNthControlPointPositionWorld(0, list(middle + (ends[0] - middle) * 0.5))
    work()
    after = compared.assessment.components["CE"]
    at = after.at["L1"][1]
    assert at.set_by == "reader" and before.at["L1"][1].set_by == "program"
    assert at.diameters.largest_mm == pytest.approx(0.75 * before.at["L1"][1].diameters.largest_mm)
    change = at.product_mm2 - before.at["L1"][1].product_mm2
    assert after.sums[1].products_mm2 - before.sums[1].products_mm2 == pytest.approx(change)
    assert after.at["L1"][0] == before.at["L1"][0]
    compared.reset_choices()
    work()
    assert compared.assessment.components["CE"].at["L1"][1].set_by == "program"
    assert compared.assessment.components["CE"].sums[1] == before.sums[1]


def test_lines_off_a_right_angle_are_told_of(compared: Any, work: Work) -> None:
    line = lines_of(compared, "L1", 1)["perpendicular"]
    along = lines_of(compared, "L1", 1)["longest"]
    ends = [np.array(along.GetNthControlPointPositionWorld(n)) for n in range(2)]
    line.SetNthControlPointPositionWorld(0, list(ends[0]))
    line.SetNthControlPointPositionWorld(1, list(ends[0] + (ends[1] - ends[0]) * 0.5))
    work()
    assert any("off a right angle" in note for note in compared.callipers.notes())


def test_a_target_can_be_taken_away_and_chosen(compared: Any, work: Work) -> None:
    before = compared.assessment.components["CE"]
    compared.set_target("CE", "L1", False)
    work()
    after = compared.assessment.components["CE"]
    assert after.targets == ("L2",)
    assert after.sums[1].products_mm2 == pytest.approx(before.at["L2"][1].product_mm2)
    compared.set_target("CE", "L1", True)
    work()
    assert compared.assessment.components["CE"].sums[1].products_mm2 == pytest.approx(before.sums[1].products_mm2)


def test_what_the_reader_says_counts(compared: Any, work: Work) -> None:
    assert compared.assessment.overall[1].imaging_only
    entry = compared.compared[1]
    compared.set_fields(entry, steroids="none", clinical="stable")
    work()
    assert not compared.assessment.overall[1].imaging_only
    compared.set_radiotherapy_end(date(2024, 5, 1))
    work()
    assert compared.assessment.baseline == 1  # the first visit after radiotherapy, unless a person says otherwise
    compared.set_fields(compared.compared[0], role="baseline")
    work()
    assert compared.assessment.baseline == 0
    overall = compared.assessment.overall[1]
    assert (overall.status, overall.qualifier, overall.rule) == ("PD", "preliminary", "radiotherapy-window")
    compared.set_fields(entry, outside_radiation_field=True)
    work()
    assert compared.assessment.overall[1].qualifier != "preliminary"


def test_changed_outlines_are_noticed_and_give_up_the_choices(
    compared: Any, two_visits: Any, work: Work, panel: Any, tmp_path: Path
) -> None:
    from scene_visits import GRID

    from GliomaSAMLib.slicer.segments.node import Block, remove_voxels

    compared.set_target("CE", "L1", False)
    work()
    assert not compared.is_stale
    node = two_visits[1][1]
    block = Block(GRID.ijk_to_ras, (0, 0, 0), GRID.shape)
    remove_voxels(node, "GliomaSAM_ET", block, ball(6.5, SECOND) > 0)
    assert compared.is_stale
    with pytest.raises(StudyError, match="changed since the visits were compared"):
        compared.export(tmp_path / "report", lambda path: None)
    compared.compare()
    with pytest.raises(StudyError, match=r"changed since|computed anew"):
        compared.export(tmp_path / "report", lambda path: None)
    work()
    assert not compared.is_stale
    assert not (tmp_path / "report").exists()
    assert "were given up" in panel.told("warning")
    ce = compared.assessment.components["CE"]
    assert ce.targets == ("L1", "L2") and ce.at["L2"][1] is None
    assert ce.vanished[1] == ("L2",)


def test_a_changed_day_is_noticed(compared: Any, work: Work) -> None:
    assert not compared.is_stale
    compared.set_date(compared.entries[1], date(2024, 7, 1))
    assert compared.is_stale
    compared.compare()
    work()
    assert not compared.is_stale and compared.assessment.visits[1].date == date(2024, 7, 1)


def test_nodes_that_go_are_noticed(compared: Any, two_visits: Any, work: Work, mrml_scene: Any) -> None:
    mrml_scene.RemoveNode(two_visits[1][1])
    compared.find()
    work()
    assert compared.is_stale and not compared.entries[1].visit.is_outlined
    with pytest.raises(StudyError, match="1 visit to compare"):
        compared.compare()
    mrml_scene.RemoveNode(two_visits[1][0])
    compared.find()
    work()
    assert len(compared.entries) == 1
    compared.go_to("CE", "L1", 1)
    compared.show_side_by_side(0, 1)  # what was compared can still be looked at
    work()


def test_all_is_saved_with_the_scene(compared: Any, engine: Any, work: Work, mrml_scene: Any, tmp_path: Path) -> None:
    import slicer

    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    compared.set_target("CE", "L2", False)
    compared.set_fields(compared.compared[1], steroids="increased")
    compared.set_options(tumour="CE", targets=3)
    line = lines_of(compared, "L1", 1)["longest"]
    line.SetNthControlPointPositionWorld(0, [0.0, 0.0, 0.0])
    work()
    expected = compared.assessment
    compared.close()
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    mrml_scene.Clear(0)
    engine.collect()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    later = FollowUp(mrml_scene, engine, lambda: None)
    later.find()
    assert later.was_compared and later.aligned and later.options.targets == 3
    assert [entry.fields.steroids for entry in later.entries] == [None, "increased"]
    later.compare()
    while later.is_waiting or engine.busy:
        later.tick()
        engine.collect()
    ce, before = later.assessment.components["CE"], expected.components["CE"]
    assert ce.targets == before.targets == ("L1",)
    assert ce.at["L1"][1].set_by == "reader"
    assert ce.at["L1"][1].product_mm2 == pytest.approx(before.at["L1"][1].product_mm2)
    later.close()


def test_what_was_said_in_a_scene_of_before_holds_on(compared: Any, mrml_scene: Any, work: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.persistence import PARAMETER, restore, state_nodes

    compared.set_fields(compared.compared[1], steroids="increased")
    work()
    (node,) = state_nodes(mrml_scene)
    values = json.loads(node.GetParameter(PARAMETER))
    visits = [{name: value for name, value in visit.items() if name != "digest"} for visit in values["visits"]]
    before = {**values, "visits": visits, "targets": {"CE": ["L1"]}, "digests": ["one", "two"]}
    node.SetParameter(PARAMETER, json.dumps(before))
    found = restore(mrml_scene)
    assert [visit.fields.steroids for visit in found.visits] == [None, "increased"] and not found.targets


def test_a_damaged_state_is_told(compared: Any, mrml_scene: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.persistence import PARAMETER, restore, state_nodes

    (node,) = state_nodes(mrml_scene)
    values = json.loads(node.GetParameter(PARAMETER))
    for damage in ("{", '{"format": "other"}', "[]"):
        node.SetParameter(PARAMETER, damage)
        assert "is damaged: compare the visits anew" in restore(mrml_scene).unread[0]
    values["visits"][0]["fields"] = {"steroids": "a lot"}
    node.SetParameter(PARAMETER, json.dumps(values))
    assert "is damaged: compare the visits anew" in restore(mrml_scene).unread[0]
    values["visits"][0]["fields"] = {}
    for name, value in (("minor_response_volume_percent", 10**400), ("targets", 2.5), ("merge_mm", "4")):
        node.SetParameter(PARAMETER, json.dumps({**values, "options": {**values["options"], name: value}}))
        assert "is damaged: compare the visits anew" in restore(mrml_scene).unread[0]
    values["version"] = 99
    node.SetParameter(PARAMETER, json.dumps(values))
    assert "newer GliomaSAM" in restore(mrml_scene).unread[0]


@pytest.mark.parametrize(
    "text", ["{", "[" * 5000, '{"format": "gliomasam-follow-up-scene", "version": 99}'], ids=range(3)
)
def test_a_state_that_cannot_be_read_is_kept_and_saving_goes_on(
    text: str, two_visits: Any, engine: Any, mrml_scene: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.persistence import (
        PARAMETER,
        SET_ASIDE,
        SavedFollowUp,
        restore,
        save,
        state_nodes,
    )
    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    save(mrml_scene, SavedFollowUp())
    (node,) = state_nodes(mrml_scene)
    for number, damaged in enumerate((text, f"{text} "), start=1):
        node.SetParameter(PARAMETER, damaged)
        engine.listener.messages.clear()
        later = FollowUp(mrml_scene, engine, lambda: None)
        assert "damaged" in engine.listener.told("warning") or "newer" in engine.listener.told("warning")
        assert node.GetParameter(PARAMETER) == damaged
        later.find()
        later.include(later.entries[0], False)
        later.tick()
        assert node.GetParameter(SET_ASIDE if number == 1 else f"{SET_ASIDE}.{number}") == damaged
        assert restore(mrml_scene).visits[0].included is False
        later.close()


def test_files_of_different_patients_are_told(two_visits: Any, follow_up: Any, work: Work, tmp_path: Path) -> None:
    for number, (volume, _) in enumerate(two_visits):
        volume.AddDefaultStorageNode()
        volume.GetStorageNode().SetFileName(str(tmp_path / f"sub-0{number}" / "t1c.nii.gz"))
    follow_up.find()
    follow_up.compare()
    work()
    first, second = follow_up.assessment.visits
    assert not any("different patients" in note for note in first.notes)
    assert any("called after different patients: check" in note for note in second.notes)


def test_a_report_replaces_no_file_of_a_node_through_a_link(compared: Any, two_visits: Any, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "V1.nrrd").write_text("read")
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "t1c.nrrd").symlink_to(tmp_path / "report" / "V1.nrrd")
    volume = two_visits[0][0]
    volume.AddDefaultStorageNode()
    volume.GetStorageNode().SetFileName(str(tmp_path / "case" / "t1c.nrrd"))
    for folder in ("case", "report"):
        with pytest.raises(OutputError, match="lies in the folder of the visit"):
            compared.export(tmp_path / folder, lambda path: None, overwrite=True)


def test_the_work_can_be_stopped(two_visits: Any, follow_up: Any, engine: Any, work: Work) -> None:
    follow_up.find()
    follow_up.compare()
    follow_up.tick()
    engine.cancel()
    follow_up.cancelled()
    assert not follow_up.is_waiting
    work()
    assert follow_up.assessment is None
    follow_up.compare()
    work()
    assert follow_up.assessment is not None


def test_the_curve_is_a_plot(compared: Any, mrml_scene: Any) -> None:
    import slicer

    (chart,) = slicer.util.getNodesByClass("vtkMRMLPlotChartNode")
    names = [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]
    assert names == ["Whole tumour", "Tumour core", "Enhancing tumour"]
    assert "not for clinical use" in chart.GetTitle()
    table = chart.GetNthPlotSeriesNode(2).GetTableNode().GetTable()
    volumes = [table.GetColumnByName("ET (mL)").GetValue(n) for n in range(2)]
    assert volumes == pytest.approx([volume for _, volume in compared.assessment.growth["ET"].points])
    compared.curve.show(compared.assessment)
    assert len(slicer.util.getNodesByClass("vtkMRMLPlotChartNode")) == 1


def test_rows_and_words_of_a_visit(compared: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.tables import lesion_rows, verdict

    rows = {(row.component, row.track): row for row in lesion_rows(compared.assessment, 1)}
    first = rows["CE", "L1"]
    at = compared.assessment.components["CE"].at["L1"]
    assert first.is_target and first.product_mm2 == pytest.approx(at[1].product_mm2)
    assert first.from_baseline_percent == pytest.approx(100 * (at[1].product_mm2 / at[0].product_mm2 - 1))
    assert rows["CE", "L2"].from_nadir_percent == pytest.approx(0.0)
    found = verdict(compared.assessment, 1)
    assert found.title.startswith("PD") and "2D" in found.title
    assert {"radiotherapy_end", "steroids", "clinical"} <= set(found.asked)
    assert verdict(compared.assessment, 0).title == "Baseline"
    assert verdict(compared.assessment, 0).asked == ()


def test_after_surgery_the_verdict_tells_what_is_left_and_asks_what_was_done(compared: Any, work: Work) -> None:
    from GliomaSAMLib.slicer.follow_up.tables import verdict

    compared.set_fields(compared.entries[0], role="preoperative")
    compared.set_fields(compared.entries[1], role="postoperative")
    work()
    found = verdict(compared.assessment, 1)
    assert found.title == "Baseline" and found.asked == ("surgery", "hours_since_surgery")
    assert any(line.startswith("Extent of resection: class 4: nothing was removed") for line in found.lines)
    assert "The hours from surgery to the scan are not known." in found.lines
    assert verdict(compared.assessment, 0).asked == ()
    compared.set_fields(compared.entries[1], surgery="resection", hours_since_surgery=96.0)
    work()
    found = verdict(compared.assessment, 1)
    assert any(line.startswith("Extent of resection: class 3A") for line in found.lines)
    assert any("96 hours after surgery, later than 72" in line for line in found.lines)
    assert found.asked == ("surgery", "hours_since_surgery")  # so that an answer can be taken back


def test_a_place_of_a_lesion_is_told_for_each_visit(compared: Any) -> None:
    places = compared.go_to("CE", "L1", 1)
    assert all(np.linalg.norm(place - PLACE) < 4 for place in places.values()) and set(places) == {0, 1}


def test_outlines_that_lie_elsewhere_are_refused(
    two_visits: Any, follow_up: Any, work: Work, panel: Any, put_under: Callable[..., Any]
) -> None:
    far = np.eye(4)
    far[0, 3] = 300.0
    put_under(two_visits[1][1], far)
    follow_up.find()
    follow_up.compare()
    work()
    assert "2024-06-03" in panel.told("error") and "do not overlap in space" in panel.told("error")
    assert follow_up.assessment is None


def test_a_visit_is_outlined_from_the_last(
    patient: Patient,
    follow_up: Any,
    work: Work,
    engine: Any,
    panel: Any,
    mrml_scene: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from GliomaSAMLib.followup.lesions import VisitMasks
    from GliomaSAMLib.followup.outlining import Outlined
    from GliomaSAMLib.slicer.follow_up import outlining

    asked: list[Any] = []

    def outline(prepared: Any, before: Any, number: int, *_: Any) -> Outlined:
        """In the place of the model."""
        asked.append((before.masks, number))
        masks = onion(8, grid=prepared.study.reference)
        found = VisitMasks(prepared.study.reference, masks["WT"], masks["TC"], masks["ET"])
        return Outlined(found, f"model with the mask of V{number}", ("a note",))

    monkeypatch.setattr(outlining, "outline", outline)
    patient.visit("20240101", onion(5))
    patient.visit("20240301", onion(7))
    volume, _ = patient.visit("20240603", None)
    follow_up.find()
    with pytest.raises(StudyError, match="is outlined already"):
        follow_up.outline(follow_up.entries[1])
    follow_up.outline(follow_up.entries[2])
    for _ in range(2):
        with pytest.raises(StudyError, match="is being outlined: wait"):
            follow_up.outline(follow_up.entries[2])
        follow_up.tick()
    work()
    ((masks, number),) = asked
    assert np.array_equal(masks.et, onion(7)["ET"]) and number == 2
    assert "Outlined: Glioma 2024-06-03." in panel.told("info") and "a note" in panel.told("info")
    assert len(follow_up.entries) == mrml_scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 3
    made = follow_up.entries[2].visit
    assert made.is_outlined and made.volumes == {"t1c": volume} and made.segmentation is follow_up.outlined
    assert np.array_equal(engine.task(made.segmentation).masks("ET"), onion(8)["ET"])
    follow_up.compare()
    work()
    assert [visit.source for visit in follow_up.assessment.visits] == ["given", "given", "model with the mask of V2"]


def test_outlines_that_are_those_of_another_visit_are_told(patient: Patient, follow_up: Any, work: Work) -> None:
    for day in ("20240301", "20240603"):
        patient.visit(day, onion(7))
    follow_up.find()
    follow_up.compare()
    work()
    notes = follow_up.assessment.visits[-1].notes
    assert any("segmentation: equal voxel by voxel at V1 and V2" in note for note in notes), notes
