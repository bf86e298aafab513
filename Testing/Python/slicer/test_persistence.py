"""Saved with the scene, closed, loaded, and on: prompts, volumes, settings; and what a newer version saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import ModelError, PromptError, WeightsError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS


@pytest.fixture
def reopened(mrml_scene: Any, tmp_path: Path) -> Callable[[], Any]:
    """A function that saves the scene, closes it, loads it again and returns its only segmentation."""

    def reopen() -> Any:
        path = str(tmp_path / "case.mrb")
        assert mrml_scene.WriteToMRB(path, None)
        mrml_scene.Clear(0)
        assert mrml_scene.ReadFromMRB(path)
        assert mrml_scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
        return mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")

    return reopen


def test_a_saved_scene_goes_on(
    engine: Any, task: Any, reopened: Any, place: Any, plain: Any, world: Any, grid: Geometry, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    task.set_style(SegmentStyle(overwrite="visible"))
    engine.set_model("other", "cpu")
    task.session.add_point(place(8, 8, 7), True, "TC")
    task.session.add_box(place(3, 3, 3), place(6, 6, 6))
    outside = task.prompt_nodes.node_for("point", False, "WT")
    outside.AddControlPointWorld(list(place(12, 9, 9)))
    lasso = task.prompt_nodes.node_for("lasso")
    for corner in (place(2, 2, 7), place(14, 2, 7), place(14, 13, 7)):
        lasso.AddControlPointWorld(list(corner))
    run_until()
    before, masks = task.session.prompts, {region: task.masks(region) for region in REGIONS}
    assert len(before) == 4
    world.calls.clear()
    node = reopened()
    engine.collect()
    assert engine.tasks == ()
    engine.set_model("gliomasam")
    again = engine.task(node)
    assert (
        again.session.prompts == before
        and list(again.volume_nodes) == ["t1"]
        and again.style == SegmentStyle(overwrite="visible")
    )
    assert (engine.choice.model, engine.choice.device) == ("other", "cpu")
    run_until()
    assert again.phase == "ready" and again.session.prompts == before and "update" not in world.calls
    assert all(np.array_equal(again.masks(region), masks[region]) for region in REGIONS)
    assert len(again.prompt_nodes.nodes) == 4
    more = again.session.add_point(place(4, 12, 4))
    run_until()
    assert np.array_equal(again.masks("WT"), plain((*before, more), grid)["WT"])
    again.session.undo()
    assert np.array_equal(again.masks("WT"), masks["WT"])
    first = next(n for n in again.prompt_nodes.nodes if n.GetAttribute("GliomaSAM.sign") == "-")
    first.RemoveNthControlPoint(0)  # the points of the loaded scene still belong to their prompts
    run_until()
    assert [prompt.id for prompt in again.session.prompts] == [prompt.id for prompt in before if prompt.positive]


def test_lesions_that_are_not_shown_and_the_tumour_beside_them_go_on(
    engine: Any, task: Any, segmentation: Any, reopened: Any, place: Any, box: Any, grid: Geometry, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    def choose(task: Any, name: str | None) -> None:
        task.set_style(SegmentStyle("lesion", lesion_segment=name) if name else SegmentStyle())
        run_until()

    for name in "AB":
        segmentation.GetSegmentation().AddEmptySegment(name, name)
    prompts, masks = {}, {}
    for name, where in ((None, (8, 8, 7)), ("A", (3, 3, 3)), ("B", (12, 12, 9))):
        choose(task, name)
        if name == "A":
            task.session.reset()
        task.session.add_point(place(*where))
        run_until()
        if name == "A":
            block = Block(grid.ijk_to_ras, (0, 0, 0), grid.shape)
            add_voxels(segmentation, name, block, box((9, 12), (9, 12), (9, 12)) > 0)
            run_until()
            assert task.take_edits()
        prompts[name], masks[name] = task.session.prompts, task.masks("WT")
    segmentation.GetSegmentation().AddEmptySegment("gone", "gone")
    choose(task, "gone")
    task.session.add_point(place(8, 8, 7))
    run_until()
    segmentation.GetSegmentation().RemoveSegment("gone")
    choose(task, "B")
    again = engine.task(reopened())
    run_until()
    for name in ("A", None, "B", "A"):
        choose(again, name)
        assert again.session.prompts == prompts[name] and np.array_equal(again.masks("WT"), masks[name])
        assert {prompt.id for prompt in prompts[name] if prompt.points} == set().union(
            *again.prompt_nodes._held.values()
        )
    again.node.GetSegmentation().AddEmptySegment("gone", "gone")
    choose(again, "gone")
    assert again.session.prompts == ()


def test_an_edit_before_or_after_saving_is_kept(
    engine: Any, task: Any, segmentation: Any, reopened: Any, place: Any, run_until: Any
) -> None:
    import slicer

    task.session.add_point(place(8, 8, 7))
    run_until()
    painted = np.array(task.masks("WT"))
    painted[0:2, 0:3, 0:3] = 1
    volume = task.volume_nodes["t1"]
    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, segmentation, task.segment_ids()["WT"], volume)
    again = engine.task(reopened())
    run_until()
    assert [prompt.kind for prompt in again.session.prompts] == ["point", "mask"]
    again.session.add_point(place(12, 10, 9))
    run_until()
    assert np.all(again.masks("WT") >= painted)
    again = engine.task(reopened())
    run_until()
    assert [prompt.kind for prompt in again.session.prompts] == ["point", "mask", "point"]


def test_a_proposal_is_still_one_after_loading(engine: Any, task: Any, reopened: Any, run_until: Any) -> None:
    task.session.propose()
    run_until()
    again = engine.task(reopened())
    run_until()
    assert again.session.history.has_result and again.session.prompts == () and again.masks("WT").sum() == 1
    again.session.reset()
    assert again.masks("WT").sum() == 0


def test_a_newer_version_is_refused_and_nothing_of_it_is_lost(
    engine: Any, task: Any, segmentation: Any, panel: Any, place: Any, run_until: Any, t1_node: Any
) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, SET_ASIDE, restore

    task.session.add_point(place(8, 8, 7))
    run_until()
    shown = task.masks("WT")
    newer = json.dumps({**json.loads(segmentation.GetAttribute(ATTRIBUTE)), "version": 99})
    engine.close()
    segmentation.SetAttribute(ATTRIBUTE, newer)
    with pytest.raises(PromptError, match="newer GliomaSAM"):
        restore(segmentation.GetScene(), segmentation)
    from GliomaSAMLib.slicer.engine import Engine

    later = Engine(panel, load=engine.jobs._load, read_study=engine.jobs.read_study,
                   new_predictor=engine.jobs._new_predictor, cache=None)  # fmt: skip
    try:
        again = later.task(segmentation)
        assert "update GliomaSAM" in panel.told("error") and again.session.prompts == ()
        assert segmentation.GetAttribute(ATTRIBUTE) == newer
        again.set_volumes({"t1": t1_node})
        while later.busy:
            later.collect()
        assert [prompt.kind for prompt in again.session.prompts] == [] and np.array_equal(again.masks("WT"), shown)
        again.session.add_point(place(4, 4, 4))
        while later.busy:
            later.collect()
        assert segmentation.GetAttribute(SET_ASIDE) == newer and '"version":2' in segmentation.GetAttribute(ATTRIBUTE)
    finally:
        assert later.close(5)


WRONG_RULES = '{"format":"gliomasam-scene","version":2,"rules":"2"}'


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format":"other","version":1}', '{"format":"gliomasam-scene"}', WRONG_RULES]
)
def test_damage_is_told(segmentation: Any, text: str) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, restore

    segmentation.SetAttribute(ATTRIBUTE, text)
    with pytest.raises(PromptError, match="damaged"):
        restore(segmentation.GetScene(), segmentation)
    assert segmentation.GetAttribute(ATTRIBUTE) == text


def test_a_fresh_segmentation_holds_nothing(segmentation: Any) -> None:
    from GliomaSAMLib.slicer.persistence import restore

    assert restore(segmentation.GetScene(), segmentation) is None


def test_a_second_segmentation_of_another_model_switches_all_and_that_is_told(
    engine: Any, task: Any, mrml_scene: Any, panel: Any, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE
    from GliomaSAMLib.slicer.segments.node import new_segmentation

    run_until()
    saved = json.loads(task.node.GetAttribute(ATTRIBUTE))
    same, other = (new_segmentation(mrml_scene, name) for name in ("same", "second"))
    same.SetAttribute(ATTRIBUTE, json.dumps(saved))
    other.SetAttribute(ATTRIBUTE, json.dumps({**saved, "model": "segresnet"}))
    engine.task(same)
    assert panel.told("info") == ""
    engine.task(other)
    assert "second was made with the model segresnet" in panel.told("info")
    assert "in place of gliomasam" in panel.told("info") and engine.choice.model == "segresnet"
    run_until()
    assert json.loads(task.node.GetAttribute(ATTRIBUTE))["model"] == "segresnet"


@pytest.fixture
def open_with_model(task: Any, mrml_scene: Any, engine: Any, run_until: Any, place: Any) -> Callable[[str], Any]:
    """A function that gives the task of a segmentation that was saved with a model of this name, and one prompt."""
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE
    from GliomaSAMLib.slicer.segments.node import new_segmentation

    task.session.add_point(place(8, 8, 7))
    run_until()
    saved, volume = json.loads(task.node.GetAttribute(ATTRIBUTE)), task.volume_nodes["t1"]
    mrml_scene.RemoveNode(task.node)
    run_until()

    def open_it(name: str) -> Any:
        node = new_segmentation(mrml_scene, "saved")
        node.SetAttribute(ATTRIBUTE, json.dumps({**saved, "model": name}))
        node.SetNodeReferenceID("GliomaSAM.t1", volume.GetID())
        return engine.task(node)

    return open_it


@pytest.mark.parametrize("name", ["gliomasam_frozen", "cmaa+segresnet"])
def test_a_model_that_is_not_here_gives_way_to_the_default(
    engine: Any, open_with_model: Any, world: Any, panel: Any, place: Any, run_until: Any, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def load(model: str, device: str) -> Any:
        if model == name:
            raise ModelError(f"there is no model {name!r}")
        return world.load(model, device)

    monkeypatch.setattr(engine.jobs, "_load", load)
    world.calls.clear()
    task = open_with_model(name)
    run_until()
    assert task.phase == "ready" and engine.choice.model == "gliomasam" and world.calls.count("read") == 1
    assert panel.messages == [("info", f"The model {name} cannot be used here: gliomasam takes its place")]
    task.session.add_point(place(4, 12, 4))
    run_until()
    assert task.volumes()["WT"] > 0 and '"model":"gliomasam"' in task.node.GetAttribute("GliomaSAM.state")
    engine.set_model(name)  # the user's own choice is an error, and the one before stays
    run_until()
    assert "there is no model" in panel.told("error") and engine.choice.model == "gliomasam"


def test_a_damaged_file_of_the_users_own_is_told(
    engine: Any, open_with_model: Any, world: Any, panel: Any, run_until: Any, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    own.touch()
    engine.set_model(str(own))  # chosen by the user before, so the scene may name it
    engine.set_model("gliomasam")
    world.failing["load"] = WeightsError("the weights are damaged")
    task = open_with_model(str(own))
    run_until()
    assert "damaged" in panel.told("error") and engine.choice.model == "gliomasam" and task.phase != "ready"
    world.failing.clear()
    engine.set_model(str(own))
    run_until()
    assert task.phase == "ready" and engine.choice.model == str(own)


def test_the_former_name_of_the_default_is_understood(
    engine: Any, open_with_model: Any, panel: Any, world: Any, run_until: Any
) -> None:
    task = open_with_model("gliomasam_adapted")
    run_until()
    assert task.phase == "ready" and engine.choice.model == "gliomasam"
    assert world.calls.count("load") == 1 and panel.messages == []


PATHS = (
    "//server.example/share/x.safetensors",
    "\\\\server.example\\share\\x",
    "C:x",
    "../x.safetensors",
    "x.safetensors",
    "~someone",
    "own/x",
    "https://server.example/x",
    "",
)


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_a_scene_names_is_opened_only_when_the_user_chooses_it(
    engine: Any, open_with_model: Any, world: Any, panel: Any, run_until: Any, name: str, monkeypatch: Any
) -> None:
    opened: list[str] = []

    def load(model: str, device: str) -> Any:
        opened.append(model)
        return world.load(model, device)

    monkeypatch.setattr(engine.jobs, "_load", load)
    monkeypatch.setattr(Path, "is_file", lambda path: opened.append(str(path)))
    task = open_with_model(name)
    run_until()
    assert opened == [] and engine.choice.model == "gliomasam" and task.phase == "ready"
    assert f"The scene names {name} as its model" in panel.told("warning") and engine.unopened == (name,)
    engine.set_model(name)
    run_until()
    assert opened == [name] and engine.choice.model == name and engine.unopened == ()
    engine.set_model("gliomasam")
    engine.set_model(name, saved=True)  # a scene that names what the user has chosen
    assert engine.choice.model == name


def test_a_mask_is_packed_once_however_many_there_are(
    task: Any, segmentation: Any, grid: Geometry, place: Any, monkeypatch: Any
) -> None:
    from GliomaSAMLib.prompts import mask, prompt
    from GliomaSAMLib.slicer.persistence import restore, save_state

    packed = []
    compress = prompt.zlib.compress
    monkeypatch.setattr(prompt.zlib, "compress", lambda data, level: packed.append(1) or compress(data, level))
    shapes = [np.roll(np.eye(*grid.shape[1:], dtype=np.uint8)[None].repeat(grid.shape[0], 0), n, 1) for n in range(40)]
    for shape in shapes:
        task.session.add(mask(shape, "WT"))
    for _ in range(3):
        save_state(task, {})
    assert len(packed) == 40
    state = restore(segmentation.GetScene(), segmentation)
    assert state is not None and state.prompts == task.session.prompts
