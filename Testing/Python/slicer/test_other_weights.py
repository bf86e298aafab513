"""A scene whose segments other weights or rules made: they stay as they are, and the next prompt goes on from them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

VERSION_1 = Path(__file__).parent / "data" / "scene_version_1.mrb"
Masks = dict[str, np.ndarray]


@pytest.fixture
def opened(mrml_scene: Any) -> Callable[[Path], Any]:
    """A function that opens a scene and returns its segmentation."""

    def read(path: Path) -> Any:
        mrml_scene.Clear(0)
        assert mrml_scene.ReadFromMRB(str(path))
        return mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")

    return read


@pytest.fixture
def reopened(mrml_scene: Any, tmp_path: Path, opened: Any) -> Callable[[], Any]:
    """A function that saves the scene, opens it again and returns its segmentation."""

    def reopen() -> Any:
        assert mrml_scene.WriteToMRB(str(tmp_path / "case.mrb"), None)
        return opened(tmp_path / "case.mrb")

    return reopen


def state(node: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(node.GetAttribute("GliomaSAM.state"))
    return found


def held(node: Any, grid: Geometry) -> Masks:
    """What the segments hold."""
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    writer = SegmentWriter(node, grid)
    return {region: writer.read(region) for region in REGIONS}  # type: ignore[misc]


def same(masks: Masks, others: Masks) -> bool:
    return all(np.array_equal(masks[region], others[region]) for region in REGIONS)


def looks(task: Any) -> dict[str, bool]:
    """By the id of each prompt in the views whether it is only to be seen: dimmed and locked."""
    found = {}
    for node in task.prompt_nodes.nodes:
        if node.GetAttribute("GliomaSAM.kind") == "point":
            for index in range(node.GetNumberOfControlPoints()):
                locked = bool(node.GetNthControlPointLocked(index))
                assert bool(node.GetNthControlPointSelected(index)) != locked
                found[node.GetNthControlPointDescription(index)] = locked
        else:
            assert (node.GetDisplayNode().GetOpacity() < 0.5) == bool(node.GetLocked())
            found[node.GetAttribute("GliomaSAM.prompt")] = bool(node.GetLocked())
    return found


def kinds(task: Any) -> list[str]:
    return [prompt.kind for prompt in task.session.prompts]


def test_a_scene_of_version_1_is_left_alone_until_the_next_prompt_refines_it(
    engine: Any, opened: Any, reopened: Any, place: Any, plain: Any, world: Any, panel: Any, grid: Geometry,
    run_until: Any,
) -> None:  # fmt: skip
    node = opened(VERSION_1)
    assert state(node)["version"] == 1 and "weights" not in state(node)
    before = held(node, grid)
    assert before["WT"].sum() > before["TC"].sum() > 0 == before["ET"].sum()
    task = engine.task(node)
    old = task.session.prompts
    run_until()
    assert task.phase == "ready" and world.answered == [] and same(held(node, grid), before)
    assert task.session.prompts == old and kinds(task) == ["point", "point", "point", "box", "scribble"]
    assert any("other weights or rules made what the segments hold" in note for note in task.notes)
    assert state(node)["version"] == 1  # opening is no change
    assert looks(task) == {prompt.id: False for prompt in old}

    new = task.session.add_point(place(4, 12, 4))
    assert same(held(node, grid), before)
    run_until()
    assert kinds(task) == ["mask", "mask", "point"] and task.session.prompts[-1] is new and task.session.earlier == old
    assert [(p.region, p.mask.sum()) for p in task.session.prompts[:2]] == [(r, before[r].sum()) for r in ("WT", "TC")]
    assert world.answered == [task.session.prompts] and same(held(node, grid), plain(task.session.prompts, grid))
    assert np.all(held(node, grid)["WT"] >= before["WT"]) and np.array_equal(task.masks("TC"), before["TC"])
    assert looks(task) == {**{prompt.id: True for prompt in old}, new.id: False}
    assert any("dimmed prompts are not answered" in note for note in task.notes)
    saved = state(node)
    assert saved["version"] == 2 and saved["weights"] == "the SHA-256 of gliomasam"
    assert [prompt["kind"] for prompt in saved["prompts"]["prompts"]] == kinds(task)
    assert [prompt["id"] for prompt in saved["earlier"]["prompts"]] == [prompt.id for prompt in old]

    after = held(node, grid)
    task.session.undo()
    assert task.session.prompts == old and task.session.earlier == () and same(held(node, grid), before)
    assert looks(task) == {prompt.id: False for prompt in old} and not task.session.can_undo
    assert state(node)["weights"] == saved["weights"]  # until the next tick
    engine.collect()
    assert state(node)["weights"] is None and state(node)["version"] == 2
    task.session.redo()
    assert same(held(node, grid), after) and task.session.earlier == old and len(world.answered) == 1
    run_until()

    again = engine.task(reopened())
    run_until()
    assert kinds(again) == ["mask", "mask", "point"] and again.session.earlier == old and len(world.answered) == 1
    assert looks(again) == {**{prompt.id: True for prompt in old}, new.id: False}
    more = again.session.add_point(place(12, 4, 4))
    run_until()
    assert kinds(again) == ["mask", "mask", "point", "point"] and again.session.earlier == old
    assert same(held(again.node, grid), plain(again.session.prompts, grid))
    assert looks(again) == {**{prompt.id: True for prompt in old}, new.id: False, more.id: False}
    assert panel.messages == []


def test_saving_before_a_prompt_does_not_make_it_ours(
    engine: Any, opened: Any, reopened: Any, place: Any, grid: Geometry, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    task = engine.task(opened(VERSION_1))
    run_until()
    task.set_style(SegmentStyle(overwrite="visible"))
    run_until()
    assert state(task.node)["version"] == 2 and state(task.node)["weights"] is None
    task = engine.task(reopened())
    run_until()
    before, old = held(task.node, grid), task.session.prompts
    task.session.add_point(place(4, 12, 4))
    run_until()
    assert kinds(task) == ["mask", "mask", "point"] and task.session.earlier == old and len(old) == 5
    assert np.all(task.masks("WT") >= before["WT"])


@pytest.mark.parametrize(
    ("other", "ours"),
    [({}, True), ({"weights": "the SHA-256 of another"}, False), ({"weights": None}, False), ({"rules": 1}, False)],
)
def test_weights_and_rules_decide_whether_prompts_are_answered_as_they_are(
    engine: Any, task: Any, reopened: Any, place: Any, plain: Any, grid: Geometry, run_until: Any,
    other: dict[str, Any], ours: bool,
) -> None:  # fmt: skip
    task.session.add_point(place(8, 8, 7), True, "ET")
    task.session.add_point(place(11, 8, 7), False, "TC")
    run_until()
    saved = state(task.node)
    assert saved["weights"] == "the SHA-256 of gliomasam" and saved["earlier"]["prompts"] == []
    task.node.SetAttribute("GliomaSAM.state", json.dumps({**saved, **other}))
    again = engine.task(reopened())
    run_until()
    old = again.session.prompts
    assert bool(again.notes and "other weights" in " ".join(again.notes)) != ours
    again.session.add_point(place(4, 12, 4))
    run_until()
    assert kinds(again) == ["point"] * 3 if ours else kinds(again) == ["mask"] * 3 + ["point"]
    assert again.session.earlier == (() if ours else old)
    assert same(held(again.node, grid), plain(again.session.prompts, grid))


def test_weights_may_change_more_than_once(
    engine: Any, opened: Any, reopened: Any, place: Any, plain: Any, grid: Geometry, run_until: Any
) -> None:
    task = engine.task(opened(VERSION_1))
    run_until()
    old = task.session.prompts
    first = task.session.add_point(place(4, 12, 4))
    run_until()
    task.node.SetAttribute("GliomaSAM.state", json.dumps({**state(task.node), "weights": "others"}))
    again = engine.task(reopened())
    run_until()
    assert kinds(again) == ["mask", "mask", "point"] and again.session.earlier == old
    second = again.session.add_point(place(12, 4, 4))
    run_until()
    assert kinds(again) == ["mask", "mask", "point"] and again.session.prompts[-1] is second
    assert again.session.earlier == (*old, first) and same(held(again.node, grid), plain(again.session.prompts, grid))
    assert looks(again) == {**{prompt.id: True for prompt in again.session.earlier}, second.id: False}


def test_a_click_while_the_model_is_loaded_comes_after_what_there_was(
    engine: Any, opened: Any, world: Any, place: Any, plain: Any, grid: Geometry, run_until: Any
) -> None:
    node = opened(VERSION_1)
    before = held(node, grid)
    world.held.add("load")
    task = engine.task(node)
    old = task.session.prompts
    run_until(lambda: "load" in world.calls)
    one, two = task.session.add_point(place(4, 12, 4)), task.session.add_point(place(12, 4, 4))
    world.held.clear()
    run_until()
    assert (
        kinds(task) == ["mask", "mask", "point", "point"]
        and task.session.prompts[2:] == (one, two)
        and task.session.earlier == old
    )
    assert (
        same(held(node, grid), plain(task.session.prompts, grid)) and looks(task)[old[0].id] and not looks(task)[one.id]
    )
    task.session.undo()
    run_until()
    assert same(held(node, grid), plain(task.session.prompts, grid)) and task.session.prompts[-1] is one
    task.session.undo()
    assert task.session.prompts == old and same(held(node, grid), before)


def test_an_old_prompt_that_is_moved_is_said_anew_and_one_that_is_taken_out_is_gone(
    engine: Any, opened: Any, place: Any, plain: Any, grid: Geometry, run_until: Any
) -> None:
    task = engine.task(opened(VERSION_1))
    run_until()
    before, old = held(task.node, grid), task.session.prompts
    node = next(n for n in task.prompt_nodes.nodes if n.GetNthControlPointDescription(0) == old[0].id)
    node.SetNthControlPointPositionWorld(0, list(place(5, 5, 5)))
    run_until()
    assert kinds(task) == ["mask", "mask", "point"] and task.session.earlier == old[1:]
    assert task.session.prompts[-1].id == old[0].id and task.session.prompts[-1].points[0] == pytest.approx(
        place(5, 5, 5)
    )
    assert same(held(task.node, grid), plain(task.session.prompts, grid)) and not looks(task)[old[0].id]
    task.session.undo()
    node.RemoveNthControlPoint(0)
    run_until()
    assert kinds(task) == ["mask", "mask"] and task.session.earlier == old[1:] and same(held(task.node, grid), before)


def test_a_dimmed_prompt_cannot_be_moved_and_can_be_taken_away(
    engine: Any, opened: Any, world: Any, place: Any, grid: Geometry, run_until: Any, mrml_scene: Any
) -> None:
    task = engine.task(opened(VERSION_1))
    run_until()
    old = task.session.prompts
    task.session.add_point(place(4, 12, 4))
    run_until()
    prompts, answered = task.session.prompts, len(world.answered)
    point = next(n for n in task.prompt_nodes.nodes if n.GetNthControlPointDescription(0) == old[0].id)
    lasso = next(n for n in task.prompt_nodes.nodes if n.GetAttribute("GliomaSAM.kind") == "lasso")
    places = [tuple(lasso.GetNthControlPointPositionWorld(n)) for n in range(4)]
    point.SetNthControlPointPositionWorld(0, list(place(5, 5, 5)))
    lasso.SetNthControlPointPositionWorld(0, list(place(5, 5, 5)))
    run_until()
    assert tuple(point.GetNthControlPointPositionWorld(0)) == pytest.approx(old[0].points[0])
    assert np.allclose([tuple(lasso.GetNthControlPointPositionWorld(n)) for n in range(4)], places)
    assert task.session.prompts == prompts and task.session.earlier == old
    point.RemoveNthControlPoint(0)
    mrml_scene.RemoveNode(lasso)
    run_until()
    assert task.session.prompts == prompts and task.session.earlier == old[1:-1] and len(world.answered) == answered
    task.session.undo()
    task.session.undo()
    assert task.session.earlier == old and set(looks(task)) == {prompt.id for prompt in (*old, prompts[-1])}


def test_a_brush_is_a_step_after_what_there_was(
    engine: Any, opened: Any, place: Any, plain: Any, grid: Geometry, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    task = engine.task(opened(VERSION_1))
    run_until()
    before, old = held(task.node, grid), task.session.prompts
    stroke = np.zeros(grid.shape, bool)
    stroke[0:2, 0:3, 0:3] = True
    add_voxels(task.node, task.segment_ids()["WT"], Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), stroke)
    task.session.add_point(place(4, 12, 4))
    run_until()
    assert kinds(task) == ["mask", "mask", "mask", "point"] and task.session.earlier == old
    assert np.all(held(task.node, grid)["WT"] >= (before["WT"] | stroke))
    task.session.undo()
    assert np.array_equal(held(task.node, grid)["WT"], before["WT"] | stroke)
    task.session.undo()
    assert task.session.prompts == old and same(held(task.node, grid), before)


def test_what_only_a_brush_has_made_is_of_no_weights(
    engine: Any, task: Any, reopened: Any, place: Any, grid: Geometry, run_until: Any
) -> None:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    painted = np.zeros(grid.shape, np.uint8)
    painted[4:9, 4:9, 4:9] = 1
    SegmentWriter(task.node, grid).write(dict.fromkeys(REGIONS, np.zeros(grid.shape, np.uint8)))
    import slicer

    slicer.util.updateSegmentBinaryLabelmapFromArray(painted, task.node, "GliomaSAM_WT", task.volume_nodes["t1"])
    assert task.take_edits()
    run_until()
    (drawn,) = task.session.prompts
    again = engine.task(reopened())
    run_until()
    assert not any("other weights" in note for note in again.notes)
    new = again.session.add_point(place(12, 12, 11))
    run_until()
    assert again.session.prompts == (drawn, new)


@pytest.mark.parametrize("refined_first", [True, False])
def test_what_there_was_follows_its_place_onto_another_grid(
    engine: Any, opened: Any, add_volume: Any, place: Any, grid: Geometry, run_until: Any, panel: Any,
    refined_first: bool,
) -> None:  # fmt: skip
    task = engine.task(opened(VERSION_1))
    run_until()
    old, before = task.session.prompts, held(task.node, grid)
    cropped = grid.crop((2, 1, 3), (11, 14, 13))
    other = add_volume(np.ones(cropped.shape, np.int16), cropped.ijk_to_ras, "t2")

    def refine() -> None:
        task.session.add_point(place(8, 12, 4))
        run_until()

    def change_volumes() -> None:
        task.set_volumes({"t2": other})
        run_until()

    for do in (refine, change_volumes) if refined_first else (change_volumes, refine):
        do()
    assert task.geometry.matches(cropped) and kinds(task) == ["mask", "mask", "point"]
    assert [kind for kind, _ in panel.messages] == ["warning"] and "made on other volumes" in panel.told("warning")
    assert np.all(task.masks("WT") >= before["WT"][2:13, 1:15, 3:16])
    task.session.undo()
    run_until()
    assert task.session.prompts == old and np.array_equal(task.masks("WT"), before["WT"][2:13, 1:15, 3:16])


def test_after_a_reset_nothing_of_it_comes_back(
    engine: Any, opened: Any, place: Any, plain: Any, grid: Geometry, run_until: Any
) -> None:
    task = engine.task(opened(VERSION_1))
    run_until()
    before, old = held(task.node, grid), task.session.prompts
    for empty in (task.session.reset, task.session.propose):
        empty()
        run_until()
        assert task.session.prompts == task.session.earlier == () and looks(task) == {}
        assert held(task.node, grid)["WT"].sum() == (0 if empty == task.session.reset else 1)
        prompt = task.session.add_point(place(4, 12, 4))
        run_until()
        assert task.session.prompts == (prompt,) and same(held(task.node, grid), plain((prompt,), grid))
        task.session.undo()
        task.session.undo()
        assert task.session.prompts == old and same(held(task.node, grid), before)


def test_a_proposal_of_other_weights_is_refined(
    engine: Any, task: Any, reopened: Any, place: Any, grid: Geometry, run_until: Any
) -> None:
    task.session.propose()
    run_until()
    task.node.SetAttribute("GliomaSAM.state", json.dumps({**state(task.node), "weights": None}))
    again = engine.task(reopened())
    run_until()
    assert again.session.prompts == () and again.session.history.has_result and again.session.history.is_proposal
    again.session.add_point(place(8, 8, 7))
    run_until()
    assert kinds(again) == ["mask", "point"] and again.masks("WT")[0, 0, 0] == 1
    again.session.undo()
    assert again.masks("WT").sum() == 1 and again.session.prompts == ()


def test_prompts_that_were_never_answered_are_answered(
    engine: Any, task: Any, world: Any, reopened: Any, place: Any, plain: Any, grid: Geometry, run_until: Any
) -> None:
    world.held.add("update")
    first = task.session.add_point(place(8, 8, 7))
    run_until(lambda: "update" in world.calls)
    assert state(task.node)["weights"] is None
    node = reopened()
    world.held.clear()
    run_until()
    again = engine.task(node)
    run_until()
    second = again.session.add_point(place(4, 12, 4))
    run_until()
    assert again.session.prompts == (first, second) and same(held(node, grid), plain((first, second), grid))


def test_a_model_chosen_by_the_user_answers_all_prompts_anew(
    engine: Any, task: Any, world: Any, place: Any, run_until: Any
) -> None:
    first = task.session.add_point(place(8, 8, 7))
    run_until()
    engine.set_model("other")
    run_until()
    assert state(task.node)["model"] == "other" and state(task.node)["weights"] == "the SHA-256 of gliomasam"
    second = task.session.add_point(place(4, 12, 4))
    run_until()
    assert task.session.prompts == world.answered[-1] == (first, second) and task.session.earlier == ()
    assert state(task.node)["weights"] == "the SHA-256 of other"
    task.session.undo()
    engine.collect()
    assert state(task.node)["weights"] == "the SHA-256 of gliomasam"


def test_with_the_weights_that_made_it_a_scene_is_ours_again(
    engine: Any, task: Any, reopened: Any, world: Any, place: Any, run_until: Any
) -> None:
    engine.set_model("other")
    first = task.session.add_point(place(8, 8, 7))
    run_until()
    task.node.SetAttribute("GliomaSAM.state", json.dumps({**state(task.node), "model": "gliomasam"}))
    again = engine.task(reopened())
    run_until()
    assert engine.choice.model == "gliomasam" and again.notes[0].startswith("other weights or rules made")
    engine.set_model("other")
    run_until()
    second = again.session.add_point(place(4, 12, 4))
    run_until()
    assert again.session.prompts == world.answered[-1] == (first, second)


def test_uncertainty_about_what_other_weights_made_is_that_of_its_masks(
    engine: Any, opened: Any, run_until: Any
) -> None:
    import GliomaSAMLib.session.uncertainty  # noqa: F401 - with PyTorch, which takes long the first time

    task = engine.task(opened(VERSION_1))
    run_until()
    assert task.uncertainty() is None
    run_until()
    assert task.uncertainty().values.shape == task.geometry.shape
