"""Volumes of the next patient, or of the next examination, come into a scene in which somebody is outlined already."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from user.clinician import Clinician

from GliomaSAMLib.geometry import Geometry

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)
ALL = ("t1", "t1c", "t2", "flair")

Load = Callable[..., dict[str, Any]]


@pytest.fixture(params=["names", "files", "DICOM"])
def load(
    request: Any, mrml_scene: Any, small_arrays: dict[str, np.ndarray], small_grid: Geometry, tmp_path: Path
) -> Load:
    """A function that loads volumes of a person, who is told apart by names, by folders, or by what DICOM says."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)

    def one(modality: str, name: str) -> Any:
        if request.param != "files":
            title = f"{name} {modality}" if request.param == "names" else modality
            return slicer.util.addVolumeFromArray(small_arrays[modality].copy(), small_grid.ijk_to_ras, title)
        path = tmp_path / name / f"{modality}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        sitk.WriteImage(small_grid.to_image(small_arrays[modality]), str(path))
        return slicer.util.loadVolume(str(path))

    def add(name: str, *modalities: str) -> dict[str, Any]:
        volumes = {modality: one(modality, name) for modality in modalities or ALL}
        if request.param == "DICOM":
            top = hierarchy.GetSceneItemID()
            patient = hierarchy.GetItemChildWithName(top, name) or hierarchy.CreateSubjectItem(top, name)
            study = hierarchy.CreateStudyItem(patient, "study")
            for volume in volumes.values():
                hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
        return volumes

    return add


def opened(slicer_with_module: Any, volumes: dict[str, Any]) -> Clinician:
    """Somebody who has outlined what the volumes show."""
    slicer_with_module.show(volumes["t1c"])
    user = Clinician(slicer_with_module)
    user.enter()
    user.wait()
    user.click(INSIDE)
    assert user.task.volume_nodes == volumes and user.segment("WT").any()
    return user


def test_empty_selectors_do_not_take_the_volumes_of_the_next_patient(slicer_with_module: Any, load: Load) -> None:
    smith = load("Smith", "t1c", "flair")
    user = opened(slicer_with_module, smith)
    task = user.task
    load("Jones")
    user.wait()
    assert user.panel.inputs.nodes() == smith and "Left unchosen" in user.panel.messages.text
    user.click(ELSEWHERE)
    assert user.task is task and task.volume_nodes == smith
    user.ui.guessButton.click()  # all of the next patient, and none of the one before
    user.wait()
    assert not set(user.panel.inputs.nodes().values()) & set(smith.values())


def test_going_to_the_next_patient_by_one_selector_after_another_is_told(slicer_with_module: Any, load: Load) -> None:
    smith = load("Smith")
    user = opened(slicer_with_module, smith)
    task = user.task
    for modality, volume in load("Jones").items():
        assert "made on other volumes" not in user.panel.messages.text
        getattr(user.ui, f"{modality}Selector").setCurrentNode(volume)
        user.wait()
    told = user.panel.messages.text
    if "This is another patient: results go to" in told:  # as DICOM says
        assert user.task is not task and task.volume_nodes == smith and user.task.session.prompts == ()
    else:
        assert user.task is task and "made on other volumes" in told


def test_one_button_goes_on_to_the_next_patient_and_back(slicer_with_module: Any, load: Load) -> None:
    patients = {"Smith": load("Smith")}
    user = opened(slicer_with_module, patients["Smith"])
    tasks = {"Smith": user.task}
    outlined = held(user.task)
    for name in ("Jones", "Brown"):
        patients[name] = load(name)
        user.wait()
        assert user.panel.messages.text == "Other volumes have come: Guess again goes on to them"
        assert user.panel.inputs.nodes() == patients["Smith"]
    for name in ("Jones", "Brown", "Smith", "Jones"):
        user.ui.guessButton.click()
        user.wait()
        assert user.panel.inputs.nodes() == patients[name] == user.task.volume_nodes, user.panel.messages.text
        assert user.task is tasks.setdefault(name, user.task)
        if name != "Smith" and not user.task.session.prompts:
            user.click(ELSEWHERE)
    assert len({task.node for task in tasks.values()}) == 3
    assert np.array_equal(held(tasks["Smith"]), outlined) and len(tasks["Smith"].session.prompts) == 1


def test_selectors_emptied_by_hand_are_filled_again_from_the_same_patient(slicer_with_module: Any, load: Load) -> None:
    smith = load("Smith")
    user = opened(slicer_with_module, smith)
    task = user.task
    for modality in ("t1", "t1c", "t2"):
        getattr(user.ui, f"{modality}Selector").setCurrentNode(None)
    user.wait()
    user.ui.guessButton.click()
    user.wait()
    assert user.panel.inputs.nodes() == smith and user.task is task


