"""The chosen volumes beside each other: a button of the panel, a layout of linked views, clicks in any of them."""

from typing import Any

import numpy as np
import slicer
from scipy.spatial.transform import Rotation
from user.clinician import Clinician

INSIDE = (12.0, 6.0, 4.0)
TAGS = (("GliomaSAMT1", "GliomaSAMT1c"), ("GliomaSAMT2", "GliomaSAMFLAIR"))


def layout() -> int:
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    return int(node.GetViewArrangement()) if node is not None else 0


def conventional() -> int:
    """Choose the layout that Slicer begins with, as its window does. Returns its number."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    node.SetViewArrangement(node.SlicerLayoutConventionalView)
    return layout()


def shown(tag: str) -> Any:
    """The volume of a view."""
    from GliomaSAMLib.slicer.slice_views import composite_node

    return slicer.mrmlScene.GetNodeByID(composite_node(slicer.mrmlScene, tag).GetBackgroundVolumeID() or "")


def test_the_volumes_are_read_and_clicked_beside_each_other(user: Clinician) -> None:
    user.window.add_layout(*TAGS)
    before = conventional()
    user.window.key("C")
    user.wait()
    assert user.ui.readingButton.checked and layout() != before
    names = {tag: shown(tag).GetName() for row in TAGS for tag in row}
    assert names == dict(zip(names, ("Patient t1", "Patient t1c", "Patient t2", "Patient flair"), strict=True))
    user.window.wheel("GliomaSAMT1", 3)
    nodes = [user.window.views[tag].view.node for row in TAGS for tag in row]
    heights = {round(node.GetSliceOffset(), 3) for node in nodes}
    assert len(heights) == 1
    user.click(INSIDE, view="GliomaSAMFLAIR")
    assert user.at(user.masks()["WT"], INSIDE)
    user.picture("reading")
    user.window.jump(INSIDE)
    user.ui.readingButton.click()
    assert layout() == before
    assert user.window.views["Red"].view.node.GetSliceOffset() == INSIDE[2]


def test_other_volumes_are_shown_as_they_are_chosen(user: Clinician) -> None:
    user.window.add_layout(*TAGS)
    user.ui.readingButton.click()
    first = layout()
    user.panel.parameters.t2 = None
    user.wait()
    assert layout() != first and user.ui.readingButton.checked
    user.panel.parameters.t2 = user.panel.parameters.flair
    user.panel.parameters.flair = None
    user.wait()
    assert shown("GliomaSAMT2").GetName() == "Patient flair"


def test_leaving_gives_the_views_back_and_coming_back_opens_them(user: Clinician) -> None:
    before = conventional()
    user.ui.readingButton.click()
    reading = layout()
    user.window.select("")
    assert layout() == before != reading
    user.enter()
    user.wait()
    assert layout() == reading
    slicer.mrmlScene.Clear(0)
    user.wait()
    assert layout() in (0, before) and not user.ui.readingButton.checked


def test_a_layout_chosen_in_the_toolbar_lets_the_button_up(user: Clinician) -> None:
    user.ui.readingButton.click()
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    node.SetViewArrangement(node.SlicerLayoutFourUpView)
    user.panel.parameters.t2 = None  # at once, before the panel has looked
    user.wait()
    assert not user.ui.readingButton.checked
    assert layout() == node.SlicerLayoutFourUpView


def test_without_a_volume_the_panel_says_what_to_do(slicer_with_module: Any) -> None:
    user = Clinician(slicer_with_module)
    user.enter()
    before = layout()
    user.ui.readingButton.click()
    assert "Choose at least one volume" in user.panel.messages.text
    assert not user.ui.readingButton.checked and layout() == before


def test_volumes_are_never_changed(user: Clinician) -> None:
    volumes = user.panel.inputs.nodes()
    before = {name: (slicer.util.arrayFromVolume(node).copy(), node.GetMTime()) for name, node in volumes.items()}
    user.ui.readingButton.click()
    user.wait()
    user.ui.readingButton.click()
    for name, node in volumes.items():
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), before[name][0])
        assert node.GetMTime() == before[name][1]


def test_when_all_volumes_go_the_button_goes_up(user: Clinician) -> None:
    before = conventional()
    user.window.key("C")
    user.wait()
    for node in user.panel.inputs.nodes().values():
        slicer.mrmlScene.RemoveNode(node)
    user.wait()
    assert not user.ui.readingButton.checked and layout() == before


def test_the_uncertainty_is_seen_in_views_that_open_later(user: Clinician) -> None:
    from GliomaSAMLib.slicer.slice_views import composite_node

    user.window.add_layout(*TAGS)
    user.click(INSIDE)
    user.ui.uncertaintyCheckBox.click()
    user.wait()
    user.window.key("C")
    user.wait()
    over = {composite_node(slicer.mrmlScene, tag).GetForegroundVolumeID() for row in TAGS for tag in row}
    assert over == {user.panel.results._overlay.node.GetID()}


def test_volumes_of_two_patients_are_never_beside_each_other(slicer_with_module: Any, add_patient: Any) -> None:
    """Volumes of a second patient are chosen for the empty selectors, and are refused."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)

    def add(name: str, *modalities: str) -> dict[str, Any]:
        study = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), name), "study")
        nodes: dict[str, Any] = add_patient(*modalities)
        for node in nodes.values():
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
        return nodes

    first = add("Smith", "t1c", "flair")
    slicer_with_module.show(first["t1c"])
    user = Clinician(slicer_with_module)
    user.enter()
    user.wait()
    user.click(INSIDE)
    second = add("Jones", "t1", "t1c", "t2", "flair")
    user.wait()
    user.ui.t1Selector.setCurrentNode(second["t1"])
    user.ui.t2Selector.setCurrentNode(second["t2"])
    user.wait()
    refusal = user.panel.messages.text
    assert "different patients" in refusal
    user.window.add_layout(*TAGS)
    user.window.key("C")
    user.wait()
    description = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode").GetLayoutDescription(layout())
    assert [tag for row in TAGS for tag in row if f'"{tag}"' in description] == ["GliomaSAMT1c", "GliomaSAMFLAIR"]
    assert (shown("GliomaSAMT1c"), shown("GliomaSAMFLAIR")) == (first["t1c"], first["flair"])
    assert user.panel.messages.text == refusal


