"""Tools of the panel: into which markups the next click goes, and that nothing of them stays when one leaves."""

import pytest
import slicer
from user.clinician import Clinician

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)


def is_placing() -> bool:
    node = slicer.app.applicationLogic().GetInteractionNode()
    return node.GetCurrentInteractionMode() == node.Place


def test_a_tool_stays_down_and_places_for_the_region_chosen_since(user: Clinician) -> None:
    user.take("positive", "WT")
    for index, region in ((1, "TC"), (2, "ET"), (0, "WT"), (2, "ET")):
        user.ui.regionSelector.currentIndex = index
        user.window.pump(100)
        assert user.panel.prompts.tool == "positiveButton" and user.ui.positiveButton.checked
        assert user.ui.placeWidget.currentNode() is user.task.prompt_nodes.node_for("point", True, region)
    user.window.click("Red", INSIDE)
    user.wait()
    assert [prompt.region for prompt in user.task.session.prompts] == ["ET"]


def test_a_key_goes_on_to_the_next_region_and_the_tool_stays_down(user: Clinician) -> None:
    user.take("positive", "WT")
    for region in ("TC", "ET", "WT", "TC"):
        user.window.key("E")
        user.window.pump(100)
        assert user.panel.parameters.region.value == region and user.ui.positiveButton.checked
    user.window.click("Red", INSIDE)
    user.wait()
    assert [prompt.region for prompt in user.task.session.prompts] == ["TC"]
    user.ui.styleSelector.currentIndex = 2  # any lesion, which has no regions
    user.wait()
    user.window.key("E")
    assert user.ui.regionSelector.currentIndex == 1
    assert "(E)" in user.ui.regionSelector.toolTip


@pytest.mark.parametrize("tool", ["positive", "roi"])
def test_leaving_ends_placing_and_lets_go_of_the_list(user: Clinician, tool: str) -> None:
    user.take(tool, "WT")
    user.ui.regionSelector.currentIndex = 1
    user.window.pump(100)
    assert is_placing()
    button = user.ui.positiveButton
    user.window.select("")
    assert not is_placing() and not button.checked
    assert not slicer.app.applicationLogic().GetSelectionNode().GetActivePlaceNodeID()


@pytest.mark.parametrize("tool", ["box", "roi", "scribble", "lasso"])
def test_what_is_left_after_its_first_click_does_not_stay_in_the_views(user: Clinician, tool: str) -> None:
    def drawn() -> list[str]:
        kinds = ("vtkMRMLMarkupsROINode", "vtkMRMLMarkupsCurveNode")
        return [node.GetName() for kind in kinds for node in slicer.util.getNodesByClass(kind)]

    user.take(tool, "WT")
    user.window.click("Red", ELSEWHERE)
    user.window.pump(200)
    assert len(drawn()) == 1 and user.panel.prompts.tool  # it waits for the second click
    user.click(INSIDE)
    assert drawn() == [] and [prompt.kind for prompt in user.task.session.prompts] == ["point"]
    user.take(tool, "WT")
    user.window.click("Red", ELSEWHERE)
    task = user.task
    user.window.select("")
    user.window.pump(200)
    assert drawn() == [] and len(task.session.prompts) == 1


def test_a_click_of_another_module_goes_into_no_prompt(user: Clinician) -> None:
    user.click(INSIDE, region="WT")
    task = user.task
    user.window.select("")
    slicer.app.applicationLogic().GetInteractionNode().SwitchToSinglePlaceMode()
    user.window.click("Red", ELSEWHERE)
    user.window.pump(200)
    assert len(task.session.prompts) == 1


def test_leaving_keeps_the_list_and_the_placing_of_somebody_else(user: Clinician) -> None:
    user.click(INSIDE, region="WT")
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "landmarks")
    slicer.modules.markups.logic().SetActiveList(other)
    slicer.app.applicationLogic().GetInteractionNode().SwitchToSinglePlaceMode()
    user.window.select("")
    assert slicer.app.applicationLogic().GetSelectionNode().GetActivePlaceNodeID() == other.GetID() and is_placing()
    slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
