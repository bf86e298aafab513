"""Prompts that come, move and go while others are being answered: what is computed, what is shown, what is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

Run = Callable[..., None]


@pytest.fixture
def inside(grid: Geometry) -> Callable[..., tuple[float, ...]]:
    """A function from voxel indices (I, J, K) to RAS mm as plain numbers."""
    return lambda *ijk: tuple(float(value) for value in grid.to_ras(np.asarray(ijk)))


def same(masks: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(masks[region], others[region]) for region in REGIONS)


def test_quick_clicks_compute_every_answer_once_and_show_the_last(
    task: Any, world: Any, panel: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    """Each click comes while the answer to the one before is being computed: none is thrown away."""
    for number in range(1, 7):
        world.held |= {number}
        task.session.add_point(inside(2 * number, 8, 7))
        world.held -= {number - 1}
        run_until(lambda number=number: len(world.prefixes) == number)
        assert panel.shown == 0 and not shown()["WT"].any()
    world.held.clear()
    run_until()
    assert [len(prompts) for prompts in world.prefixes] == list(range(7)) and panel.shown == 1
    assert world.prefixes == [task.session.prompts[:number] for number in range(7)]
    assert same(shown(), plain(task.session.prompts, grid))
    for number in range(5, 0, -1):
        task.session.undo()
        run_until()
        assert same(shown(), plain(task.session.prompts, grid)) and len(task.session.prompts) == number
    assert len(world.prefixes) == 7  # each was answered on the way


def test_a_proposal_under_way_is_finished_for_the_click_after_it(
    task: Any, world: Any, shown: Any, inside: Any, run_until: Run
) -> None:
    world.held.add(0)
    task.session.propose()
    run_until(lambda: "update" in world.calls)
    task.session.add_point(inside(8, 8, 7))
    world.held.clear()
    run_until()
    assert world.answered == [(), task.session.prompts] and shown()["WT"].sum() > 1
    task.session.undo()
    assert shown()["WT"].sum() == 1


def three_clicks(task: Any, inside: Any, run_until: Run) -> Any:
    """Three points placed by mouse, answered; their node."""
    node = task.prompt_nodes.node_for("point")
    for ijk in ((3, 4, 4), (8, 8, 7), (13, 11, 9)):
        node.AddControlPointWorld(list(inside(*ijk)))
        run_until()
    return node


def test_a_dragged_point_keeps_its_place_and_what_followed_is_answered_once_it_is_let_go(
    task: Any, world: Any, panel: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    node = three_clicks(task, inside, run_until)
    before, masks, showings = task.session.prompts, shown(), panel.shown
    world.prefixes.clear()
    node.InvokeEvent(node.PointStartInteractionEvent)
    for i in range(3, 7):
        node.SetNthControlPointPositionWorld(0, list(inside(i, 6, 5)))
        run_until()
    assert task.session.prompts == before and world.prefixes == [] and len(world.answered) == 3
    world.held.add(3)
    node.InvokeEvent(node.PointEndInteractionEvent)
    run_until(lambda: len(world.prefixes) == 2)
    assert [prompt.id for prompt in task.session.prompts] == [prompt.id for prompt in before]
    assert (
        task.session.prompts[0].points[0] == pytest.approx(inside(6, 6, 5)) and task.session.prompts[1:] == before[1:]
    )
    assert same(shown(), masks) and panel.shown == showings  # the old mask, until the last answer is there
    assert any(fraction is not None for fraction, _ in panel.progressed[-3:])
    world.held.clear()
    run_until()
    assert world.prefixes == [task.session.prompts[:number] for number in (1, 2, 3)] and panel.shown == showings + 1
    assert same(shown(), plain(task.session.prompts, grid))
    task.session.undo()
    assert task.session.prompts == before and same(shown(), masks)
    task.session.redo()
    assert same(shown(), plain(task.session.prompts, grid)) and len(world.answered) == 4


def test_a_replay_that_is_stopped_goes_on_where_it_was(
    task: Any, world: Any, engine: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    node = three_clicks(task, inside, run_until)
    masks = shown()
    world.prefixes.clear()
    world.held.add(2)
    node.SetNthControlPointPositionWorld(0, list(inside(5, 6, 5)))  # as by the mouse, but without its events
    run_until(lambda: len(world.prefixes) == 1)
    engine.cancel()
    world.held.clear()
    run_until()
    assert same(shown(), masks) and len(world.prefixes) == 1
    task.session.add_point(inside(13, 4, 4))
    run_until()
    assert world.prefixes == [task.session.prompts[:number] for number in (1, 2, 3, 4)]
    assert same(shown(), plain(task.session.prompts, grid))


def test_an_update_that_leads_nowhere_is_stopped(
    task: Any, world: Any, shown: Any, plain: Any, inside: Any, grid: Geometry, run_until: Run
) -> None:
    """One prompt is moved, and another taken out while what followed is answered: what holds is answered to the end."""
    node = three_clicks(task, inside, run_until)
    world.prefixes.clear()
    world.held.add(2)
    node.SetNthControlPointPositionWorld(0, list(inside(5, 6, 5)))
    run_until(lambda: len(world.prefixes) == 1)
    moved = task.session.prompts
    node.RemoveNthControlPoint(1)
    run_until(lambda: world.calls.count("update") == 5)
    world.held.clear()
    run_until()
    assert task.session.prompts == (moved[0], moved[2]) and moved not in world.answered
    assert world.prefixes == [moved[:1], task.session.prompts] and same(shown(), plain(task.session.prompts, grid))
