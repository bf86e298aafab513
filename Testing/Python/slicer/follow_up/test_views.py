"""Two visits side by side: a layout that Slicer makes views of, linked through the registration."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scene_visits import PLACE, Patient, onion
from scipy.spatial.transform import Rotation


@pytest.fixture
def layouts(mrml_scene: Any) -> Iterator[Any]:
    """What makes the views of a layout in the application; the sizes of views come from their windows."""
    import slicer

    logic = slicer.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(mrml_scene)
    logic.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
    yield logic
    logic.SetMRMLScene(None)
    mrml_scene.RemoveNode(mrml_scene.GetFirstNodeByClass("vtkMRMLLayoutNode"))


@pytest.fixture
def turned() -> np.ndarray:
    """From the second visit to the first: turned by 8 degrees and moved."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("zx", [8, 3], degrees=True).as_matrix()
    matrix[:3, 3] = (4.0, -6.0, 9.0)
    return matrix


def pairs_of(scene: Any) -> list[tuple[Any, Any]]:
    """The volumes with their segmentations."""
    kinds = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode")
    return [tuple(scene.GetNthNodeByClass(n, kind) for kind in kinds) for n in range(2)]  # type: ignore[misc]


@pytest.fixture
def side_by_side(patient: Patient, layouts: Any, turned: np.ndarray, mrml_scene: Any) -> Iterator[Any]:
    from GliomaSAMLib.slicer.follow_up.views import VIEWS, Shown, SideBySide

    nodes = [patient.visit("20240301", onion(6)), patient.visit("20240603", onion(7))]
    views = SideBySide(mrml_scene)
    shown = [Shown(n, *nodes[n], np.eye(4) if n == 0 else turned, f"V{n + 1}") for n in range(2)]
    views.open(*shown)
    for tag in VIEWS:
        mrml_scene.GetSingletonNode(tag, "vtkMRMLSliceNode").SetDimensions(300, 300, 1)
    yield views
    views.close()


def slices(scene: Any) -> list[Any]:
    from GliomaSAMLib.slicer.follow_up.views import VIEWS

    return [scene.GetSingletonNode(tag, "vtkMRMLSliceNode") for tag in VIEWS]


def middle(node: Any) -> np.ndarray:
    return np.array([node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)])


def plane(node: Any) -> np.ndarray:
    """The directions of a view, 3 x 3."""
    return np.array([[node.GetSliceToRAS().GetElement(r, c) for c in range(3)] for r in range(3)])


