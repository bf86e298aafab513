"""What comes between visits and their comparison: warps, other patients, work that is stopped or refused."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_visits import SECOND, Patient, ball, lines_of, onion

from GliomaSAMLib.errors import StudyError

Work = Callable[[], None]


def drag(follow_up: Any, work: Work, track: str = "L1", visit: int = 1) -> Any:
    """Drag an end of a lesion's longest line; returns the line."""
    line = lines_of(follow_up, track, visit)["longest"]
    line.SetNthControlPointPositionWorld(0, [0.0, 0.0, 0.0])
    work()
    assert follow_up.assessment.components["CE"].at[track][visit].set_by == "reader"
    return line


@pytest.fixture
def other_patient(compared: Any, mrml_scene: Any, add_volume: Callable[..., Any]) -> list[tuple[Any, Any]]:
    """Two visits of another patient in the scene of the two that were compared."""
    other = Patient(mrml_scene, add_volume, name="patient two")
    return [other.visit("20230301", onion(5)), other.visit("20230603", onion(5))]


def test_outlines_under_a_warp_are_others_and_hold_nothing_up(
    compared: Any, two_visits: Any, work: Work, put_under_warp: Callable[[Any], Any], panel: Any, tmp_path: Path
) -> None:
    node = two_visits[1][1]
    put_under_warp(node)
    work()
    assert compared.is_stale
    with pytest.raises(StudyError, match="changed since the visits were compared"):
        compared.export(tmp_path / "report", lambda path: None)
    compared.compare()
    with pytest.raises(StudyError, match="not linear: harden it"):
        work()
    work()
    node.SetAndObserveTransformNodeID(None)
    assert not compared.is_stale


