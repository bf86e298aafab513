"""One segmentation from volumes over prompts to segments: undo, edits by brush, bad input, things that vanish."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import OutputError, PromptError, StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

Run = Callable[..., None]


@pytest.fixture
def inside(grid: Geometry) -> Callable[..., tuple[float, ...]]:
    """A function from voxel indices (I, J, K) to RAS mm as plain numbers."""
    return lambda *ijk: tuple(float(value) for value in grid.to_ras(np.asarray(ijk)))


def same(masks: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(masks[region], others[region]) for region in REGIONS)


def paint(segmentation: Any, task: Any, region: str, change: Callable[[np.ndarray], None]) -> np.ndarray:
    """Change a segment as somebody else would: by Slicer's own means."""
    import slicer
    from host.core import quiet

    from GliomaSAMLib.slicer.geometry import fill_image, matrix_from_array

    mask = task.masks(region).copy()
    change(mask)
    image = slicer.vtkOrientedImageData()
    fill_image(image, mask)
    image.SetGeometryFromImageToWorldMatrix(matrix_from_array(task.geometry.ijk_to_ras))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    with quiet():
        assert logic.SetBinaryLabelmapToSegment(
            image, segmentation, task.segment_ids()[region], logic.MODE_REPLACE, image.GetExtent()
        )
    return mask


