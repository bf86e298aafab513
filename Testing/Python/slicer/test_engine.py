"""The engine: order of work, cancel, models, and what vanishes."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import GliomaSAMError, ModelError, WeightsError
from GliomaSAMLib.geometry import Geometry

Run = Callable[..., None]


def test_volumes_are_read_and_encoded_without_being_asked(
    engine: Any, segmentation: Any, t1_node: Any, world: Any, panel: Any, run_until: Run
) -> None:
    task = engine.task(segmentation)
    assert engine.task(segmentation) is task and not engine.busy
    task.set_volumes({"t1": t1_node, "t2": None})
    assert engine.busy and world.calls == []
    run_until()
    assert world.calls == ["read", "load", "encode"] and threading.get_ident() not in world.threads
    assert ("read half done" in [text for _, text in panel.progressed]) or panel.progressed
    assert panel.progressed[-1] == (None, "") and panel.messages == []
    task.set_volumes({"t1": t1_node})
    run_until()
    assert world.calls == ["read", "load", "encode"]  # the same choice is no news


def test_a_click_waits_for_the_encoding_that_its_answer_needs(
    engine: Any, segmentation: Any, t1_node: Any, world: Any, place: Any, run_until: Run
) -> None:
    world.held.add("encode")
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    run_until(lambda: world.calls.count("encode") == 1)
    task.session.add_point(place(8, 8, 7))
    for _ in range(20):
        engine.collect()
        time.sleep(0.002)
    assert world.calls == ["read", "load", "encode"], "the encoding was thrown away"
    world.held.clear()
    run_until()
    assert world.calls == ["read", "load", "encode", "update"] and task.volumes()["WT"] > 0


@pytest.mark.parametrize("kind", ["read", "encode", "update"])
def test_cancel_takes_effect_at_once_and_the_next_click_goes_on(
    engine: Any, segmentation: Any, t1_node: Any, world: Any, panel: Any, place: Any, run_until: Run, kind: str
) -> None:
    world.held.add(kind)
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    prompts = (task.session.add_point(place(8, 8, 7)),)
    run_until(lambda: kind in world.calls)
    started = time.monotonic()
    engine.cancel()
    assert not engine.busy and panel.progressed[-1] == (None, "") and "Stopped" in panel.told("info")
    engine.collect()
    assert time.monotonic() - started < 1 and task.session.prompts == prompts
    world.held.clear()
    for _ in range(20):
        engine.collect()
        time.sleep(0.002)
    count = len(world.calls)
    prompts += (task.session.add_point(place(4, 4, 4)),)
    run_until()
    assert world.answered[-1] == prompts and len(world.calls) > count and task.volumes()["WT"] > 0


def test_another_model_is_used_from_the_next_prompt_on(
    task: Any, engine: Any, world: Any, place: Any, run_until: Run
) -> None:
    task.session.add_point(place(8, 8, 7))
    run_until()
    engine.set_model("other", "cpu")
    run_until()
    assert world.calls.count("load") == 2 and world.calls.count("read") == 1 and world.calls.count("update") == 1
    task.session.add_point(place(4, 4, 4))
    run_until()
    assert world.calls.count("update") == 2 and engine.choice.model == "other"


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(
    task: Any, engine: Any, world: Any, panel: Any, place: Any, run_until: Run
) -> None:
    world.failing["load"] = WeightsError("the weights of 'other' are damaged")
    engine.set_model("other")
    run_until()
    assert "damaged" in panel.told("error") and engine.choice.model == "gliomasam" and task.phase == "ready"
    task.session.add_point(place(8, 8, 7))
    run_until()
    assert task.volumes()["WT"] > 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "torch is not installed: press Install"),
        (OSError("[WinError 126] c10.dll"), "does not work here"),
        (ImportError("undefined symbol"), "install PyTorch again"),
        (ModelError("there is no device 'cuda'"), "no device 'cuda'"),
    ],
)
def test_a_broken_installation_is_explained(
    engine: Any, segmentation: Any, t1_node: Any, world: Any, panel: Any, place: Any, run_until: Run,
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("GliomaSAMLib.slicer.installing._broken", [])
    world.failing["load"] = error
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    run_until()
    assert words in panel.told("error") and task.phase == "stopped" and len(panel.messages) == 1
    world.failing.clear()
    task.session.add_point(place(8, 8, 7))
    run_until()
    assert task.phase == "ready" and task.volumes()["WT"] > 0


def test_a_change_of_device_is_told(task: Any, engine: Any, panel: Any, place: Any, run_until: Run) -> None:
    engine.jobs.messages.append("the memory of cuda:0 does not suffice: going on with the CPU, which is slower")
    engine.collect()
    assert "going on with the CPU" in panel.told("warning")


def test_two_segmentations_do_not_mix(
    engine: Any, task: Any, mrml_scene: Any, t1_node: Any, place: Any, run_until: Run, plain: Any, grid: Geometry
) -> None:
    from GliomaSAMLib.slicer.segments.writer import new_segmentation

    other = engine.task(new_segmentation(mrml_scene, "other"))
    other.set_volumes({"t1": t1_node})
    one, two = task.session.add_point(place(4, 4, 4)), other.session.add_point(place(12, 10, 9))
    run_until()
    for each, prompt in ((task, one), (other, two)):
        assert each.session.prompts == (prompt,)
        assert np.array_equal(each.masks("WT"), plain((prompt,), grid)["WT"])
    task.session.undo()
    assert other.session.prompts == (two,) and task.volumes()["WT"] == 0 and other.volumes()["WT"] > 0


@pytest.mark.parametrize("kind", ["read", "encode", "update", ""])
def test_a_segmentation_or_scene_that_goes_takes_its_work_along(
    engine: Any, mrml_scene: Any, segmentation: Any, t1_node: Any, world: Any, panel: Any, place: Any, run_until: Run,
    kind: str,
) -> None:  # fmt: skip
    if kind:
        world.held.add(kind)
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    task.session.add_point(place(8, 8, 7))
    run_until(lambda: kind in world.calls if kind else not engine.busy)
    nodes = task.prompt_nodes.nodes
    assert len(nodes) == 1
    if kind == "encode":
        mrml_scene.Clear(0)
    else:
        mrml_scene.RemoveNode(segmentation)
    world.held.clear()
    run_until()
    assert engine.tasks == () and nodes[0].GetScene() is None and panel.told("error") == ""
    assert mrml_scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == 0
    for harmless in (
        task.session.undo,
        task.session.redo,
        task.session.reset,
        task.session.propose,
        task.take_edits,
        task.uncertainty,
    ):
        with contextlib.suppress(GliomaSAMError):
            harmless()
    run_until()


def test_background_work_is_run_and_its_errors_are_told(engine: Any, panel: Any, run_until: Run) -> None:
    found: list[int] = []

    def fail(progress: Any, cancel: Any) -> None:
        raise WeightsError("the file is none of the catalogue's")

    engine.background("counting", lambda progress, cancel: 7, found.append)
    engine.background("importing weights", fail)
    run_until()
    assert found == [7] and "none of the catalogue's" in panel.told("error") and not engine.busy


def test_an_unexpected_error_is_told_and_the_engine_goes_on(
    task: Any, engine: Any, world: Any, panel: Any, place: Any, run_until: Run
) -> None:
    world.failing["update"] = ZeroDivisionError("oh")
    task.session.add_point(place(8, 8, 7))
    run_until()
    assert "ZeroDivisionError: oh" in panel.told("error") and not engine.busy
    panel.messages.clear()
    world.failing.clear()
    task.session.add_point(place(4, 4, 4))
    run_until()
    assert task.volumes()["WT"] > 0


def test_a_segmentation_under_a_warp_is_told_of_once_and_taken_up_when_it_is_out_of_it(
    engine: Any,
    segmentation: Any,
    t1_node: Any,
    panel: Any,
    place: Any,
    run_until: Run,
    writer: Any,
    nested: dict[str, np.ndarray],
    put_under_warp: Callable[[Any], Any],
) -> None:
    writer.write(nested)
    put_under_warp(segmentation)
    task = engine.task(segmentation)
    task.set_volumes({"t1": t1_node})
    run_until()
    for _ in range(20):
        engine.collect()
    assert panel.told("error").count("not linear: harden it") == 1 and len(panel.messages) == 1
    task.session.add_point(place(8, 8, 7))
    run_until()
    assert panel.told("error").count("not linear") == 2, "the user goes on, so it is told again"
    segmentation.SetAndObserveTransformNodeID(None)
    engine.collect()
    run_until()
    assert task.volumes()["WT"] > 0 and len(panel.messages) == 2


def test_what_is_painted_under_a_warp_is_taken_up_when_it_is_out_of_it(
    engine: Any,
    task: Any,
    segmentation: Any,
    panel: Any,
    place: Any,
    run_until: Run,
    grid: Geometry,
    put_under_warp: Any,
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    task.session.add_point(place(8, 8, 7))
    run_until()
    put_under_warp(segmentation)
    painted = np.zeros(grid.shape, bool)
    painted[1:3, 1:3, 1:3] = True
    add_voxels(segmentation, task.segment_ids()["WT"], Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), painted)
    for _ in range(5):
        engine.collect()
    assert panel.told("error").count("not linear") == 1
    segmentation.SetAndObserveTransformNodeID(None)
    for _ in range(3):
        engine.collect()
    run_until()
    assert task.masks("WT")[painted].all()


def test_nothing_is_kept_alive_after_closing(
    engine: Any, task: Any, segmentation: Any, world: Any, place: Any, run_until: Run
) -> None:
    task.session.add_point(place(8, 8, 7))
    run_until()
    node = task.prompt_nodes.nodes[0]
    world.held.add("update")
    task.session.add_point(place(4, 4, 4))
    run_until(lambda: world.calls.count("update") == 2)
    assert engine.close(5)
    engine.collect()  # a timer that was not stopped
    event = type(node).PointModifiedEvent
    assert not node.HasObserver(event)
    node.AddControlPointWorld([0, 0, 0])
    assert len(task.session.prompts) == 2


def test_no_answer_waits_for_measuring_and_only_the_last_is_measured(
    engine: Any, task: Any, world: Any, panel: Any, place: Any, run_until: Run
) -> None:
    measured: list[str] = []
    started: list[str] = []

    def measure(name: str) -> None:
        def job(progress: Any, cancel: Any) -> str:
            started.append(name)
            world.wait("measure", cancel)
            return name

        engine.measure("measuring", job, measured.append)

    world.held.add("measure")
    measure("first")
    run_until(lambda: started == ["first"])
    task.session.add_point(place(8, 8, 7))
    run_until(lambda: task.volumes()["WT"] > 0)
    run_until(lambda: started == ["first", "first"])
    measure("second")
    measure("third")
    world.held.add("update")
    task.session.add_point(place(4, 4, 4))
    run_until(lambda: world.calls.count("update") == 2)
    assert "third" not in started and measured == [] and engine.busy
    world.held.clear()
    run_until()
    assert measured == ["third"] and "second" not in started and not panel.messages
    world.held.add("measure")
    measure("last")
    run_until(lambda: "last" in started)
    engine.cancel()
    run_until()
    assert measured == ["third"] and not engine.busy
