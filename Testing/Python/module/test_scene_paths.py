"""What a scene names is not opened until the user chooses it on the panel."""

import json
from pathlib import Path
from typing import Any

import pytest
import slicer

INSIDE = (12.0, 6.0, 4.0)
WEIGHTS = "//server.example/share/x.safetensors"


@pytest.mark.parametrize("where", ["state", "parameters"])
def test_weights_that_a_scene_names_wait_for_a_click(user: Any, quick: Any, tmp_path: Path, where: str) -> None:
    user.click(INSIDE)
    panel, node, opened = user.panel, user.task.node, []

    def load(name: str, device: str) -> Any:
        opened.append(name)
        return quick.load(name, device)

    user.window.select("")
    if where == "state":
        state = json.loads(node.GetAttribute("GliomaSAM.state"))
        node.SetAttribute("GliomaSAM.state", json.dumps({**state, "model": WEIGHTS}))
    else:
        panel.parameters.model = WEIGHTS
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    panel.engine.jobs._load = load
    panel.engine.jobs._models.clear()
    slicer.util.loadScene(path)
    user.enter()
    user.wait()
    assert WEIGHTS not in opened and panel.parameters.model == "gliomasam"
    assert f"The scene names {WEIGHTS} as its model" in panel.messages.text
    selector = user.ui.modelSelector
    listed = [selector.itemText(number) for number in range(selector.count)]
    selector.currentIndex = listed.index(WEIGHTS)
    selector.activated.emit(selector.currentIndex)
    user.wait()
    assert opened[-1] == WEIGHTS and panel.parameters.model == WEIGHTS
