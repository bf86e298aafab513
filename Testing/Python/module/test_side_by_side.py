"""Two visits side by side while one of them is worked on: nothing of it gets into the other, and all is given back."""

from collections.abc import Callable
from typing import Any

import pytest
import slicer
from scene_visits import PLACE
from user.clinician import Clinician

EARLIER, LATER = TAGS = ("GliomaSAMEarlier", "GliomaSAMLater")


@pytest.fixture
def comparing(at: Callable[[Any], Clinician], later_visit: tuple[Any, Any]) -> Clinician:
    """Somebody who works on the later of two visits, has compared them, and looks at them side by side."""
    volume, segmentation = later_visit
    reader = at(volume)
    reader.ui.segmentationSelector.setCurrentNode(segmentation)
    reader.wait()
    reader.open_follow_up()
    reader.ui.alignedCheckBox.click()
    reader.window.pump(120)
    reader.ui.compareButton.click()
    session = reader.panel.followUp.session
    reader.window.wait_for(lambda: not session.is_waiting and not reader.panel.engine.busy, 60)
    layout = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(layout.SlicerLayoutConventionalView)
    reader.window.add_layout(TAGS)
    reader.take("positive")
    reader.ui.sideBySideButton.click()
    reader.wait()
    return reader


def foreground(tag: str) -> str | None:
    """The name of what lies over the volume of a view."""
    from GliomaSAMLib.slicer.slice_views import composite_node

    node = slicer.mrmlScene.GetNodeByID(composite_node(slicer.mrmlScene, tag).GetForegroundVolumeID() or "")
    return str(node.GetName()) if node is not None else None


def lines_in(view_id: str) -> int:
    """How many calliper lines are seen in a view."""
    displays = [node.GetDisplayNode() for node in slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode")]
    return sum(display.GetVisibility() and display.IsDisplayableInView(view_id) for display in displays)


def test_a_click_on_one_visit_is_no_prompt_of_the_other(comparing: Clinician) -> None:
    before = comparing.task.session.prompts
    for tag in TAGS:  # with the tool that was taken before
        comparing.window.click(tag, PLACE)
    assert not comparing.ui.positiveButton.checked
    comparing.ui.boxButton.click()
    assert "side by side" in comparing.panel.messages.text and not comparing.ui.boxButton.checked
    comparing.window.click(EARLIER, PLACE)
    comparing.ui.uncertaintyButton.click()
    assert "side by side" in comparing.panel.messages.text and not comparing.panel.results.going
    comparing.wait()
    assert comparing.task.session.prompts == before
    comparing.ui.sideBySideButton.click()
    comparing.click(PLACE, view="Red")
    assert [prompt.points for prompt in comparing.task.session.prompts if prompt.kind == "point"]


def test_prompts_of_one_visit_are_not_seen_over_the_other(comparing: Clinician) -> None:
    node = comparing.task.prompt_nodes.node_for("point")
    node.AddControlPointWorld(list(PLACE))
    comparing.wait()
    for chosen in (False, True):
        comparing.panel.parameters.showPrompts = chosen
        comparing.wait()
    assert not node.GetDisplayNode().GetVisibility()
    comparing.ui.sideBySideButton.click()
    comparing.wait()
    assert node.GetDisplayNode().GetVisibility()


def test_the_uncertainty_of_one_visit_is_not_seen_over_the_other(comparing: Clinician) -> None:
    comparing.ui.uncertaintyCheckBox.click()
    comparing.task.prompt_nodes.node_for("point").AddControlPointWorld(list(PLACE))
    comparing.wait()
    assert (foreground(EARLIER), foreground(LATER)) == (None, "Uncertainty")
    comparing.ui.sideBySideButton.click()
    comparing.wait()
    assert foreground("Red") == "Uncertainty"
    comparing.ui.sideBySideButton.click()
    comparing.wait()
    assert (foreground(EARLIER), foreground(LATER)) == (None, "Uncertainty")


@pytest.mark.parametrize("way", ["leave", "compare volumes", "toolbar"])
def test_the_lines_are_seen_again_when_the_views_are_given_back(comparing: Clinician, way: str) -> None:
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    assert lines_in("vtkMRMLSliceNodeRed") == 0
    if way == "leave":
        comparing.window.select("")
    elif way == "compare volumes":
        comparing.window.key("C")
    else:
        layout.SetViewArrangement(layout.SlicerLayoutThreeOverThreeView)
        comparing.window.add_layout(("Red+",))
        comparing.wait()
        assert not comparing.ui.sideBySideButton.checked and layout.GetSaveWithScene()
        new = comparing.window.views["Red+"].view.node.GetID()
        outlines = [node.GetDisplayNode() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]
        assert lines_in(new) == 4 and all(display.IsDisplayableInView(new) for display in outlines)
    assert lines_in("vtkMRMLSliceNodeRed") == 4