def test_a_second_series_of_the_patient_is_no_next_patient(slicer_with_module: Any, load: Load) -> None:
    smith = load("Smith")
    user = opened(slicer_with_module, smith)
    task, again = user.task, load("Smith", "t2")["t2"]
    user.wait()
    assert "Guess again" not in user.panel.messages.text
    user.ui.guessButton.click()
    user.wait()
    assert user.task is task and set(user.panel.inputs.nodes().values()) - {again, smith["t2"]} == {
        smith[modality] for modality in ("t1", "t1c", "flair")
    }


def held(task: Any) -> np.ndarray:
    """What the first segment of a segmentation holds, wherever its volumes are."""
    identifier = task.node.GetSegmentation().GetNthSegmentID(0)
    return np.array(slicer.util.arrayFromSegmentInternalBinaryLabelmap(task.node, identifier))


def remove(user: Clinician) -> None:
    """Take the volumes chosen out of the scene."""
    for volume in user.panel.inputs.nodes().values():
        slicer.mrmlScene.RemoveNode(volume)
    user.wait()
    assert user.panel.inputs.nodes() == {}


def test_in_place_of_removed_volumes_the_next_patient_gets_a_segmentation_of_its_own(
    slicer_with_module: Any, load: Load
) -> None:
    user = opened(slicer_with_module, load("Smith"))
    first, outlined = user.task, held(user.task)
    remove(user)
    jones = load("Jones")
    user.wait()
    assert user.task is not first and user.task.volume_nodes == jones and user.task.session.prompts == ()
    assert f"The volumes of {first.node.GetName()} are gone" in user.panel.messages.text
    user.click(ELSEWHERE)
    second = user.task
    user.ui.segmentationSelector.setCurrentNode(first.node)  # by mistake, or because they are Smith's
    user.wait()
    assert np.array_equal(held(first), outlined)
    refused = "belongs to another patient" in user.panel.messages.text
    assert refused or "made on other volumes" in user.panel.messages.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    user.ui.segmentationSelector.setCurrentNode(second.node)
    user.wait()
    assert second.volume_nodes == jones and user.segment("WT").any()


@pytest.mark.parametrize("load", ["DICOM"], indirect=True)
def test_volumes_that_are_loaded_again_go_with_their_segmentation(slicer_with_module: Any, load: Load) -> None:
    user = opened(slicer_with_module, load("Smith"))
    first = user.task
    remove(user)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(first.node))
    again = load("Smith")
    for volume in again.values():
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
    user.wait()
    assert user.task is first and first.volume_nodes == again and len(first.session.prompts) == 1
    assert "made on other volumes" not in user.panel.messages.text


@pytest.mark.parametrize("load", ["DICOM"], indirect=True)
def test_of_one_patient_is_said_of_the_volumes_chosen_and_of_no_others(slicer_with_module: Any, load: Load) -> None:
    smith = load("Smith")
    user = opened(slicer_with_module, smith)
    task, box = user.task, user.ui.samePatientCheckBox
    jones = load("Jones", "t1", "t2")
    box.click()
    user.wait()
    user.ui.t2Selector.setCurrentNode(None)
    user.wait()
    assert box.checked and task.options["same_patient"]
    user.ui.t1Selector.setCurrentNode(jones["t1"])
    user.wait()
    assert not box.checked and "different patients" in user.panel.messages.text
    assert task.volume_nodes["t1"] is smith["t1"]
    box.click()
    user.wait()
    assert box.checked and task.volume_nodes["t1"] is jones["t1"]
    user.ui.segmentationSelector.setCurrentNode(user.panel.segments.newSegmentation(user.panel.inputs.nodes()))
    user.wait()
    user.ui.segmentationSelector.setCurrentNode(task.node)
    user.wait()
    assert user.task is task and box.checked and task.volume_nodes["t1"] is jones["t1"]
    user.ui.t2Selector.setCurrentNode(jones["t2"])
    user.wait()
    assert not box.checked and "t2" not in task.volume_nodes


def test_model_and_device_stay_for_the_next_patient(
    user: Clinician, add_patient: Load, untrained: Path, monkeypatch: Any
) -> None:
    from GliomaSAMPanel import dialogs

    monkeypatch.setattr(dialogs, "openFile", lambda *_: str(untrained))
    user.ui.weightsButton.click()
    user.wait()
    user.ui.deviceSelector.addItem("cpu")
    user.panel.model._devices.append("cpu")
    user.ui.deviceSelector.activated.emit(user.panel.model._devices.index("cpu"))
    user.click(INSIDE)
    slicer.mrmlScene.Clear(0)
    add_patient()
    user.wait()
    user.click(INSIDE)
    choice = user.panel.engine.choice
    assert (
        (choice.model, choice.device)
        == (str(untrained), "cpu")
        == (
            user.panel.parameters.model,
            user.panel.parameters.device,
        )
    )
    assert user.ui.modelSelector.currentText == str(untrained)
    assert "opened only when you choose it" not in user.panel.messages.text
