"""Other segments that give way get back what they gave, when the tumour goes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry

Run = Callable[..., None]
Box = Callable[..., np.ndarray]
PLACE = (5, 5, 5)


@pytest.fixture
def neighbour(task: Any, add_segment: Callable[..., str], box: Box, run_until: Run) -> str:
    """A segment of somebody else where the tumour comes, which gives way."""
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    name = add_segment("Ventricle", box((3, 8), (3, 8), (3, 8)))
    task.set_style(SegmentStyle(overwrite="visible"))
    run_until()
    return name


@pytest.fixture
def click(task: Any, grid: Geometry, run_until: Run) -> Callable[..., Any]:
    def at(*ijk: int, positive: bool = True) -> Any:
        prompt = task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array(ijk))), positive)
        run_until()
        return prompt

    return at


def test_undo_gives_back_and_redo_takes_again(
    task: Any, neighbour: str, content: Any, click: Any, box: Box, run_until: Run
) -> None:
    whole = box((3, 8), (3, 8), (3, 8))
    click(*PLACE)
    left = content(neighbour)
    assert left.sum() < whole.sum() and not (left & task.masks("WT")).any()
    click(6, 6, 5)
    task.session.undo()
    assert np.array_equal(content(neighbour), left)
    task.session.undo()
    assert np.array_equal(content(neighbour), whole) and not task.masks("WT").any()
    task.session.redo()
    assert np.array_equal(content(neighbour), left)
    task.session.reset()
    assert np.array_equal(content(neighbour), whole)


def test_where_the_tumour_shrinks_it_is_there_again(
    task: Any, neighbour: str, content: Any, click: Any, box: Box
) -> None:
    whole = box((3, 8), (3, 8), (3, 8))
    click(*PLACE)
    click(*PLACE, positive=False)
    assert np.array_equal(content(neighbour), whole & ~task.masks("WT") & 1)


def test_undo_gives_back_though_others_give_way_no_more(
    task: Any, neighbour: str, content: Any, click: Any, box: Box, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    click(*PLACE)
    task.set_style(SegmentStyle())
    run_until()
    task.session.undo()
    assert np.array_equal(content(neighbour), box((3, 8), (3, 8), (3, 8)))


@pytest.mark.parametrize("change", ["edited", "removed", "completed"])
def test_what_became_of_it_since_stays(
    task: Any, segmentation: Any, neighbour: str, content: Any, click: Any, box: Box, grid: Geometry, change: str
) -> None:
    import slicer

    from GliomaSAMLib.slicer.segments.node import Block, remove_voxels

    click(*PLACE)
    if change == "edited":
        remove_voxels(
            segmentation, neighbour, Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), box((3, 4), (3, 8), (3, 8)) > 0
        )
    elif change == "removed":
        segmentation.GetSegmentation().RemoveSegment(neighbour)
    else:
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        logic.SetSegmentStatus(segmentation.GetSegmentation().GetSegment(neighbour), logic.Completed)
    before = content(neighbour) if change != "removed" else None
    task.session.undo()
    assert not task.masks("WT").any()
    if before is None:
        assert segmentation.GetSegmentation().GetSegment(neighbour) is None
    else:
        assert np.array_equal(content(neighbour), before)


def test_it_keeps_out_of_another_lesion(
    task: Any, segmentation: Any, neighbour: str, content: Any, click: Any, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    a, b = (segmentation.GetSegmentation().AddEmptySegment(name, name) for name in "AB")
    task.set_style(SegmentStyle("lesion", "visible", a))
    click(*PLACE)
    left = content(neighbour)
    task.set_style(SegmentStyle("lesion", "visible", b))
    click(12, 12, 9)
    task.session.undo()
    assert np.array_equal(content(neighbour), left) and content(a).any() and not content(b).any()
