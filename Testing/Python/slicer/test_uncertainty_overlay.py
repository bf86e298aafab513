"""Doubt in the foreground of the slice views, and the views as they were after it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.geometry import Geometry


@pytest.fixture
def views(mrml_scene: Any) -> tuple[Any, Any]:
    """What two slice views show."""
    nodes = []
    for name in ("Red", "Green"):
        node = mrml_scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", name)
        node.SetForegroundOpacity(0.3)
        nodes.append(node)
    return nodes[0], nodes[1]


def nodes_of(scene: Any) -> list[str]:
    return [scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())]


def test_uncertainty_is_shown_and_the_views_are_given_back(
    mrml_scene: Any, views: tuple[Any, Any], grid: Geometry, add_volume: Callable[..., Any]
) -> None:
    from GliomaSAMLib.slicer.geometry import image_array
    from GliomaSAMLib.slicer.uncertainty_overlay import UncertaintyOverlay
    from GliomaSAMLib.slicer.volumes import guess_volumes, volume_matrix

    first, second = views
    other = add_volume(np.zeros(grid.shape, np.int16), grid.ijk_to_ras, "t1c")
    first.SetForegroundVolumeID(other.GetID())
    before = nodes_of(mrml_scene)
    overlay = UncertaintyOverlay(mrml_scene, grid)
    doubt = np.linspace(0, 1, int(np.prod(grid.shape))).reshape(grid.shape)
    overlay.show(doubt)
    assert first.GetForegroundVolumeID() == second.GetForegroundVolumeID() == overlay.node.GetID()
    assert first.GetForegroundOpacity() > 0.3
    assert np.allclose(image_array(overlay.node.GetImageData()), doubt, atol=1e-6)
    assert np.allclose(volume_matrix(overlay.node), grid.ijk_to_ras)
    display = overlay.node.GetDisplayNode()
    assert display.GetApplyThreshold() and display.GetWindowLevelMax() == 1
    added = [mrml_scene.GetNodeByID(name) for name in nodes_of(mrml_scene) if name not in before]
    assert added and all(
        node.GetHideFromEditors() and not node.GetSaveWithScene()
        for node in added
        if "SubjectHierarchy" not in node.GetClassName()
    )
    assert set(guess_volumes(mrml_scene)) == {"t1c"}
    node = overlay.node
    overlay.show(1 - doubt)
    assert overlay.node is node
    second.SetForegroundVolumeID(other.GetID())  # the user wants something else there
    overlay.remove()
    assert first.GetForegroundVolumeID() == second.GetForegroundVolumeID() == other.GetID()
    assert first.GetForegroundOpacity() == pytest.approx(0.3)
    assert nodes_of(mrml_scene) == before
    overlay.remove()


def test_volumes_that_went_away_are_not_shown_again(
    mrml_scene: Any, views: tuple[Any, Any], grid: Geometry, add_volume: Callable[..., Any]
) -> None:
    from GliomaSAMLib.slicer.uncertainty_overlay import UncertaintyOverlay

    other = add_volume(np.zeros(grid.shape, np.int16), grid.ijk_to_ras)
    views[0].SetForegroundVolumeID(other.GetID())
    overlay = UncertaintyOverlay(mrml_scene, grid)
    overlay.show(np.zeros(grid.shape))
    mrml_scene.RemoveNode(other)
    overlay.remove()
    assert not views[0].GetForegroundVolumeID()
    overlay.show(np.zeros(grid.shape))
    mrml_scene.RemoveNode(overlay.node)  # by the user
    assert overlay.node is None
    overlay.show(np.ones(grid.shape))
    assert overlay.node is not None
    mrml_scene.Clear(0)
    overlay.remove()
    assert overlay.node is None


def test_an_array_of_another_shape_is_refused(mrml_scene: Any, grid: Geometry) -> None:
    from GliomaSAMLib.slicer.uncertainty_overlay import UncertaintyOverlay

    overlay = UncertaintyOverlay(mrml_scene, grid)
    with pytest.raises(OutputError, match="has the shape"):
        overlay.show(np.zeros((2, 2, 2)))
    assert overlay.node is None


def test_a_scene_saved_with_the_overlay_gets_its_foreground_back(
    mrml_scene: Any, views: tuple[Any, Any], grid: Geometry, add_volume: Callable[..., Any], tmp_path: Path
) -> None:
    from GliomaSAMLib.slicer.uncertainty_overlay import UncertaintyOverlay, give_back_foregrounds

    for node, name in zip(views, ("One", "Two"), strict=True):
        node.SetLayoutName(name)
    other = add_volume(np.ones(grid.shape, np.int16), grid.ijk_to_ras, "flair")
    views[0].SetForegroundVolumeID(other.GetID())
    UncertaintyOverlay(mrml_scene, grid).show(np.full(grid.shape, 0.5))
    assert mrml_scene.WriteToMRB(str(tmp_path / "scene.mrb"), None)
    mrml_scene.Clear(0)
    assert mrml_scene.ReadFromMRB(str(tmp_path / "scene.mrb"))
    give_back_foregrounds(mrml_scene)
    found = {}
    for index in range(mrml_scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = mrml_scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        volume = mrml_scene.GetNodeByID(node.GetForegroundVolumeID() or "")
        found[node.GetLayoutName()] = (volume and volume.GetName(), node.GetForegroundOpacity())
        assert not [name for name in node.GetAttributeNames() if name.startswith("GliomaSAM")]
    assert (found["One"], found["Two"]) == (("flair", 0.3), (None, 0.3))
