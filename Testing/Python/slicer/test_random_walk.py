"""Requests, deletions and cancels in any order, with a fixed seed: nothing breaks and nothing is left behind."""

import contextlib
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import GliomaSAMError, ModelError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS


class Walk:
    """What a hurried user does with two segmentations and two volumes."""

    def __init__(self, seed: int, engine: Any, world: Any, scene: Any, volumes: list[Any], grid: Geometry) -> None:
        from GliomaSAMLib.slicer.segments.writer import new_segmentation

        self.draw = random.Random(seed)
        self.engine, self.world, self.scene, self.volumes, self.grid = engine, world, scene, volumes, grid
        self.new = lambda: new_segmentation(scene, "tumour")
        self.nodes = [self.new(), self.new()]
        self.actions: list[tuple[int, Callable[[Any], object]]] = [
            (4, self.point), (3, self.place), (1, self.box), (1, self.remove), (1, self.move), (1, self.drag),
            (2, lambda task: task.session.undo()), (1, lambda task: task.session.redo()),
            (1, lambda task: task.session.reset()), (1, lambda task: task.session.propose()),
            (1, lambda task: engine.cancel()), (2, self.choose), (3, self.hold),
            (1, lambda task: task.uncertainty()), (1, self.model), (1, self.delete_prompts),
            (1, self.delete_segmentation), (1, self.fail), (1, self.style), (6, lambda task: engine.collect()),
            (3, self.wait),
        ]  # fmt: skip

    def step(self) -> None:
        weights, actions = zip(*self.actions, strict=True)
        self.draw.choices(actions, weights)[0](self.engine.task(self.draw.choice(self.nodes)))

    def wait(self, task: Any) -> None:
        for _ in range(15):
            self.engine.collect()
            time.sleep(0.002)

    def somewhere(self) -> tuple[float, ...]:
        ijk = [self.draw.uniform(-1, size) for size in self.grid.size]
        return tuple(float(value) for value in self.grid.to_ras(np.array(ijk)))

    def point(self, task: Any) -> None:
        task.session.add_point(self.somewhere(), self.draw.random() < 0.6, self.draw.choice(REGIONS))

    def place(self, task: Any) -> None:
        node = task.prompt_nodes.node_for("point", self.draw.random() < 0.6, self.draw.choice(REGIONS))
        node.AddControlPointWorld(list(self.somewhere()))

    def box(self, task: Any) -> None:
        node = task.prompt_nodes.node_for("box", True, self.draw.choice(REGIONS))
        node.SetSizeWorld(3.0, 4.0, 5.0)
        node.SetCenterWorld(*self.somewhere())

    def remove(self, task: Any) -> None:
        if task.session.prompts:
            task.session.remove(self.draw.choice(task.session.prompts))

    def move(self, task: Any) -> None:
        if task.session.prompts:
            task.session.move(self.draw.choice(task.session.prompts), self.somewhere())

    def drag(self, task: Any) -> None:
        nodes = [node for node in task.prompt_nodes.nodes if node.IsA("vtkMRMLMarkupsFiducialNode")]
        for node in nodes[:1]:
            if node.GetNumberOfControlPoints():
                node.SetNthControlPointPositionWorld(0, list(self.somewhere()))

    def choose(self, task: Any) -> None:
        task.set_volumes({"t1": self.draw.choice(self.volumes), "t2": self.draw.choice((None, self.volumes[1]))})

    def hold(self, task: Any) -> None:
        """Work hangs for a while."""
        if self.world.held:
            self.world.held.clear()
        else:
            self.world.held.add(self.draw.choice(("read", "encode", "update")))

    def model(self, task: Any) -> None:
        self.engine.set_model(self.draw.choice(("gliomasam", "other")))

    def delete_prompts(self, task: Any) -> None:
        if task.prompt_nodes.nodes:
            self.scene.RemoveNode(self.draw.choice(task.prompt_nodes.nodes))

    def delete_segmentation(self, task: Any) -> None:
        self.nodes.remove(task.node)
        self.scene.RemoveNode(task.node)
        self.nodes.append(self.new())

    def fail(self, task: Any) -> None:
        self.world.failing = self.draw.choice(({}, {}, {"update": ModelError("the memory does not suffice")}))

    def style(self, task: Any) -> None:
        from GliomaSAMLib.slicer.segments.view import SegmentStyle

        task.set_style(SegmentStyle(self.draw.choice(("nested", "nested", "disjoint"))))


@pytest.mark.parametrize("seed", range(4))
def test_random_walk(
    engine: Any, mrml_scene: Any, add_volume: Any, grid: Geometry, world: Any, panel: Any, run_until: Any, plain: Any,
    seed: int,
) -> None:  # fmt: skip
    from GliomaSAMLib.slicer.segments.view import SegmentStyle
    from GliomaSAMLib.slicer.volumes import volume_image

    values = np.random.default_rng(seed).integers(1, 900, (2, *grid.shape)).astype(np.int16)
    volumes = [add_volume(array, grid.ijk_to_ras, f"volume {n}") for n, array in enumerate(values)]
    walk = Walk(seed, engine, world, mrml_scene, volumes, grid)
    for _ in range(400):
        with contextlib.suppress(GliomaSAMError):  # a word to the user; nothing has changed
            walk.step()
    world.held.clear()
    world.failing = {}
    run_until()
    assert len(world.answered) > 3 and panel.shown > 5
    for task in map(engine.task, walk.nodes):
        task.set_style(SegmentStyle())
        task.set_volumes({"t1": volumes[0]})
        run_until()
        task.session.reset()
        for _ in range(3):
            with contextlib.suppress(GliomaSAMError):
                walk.point(task)
        run_until()
        expected = plain(task.session.prompts, grid)["WT"] if task.session.prompts else np.zeros(grid.shape, np.uint8)
        assert np.array_equal(task.masks("WT"), expected)
        shown = [point for node in task.prompt_nodes.nodes for point in range(node.GetNumberOfControlPoints())]
        assert len(shown) == len(task.session.prompts)
    for volume, array in zip(volumes, values, strict=True):
        assert np.array_equal(sitk.GetArrayFromImage(volume_image(volume)), array)
    for node in walk.nodes:
        mrml_scene.RemoveNode(node)
    run_until()
    assert mrml_scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == 0 and engine.tasks == ()