def test_a_click_becomes_segments(
    task: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    prompt = task.session.add_point(inside(8, 8, 7), True, "TC")
    assert task.session.prompts == (prompt,) and not shown()["WT"].any()  # asked, not yet answered
    run_until()
    answer = plain((prompt,), grid)
    assert answer["TC"].any() and not answer["ET"].any()
    assert same(shown(), answer) and same({r: task.masks(r) for r in REGIONS}, answer)
    assert task.volumes()["TC"] == pytest.approx(answer["TC"].sum() * grid.voxel_ml)
    k0, k1, j0, j1, i0, i1 = task.changed_boxes["TC"]
    assert answer["TC"][k0:k1, j0:j1, i0:i1].sum() == answer["TC"].sum() and task.changed_boxes["ET"] is None


def test_the_volume_is_read_from_the_scene(task: Any, grid: Geometry) -> None:
    assert task.geometry.matches(grid) and task.notes == ("read t1",)


def test_clicks_before_the_volumes_are_read_are_answered_later(
    engine: Any, segmentation: Any, t1_node: Any, world: Any, inside: Any, run_until: Run, plain: Any, grid: Geometry
) -> None:
    world.held.add("read")
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    prompts = (task.session.add_point(inside(4, 4, 4)), task.session.add_point(inside(8, 8, 7)))
    task.session.add_point(inside(90, 4, 4))  # outside, which only the study can tell
    run_until(lambda: "read" in world.calls)
    assert task.phase == "reading"
    world.held.clear()
    run_until()
    assert world.calls.count("update") == 1 and task.session.prompts == prompts
    assert same({r: task.masks(r) for r in REGIONS}, plain(prompts, grid))


def test_prompts_that_cannot_be_used_change_nothing(task: Any, panel: Any, run_until: Run, inside: Any) -> None:
    known = task.session.add_point(inside(8, 8, 7))
    run_until()
    before = task.session.history
    for wrong in (
        lambda: task.session.add_point((500, 0, 0)),
        lambda: task.session.add_point((0, 0, float("nan"))),
        lambda: task.session.add_point(inside(8, 8, 7), True, "XY"),
        lambda: task.session.add_box((0, 0, 0), (0, 0, 0)),
        lambda: task.session.add_box((500, 0, 0), (600, 50, 50)),
        lambda: task.session.add_scribble([]),
        lambda: task.session.move(known, (500, 0, 0)),
    ):
        with pytest.raises(PromptError):
            wrong()
    task.session.remove(known)
    with pytest.raises(PromptError, match="removed"):
        task.session.remove(known)
    task.session.undo()
    assert task.session.prompts == before.prompts


def test_without_a_volume_a_prompt_says_what_to_do(engine: Any, segmentation: Any) -> None:
    task = engine.task(segmentation)
    for ask in (lambda: task.session.add_point((0, 0, 0)), task.session.propose):
        with pytest.raises(StudyError, match="choose at least one"):
            ask()
    assert task.phase == "empty" and task.volumes() == {"WT": 0, "TC": 0, "ET": 0}
    for harmless in (task.session.undo, task.session.redo, task.session.reset, task.take_edits, task.uncertainty):
        harmless()


def test_undo_and_redo_go_all_the_way_and_need_no_work(
    task: Any, world: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    states = [task.session.prompts]
    for ijk in ((4, 4, 4), (8, 8, 7), (12, 9, 9)):
        task.session.add_point(inside(*ijk))
        run_until()
        states.append(task.session.prompts)
    task.session.move(task.session.prompts[0], inside(5, 5, 5))
    run_until()
    states.append(task.session.prompts)
    task.session.remove(task.session.prompts[1])
    run_until()
    states.append(task.session.prompts)
    updates = world.calls.count("update")
    for prompts in states[-2::-1]:
        task.session.undo()
        assert task.session.prompts == prompts
        assert same(shown(), plain(prompts, grid)) if prompts else not shown()["WT"].any()
    assert not task.session.can_undo
    task.session.undo()
    for prompts in states[1:]:
        task.session.redo()
        assert task.session.prompts == prompts and same(shown(), plain(prompts, grid))
    assert not task.session.can_redo and world.calls.count("update") == updates


def test_requests_while_busy_are_merged_and_older_answers_are_not_shown(
    task: Any, world: Any, panel: Any, inside: Any, run_until: Run
) -> None:
    world.held.add("update")
    task.session.add_point(inside(4, 4, 4))
    run_until(lambda: "update" in world.calls)
    for i in range(5, 10):
        task.session.add_point(inside(i, 8, 7))
    assert panel.shown == 0
    world.held.clear()
    run_until()
    assert [len(prompts) for prompts in world.answered] == [1, 6] and panel.shown == 1
    task.session.undo()
    run_until()
    assert [len(prompts) for prompts in world.answered] == [1, 6, 5]


def test_undo_while_an_update_runs_stops_it(task: Any, world: Any, shown: Any, inside: Any, run_until: Run) -> None:
    world.held.add("update")
    task.session.add_point(inside(4, 4, 4))
    run_until(lambda: "update" in world.calls)
    task.session.undo()
    run_until()
    assert world.answered == [] and not shown()["WT"].any()


def test_proposal_and_reset_are_steps(
    task: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    prompt = task.session.add_point(inside(8, 8, 7))
    run_until()
    task.session.propose()
    run_until()
    assert task.session.prompts == () and same(shown(), plain((), grid)) and shown()["WT"].sum() == 1
    task.session.reset()
    assert not shown()["WT"].any()
    task.session.undo()
    assert shown()["WT"].sum() == 1
    task.session.undo()
    assert task.session.prompts == (prompt,) and same(shown(), plain((prompt,), grid))
    task.session.redo()
    task.session.redo()
    assert not shown()["WT"].any() and not task.session.can_redo


def test_an_edit_by_brush_is_kept_and_is_a_step(
    task: Any, segmentation: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    first = task.session.add_point(inside(8, 8, 7))
    run_until()
    before = shown()

    def add_corner(mask: np.ndarray) -> None:
        mask[0:2, 0:3, 0:3] = 1

    painted = paint(segmentation, task, "WT", add_corner)
    second = task.session.add_point(inside(12, 10, 9))
    assert [prompt.kind for prompt in task.session.prompts] == ["point", "mask", "point"]
    run_until()
    assert np.all(shown()["WT"] >= painted) and shown()["WT"].sum() > painted.sum()
    task.session.undo()
    assert np.array_equal(shown()["WT"], painted) and second not in task.session.prompts
    task.session.undo()
    assert same(shown(), before) and task.session.prompts == (first,)


def test_leaving_the_editor_takes_the_edit_up_once(task: Any, segmentation: Any, inside: Any, run_until: Run) -> None:
    task.session.add_point(inside(8, 8, 7))
    run_until()
    assert task.take_edits() is False

    def erase(mask: np.ndarray) -> None:
        mask[:] = 0

    paint(segmentation, task, "WT", erase)
    assert task.take_edits() is True and task.take_edits() is False
    run_until()
    assert task.volumes()["WT"] == 0 and len(task.session.prompts) == 2


def test_a_brush_during_an_update_is_not_lost(
    task: Any, segmentation: Any, world: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    task.session.add_point(inside(8, 8, 7))
    run_until()
    world.held.add("update")
    task.session.add_point(inside(12, 10, 9))
    run_until(lambda: world.calls.count("update") == 2)

    def add_corner(mask: np.ndarray) -> None:
        mask[0:2, 0:3, 0:3] = 1

    paint(segmentation, task, "WT", add_corner)
    world.held.clear()
    run_until()
    assert shown()["WT"][0:2, 0:3, 0:3].all() and task.session.prompts[-1].kind == "mask"


def test_wrong_volumes_are_told_and_those_before_stay(
    task: Any, add_volume: Any, grid: Geometry, panel: Any, t1_node: Any, run_until: Run, world: Any
) -> None:
    labels = add_volume(np.zeros(grid.shape, np.int16), grid.ijk_to_ras, "labels", "vtkMRMLLabelMapVolumeNode")
    assert not task.set_volumes({"t1": t1_node, "t2": labels})
    assert not task.set_volumes({"t1": t1_node, "t2": t1_node})
    assert len(panel.messages) == 2 and {kind for kind, _ in panel.messages} == {"error"}
    assert task.volume_nodes == {"t1": t1_node} and task.phase == "ready"
    world.failing["read"] = StudyError("the volumes do not overlap")
    other = add_volume(np.ones(grid.shape, np.int16), grid.ijk_to_ras, "t2")
    assert task.set_volumes({"t2": other})
    run_until()
    assert "do not overlap" in panel.told("error")
    assert task.volume_nodes == {"t1": t1_node} and task.phase == "ready"


def test_a_volume_deleted_while_it_is_read(
    engine: Any, segmentation: Any, t1_node: Any, add_volume: Any, grid: Geometry, world: Any, panel: Any,
    mrml_scene: Any, run_until: Run,
) -> None:  # fmt: skip
    t2_node = add_volume(np.ones(grid.shape, np.int16), grid.ijk_to_ras, "t2")
    world.held.add("read")
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node, "t2": t2_node})
    run_until(lambda: "read" in world.calls)
    mrml_scene.RemoveNode(t1_node)
    run_until(lambda: task.volume_nodes == {"t2": t2_node})
    world.held.clear()
    run_until()
    assert "The t1 volume was removed" in panel.told("warning") and task.notes == ("read t2",)
    mrml_scene.RemoveNode(t2_node)
    run_until()
    assert task.phase == "empty" and task.geometry is None


def test_a_volume_changed_meanwhile_is_read_again(
    task: Any, t1_node: Any, put_under: Any, world: Any, panel: Any, inside: Any, run_until: Run, grid: Geometry
) -> None:
    shift = np.eye(4)
    shift[:3, 3] = 3, 0, 0
    put_under(t1_node, shift)
    world.held.add("update")
    task.session.add_point(inside(8, 8, 7))
    run_until(lambda: "update" in world.calls)
    assert "has changed" in panel.told("info") and world.calls.count("read") == 2
    assert np.allclose(task.geometry.origin, np.add(grid.origin, (3, 0, 0)))
    shift[:3, 3] = 0, 4, 0
    put_under(t1_node, shift)  # while the update runs: its result is stale
    world.held.clear()
    run_until()
    assert world.calls.count("read") == 3 and len(world.answered) == 2
    assert task.volumes()["WT"] > 0


def test_an_edited_mask_follows_its_place_onto_another_grid(
    task: Any, segmentation: Any, add_volume: Any, inside: Any, grid: Geometry, shown: Any, run_until: Run
) -> None:
    task.session.add_point(inside(8, 8, 7))
    run_until()

    def add_block(mask: np.ndarray) -> None:
        mask[9:12, 9:13, 9:14] = 1

    paint(segmentation, task, "WT", add_block)
    task.take_edits()
    cropped = grid.crop((2, 1, 3), (11, 14, 13))
    other = add_volume(np.ones(cropped.shape, np.int16), cropped.ijk_to_ras, "t2")
    task.set_volumes({"t2": other})
    run_until()
    assert task.geometry.matches(cropped)
    task.session.add_point(tuple(cropped.to_ras(np.array([6, 6, 4]))))
    run_until()
    assert task.masks("WT")[7:10, 8:12, 6:11].all() and [p.kind for p in task.session.prompts] == [
        "point",
        "mask",
        "point",
    ]


def test_disjoint_segments_and_a_lesion_of_the_users_own(
    task: Any, segmentation: Any, inside: Any, run_until: Run, plain: Any, grid: Geometry
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    prompt = task.session.add_point(inside(8, 8, 7))
    run_until()
    task.set_style(SegmentStyle("disjoint"))
    assert set(task.segment_ids()) == {"ED", "NC", "ET"}
    own = segmentation.GetSegmentation().AddEmptySegment("mine", "mine")
    task.set_style(SegmentStyle("lesion", lesion_segment=own))
    assert task.segment_ids() == {"lesion": own}
    assert np.array_equal(task.masks("WT"), plain((prompt,), grid)["WT"])
    with pytest.raises(OutputError, match="style"):
        task.set_style(SegmentStyle("unheard-of"))
    assert task.style.style == "lesion"


def test_uncertainty_is_computed_when_asked_for(task: Any, panel: Any, inside: Any, run_until: Run) -> None:
    import GliomaSAMLib.session.uncertainty  # noqa: F401 - with PyTorch, which takes long the first time

    assert task.uncertainty() is None
    run_until()
    assert task.uncertainty() is None  # nothing is shown, so nothing is in doubt
    task.session.add_point(inside(8, 8, 7))
    run_until()
    assert task.uncertainty() is None
    run_until()
    found = task.uncertainty()
    assert found.values.shape == task.geometry.shape and found.values.dtype == np.float32 and found.values.max() <= 1
    assert found.place is not None and bool(task.geometry.contains(np.array(found.place)))
    task.session.add_point(inside(4, 4, 4))
    assert task.uncertainty() is None  # of other prompts


def settle(engine: Any) -> None:
    """Let the timer tick a few times, as while the user looks."""
    for _ in range(4):
        engine.collect()


def test_what_is_painted_is_the_result_at_once_and_a_step_with_the_next(
    engine: Any, task: Any, segmentation: Any, panel: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    task.session.add_point(inside(8, 8, 7))
    run_until()
    before, told = task.volumes()["WT"], panel.shown

    def add_corner(mask: np.ndarray) -> None:
        mask[0:2, 0:3, 0:3] = 1

    painted = paint(segmentation, task, "WT", add_corner)
    settle(engine)
    assert (
        task.volumes()["WT"] == pytest.approx(painted.sum() * task.geometry.voxel_ml) and before < task.volumes()["WT"]
    )
    assert np.array_equal(task.masks("WT"), painted) and panel.shown == told + 1
    assert [prompt.kind for prompt in task.session.prompts] == ["point"]  # as long as nothing is asked
    task.session.undo()
    assert task.volumes()["WT"] == before and same(shown(), {r: task.masks(r) for r in REGIONS})
    task.session.redo()
    assert np.array_equal(shown()["WT"], painted) and np.array_equal(task.masks("WT"), painted)


def test_a_segment_that_was_removed_is_no_result_and_comes_back_with_the_next_answer(
    engine: Any, task: Any, segmentation: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    task.session.add_point(inside(8, 8, 7), True, "ET")
    run_until()
    before = shown()
    assert task.volumes()["ET"] > 0
    segmentation.GetSegmentation().RemoveSegment(task.segment_ids()["ET"])
    settle(engine)
    assert task.volumes()["ET"] == 0 and not task.masks("ET").any() and task.volumes()["WT"] > 0
    assert not task.take_edits()  # no edit of the mask
    task.session.add_point(inside(8, 9, 7), True, "ET")
    run_until()
    assert np.all(shown()["ET"] >= before["ET"]) and same(shown(), {r: task.masks(r) for r in REGIONS})


def test_an_undo_of_the_segment_editor_is_the_result_too(
    engine: Any, task: Any, segmentation: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    import slicer

    task.session.add_point(inside(8, 8, 7))
    run_until()
    kept = slicer.vtkSegmentation()
    kept.DeepCopy(segmentation.GetSegmentation())  # as Segment Editor keeps a state for its undo
    task.session.add_point(inside(12, 10, 9))
    run_until()
    segmentation.GetSegmentation().DeepCopy(kept)
    settle(engine)
    assert same(shown(), {r: task.masks(r) for r in REGIONS})
    assert task.volumes()["WT"] == pytest.approx(shown()["WT"].sum() * task.geometry.voxel_ml)


def test_what_a_completed_segment_keeps_is_the_result(
    task: Any, segmentation: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    import slicer

    task.session.add_point(inside(8, 8, 7))
    run_until()
    before = shown()
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    segment = segmentation.GetSegmentation().GetSegment(task.segment_ids()["WT"])
    logic.SetSegmentStatus(segment, logic.Completed)
    task.session.add_point(inside(12, 10, 9))
    run_until()
    assert np.array_equal(shown()["WT"], before["WT"]) and any("completed" in note for note in task.notes)
    assert same(shown(), {r: task.masks(r) for r in REGIONS})
    logic.SetSegmentStatus(segment, logic.InProgress)
    task.session.add_point(inside(12, 11, 9))
    run_until()
    assert shown()["WT"].sum() > before["WT"].sum() and same(shown(), {r: task.masks(r) for r in REGIONS})
