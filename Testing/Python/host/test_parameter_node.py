"""Typed parameters in a node of the scene, bound to widgets of a .ui file."""

import enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import slicer


class Model(enum.Enum):
    FAST = 1
    GOOD = 2


def wrapped(**hints: Any) -> Any:
    """A parameter node with these fields."""
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    kind = parameterNodeWrapper(type("Fields", (), {"__annotations__": hints}))
    return kind(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))


@pytest.mark.usefixtures("qt_host")
def test_every_type_comes_back_from_a_saved_scene(mrml_scene: Any, tmp_path: Path) -> None:
    from slicer.parameterNodeWrapper import Choice

    fields = {
        "flag": bool,
        "count": int,
        "size": float,
        "text": str,
        "path": Path,
        "model": Model,
        "region": Annotated[str, Choice(["WT", "TC"])],
        "volume": slicer.vtkMRMLScalarVolumeNode | None,
    }
    node = wrapped(**fields)
    assert (node.flag, node.count, node.size, node.text, node.model, node.region) == (False, 0, 0, "", Model.FAST, "WT")
    assert node.volume is None
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2), np.int16), name="T1")
    values = (True, -3, 0.125, "ä b", Path("a/b"), Model.GOOD, "TC")
    node.flag, node.count, node.size, node.text, node.path, node.model, node.region = values
    node.volume = volume
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    mrml_scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    stored = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")[0]
    again = type(node)(stored)
    assert (again.flag, again.count, again.size, again.text, again.path, again.model, again.region) == values
    assert again.volume.GetName() == "T1"


@pytest.mark.usefixtures("qt_host", "mrml_scene")
def test_wrong_values_are_refused() -> None:
    from slicer.parameterNodeWrapper import Choice, WithinRange

    node = wrapped(size=Annotated[float, WithinRange(0, 1)], region=Annotated[str, Choice(["WT", "TC"])], count=int)
    for name, value in (("size", 1.5), ("region", "XX")):
        with pytest.raises(ValueError, match=name):
            setattr(node, name, value)
    with pytest.raises(TypeError, match="count"):
        node.count = "3"
    with pytest.raises(TypeError, match="no way to store"):
        wrapped(things=dict)


def test_widgets_and_parameters_follow_each_other(example: Any) -> None:
    ui, parameters = example.ui, example.parameters
    assert (ui.thresholdSlider.value, ui.labelLine.text, ui.volumeSelector.currentNode()) == (100, "tumour", None)
    assert (ui.thresholdSlider.minimum, ui.thresholdSlider.maximum) == (-10, 500)
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2), np.int16), name="T1")
    ui.volumeSelector.setCurrentNode(volume)
    ui.thresholdSlider.value = 44
    ui.invertBox.checked = True
    assert (parameters.volume, parameters.threshold, parameters.invert) == (volume, 44, True)
    parameters.label = "cyst"
    parameters.volume = None
    assert (ui.labelLine.text, ui.volumeSelector.currentNode()) == ("cyst", None)
    parameters.disconnectGui(example.gui)
    ui.labelLine.text = "other"
    assert parameters.label == "cyst"


def test_parameters_live_in_the_scene(example: Any, mini_slicer: Any, tmp_path: Path) -> None:
    example.ui.thresholdSlider.value = 44
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(0)
    assert example.parameters is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    mini_slicer.select("Example")
    assert example.parameters.threshold == 44 and example.ui.thresholdSlider.value == 44


@pytest.mark.usefixtures("qt_host", "mrml_scene")
def test_widgets_that_slicer_would_not_bind_are_refused() -> None:
    import ctk
    import qt

    node = wrapped(size=float, label=str)
    for name, widget in (("size", ctk.ctkSliderWidget()), ("label", qt.QComboBox()), ("label", qt.QCheckBox())):
        with pytest.raises(RuntimeError, match=name):
            node.connectParametersToGui({name: widget})
    with pytest.raises(ValueError, match="no parameter"):
        node.connectParametersToGui({"other": qt.QLineEdit()})
