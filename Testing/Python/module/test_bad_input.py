"""What a user gives by mistake, at the panel: a clear message each, and nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from user.clinician import Clinician
from user.quick import QuickWork
from vtk.util.numpy_support import numpy_to_vtk

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)


@pytest.fixture
def result(user: Clinician) -> dict[str, np.ndarray]:
    """What the segments hold after a click."""
    user.click(INSIDE)
    return user.masks()


@pytest.fixture
def nothing_lost(user: Clinician, result: dict[str, np.ndarray]) -> Callable[[], None]:
    """A function that finds the prompt and the segments as they were, and that the next click goes on from them."""

    def check() -> None:
        assert [prompt.kind for prompt in user.task.session.prompts] == ["point"]
        assert all(np.array_equal(mask, result[region]) for region, mask in user.masks().items())
        assert all(np.array_equal(user.segment(region), mask) for region, mask in result.items())
        user.click(ELSEWHERE)
        assert user.at(user.segment("WT"), INSIDE) and user.at(user.segment("WT"), ELSEWHERE)

    return check


def other_volume(kind: str, components: int = 1, name: str = "another") -> Any:
    """A volume node of any kind, of 8 x 8 x 8 voxels."""
    image = vtk.vtkImageData()
    image.SetDimensions(8, 8, 8)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ones((512, components), np.int16), deep=True))
    node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    node.SetAndObserveImageData(image)
    return node


@pytest.mark.parametrize("kind", ["vtkMRMLLabelMapVolumeNode", "vtkMRMLVectorVolumeNode", "vtkMRMLSequenceNode"])
def test_other_kinds_of_nodes_are_not_offered(user: Clinician, kind: str) -> None:
    if kind == "vtkMRMLSequenceNode":
        node = slicer.mrmlScene.AddNewNodeByClass(kind, "flair")
    else:
        node = other_volume(kind, 3 if "Vector" in kind else 1, "flair")
    user.wait()
    for modality in ("t1", "t1c", "t2", "flair"):
        assert node not in getattr(user.ui, f"{modality}Selector").nodes()
    user.ui.guessButton.click()
    user.wait()
    assert user.panel.parameters.flair.GetName() == "Patient flair"


@pytest.mark.usefixtures("result")
def test_a_volume_of_colours_is_refused(user: Clinician, nothing_lost: Callable[[], None]) -> None:
    user.ui.t2Selector.setCurrentNode(other_volume("vtkMRMLScalarVolumeNode", components=3))
    user.wait()
    assert "another holds colours or vectors" in user.panel.messages.text and user.panel.messages.text.startswith("✖")
    assert "chosen before stay in use" in user.ui.notesLabel.text
    assert user.task.volume_nodes["t2"].GetName() == "Patient t2"
    nothing_lost()
    assert "chosen before stay in use" in user.ui.notesLabel.text  # as long as it is so
    user.ui.t2Selector.setCurrentNode(None)
    user.wait()
    assert "stay in use" not in user.ui.notesLabel.text and "t2" not in user.task.volume_nodes


def test_the_same_volume_twice_is_refused(user: Clinician, nothing_lost: Callable[[], None]) -> None:
    user.ui.t2Selector.setCurrentNode(user.panel.parameters.flair)
    user.wait()
    assert "is chosen for t2 and for flair" in user.panel.messages.text
    assert "chosen before stay in use" in user.ui.notesLabel.text
    nothing_lost()


def test_a_volume_deleted_while_encoding(user: Clinician, quick: QuickWork, result: dict[str, np.ndarray]) -> None:
    quick.seconds = 2.0
    user.ui.t2Selector.setCurrentNode(None)
    user.window.wait_for(lambda: quick.encoding, 10)
    slicer.mrmlScene.RemoveNode(user.panel.parameters.t1)
    user.window.wait_for(lambda: "t1 volume was removed" in user.panel.messages.text, 2)
    quick.seconds = 0.0
    user.wait()
    assert set(user.task.volume_nodes) == {"t1c", "flair"} and user.panel.parameters.t1 is None
    assert len(user.task.session.prompts) == 1 and np.array_equal(user.segment("WT"), result["WT"])
    user.click(ELSEWHERE)
    assert user.at(user.masks()["WT"], ELSEWHERE) and user.at(user.masks()["WT"], INSIDE)


def test_all_volumes_deleted(user: Clinician, result: dict[str, np.ndarray], add_patient: Callable[..., Any]) -> None:
    first = user.task.node
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        slicer.mrmlScene.RemoveNode(node)
    user.wait()
    assert "removed from the scene: choose another one" in user.panel.messages.text
    user.ui.negativeButton.click()
    assert "Choose at least one volume" in user.panel.messages.text and not user.ui.negativeButton.checked
    add_patient()
    user.wait()
    assert f"choose {first.GetName()} to go on there" in user.panel.messages.text  # nothing says whose volumes they are
    user.ui.segmentationSelector.setCurrentNode(first)
    user.wait()
    assert "check that it is of the same patient" in user.panel.messages.text
    assert np.array_equal(user.masks()["WT"], result["WT"]) and len(user.task.session.prompts) == 1


def test_a_click_outside_is_told_and_taken_back(user: Clinician, nothing_lost: Callable[[], None]) -> None:
    points = [node.GetNumberOfControlPoints() for node in user.task.prompt_nodes.nodes]
    user.take("positive")
    user.window.click("Red", (70.0, 70.0, 4.0))
    user.wait()
    assert "outside the volume" in user.panel.messages.text and "click on the head" in user.panel.messages.text
    assert [node.GetNumberOfControlPoints() for node in user.task.prompt_nodes.nodes] == points
    nothing_lost()


def test_a_segmentation_of_another_geometry_keeps_it(user: Clinician) -> None:
    """Somebody's segment on an oblique grid of 1.7 mm: it stays to the bit, and new segments are stored on its grid."""
    angle = np.deg2rad(20)
    matrix = np.diag([1.7, 1.7, 1.7, 1.0])
    matrix[:2, :2] = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix[:3, 3] = -33.3, -31.1, -29.9
    volume = slicer.util.addVolumeFromArray(np.zeros((40, 42, 44), np.int16), matrix, "of somebody")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "of somebody")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("theirs", "theirs")
    block = np.zeros((40, 42, 44), np.uint8)
    block[20:26, 10:20, 12:25] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(block, node, "theirs", volume)
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    geometry = node.GetSegmentation().GetConversionParameter(name)
    user.ui.segmentationSelector.setCurrentNode(node)
    user.wait()
    user.click(INSIDE)
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, "theirs", volume), block)
    assert node.GetSegmentation().GetConversionParameter(name) == geometry
    written = vtk.vtkMatrix4x4()
    image = node.GetBinaryLabelmapInternalRepresentation(user.task.segment_ids()["WT"])
    image.GetImageToWorldMatrix(written)
    axes = slicer.util.arrayFromVTKMatrix(written)
    steps = np.linalg.solve(matrix[:3, :3], axes[:3, 3] - matrix[:3, 3])
    assert np.allclose(axes[:3, :3], matrix[:3, :3]) and np.allclose(steps, np.round(steps), atol=1e-6)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, user.task.segment_ids()["WT"], volume)
    i, j, k = np.round(np.linalg.solve(matrix[:3, :3], np.array(INSIDE) - matrix[:3, 3])).astype(int)
    assert mask[k, j, i] == 1
    expected = user.task.volumes()["WT"] * 1000
    assert mask.sum() * 1.7**3 == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("button", ["csv", "exportLabelMap", "exportSegmentation"])