def test_what_was_said_of_a_patient_outlives_a_look_at_another(
    compared: Any, two_visits: Any, other_patient: Any, work: Work, mrml_scene: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.persistence import restore

    compared.set_date(compared.entries[0], date(2024, 2, 2))
    compared.set_fields(compared.entries[1], steroids="increased")
    compared.include(compared.entries[0], False)
    compared.find(other_patient[0][1])
    compared.set_fields(compared.entries[0], steroids="none")
    work()
    assert [entry.date for entry in compared.entries] == [date(2023, 3, 1), date(2023, 6, 3)]
    saved = restore(mrml_scene).visits
    assert sorted(str(one.fields.steroids) for one in saved) == ["None", "None", "increased", "none"]
    assert [one.date for one in saved if one.date] == [date(2024, 2, 2)]
    compared.find(two_visits[0][1])
    first, second = compared.entries
    assert (first.typed_date, first.included, second.fields.steroids) == (date(2024, 2, 2), False, "increased")


def test_what_was_saved_of_a_patient_is_kept_though_another_is_looked_at(
    compared: Any, two_visits: Any, other_patient: Any, engine: Any, work: Work, mrml_scene: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    compared.set_fields(compared.entries[1], steroids="increased")
    compared.set_target("CE", "L2", False)
    work()
    compared.close()
    later = FollowUp(mrml_scene, engine, lambda: None)
    later.find(other_patient[0][1])
    assert not later.was_compared
    later.include(later.entries[0], False)
    later.tick()
    later.close()
    last = FollowUp(mrml_scene, engine, lambda: None)
    last.find(two_visits[0][1])
    assert [entry.fields.steroids for entry in last.entries] == [None, "increased"] and last.was_compared
    last.compare()
    while last.is_waiting or engine.busy:
        last.tick()
        engine.collect()
    assert last.assessment.components["CE"].targets == ("L1",)
    last.close()


def test_a_verdict_is_shown_only_with_its_patient(
    compared: Any, two_visits: Any, other_patient: Any, work: Work, panel: Any, tmp_path: Path
) -> None:
    line = drag(compared, work)
    before = compared.assessment.components["CE"].at["L1"][1].product_mm2
    compared.find(other_patient[0][1])
    work()
    assert compared.assessment is None and compared.compared == () and not compared.is_stale
    assert not compared.has_choices and not line.GetDisplayNode().GetVisibility()
    with pytest.raises(StudyError, match="Nothing is compared yet"):
        compared.export(tmp_path / "report", lambda path: None)
    compared.find(two_visits[0][1])
    work()
    assert compared.assessment.components["CE"].at["L1"][1].product_mm2 == before
    assert line.GetDisplayNode().GetVisibility() and compared.has_choices
    compared.find(other_patient[0][1])
    compared.compare()
    work()
    assert [visit.date.year for visit in compared.assessment.visits] == [2023, 2023]
    assert line.GetScene() is not None and not line.GetDisplayNode().GetVisibility()
    assert not compared.has_choices and panel.told("warning") == ""
    compared.find(two_visits[0][1])
    assert compared.assessment is None and compared.was_compared
    compared.compare()
    work()
    assert compared.assessment.components["CE"].at["L1"][1].product_mm2 == before
    assert panel.told("warning") == ""


def test_a_comparison_that_is_stopped_changes_nothing(
    compared: Any, patient: Patient, work: Work, engine: Any, panel: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.tables import verdict

    line = drag(compared, work)
    before = compared.assessment
    patient.visit("20240901", onion(6))
    compared.find()
    compared.compare()
    while not compared._busy:
        compared.tick()
    engine.cancel()
    compared.cancelled()
    assert compared.assessment is before and len(compared.compared) == 2 and not compared.is_stale
    assert lines_of(compared, "L1", 1)["longest"] is line and len(compared.callipers.diameters()) == 1
    assert panel.told("warning") == ""
    assert "2D" in verdict(compared.assessment, len(compared.compared) - 1).title
    compared.set_fields(compared.compared[-1], steroids="stable")
    work()
    assert compared.assessment.visits[1].fields.steroids == "stable"


def test_a_comparison_that_is_refused_changes_nothing(
    compared: Any, patient: Patient, work: Work, panel: Any, put_under: Callable[..., Any]
) -> None:
    drag(compared, work)
    far = np.eye(4)
    far[0, 3] = 300.0
    put_under(patient.visit("20240901", onion(6))[1], far)
    compared.find()
    compared.compare()
    work()
    assert "do not overlap in space" in panel.told("error")
    assert len(compared.compared) == len(compared.assessment.visits) == 2
    assert len(compared.callipers.diameters()) == 1 and panel.told("warning") == ""


def test_lines_stay_with_their_lesion_when_a_visit_comes_between(
    compared: Any, patient: Patient, work: Work, panel: Any
) -> None:
    line = drag(compared, work, "L2")
    before = compared.assessment.components["CE"].at["L2"][1]
    patient.visit("20240501", onion(8, ball(6.2, SECOND)))
    compared.find()
    compared.compare()
    work()
    at = compared.assessment.components["CE"].at["L2"]
    assert len(at) == 3 and [one.set_by for one in at] == ["program", "program", "reader"]
    assert at[2].product_mm2 == before.product_mm2
    assert lines_of(compared, "L2", 2)["longest"] is line and panel.told("warning") == ""


def test_a_line_follows_its_lesion_to_another_track(compared: Any, patient: Patient, work: Work, panel: Any) -> None:
    line = drag(compared, work, "L2")
    third = (14.0, 14.0, 10.0)
    patient.visit("20240101", onion(3, ball(6.2, third), ball(6.2, SECOND)))  # where L1 is not seen
    compared.find()
    compared.compare()
    work()
    marked = {one.key for one, node in compared.callipers.nodes.items() if node is line}
    ((component, track, visit),) = marked
    at = compared.assessment.components[component].at[track][visit]
    assert (track, visit) == ("L1", 2) and at.set_by == "reader"
    middle = np.mean(compared.assessment.components["CE"].measured[2].lesions[at.largest].diameters.largest, axis=0)
    assert np.linalg.norm(middle - SECOND) < 4 and panel.told("warning") == ""
