"""Outlines that no prompt of the history leads to: the first click refines them. Clicks that were not yet answered when
the scene was saved, or when the segments were painted.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

Run = Callable[..., None]


@pytest.fixture
def reopened(mrml_scene: Any, tmp_path: Any) -> Callable[[], Any]:
    """A function that saves the scene, closes it, reads it, and gives its segmentation."""

    def reopen() -> Any:
        path = str(tmp_path / "case.mrb")
        assert mrml_scene.WriteToMRB(path, None)
        mrml_scene.Clear(0)
        assert mrml_scene.ReadFromMRB(path)
        return mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")

    return reopen


def kept(task: Any, before: dict[str, np.ndarray]) -> bool:
    return all(np.all(task.masks(region) >= before[region]) for region in REGIONS)


def test_the_first_click_refines_outlines_that_were_there(
    engine: Any, segmentation: Any, writer: Any, nested: Any, t1_node: Any, place: Any, run_until: Run
) -> None:
    writer.write(nested)
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    run_until()
    assert task.session.prompts == () and not task.session.can_undo and task.notes == ("read t1",)
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert kept(task, nested) and task.masks("WT")[12, 14, 16] and task.masks("WT").sum() > nested["WT"].sum()
    task.session.undo()
    assert all(np.array_equal(task.masks(region), nested[region]) for region in REGIONS)
    task.session.reset()
    assert task.volumes()["WT"] == 0
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert not task.masks("WT")[5, 5, 5], "after a reset nothing of them is left"


def test_a_click_before_the_volumes_are_read_refines_them_too(
    engine: Any, segmentation: Any, writer: Any, nested: Any, t1_node: Any, place: Any, run_until: Run
) -> None:
    writer.write(nested)
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert kept(task, nested) and task.masks("WT")[12, 14, 16]


def test_a_click_refines_outlines_written_into_an_empty_segmentation_in_use(
    engine: Any, task: Any, writer: Any, nested: Any, place: Any, run_until: Run
) -> None:
    writer.write(nested)
    for _ in range(4):
        engine.collect()
    assert task.volumes()["ET"] > 0
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert kept(task, nested) and task.masks("WT")[12, 14, 16]


def test_part_of_the_outlines_painted_over_is_refined_with_the_rest(
    engine: Any, segmentation: Any, writer: Any, nested: Any, t1_node: Any, grid: Geometry, place: Any, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    writer.write(nested)
    nested["WT"][0:2, 0:3, 0:3] = 1
    add_voxels(segmentation, "GliomaSAM_WT", Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), nested["WT"] > 0)
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    run_until()
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert kept(task, nested)


def test_a_state_of_a_newer_version_goes_on_from_the_segments(
    engine: Any, task: Any, segmentation: Any, t1_node: Any, panel: Any, shown: Any, place: Any, run_until: Run
) -> None:
    task.session.add_point(place(5, 5, 5))
    run_until()
    before = shown()
    state = {**json.loads(segmentation.GetAttribute("GliomaSAM.state")), "version": 99}
    engine._tasks.clear()
    task.close()
    segmentation.SetAttribute("GliomaSAM.state", json.dumps(state))
    again = engine.task(segmentation)
    assert "go on from the segments" in panel.told("error")
    again.set_volumes({"t1": t1_node})
    run_until()
    again.session.add_point(place(13, 12, 10))
    run_until()
    assert kept(again, before) and again.masks("WT").sum() > before["WT"].sum()


def test_outlines_without_prompts_outlive_saving_and_another_model(
    engine: Any, segmentation: Any, writer: Any, nested: Any, t1_node: Any, place: Any, run_until: Run, reopened: Any
) -> None:
    writer.write(nested)
    engine.task(segmentation).set_volumes({"t1": t1_node})
    run_until()
    again = engine.task(reopened())
    run_until()
    first = engine.choice.model
    for model in ("other", first):
        engine.set_model(model)
        run_until()
    again.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert kept(again, nested) and again.masks("WT")[12, 14, 16]


# clicks that are not yet answered


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_click_not_answered_when_the_scene_is_saved_is_answered_after_loading(
    engine: Any, task: Any, world: Any, grid: Geometry, place: Any, plain: Any, run_until: Run, reopened: Any,
    first: bool, cancelled: bool,
) -> None:  # fmt: skip
    given = []
    if not first:
        given.append(task.session.add_point(place(5, 5, 5)))
        run_until()
    world.held.add("update")
    calls = world.calls.count("update")
    given.append(task.session.add_point(place(12, 11, 8)))
    run_until(lambda: world.calls.count("update") > calls)
    if cancelled:
        engine.cancel()
        run_until()
    node = reopened()
    world.held.clear()
    again = engine.task(node)
    run_until()
    assert [prompt.points for prompt in again.session.prompts] == [prompt.points for prompt in given]
    assert np.array_equal(again.masks("WT"), plain(tuple(given), grid)["WT"]) and not engine.busy


def test_a_click_not_answered_when_the_selectors_were_emptied_is_answered_later(
    task: Any, world: Any, t1_node: Any, place: Any, run_until: Run
) -> None:
    task.session.add_point(place(5, 5, 5))
    run_until()
    world.held.add("update")
    task.session.add_point(place(12, 11, 8))
    run_until(lambda: world.calls.count("update") == 2)
    task.set_volumes({})
    world.held.clear()
    run_until()
    task.set_volumes({"t1": t1_node})
    run_until()
    assert task.masks("WT")[8, 11, 12] and task.masks("WT")[5, 5, 5]


@pytest.fixture
def brush(segmentation: Any, grid: Geometry, box: Any) -> Callable[..., None]:
    """A function that paints a box of voxels (ranges of K, J and I) into WT, or erases it."""
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels, remove_voxels

    def paint(*ranges: tuple[int, int], erase: bool = False) -> None:
        block = Block(grid.ijk_to_ras, (0, 0, 0), grid.shape)
        (remove_voxels if erase else add_voxels)(segmentation, "GliomaSAM_WT", block, box(*ranges) > 0)

    return paint


def test_painting_while_a_click_is_answered_keeps_both(
    engine: Any, task: Any, world: Any, shown: Any, brush: Any, grid: Geometry, place: Any, plain: Any, run_until: Run
) -> None:
    first = task.session.add_point(place(5, 5, 5))
    run_until()
    world.held.add("update")
    second = task.session.add_point(place(12, 11, 8))
    run_until(lambda: world.calls.count("update") == 2)
    brush((0, 2), (0, 3), (0, 3))
    brush((5, 6), (5, 6), (5, 6), erase=True)
    for _ in range(4):
        engine.collect()
    assert not task.take_edits(), "it waits for the answer"
    world.held.clear()
    run_until()
    answer = plain((first, second), grid)["WT"]
    expected = answer.copy()
    expected[0:2, 0:3, 0:3] = 1
    expected[5, 5, 5] = 0
    assert [prompt.kind for prompt in task.session.prompts] == ["point", "point", "mask"]
    assert np.array_equal(shown()["WT"], expected) and np.array_equal(task.masks("WT"), expected)
    task.session.undo()
    assert np.array_equal(shown()["WT"], answer)
    task.session.redo()
    assert np.array_equal(shown()["WT"], expected) and not engine.busy


def test_another_click_and_a_removed_one_lose_no_paint(
    task: Any, world: Any, shown: Any, brush: Any, grid: Geometry, place: Any, plain: Any, run_until: Run
) -> None:
    first = task.session.add_point(place(5, 5, 5))
    run_until()
    world.held.add("update")
    task.session.add_point(place(12, 11, 8))
    run_until(lambda: world.calls.count("update") == 2)
    brush((0, 2), (0, 3), (0, 3))
    third = task.session.add_point(place(3, 12, 8))
    world.held.clear()
    run_until()
    assert shown()["WT"][8, 11, 12] and shown()["WT"][8, 12, 3] and shown()["WT"][0:2, 0:3, 0:3].all()
    world.held.add("update")
    fourth = task.session.add_point(place(15, 3, 2))
    brush((12, 14), (0, 3), (0, 3))
    task.session.remove(fourth)
    assert shown()["WT"][12:14, 0:3, 0:3].all() and shown()["WT"][8, 12, 3] and third in task.session.prompts
    assert task.session.request() is None and first in task.session.prompts


def test_an_undo_while_a_click_is_answered_takes_the_paint(
    task: Any, world: Any, shown: Any, brush: Any, grid: Geometry, place: Any, plain: Any, run_until: Run
) -> None:
    given = [task.session.add_point(place(5, 5, 5))]
    run_until()
    world.held.add("update")
    given.append(task.session.add_point(place(12, 11, 8)))
    run_until(lambda: world.calls.count("update") == 2)
    brush((0, 2), (0, 3), (0, 3))
    task.session.undo()
    world.held.clear()
    run_until()
    assert np.array_equal(shown()["WT"], plain(tuple(given), grid)["WT"]) and task.session.can_redo
