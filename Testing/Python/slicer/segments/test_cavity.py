"""The resection cavity: painted by hand, kept, in no tumour volume."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import point

Box = Callable[..., np.ndarray]


def paint(node: Any, segment_id: str, mask: np.ndarray, grid: Geometry) -> None:
    """Paint a segment as a brush does that leaves all others alone."""
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    add_voxels(node, segment_id, Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), mask > 0)


def test_it_is_added_once_and_found_again(segmentation: Any, grid: Geometry, box: Box) -> None:
    from GliomaSAMLib.slicer.segments.cavity import add_cavity, cavity_id, cavity_ml, read_cavity

    assert cavity_id(segmentation) is None and cavity_ml(segmentation, grid) is None
    name = add_cavity(segmentation, grid)
    assert add_cavity(segmentation, grid) == name == cavity_id(segmentation)
    mask = box((2, 6), (3, 9), (4, 12))
    paint(segmentation, name, mask, grid)
    assert np.array_equal(read_cavity(segmentation, grid), mask)
    assert cavity_ml(segmentation, grid) == mask.sum() * grid.voxel_ml


def test_a_segment_of_a_file_is_known_by_its_name(segmentation: Any, add_segment: Any, box: Box) -> None:
    from GliomaSAMLib.slicer.segments.cavity import cavity_id

    add_segment("oedema of somebody", box((0, 2), (0, 2), (0, 2)))
    assert cavity_id(segmentation) is None
    name = add_segment("resection Cavity", box((0, 2), (0, 2), (0, 2)))
    assert cavity_id(segmentation) == name


def test_no_answer_covers_it(
    segmentation: Any, writer: Any, nested: dict[str, np.ndarray], grid: Geometry, box: Box
) -> None:
    from GliomaSAMLib.slicer.segments.cavity import add_cavity, read_cavity

    mask = box((0, 6), (0, 7), (0, 8))
    paint(segmentation, add_cavity(segmentation, grid), mask, grid)
    writer.write(nested)
    assert writer.is_limited
    assert (mask & nested["WT"]).any()
    for region, wanted in nested.items():
        assert np.array_equal(writer.read(region), wanted & ~mask & 1), region
    writer.overwrite = "all"
    writer.write(nested)
    assert np.array_equal(read_cavity(segmentation, grid), mask)


def test_painted_over_tumour_it_is_tumour_no_more(
    task: Any, segmentation: Any, run_until: Callable[..., None], shown: Callable[[], dict[str, np.ndarray]]
) -> None:
    from GliomaSAMLib.slicer.segments.cavity import add_cavity, read_cavity

    grid = task.geometry
    place = tuple(float(value) for value in grid.to_ras(np.array([9, 8, 7])))
    task.session.add(point(place))
    run_until()
    whole = task.masks("WT").copy()
    cavity = np.zeros(grid.shape, np.uint8)
    cavity[:, :, 9:] = 1
    assert (whole & cavity).any() and (whole & ~cavity & 1).any()
    paint(segmentation, add_cavity(segmentation, grid), cavity, grid)
    run_until(lambda: not (task.masks("WT") & cavity).any())
    assert np.array_equal(task.masks("WT"), whole & ~cavity & 1)
    assert np.array_equal(shown()["WT"], task.masks("WT"))
    task.session.add(point(tuple(float(value) for value in grid.to_ras(np.array([7, 8, 7])))))  # an update keeps it
    run_until()
    assert np.array_equal(read_cavity(segmentation, grid), cavity)
    assert task.masks("WT").any() and not (task.masks("WT") & cavity).any()
    assert not (shown()["WT"] & cavity).any()


def test_it_is_saved_and_read(segmentation: Any, grid: Geometry, box: Box, tmp_path: Path) -> None:
    import slicer

    from GliomaSAMLib.slicer.export import export_segmentation
    from GliomaSAMLib.slicer.segments.cavity import add_cavity, read_cavity

    mask = box((2, 6), (3, 9), (4, 12))
    paint(segmentation, add_cavity(segmentation, grid), mask, grid)
    export_segmentation(segmentation, tmp_path / "out.seg.nrrd")
    read = slicer.util.loadSegmentation(str(tmp_path / "out.seg.nrrd"))
    assert np.array_equal(read_cavity(read, grid), mask)
