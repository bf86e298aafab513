"""The button Show 3D: the surfaces of the segments that are shown, which follow each answer."""

import pytest
import slicer
import vtk
from user.clinician import Clinician

INSIDE = (12.0, 6.0, 4.0)
ELSEWHERE = (-12.0, -8.0, -6.0)


def surface(user: Clinician, region: str) -> tuple[float, ...]:
    """The bounds of a segment's surface, R, A, S in mm from least to most; empty where there is none."""
    name = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    if not user.task.node.GetSegmentation().ContainsRepresentation(name):
        return ()
    found = vtk.vtkPolyData()
    user.task.node.GetClosedSurfaceRepresentation(user.task.segment_ids()[region], found)
    return found.GetBounds()


def voxels(user: Clinician, region: str) -> tuple[float, ...]:
    """The same of what the mask holds, from the first voxel's centre to the last one's."""
    k, j, i = user.masks()[region].nonzero()
    corners = user.task.geometry.to_ras([(i.min(), j.min(), k.min()), (i.max(), j.max(), k.max())])
    return tuple(float(end) for axis in zip(corners.min(axis=0), corners.max(axis=0), strict=True) for end in axis)


def test_surfaces_follow_the_answers_and_count_as_no_edit(user: Clinician) -> None:
    button = user.ui.show3DButton
    assert not button.enabled
    user.click(INSIDE, region="ET")
    assert button.enabled and not button.checked
    assert surface(user, "WT") == ()
    voxel = max(user.task.geometry.spacing)
    button.click()
    user.wait()
    for region in ("WT", "TC", "ET"):
        assert surface(user, region) == pytest.approx(voxels(user, region), abs=voxel)
    display = user.task.node.GetDisplayNode()
    opacities = [display.GetSegmentOpacity3D(user.task.segment_ids()[region]) for region in ("WT", "TC", "ET")]
    assert 0 < opacities[0] < opacities[1] < opacities[2] == 1, "what is inside is seen"
    before = surface(user, "WT")
    user.click(ELSEWHERE, region="WT")
    assert surface(user, "WT") == pytest.approx(voxels(user, "WT"), abs=voxel)
    assert surface(user, "WT") != pytest.approx(before, abs=voxel)
    assert [prompt.kind for prompt in user.task.session.prompts] == ["point", "point"]
    user.ui.undoButton.click()
    user.wait()
    assert surface(user, "WT") == pytest.approx(before, abs=0.1)
    button.click()
    user.wait()
    assert surface(user, "WT") == () and len(user.task.session.prompts) == 1


def test_the_button_is_that_of_the_segmentation_that_is_shown(user: Clinician) -> None:
    user.click(INSIDE, region="WT")
    first = user.task.node
    user.ui.show3DButton.click()
    second = user.ui.segmentationSelector.addNode()
    user.wait()
    assert user.task.node is second and user.ui.show3DButton.segmentationNode() is second
    assert not user.ui.show3DButton.enabled
    user.ui.segmentationSelector.setCurrentNode(first)
    user.wait()
    assert user.ui.show3DButton.checked
    slicer.mrmlScene.RemoveNode(first)
    user.wait()
    assert user.ui.show3DButton.segmentationNode() is not first
