"""A segment that was copied is not adopted: what is written goes into the segments that were made for the node."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

Masks = dict[str, np.ndarray]


@pytest.fixture
def new_writer(mrml_scene: Any, grid: Geometry) -> Callable[..., Any]:
    """A function that makes a writer for another node: of the library, or with `bare` as another module adds one."""
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter, new_segmentation

    def make(bare: bool = False) -> Any:
        if not bare:
            return SegmentWriter(new_segmentation(mrml_scene, "other"), grid)
        node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bare")
        node.CreateDefaultDisplayNodes()
        return SegmentWriter(node, grid)

    return make


def voxels(node: Any, segment_id: str, grid: Geometry) -> np.ndarray:
    from GliomaSAMLib.slicer.segments.node import read_segment

    return read_segment(node, segment_id, grid.ijk_to_ras, grid.shape)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("region", REGIONS)
def test_a_segment_of_another_node_is_left_alone(
    writer: Any, new_writer: Any, nested: Masks, grid: Geometry, region: str, move: bool, bare: bool
) -> None:
    writer.write(nested)
    other = new_writer(bare)
    source, target = (w.segmentation_node.GetSegmentation() for w in (writer, other))
    segment_id = writer.segment_ids()[region]
    assert target.CopySegmentFromSegmentation(source, segment_id, move)
    assert other.segment_ids() == {} and other.read(region) is None and not other.edited(region)
    empty = {name: np.zeros(grid.shape, np.uint8) for name in REGIONS}
    other.write(empty)
    assert np.array_equal(voxels(other.segmentation_node, segment_id, grid), nested[region])
    assert len(target.GetSegmentIDs()) == 4 and segment_id not in other.segment_ids().values()
    assert not other.read(region).any()


@pytest.mark.parametrize("first_removed", [False, True])
def test_a_copy_within_the_node_is_left_alone(
    writer: Any, segmentation: Any, nested: Masks, grid: Geometry, first_removed: bool
) -> None:
    writer.write(nested)
    segments = segmentation.GetSegmentation()
    own = writer.segment_ids()["WT"]
    twin, copy = type(segments.GetSegment(own))(), "copy"
    twin.DeepCopy(segments.GetSegment(own))
    assert segments.AddSegment(twin, copy, "" if first_removed else own)
    if first_removed:
        segments.RemoveSegment(own)
        assert writer.read("WT") is None
    writer.write({region: np.zeros(grid.shape, np.uint8) for region in REGIONS})
    assert np.array_equal(voxels(segmentation, copy, grid), nested["WT"])
    assert writer.segment_ids()["WT"] != copy and not writer.read("WT").any()


def test_segments_of_before_and_those_of_a_file_are_its_own(
    writer: Any, new_writer: Any, mrml_scene: Any, nested: Masks
) -> None:
    from GliomaSAMLib.slicer.segments.ownership import IDENTITY, OWNER_TAG

    writer.write(nested)
    made = writer.segmentation_node
    file = new_writer(bare=True).segmentation_node
    file.GetSegmentation().DeepCopy(made.GetSegmentation())
    mrml_scene.RemoveNode(made)
    for legacy in (False, True):
        if legacy:
            file.RemoveAttribute(IDENTITY)
            for segment_id in file.GetSegmentation().GetSegmentIDs():
                file.GetSegmentation().GetSegment(segment_id).RemoveTag(OWNER_TAG)
        again = type(writer)(file, writer.reference)
        assert np.array_equal(again.read("WT"), nested["WT"])
        again.write({**nested, "ET": nested["ET"] * 0})
        assert len(file.GetSegmentation().GetSegmentIDs()) == 3 and not again.read("ET").any()
        disjoint = type(writer)(file, writer.reference, "disjoint")  # has the part ET as well
        assert disjoint.segment_ids() == {"ET": again.segment_ids()["ET"]}
        again.write(nested)


def test_a_saved_scene_keeps_its_segments(
    writer: Any, nested: Masks, mrml_scene: Any, tmp_path: Any, grid: Geometry
) -> None:
    writer.write(nested)
    path = str(tmp_path / "case.mrb")
    assert mrml_scene.WriteToMRB(path, None)
    mrml_scene.Clear(0)
    assert mrml_scene.ReadFromMRB(path)
    node = mrml_scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    again = type(writer)(node, grid)
    again.write({**nested, "ET": nested["ET"] * 0})
    assert len(node.GetSegmentation().GetSegmentIDs()) == 3 and np.array_equal(again.read("TC"), nested["TC"])
