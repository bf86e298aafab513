"""Somebody who does anything at any moment: every control, every prompt, and what happens to a scene meanwhile."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from .clinician import Clinician

TOOLS = ("positive", "negative", "box", "roi", "scribble", "lasso")
VIEWS = ("Red", "Yellow", "Green")
SELECTORS = ("t1Selector", "t1cSelector", "t2Selector", "flairSelector", "segmentationSelector")
BOXES = ("skullSelector", "regionSelector", "styleSelector", "lesionSelector")
"""Not the one that lets GliomaSAM overwrite other segments."""
FOREIGN, FOREIGN_VOXELS = "foreign", 10 * 10 * 13
"""What the ids of other segments begin with, and how many voxels each has."""
CHECKS = ("registerCheckBox", "samePatientCheckBox", "outsideCheckBox", "promptsCheckBox", "uncertaintyCheckBox")
BUTTONS = ("undo", "redo", "reset", "propose", "cancel", "guess", "uncertainty", "copy", "tableNode", "reading")
KEYS = ("P", "N", "D", "O", "S", "L", "U", "Ctrl+U", "M", "C", "Escape")
SAVED = "GliomaSAM.test"
"""Attribute of nodes that are somebody else's: they must stay as they are."""


class RandomUser:
    """Does things at random, the same for the same seed.

    Args:
        clinician: Works the panel.
        seed: Of the random numbers.
        new_patient: Puts four volumes into the scene and returns them.
        folder: Where scenes are saved.
    """

    def __init__(self, clinician: Clinician, seed: int, new_patient: Callable[[], Any], folder: Path) -> None:
        self.clinician = clinician
        self.random = random.Random(seed)
        self.new_patient = new_patient
        self.folder = folder
        self.done: list[str] = []
        self._actions: list[tuple[int, Callable[[], None]]] = [
            (30, self.click),
            (10, self.take_tool),
            (6, self.drag),
            (10, self.press_button),
            (6, self.press_key),
            (5, self.choose_in_box),
            (4, self.check),
            (4, self.choose_node),
            (3, self.remove_prompt_node),
            (3, self.remove_point),
            (3, self.paint),
            (2, self.switch_module),
            (2, self.turn_wheel),
            (2, self.choose_model),
            (1, self.remove_node),
            (1, self.new_segmentation),
            (1, self.add_foreign_segment),
            (1, self.close_scene),
            (1, self.save_and_load),
        ]

    def act(self) -> None:
        """One action, and a moment of varying length."""
        weights = [weight for weight, _ in self._actions]
        action = self.random.choices([action for _, action in self._actions], weights)[0]
        self.done.append(action.__name__)
        action()
        self.clinician.window.pump(self.random.choice((0, 0, 0, 10, 60)))

    def place(self) -> tuple[float, float, float]:
        """A place in the head, now and then outside."""
        reach = self.random.choice((15.0, 15.0, 30.0, 60.0))
        r, a, s = (round(self.random.uniform(-reach, reach), 1) for _ in range(3))
        return r, a, s

    def click(self) -> None:
        self.clinician.window.click(self.random.choice(VIEWS), self.place())

    def drag(self) -> None:
        self.clinician.window.drag(self.random.choice(VIEWS), self.place(), self.place(), steps=3)

    def take_tool(self) -> None:
        self._button(self.random.choice(TOOLS))

    def press_button(self) -> None:
        self._button(self.random.choice(BUTTONS))

    def _button(self, name: str) -> None:
        button = getattr(self.clinician.ui, f"{name}Button")
        if button.enabled:
            button.click()

    def press_key(self) -> None:
        self.clinician.window.key(self.random.choice(KEYS))

    def choose_in_box(self) -> None:
        box = getattr(self.clinician.ui, self.random.choice(BOXES))
        if box.enabled and box.count and not box.isHidden():
            index = self.random.randrange(box.count)
            if not box.itemText(index).startswith(FOREIGN):
                box.currentIndex = index
                box.activated.emit(index)

    def choose_model(self) -> None:
        box = self.clinician.ui.modelSelector
        box.currentIndex = self.random.randrange(box.count)
        box.activated.emit(box.currentIndex)

    def check(self) -> None:
        box = getattr(self.clinician.ui, self.random.choice(CHECKS))
        if box.enabled:
            box.click()

    def choose_node(self) -> None:
        selector = getattr(self.clinician.ui, self.random.choice(SELECTORS))
        nodes = [None, *selector.nodes()]
        selector.setCurrentNode(self.random.choice(nodes))

    def new_segmentation(self) -> None:
        if len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) < 4:
            self.clinician.ui.segmentationSelector.addNode()

    def _prompt_nodes(self) -> list[Any]:
        nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsNode")
        return [node for node in nodes if node.GetAttribute(SAVED) is None]

    def remove_prompt_node(self) -> None:
        nodes = self._prompt_nodes()
        if nodes:
            slicer.mrmlScene.RemoveNode(self.random.choice(nodes))

    def remove_point(self) -> None:
        nodes = [node for node in self._prompt_nodes() if node.GetNumberOfControlPoints()]
        if nodes:
            node = self.random.choice(nodes)
            node.RemoveNthControlPoint(self.random.randrange(node.GetNumberOfControlPoints()))

    def paint(self) -> None:
        editor = self.clinician.ui.editor
        node = editor.segmentationNode()
        names = node.GetSegmentation().GetSegmentIDs() if node is not None else ()
        own = [name for name in names if not name.startswith(FOREIGN)]
        if own and editor.sourceVolumeNode() is not None:
            editor.setCurrentSegmentID(self.random.choice(own))
            editor.paint(self.place(), 4.0, self.random.random() < 0.7)

    def switch_module(self) -> None:
        self.clinician.window.select("")
        self.clinician.window.pump(self.random.choice((0, 60)))
        self.clinician.enter()

    def turn_wheel(self) -> None:
        self.clinician.window.wheel(self.random.choice(VIEWS), self.random.choice((-2, 1, 3)))

    def remove_node(self) -> None:
        """A volume or a segmentation goes."""
        kind = self.random.choice(("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode"))
        nodes = [node for node in slicer.util.getNodesByClass(kind) if not node.GetHideFromEditors()]
        if nodes:
            slicer.mrmlScene.RemoveNode(self.random.choice(nodes))
        if not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
            self.new_patient()

    def add_foreign_segment(self) -> None:
        """Another segment in one of the segmentations, which nobody may change."""
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if nodes and volumes:
            node = self.random.choice(nodes)
            segmentation = node.GetSegmentation()
            name = f"{FOREIGN}{segmentation.GetNumberOfSegments()}"
            if segmentation.GetSegment(name) is None:
                segmentation.AddEmptySegment(name, name)
                block = np.zeros(slicer.util.arrayFromVolume(volumes[0]).shape, np.uint8)
                block[10:20, 10:20, 12:25] = 1
                slicer.util.updateSegmentBinaryLabelmapFromArray(block, node, name, volumes[0])

    def close_scene(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.clinician.window.pump(self.random.choice((0, 60)))
        self.new_patient()

    def save_and_load(self) -> None:
        path = self.folder / "walk.mrb"
        if slicer.util.saveScene(str(path)):
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(str(path))
        path.unlink(missing_ok=True)
