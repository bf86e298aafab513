"""What an edit of one segment by hand means for the others."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

Box = Callable[..., np.ndarray]


@pytest.fixture
def brush(task: Any, segmentation: Any, engine: Any, grid: Geometry) -> Callable[..., None]:
    """A function that paints into a region's segment, or erases, and waits until that is taken up."""
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels, remove_voxels

    def paint(region: str, mask: np.ndarray, add: bool = True) -> None:
        block = Block(grid.ijk_to_ras, (0, 0, 0), grid.shape)
        (add_voxels if add else remove_voxels)(segmentation, task.segment_ids()[region], block, mask > 0)
        for _ in range(3):
            engine.collect()

    return paint


@pytest.fixture
def clicked(task: Any, grid: Geometry, run_until: Callable[..., None]) -> Any:
    task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array([8, 8, 7]))))
    run_until()
    return task


def test_the_edit_made_last_holds_when_it_becomes_a_prompt(
    clicked: Any, brush: Any, box: Box, shown: Any, grid: Geometry, run_until: Callable[..., None]
) -> None:
    stroke = box((0, 3), (0, 4), (0, 4))
    brush("ET", stroke)
    brush("WT", stroke, add=False)
    assert not (clicked.masks("ET") & stroke).any()
    brush("ET", box((0, 2), (0, 2), (0, 2)))
    held = {region: clicked.masks(region).copy() for region in REGIONS}
    assert all(held[region][:2, :2, :2].all() for region in REGIONS)
    clicked.session.add_point(tuple(float(v) for v in grid.to_ras(np.array([14, 12, 10]))))
    run_until()
    assert all(np.all(clicked.masks(region) >= held[region]) for region in REGIONS)
    assert all(np.array_equal(shown()[region], clicked.masks(region)) for region in REGIONS)


def test_a_region_that_is_completed_stays_and_what_is_shown_is_what_is_held(
    clicked: Any, segmentation: Any, brush: Any, box: Box, shown: Any
) -> None:
    import slicer

    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetSegmentStatus(segmentation.GetSegmentation().GetSegment("GliomaSAM_WT"), logic.Completed)
    before = shown()
    brush("ET", box((0, 2), (0, 2), (0, 2)))
    assert np.array_equal(shown()["WT"], before["WT"]) and shown()["TC"][0, 0, 0]
    assert any("completed" in note for note in clicked.notes)
    assert all(np.array_equal(shown()[region], clicked.masks(region)) for region in REGIONS)


def test_a_stroke_is_taken_whole(clicked: Any, segmentation: Any, engine: Any, grid: Geometry, box: Box) -> None:
    """A second stroke into one segment, between two looks, does not part the first from the hole that it left."""
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels, remove_voxels

    block = Block(grid.ijk_to_ras, (0, 0, 0), grid.shape)
    before = {region: clicked.masks(region).copy() for region in REGIONS}
    k, j, i = np.argwhere(before["WT"])[0]
    first, second = box((k, k + 1), (j, j + 1), (i, i + 1)), box((0, 1), (0, 1), (0, 2))
    add_voxels(segmentation, "GliomaSAM_ET", block, first > 0)
    remove_voxels(segmentation, "GliomaSAM_WT", block, first > 0)
    engine.collect()
    add_voxels(segmentation, "GliomaSAM_ET", block, second > 0)
    for _ in range(3):
        engine.collect()
    assert np.array_equal(clicked.masks("WT"), before["WT"] | second)
    assert np.array_equal(clicked.masks("ET"), before["ET"] | first | second)
