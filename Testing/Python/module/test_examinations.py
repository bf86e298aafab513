"""Two examinations of one patient in the scene: neither is written into the outlines of the other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
from scene_visits import Patient, onion
from user.clinician import Clinician

HERE = [2.0, -3.0, 1.0]


def click(user: Clinician, ras: list[float]) -> None:
    user.task.prompt_nodes.node_for("point", True, "WT").AddControlPointWorld(ras)
    user.wait()


def test_the_next_examination_gets_a_segmentation_of_its_own(patient: Patient, at: Callable[[Any], Clinician]) -> None:
    march, june = (patient.visit(day, None)[0] for day in ("20240301", "20240603"))
    user = at(march)
    first = user.task
    click(user, HERE)
    outlined = user.masks()
    user.ui.t1cSelector.setCurrentNode(june)
    user.wait()
    assert user.task is not first and "another examination" in user.panel.messages.text
    assert first.node.GetName() in user.panel.messages.text and user.task.node.GetName() in user.panel.messages.text
    assert user.task.volume_nodes == {"t1c": june} and user.task.session.prompts == ()
    click(user, [-10.0, 8.0, 5.0])
    second, later = user.task, user.masks()
    hierarchy = patient.hierarchy()
    places = [hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in (second.node, june)]
    assert places[0] == places[1] and later["WT"].any()
    user.ui.t1cSelector.setCurrentNode(march)
    user.wait()
    assert user.task is first and user.task.volume_nodes == {"t1c": march}
    assert all(np.array_equal(mask, outlined[region]) for region, mask in user.masks().items())
    user.ui.segmentationSelector.setCurrentNode(second.node)
    user.wait()
    assert user.ui.t1cSelector.currentNode() is june and np.array_equal(user.masks()["WT"], later["WT"])
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_going_on_by_one_selector_after_another_leaves_each_segmentation_its_volumes(
    patient: Patient, at: Callable[[Any], Clinician]
) -> None:
    hierarchy = patient.hierarchy()
    march, june = ({"t1c": patient.visit(day, None)[0]} for day in ("20240301", "20240603"))
    for volumes in (march, june):
        volumes["flair"] = slicer.modules.volumes.logic().CloneVolume(volumes["t1c"], "flair")
        items = [hierarchy.GetItemByDataNode(volumes[modality]) for modality in ("flair", "t1c")]
        hierarchy.SetItemParent(items[0], hierarchy.GetItemParent(items[1]))
    user = at(march["t1c"])

    def go_to(volumes: dict[str, Any]) -> None:
        for modality in ("flair", "t1c", "flair"):  # coming back to a segmentation chooses its volumes
            getattr(user.ui, f"{modality}Selector").setCurrentNode(volumes[modality])
            user.wait()

    go_to(march)
    first = user.task
    click(user, HERE)
    go_to(june)
    second = user.task
    assert second is not first and first.volume_nodes == march and second.volume_nodes == june
    click(user, HERE)
    user.ui.segmentationSelector.setCurrentNode(first.node)
    user.wait()
    assert user.panel.inputs.nodes() == first.volume_nodes == march
    go_to(june)
    assert user.task is second and first.volume_nodes == march and second.volume_nodes == june
    go_to(march)
    assert user.task is first and first.volume_nodes == march and second.volume_nodes == june
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_a_segmentation_of_another_examination_comes_with_its_volumes(
    patient: Patient, at: Callable[[Any], Clinician]
) -> None:
    march, _ = patient.visit("20240301", None)
    june, outlines = patient.visit("20240603", onion(6))
    user = at(march)
    user.ui.segmentationSelector.setCurrentNode(outlines)
    user.wait()
    assert user.task.node is outlines and user.task.volume_nodes == {"t1c": june}
    assert "another examination" in user.panel.messages.text
    assert np.array_equal(user.masks()["ET"], onion(6)["ET"])


def test_volumes_that_cannot_be_told_leave_the_selectors_to_the_user(
    patient: Patient, at: Callable[[Any], Clinician]
) -> None:
    march, _ = patient.visit("20240301", None)
    june, outlines = patient.visit("20240603", onion(6))
    june.SetName("series 7")
    user = at(march)
    user.ui.segmentationSelector.setCurrentNode(outlines)
    user.wait()
    assert user.panel.inputs.nodes() == {} and "choose its own" in user.panel.messages.text
    user.ui.t1cSelector.setCurrentNode(june)
    user.wait()
    assert user.task.node is outlines and user.task.volume_nodes == {"t1c": june}


def test_volumes_of_one_examination_stay_with_their_segmentation(
    patient: Patient, at: Callable[[Any], Clinician]
) -> None:
    march, _ = patient.visit("20240301", None)
    hierarchy = patient.hierarchy()
    other, nowhere = (slicer.modules.volumes.logic().CloneVolume(march, name) for name in ("t1c brain", "t1c copy"))
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(nowhere), hierarchy.GetSceneItemID())
    user = at(march)
    task = user.task
    click(user, HERE)
    for volume in (other, nowhere, march):
        user.ui.t1cSelector.setCurrentNode(volume)
        user.wait()
        assert user.task is task and task.volume_nodes == {"t1c": volume}
        assert "another examination" not in user.panel.messages.text