def test_a_read_only_disk_at_export(
    user: Clinician, nothing_lost: Callable[[], None], tmp_path: Path, monkeypatch: Any, button: str
) -> None:
    import tempfile

    from GliomaSAMPanel import dialogs

    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(30, "Read-only file system")

    path = tmp_path / {"csv": "r.csv", "exportLabelMap": "r.nii.gz", "exportSegmentation": "r.seg.nrrd"}[button]
    path.write_text("of yesterday")
    monkeypatch.setattr(dialogs, "saveFile", lambda *_: str(path))
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", refuse)
        getattr(user.ui, f"{button}Button").click()
    assert "Read-only file system" in user.panel.messages.text and "unexpected" not in user.panel.messages.text
    assert path.read_text() == "of yesterday" and [other.name for other in tmp_path.iterdir()] == [path.name]
    nothing_lost()
    getattr(user.ui, f"{button}Button").click()
    assert "Saved" in user.panel.messages.text and path.read_bytes() != b"of yesterday"


def test_a_broken_torch_is_explained_and_can_be_installed_again(
    slicer_with_module: Any, add_patient: Callable[..., Any], quick: QuickWork, monkeypatch: Any
) -> None:
    monkeypatch.setattr("GliomaSAMLib.slicer.installing._broken", [])
    load = quick.load

    def fail(name: str, device: str) -> None:
        raise OSError("[WinError 126] error loading c10.dll")

    quick.load = fail  # type: ignore[method-assign, assignment]
    add_patient()
    clinician = Clinician(slicer_with_module)
    slicer_with_module._modules["GliomaSAM"].widgetRepresentation().self().logic.engineOptions = quick.options()
    clinician.enter()
    clinician.wait()
    text = clinician.panel.messages.text
    assert "does not work here" in text and "c10.dll" in text and "install PyTorch again" in text
    assert clinician.ui.installButton.enabled and "c10.dll" in clinician.ui.installLabel.text
    monkeypatch.setattr("GliomaSAMLib.slicer.installing._broken", [])
    clinician.panel.engine.jobs._load = load
    clinician.click(INSIDE)
    assert clinician.at(clinician.masks()["WT"], INSIDE)