def test_slicer_makes_the_views(side_by_side: Any, mrml_scene: Any, layouts: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.views import CURVE_VIEW, LAYOUT

    assert layouts.GetLayoutNode().GetViewArrangement() == LAYOUT and side_by_side.is_open
    earlier, later = slices(mrml_scene)
    assert earlier.GetOrientation() == "Axial" and earlier.GetViewGroup() != later.GetViewGroup()
    assert mrml_scene.GetSingletonNode(CURVE_VIEW, "vtkMRMLPlotViewNode") is not None
    assert side_by_side.view_ids() == {0: (earlier.GetID(),), 1: (later.GetID(),)}


def test_the_views_are_linked_through_the_registration(side_by_side: Any, mrml_scene: Any, turned: np.ndarray) -> None:
    earlier, later = slices(mrml_scene)
    planes = [plane(earlier), plane(later)]
    earlier.JumpSliceByCentering(*PLACE)
    assert np.allclose(middle(earlier), PLACE)
    assert np.allclose(turned[:3, :3] @ middle(later) + turned[:3, 3], PLACE)
    there = np.add(middle(later), (1.0, 2.0, 3.0))
    later.JumpSliceByCentering(*there)
    assert np.allclose(middle(earlier), turned[:3, :3] @ there + turned[:3, 3])
    later.SetFieldOfView(90, 90, 1)
    assert earlier.GetFieldOfView()[:2] == pytest.approx((90, 90))
    # each keeps the planes that it is measured in
    assert np.allclose(plane(earlier), planes[0]) and np.allclose(plane(later), planes[1])


def test_a_lesion_is_shown_in_the_slice_of_each_visit(side_by_side: Any, mrml_scene: Any, turned: np.ndarray) -> None:
    earlier, later = slices(mrml_scene)
    side_by_side.go_to({0: np.array([1.0, 2.0, 3.0]), 1: np.array([4.0, 5.0, 6.0])})
    assert np.allclose(middle(earlier), (1, 2, 3)) and np.allclose(middle(later), (4, 5, 6))
    side_by_side.go_to({1: np.array([0.0, 1.0, 2.0])})  # not seen at the first visit: the same place of the head
    assert np.allclose(middle(earlier), turned[:3, :3] @ (0, 1, 2) + turned[:3, 3])


def test_all_is_given_back(side_by_side: Any, mrml_scene: Any, layouts: Any) -> None:
    import slicer

    displays = [shown.segmentation.GetDisplayNode() for shown in side_by_side.shown]
    earlier, later = slices(mrml_scene)
    for display, own, other in zip(displays, (earlier, later), (later, earlier), strict=True):
        assert display.IsDisplayableInView(own.GetID()) and not display.IsDisplayableInView(other.GetID())
        assert display.IsDisplayableInView("vtkMRMLSliceNodeRed")  # for a layout that the user chooses meanwhile
    side_by_side.close()
    assert [display.GetViewNodeIDs() for display in displays] == [(), ()]
    assert layouts.GetLayoutNode().GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
    before = middle(later)
    earlier.JumpSliceByCentering(9.0, 9.0, 9.0)
    assert np.allclose(middle(later), before)
    assert not any(display.GetAttributeNames() for display in displays) and layouts.GetLayoutNode().GetSaveWithScene()


def test_a_scene_saved_side_by_side_comes_back_with_views_and_segments(
    side_by_side: Any, mrml_scene: Any, layouts: Any, tmp_path: Path
) -> None:
    import slicer

    from GliomaSAMLib.slicer.follow_up.views import Shown, show_everywhere

    restricted = side_by_side.shown[1].segmentation.GetDisplayNode()
    side_by_side.close()
    restricted.AddViewNodeID("vtkMRMLSliceNodeRed")
    side_by_side.open(*[Shown(n, *pair, np.eye(4), f"V{n + 1}") for n, pair in enumerate(pairs_of(mrml_scene))])
    path = str(tmp_path / "scene.mrb")
    assert mrml_scene.WriteToMRB(path, None)
    side_by_side.close()
    mrml_scene.Clear(0)
    layouts.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    assert mrml_scene.ReadFromMRB(path)
    assert layouts.GetLayoutNode().GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    assert layouts.GetViewNodes().GetNumberOfItems() == 4
    first, second = (segmentation.GetDisplayNode() for _, segmentation in pairs_of(mrml_scene))
    for display in (first, second):
        assert display.IsDisplayableInView("vtkMRMLSliceNodeRed")
    show_everywhere(mrml_scene)
    assert first.GetViewNodeIDs() == () and "vtkMRMLSliceNodeRed" in second.GetViewNodeIDs()
    assert first.GetAttribute("GliomaSAM.everywhere") is None
    assert not second.IsDisplayableInView("vtkMRMLSliceNodeYellow")


@pytest.mark.parametrize(
    "text",
    ['["CE", "L1", "second", []]', '["XX", "L1", "second", "longest"]', "[" * 5000, "5", '["CE", 1, 1, "longest"]'],
    ids=range(5),
)
def test_a_line_with_a_strange_attribute_is_none_of_ours(text: str, mrml_scene: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.callipers import ATTRIBUTE, PROGRAM_ATTRIBUTE, Callipers

    node = mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "theirs")
    node.SetAttribute(ATTRIBUTE, text)
    node.SetAttribute(PROGRAM_ATTRIBUTE, text)
    callipers = Callipers(mrml_scene, ("first", "second"))
    assert callipers.nodes == {} and callipers.diameters() == {}
    node.SetAttribute(ATTRIBUTE, '["CE", "L1", "second", "longest"]')
    assert len(callipers.nodes) == 1 and not callipers.changed()
    mrml_scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "copy").SetAttribute(ATTRIBUTE, node.GetAttribute(ATTRIBUTE))
    assert list(callipers.nodes.values()) == [node]
