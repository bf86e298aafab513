"""A scene with a follow-up is added to another one: what was said in either holds on."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from scene_visits import Patient, onion


@pytest.fixture
def saved_scene(patient: Patient, engine: Any, mrml_scene: Any, tmp_path: Path) -> Path:
    """A scene that holds a visit whose date was typed, and a chosen target; the scene is empty afterwards."""
    from GliomaSAMLib.slicer.follow_up.persistence import SavedFollowUp, SavedVisit, save

    _, node = patient.visit("20240603", onion(9), study=False)
    targets = {("first", "second"): {"CE": ("L1",)}}
    save(mrml_scene, SavedFollowUp((SavedVisit((node,), date=date(2024, 6, 3)),), targets=targets))
    path = tmp_path / "other.mrb"
    assert mrml_scene.WriteToMRB(str(path), None)
    mrml_scene.Clear(0)
    return path


def follow_up_of(mrml_scene: Any, engine: Any, add_volume: Any) -> Any:
    """The follow-up of another patient, whose visit was given a date and a dose."""
    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    Patient(mrml_scene, add_volume, name="patient two").visit(None, onion(7), study=False)
    made = FollowUp(mrml_scene, engine, lambda: None)
    made.find()
    made.set_date(made.entries[0], date(2024, 3, 1))
    made.set_fields(made.entries[0], steroid_mg_per_day=4.0)
    made.set_options(targets=3)
    made.tick()
    made.close()
    return made


@pytest.mark.parametrize("before", [False, True], ids=["now", "as saved before"])
def test_what_was_said_in_both_scenes_holds_on(
    before: bool, saved_scene: Path, mrml_scene: Any, engine: Any, add_volume: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.persistence import TAG, restore, state_nodes
    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    if before:
        assert mrml_scene.ReadFromMRB(str(saved_scene))
        (node,) = state_nodes(mrml_scene)
        old = mrml_scene.CreateNodeByClass(node.GetClassName())
        old.UnRegister(None)
        old.SetSingletonTag(TAG)
        old = mrml_scene.AddNode(old)
        old.SetParameter("state", node.GetParameter("state"))
        old.AddNodeReferenceID("GliomaSAM.visit.0", node.GetNthNodeReferenceID("GliomaSAM.visit.0", 0))
        mrml_scene.RemoveNode(node)
        assert mrml_scene.WriteToMRB(str(saved_scene), None)
        mrml_scene.Clear(0)
    follow_up_of(mrml_scene, engine, add_volume)
    assert mrml_scene.ReadFromMRB(str(saved_scene), False)
    for _ in range(2):  # as it was read, and as it was saved then
        later = FollowUp(mrml_scene, engine, lambda: None)
        later.find()
        said = {(entry.date, entry.fields.steroid_mg_per_day) for entry in later.entries}
        assert said == {(date(2024, 3, 1), 4.0), (date(2024, 6, 3), None)}
        assert later.options.targets == 3
        later.set_options(targets=2)
        later.set_options(targets=3)
        later.tick()
        later.close()
    assert len(state_nodes(mrml_scene)) == 1
    assert restore(mrml_scene).targets == {("first", "second"): {"CE": ("L1",)}}


def test_a_damaged_state_that_is_added_harms_none(
    saved_scene: Path, mrml_scene: Any, engine: Any, add_volume: Any, panel: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.persistence import PARAMETER, SET_ASIDE, state_nodes
    from GliomaSAMLib.slicer.follow_up.session import FollowUp

    assert mrml_scene.ReadFromMRB(str(saved_scene))
    state_nodes(mrml_scene)[0].SetParameter(SET_ASIDE, "[")
    state_nodes(mrml_scene)[0].SetParameter(PARAMETER, "{")
    assert mrml_scene.WriteToMRB(str(saved_scene), None)
    mrml_scene.Clear(0)
    follow_up_of(mrml_scene, engine, add_volume)
    assert mrml_scene.ReadFromMRB(str(saved_scene), False)
    later = FollowUp(mrml_scene, engine, lambda: None)
    later.find()
    assert "damaged" in panel.told("warning")
    assert (date(2024, 3, 1), 4.0) in {(one.date, one.fields.steroid_mg_per_day) for one in later.entries}
    later.include(later.entries[0], False)
    later.tick()
    later.close()
    (node,) = state_nodes(mrml_scene)
    assert (node.GetParameter(SET_ASIDE), node.GetParameter(f"{SET_ASIDE}.2")) == ("[", "{")
