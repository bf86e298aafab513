"""A scene with our segments, saved, closed and loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry


@pytest.mark.parametrize("style", ["nested", "disjoint"])
def test_a_bundle_brings_segments_tags_and_terminology_back(
    style: str,
    tmp_path: Path,
    mrml_scene: Any,
    grid: Geometry,
    nested: dict[str, np.ndarray],
    add_volume: Callable[..., Any],
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter, new_segmentation

    volume_node = add_volume(np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape), grid.ijk_to_ras, "t1c")
    node = new_segmentation(mrml_scene, "tumour", volume_node)
    writer = SegmentWriter(node, grid, style, volume_node=volume_node)
    writer.write(nested)
    segments = node.GetSegmentation()
    before = {
        segment_id: (segments.GetSegment(segment_id).GetName(), segments.GetSegment(segment_id).GetTerminology())
        for segment_id in segments.GetSegmentIDs()
    }
    assert mrml_scene.WriteToMRB(str(tmp_path / "a.mrb"))
    mrml_scene.Clear(0)
    assert mrml_scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert mrml_scene.ReadFromMRB(str(tmp_path / "a.mrb"), True)

    node = mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    role = node.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role).GetName() == "t1c"
    segments = node.GetSegmentation()
    assert before == {
        segment_id: (segments.GetSegment(segment_id).GetName(), segments.GetSegment(segment_id).GetTerminology())
        for segment_id in segments.GetSegmentIDs()
    }
    writer = SegmentWriter(node, grid, style)
    assert set(writer.segment_ids().values()) == set(before)
    for region in ("WT", "TC", "ET"):
        assert np.array_equal(writer.read(region), nested[region])
        assert not writer.edited(region)
    enhancing = writer.segment_ids()["ET"]
    stroke = np.zeros(grid.shape, bool)
    stroke[0, 0, 0] = True
    add_voxels(node, enhancing, Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), stroke)
    assert writer.edited("ET")
    grown = {region: np.maximum(mask, np.roll(mask, 1, axis=2)) for region, mask in nested.items()}
    writer.write(grown)
    assert segments.GetNumberOfSegments() == 3
    assert all(np.array_equal(writer.read(region), grown[region]) for region in grown)


def test_an_edit_made_before_saving_is_noticed_after_loading(
    tmp_path: Path, mrml_scene: Any, segmentation: Any, grid: Geometry, nested: dict[str, np.ndarray]
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, remove_voxels
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    SegmentWriter(segmentation, grid).write(nested)
    block = Block(grid.ijk_to_ras, (0, 0, 0), grid.shape)
    remove_voxels(segmentation, "GliomaSAM_TC", block, nested["ET"] > 0)
    assert mrml_scene.WriteToMRB(str(tmp_path / "a.mrb"))
    mrml_scene.Clear(0)
    assert mrml_scene.ReadFromMRB(str(tmp_path / "a.mrb"), True)
    writer = SegmentWriter(mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode"), grid)
    assert [writer.edited(region) for region in ("WT", "TC", "ET")] == [False, True, False]


@pytest.mark.parametrize("first", ["ours", "somebody else's"])
def test_segments_that_hold_nothing_leave_the_others_as_they_are_when_saved(
    first: str,
    tmp_path: Path,
    mrml_scene: Any,
    segmentation: Any,
    grid: Geometry,
    nested: dict[str, np.ndarray],
    content: Callable[[str], np.ndarray],
) -> None:
    from GliomaSAMLib.slicer.segments.node import read_segment
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    if first != "ours":
        segmentation.GetSegmentation().AddEmptySegment("a", "a")
    SegmentWriter(segmentation, grid, "disjoint").write({**nested, "TC": nested["WT"]})
    assert content("GliomaSAM_ED").sum() == 0
    before = {name: content(name) for name in ("GliomaSAM_NC", "GliomaSAM_ET")}
    assert all(mask.any() for mask in before.values())
    assert mrml_scene.WriteToMRB(str(tmp_path / "a.mrb"))
    assert all(np.array_equal(content(name), mask) for name, mask in before.items())
    mrml_scene.Clear(0)
    assert mrml_scene.ReadFromMRB(str(tmp_path / "a.mrb"), True)
    node = mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    for name, mask in before.items():
        assert np.array_equal(read_segment(node, name, grid.ijk_to_ras, grid.shape), mask)


def test_a_new_segmentation_lies_beside_its_volume(
    mrml_scene: Any, grid: Geometry, add_volume: Callable[..., Any]
) -> None:
    import slicer

    from GliomaSAMLib.slicer.segments.writer import new_segmentation

    volume_node = add_volume(np.zeros(grid.shape, np.int16), grid.ijk_to_ras)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(mrml_scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume_node), study)
    node = new_segmentation(mrml_scene, "tumour", volume_node)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study
    display = node.GetDisplayNode()
    assert 0 < display.GetOpacity2DFill() < display.GetOpacity2DOutline() == 1
    assert display.GetVisibility2DFill() and display.GetVisibility2DOutline()
