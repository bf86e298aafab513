"""Slicer's core: the scene is real, files are read and written, the subject hierarchy is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer


def test_a_scene_comes_back_from_a_bundle(mrml_scene: Any, tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volume = slicer.util.addVolumeFromArray(values, np.diag([-1.0, -2.0, 3.0, 1.0]), "T1")
    transform = mrml_scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    points = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    points.AddControlPoint(1, 2, 3)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "prompts")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(points), folder)
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    mrml_scene.Clear(0)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    again = slicer.util.getNode("T1")
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again), values)
    assert again.GetParentTransformNode().GetName() == "moved"
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    item = hierarchy.GetItemByDataNode(slicer.util.getNode("points"))
    assert hierarchy.GetItemName(hierarchy.GetItemParent(item)) == "prompts"


@pytest.mark.parametrize("name", ["T1.nii.gz", "T1.nrrd"])
def test_a_volume_is_saved_and_loaded(mrml_scene: Any, tmp_path: Path, name: str) -> None:
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volume = slicer.util.addVolumeFromArray(values, np.diag([-1.0, -2.0, 3.0, 1.0]), "T1")
    assert slicer.util.saveNode(volume, str(tmp_path / name))
    loaded = slicer.util.loadVolume(str(tmp_path / name))
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(loaded), values)
    labels = slicer.util.loadLabelVolume(str(tmp_path / name))
    assert labels.GetClassName() == "vtkMRMLLabelMapVolumeNode"
    with pytest.raises(RuntimeError, match=r"absent\.nii"):
        slicer.util.loadVolume(str(tmp_path / "absent.nii"))


def test_a_segmentation_is_saved_and_loaded(mrml_scene: Any, tmp_path: Path) -> None:
    volume = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.int16), name="T1")
    node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "tumour")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("ET", "enhancing tumour")
    mask = np.zeros((4, 5, 6), np.uint8)
    mask[1:3, 2:4, 3:5] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "ET", volume)
    assert slicer.util.saveNode(node, str(tmp_path / "tumour.seg.nrrd"))
    loaded = slicer.util.loadSegmentation(str(tmp_path / "tumour.seg.nrrd"))
    assert slicer.util.arrayFromSegmentBinaryLabelmap(loaded, "ET", volume).sum() == 8


def test_the_hierarchy_holds_what_a_user_sees(mrml_scene: Any) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    assert hierarchy.GetNumberOfItems() == 0
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="T1")
    hidden = slicer.vtkMRMLScalarVolumeNode()
    hidden.SetHideFromEditors(True)
    mrml_scene.AddNode(hidden)
    assert hierarchy.GetItemName(hierarchy.GetItemByDataNode(volume)) == "T1"
    assert hierarchy.GetItemByDataNode(hidden) == 0
    mrml_scene.RemoveNode(volume)
    assert hierarchy.GetNumberOfItems() == 0


def test_the_logics_of_the_modules_are_there(mrml_scene: Any) -> None:
    for name in ("volumes", "segmentations", "markups", "subjecthierarchy", "terminologies", "transforms"):
        module = getattr(slicer.modules, name)
        assert module.logic().GetMRMLScene() is mrml_scene
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="T1")
    copy = slicer.modules.volumes.logic().CloneVolume(mrml_scene, volume, "copy")
    assert copy.GetName() == "copy"


def test_the_core_needs_no_qt() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from host.core import start_core; start_core(); start_core(); "
        "sys.exit('PySide6' in sys.modules or 'qt' in sys.modules)"
    )
    testing = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code, str(testing)]).returncode == 0
