"""What is left alone: other segments, finished ones, and what the masking of Segment Editor protects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry

WHOLE = ("WT", "TC", "ET")


@pytest.mark.parametrize(("mode", "lost"), [("none", ()), ("visible", ("shown",)), ("all", ("shown", "hidden"))])
def test_others_lose_voxels_only_when_the_user_lets_them(
    mode: str,
    lost: tuple[str, ...],
    segmentation: Any,
    add_segment: Callable[..., str],
    nested: dict[str, np.ndarray],
    grid: Geometry,
    content: Callable[[str], np.ndarray],
    box: Callable[..., np.ndarray],
) -> None:
    import slicer

    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    logic = slicer.vtkSlicerSegmentationsModuleLogic
    ids = {
        "shown": add_segment("shown", box((0, 6), (0, 8), (0, 9))),
        "hidden": add_segment("hidden", box((6, 14), (0, 8), (0, 9))),
        "finished": add_segment("finished", box((0, 14), (8, 16), (0, 9))),
    }
    segmentation.GetDisplayNode().SetSegmentVisibility(ids["hidden"], False)
    logic.SetSegmentStatus(segmentation.GetSegmentation().GetSegment(ids["finished"]), logic.Completed)
    before = {name: content(segment_id) for name, segment_id in ids.items()}
    writer = SegmentWriter(segmentation, grid, overwrite=mode)
    writer.write(nested)
    for name, segment_id in ids.items():
        expected = before[name] * (1 - nested["WT"]) if name in lost else before[name]
        assert np.array_equal(content(segment_id), expected), name
    assert np.array_equal(writer.read("TC"), nested["TC"])


def test_our_own_segments_never_overwrite_each_other(
    segmentation: Any, nested: dict[str, np.ndarray], grid: Geometry
) -> None:
    from GliomaSAMLib.slicer.segments.writer import SegmentWriter

    writer = SegmentWriter(segmentation, grid, overwrite="all")
    writer.write(dict(nested, ET=np.zeros_like(nested["ET"])))
    writer.write(nested)  # enhancing tumour appears where the others are
    assert all(np.array_equal(writer.read(region), nested[region]) for region in WHOLE)


def test_a_finished_segment_is_left_alone_and_said_so(
    writer: Any, segmentation: Any, nested: dict[str, np.ndarray]
) -> None:
    import slicer

    writer.write(nested)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetSegmentStatus(segmentation.GetSegmentation().GetSegment("GliomaSAM_TC"), logic.Completed)
    empty = {region: np.zeros_like(mask) for region, mask in nested.items()}
    assert writer.write(empty) == ("GliomaSAM_WT", "GliomaSAM_ET")
    assert np.array_equal(writer.read("TC"), nested["TC"]) and not writer.read("WT").any()
    assert "Tumour core is marked as completed and was left as it is" in writer.notes[0]


@pytest.mark.parametrize("mode", ["outside all", "outside visible", "inside one", "inside all"])
def test_masking_by_segments_is_respected(
    mode: str,
    writer: Any,
    add_segment: Callable[..., str],
    nested: dict[str, np.ndarray],
    box: Callable[..., np.ndarray],
    add_editor: Callable[[], Any],
) -> None:
    import slicer

    vessel = box((5, 8), (0, 14), (6, 9))
    segment_id = add_segment("vessel", vessel)
    node = add_editor()
    modes = slicer.vtkMRMLSegmentationNode
    names = {
        "outside all": modes.EditAllowedOutsideAllSegments,
        "outside visible": modes.EditAllowedOutsideVisibleSegments,
        "inside one": modes.EditAllowedInsideSingleSegment,
        "inside all": modes.EditAllowedInsideAllSegments,
    }
    node.SetMaskMode(names[mode])
    node.SetMaskSegmentID(segment_id)
    writer.editor_node = node
    writer.write(nested)
    allowed = 1 - vessel if mode.startswith("outside") else vessel
    for region in WHOLE:
        assert np.array_equal(writer.read(region), nested[region] * allowed)
    writer.editor_node = None
    writer.write(nested)
    writer.editor_node = node
    writer.write({region: np.zeros_like(mask) for region, mask in nested.items()})
    assert np.array_equal(writer.read("WT"), nested["WT"] * (1 - allowed))


def test_masking_by_intensity_is_respected_and_only_in_its_own_segmentation(
    mrml_scene: Any,
    writer: Any,
    nested: dict[str, np.ndarray],
    grid: Geometry,
    add_volume: Callable[..., Any],
    add_editor: Callable[[], Any],
) -> None:
    values = np.arange(np.prod(grid.shape), dtype=np.int16).reshape(grid.shape)
    node = add_editor()
    node.SetAndObserveSourceVolumeNode(add_volume(values, grid.ijk_to_ras))
    node.SetSourceVolumeIntensityMask(True)
    node.SetSourceVolumeIntensityMaskRange(1000, 2000)
    writer.editor_node = node
    writer.write(nested)
    assert np.array_equal(writer.read("WT"), nested["WT"] * ((values >= 1000) & (values <= 2000)))
    node.SetAndObserveSegmentationNode(mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode"))
    writer.write(nested)
    assert np.array_equal(writer.read("WT"), nested["WT"])
