"""Outlines of a file are those of the tumour where their names say so: measured, refined from, and saved again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from GliomaSAMLib.data.labels import read_label_map
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output import write_segmentation
from GliomaSAMLib.regions import REGIONS

Masks = dict[str, np.ndarray]
Run = Callable[..., None]


@pytest.fixture
def read(mrml_scene: Any, tmp_path: Path, nested: Masks, grid: Geometry) -> Any:
    """A segmentation that the command line has written, as Slicer reads it."""
    write_segmentation(tmp_path / "anna.seg.nrrd", nested, grid)
    return slicer.util.loadSegmentation(str(tmp_path / "anna.seg.nrrd"))


def test_a_result_of_the_command_line_is_corrected_and_saved_again(
    engine: Any, read: Any, t1_node: Any, nested: Masks, place: Any, run_until: Run, tmp_path: Path
) -> None:
    task = engine.task(read)
    task.set_volumes({"t1": t1_node})
    run_until()
    assert task.segment_ids() == {"WT": "WT", "TC": "TC", "ET": "ET"}
    assert task.volumes()["WT"] == pytest.approx(nested["WT"].sum() * task.geometry.voxel_ml)
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert task.masks("WT")[12, 14, 16] and all(np.all(task.masks(r) >= nested[r]) for r in REGIONS)
    assert list(read.GetSegmentation().GetSegmentIDs()) == ["WT", "TC", "ET"]
    task.session.undo()
    assert all(np.array_equal(task.masks(r), nested[r]) for r in REGIONS)
    task.session.redo()
    run_until()
    path = tmp_path / "anna.seg.nrrd"
    assert slicer.util.saveNode(read, str(path))
    found = read_label_map(path)
    assert np.count_nonzero(found.masks["WT"]) == task.masks("WT").sum()
    corrected = {region: task.masks(region) for region in REGIONS}
    slicer.mrmlScene.RemoveNode(read)
    again = engine.task(slicer.util.loadSegmentation(str(path)))
    again.set_volumes({"t1": t1_node})
    run_until()
    assert all(np.array_equal(again.masks(r), corrected[r]) for r in REGIONS)


@pytest.mark.parametrize("names", [("Whole tumor", "Tumor core", "Enhancing tumor"), ("Glioma", "Core", "Enhancement")])
def test_other_peoples_names_of_all_regions_are_understood(
    names: tuple[str, ...], engine: Any, read: Any, t1_node: Any, nested: Masks, run_until: Run
) -> None:
    for number, (region, name) in enumerate(zip(REGIONS, names, strict=True)):
        held = read.GetSegmentation()
        segment = held.GetSegment(region)
        segment.SetName(name)
        held.AddSegment(segment, f"Segment_{number}")
        held.RemoveSegment(region)
    task = engine.task(read)
    task.set_volumes({"t1": t1_node})
    run_until()
    assert task.segment_ids() == {"WT": "Segment_0", "TC": "Segment_1", "ET": "Segment_2"}


def test_a_lone_segment_called_tumour_stays_as_it_is(
    engine: Any, read: Any, t1_node: Any, nested: Masks, place: Any, run_until: Run, voxels_of: Any
) -> None:
    for region in ("TC", "ET"):
        read.GetSegmentation().RemoveSegment(region)
    read.GetSegmentation().GetSegment("WT").SetName("Tumour")
    before = voxels_of(read, "WT")
    task = engine.task(read)
    task.set_volumes({"t1": t1_node})
    run_until()
    assert task.segment_ids() == {} and task.volumes()["WT"] == 0
    task.session.add_point(place(16, 14, 12), True, "WT")
    run_until()
    assert np.array_equal(voxels_of(read, "WT"), before) and "GliomaSAM_WT" in task.segment_ids().values()