def test_a_2d_box_in_the_slices_of_a_tilted_scan_marks_one_slice(
    slicer_with_module: Any, small_arrays: dict[str, np.ndarray], small_grid: Any
) -> None:
    from GliomaSAMLib.prompts import prompt_voxels
    from GliomaSAMLib.slicer.geometry import array_from_matrix

    tilt = np.eye(4)
    tilt[:3, :3] = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    for name in ("t1", "t1c", "t2", "flair"):
        slicer.util.addVolumeFromArray(small_arrays[name].copy(), tilt @ small_grid.ijk_to_ras, f"Patient {name}")
    user = Clinician(slicer_with_module)
    user.enter()
    user.wait()
    user.window.add_layout(*TAGS)
    user.window.key("C")
    user.wait()
    view = array_from_matrix(user.window.views["GliomaSAMT1c"].view.node.GetSliceToRAS())
    corners = [view[:3, 3] + view[:3, 0] * x + view[:3, 1] * y for x, y in ((-15, -20), (15, 20))]
    user.take("box")
    for corner in corners:
        user.window.click("GliomaSAMT1c", tuple(float(value) for value in corner))
    user.wait()
    (drawn,) = user.task.session.prompts
    grid = user.task.geometry
    k, j, i = prompt_voxels(drawn, grid).T
    wanted = np.sort(grid.to_ijk(np.array(corners)), axis=0)
    assert len(np.unique(k)) == 1 and abs(k[0] - wanted[:, 2]).max() <= 0.51
    for found, ends in ((i, wanted[:, 0]), (j, wanted[:, 1])):
        assert np.allclose((found.min(), found.max()), ends, atol=1)
    assert user.ui.notesLabel.text == ""
    user.ui.undoButton.click()
    user.wait()
    user.ui.redoButton.click()
    user.wait()
    assert user.task.session.prompts == (drawn,)