def test_weights_of_another_model_are_refused(
    user: Clinician, nothing_lost: Callable[[], None], tmp_path: Path, monkeypatch: Any
) -> None:
    from GliomaSAMPanel import dialogs
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    monkeypatch.setattr(dialogs, "openFile", lambda *_: str(path))
    user.ui.weightsButton.click()
    user.wait()
    text = user.panel.messages.text
    assert "other.safetensors is none of the catalogue's" in text and "SHA-256" in text
    nothing_lost()


@pytest.mark.usefixtures("result")
def test_a_scene_of_a_newer_version(user: Clinician, result: dict[str, np.ndarray], tmp_path: Path) -> None:
    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, SET_ASIDE

    node = user.task.node
    newer = json.dumps({**json.loads(node.GetAttribute(ATTRIBUTE)), "version": 99, "thoughts": "new"})
    user.window.select("")
    node.SetAttribute(ATTRIBUTE, newer)
    path = tmp_path / "newer.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear()
    slicer.util.loadScene(str(path))
    user.enter()
    user.wait()
    assert "saved by a newer GliomaSAM" in user.panel.messages.text and "update GliomaSAM" in user.panel.messages.text
    assert all(np.array_equal(user.segment(region), mask) for region, mask in result.items())
    user.click(ELSEWHERE)
    assert user.at(user.segment("WT"), INSIDE) and user.at(user.segment("WT"), ELSEWHERE)
    node = user.task.node
    assert newer in (node.GetAttribute(SET_ASIDE), node.GetAttribute(ATTRIBUTE))


def test_volumes_of_two_patients_are_refused_unless_the_user_says_otherwise(
    user: Clinician, nothing_lost: Callable[[], None]
) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for name, volume in (("SECRET1", user.panel.parameters.t1c), ("SECRET2", user.panel.parameters.flair)):
        item = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), name)
        hierarchy.SetItemUID(item, "DICOM", name)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), item)
    user.ui.registerCheckBox.click()
    user.wait()
    assert "The volumes are of different patients: t1c, flair" in user.ui.messageLabel.text
    assert not user.task.options["register"] and not user.ui.samePatientCheckBox.checked
    user.ui.samePatientCheckBox.click()
    user.wait()
    assert user.panel.parameters.samePatient and user.task.options["same_patient"] and user.task.options["register"]
    assert user.ui.messageLabel.text == ""
    assert "taken as one patient's, as you said" in user.ui.notesLabel.text
    assert "SECRET" not in user.ui.notesLabel.text
    nothing_lost()
    user.ui.guessButton.click()  # other volumes: it has to be said again
    user.wait()
    assert not user.ui.samePatientCheckBox.checked
    assert "different patients" in user.ui.messageLabel.text


def warp() -> Any:
    """A transform node with a thin-plate spline."""
    spline = vtk.vtkThinPlateSplineTransform()
    for landmarks, shift in ((vtk.vtkPoints(), 0.0), (vtk.vtkPoints(), 3.0)):
        for i in range(5):
            landmarks.InsertNextPoint(i * 10.0, i % 2 * 20.0 + shift * i, i % 3 * 15.0)
        (spline.SetTargetLandmarks if shift else spline.SetSourceLandmarks)(landmarks)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    node.SetAndObserveTransformToParent(spline)
    return node


@pytest.mark.parametrize("way", ["enter", "tool", "guess"])
def test_a_volume_that_was_refused_is_tried_again(slicer_with_module: Any, add_patient: Any, way: str) -> None:
    volume = add_patient("t1c")["t1c"]
    volume.SetAndObserveTransformNodeID(warp().GetID())
    user = Clinician(slicer_with_module)
    user.enter()
    user.wait()
    assert "harden it" in user.panel.messages.text
    user.ui.positiveButton.click()
    assert "harden it" in user.panel.messages.text and not user.ui.positiveButton.checked
    volume.SetAndObserveTransformNodeID(None)
    if way == "enter":
        user.window.select("")
        user.enter()
    else:
        getattr(user.ui, {"tool": "positiveButton", "guess": "guessButton"}[way]).click()
    user.wait()
    assert user.task.phase == "ready" and not user.panel.messages.text
    user.click(INSIDE)
    assert user.at(user.segment("WT"), INSIDE)
