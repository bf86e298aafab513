"""Another style of segments is tried: what is left of it, and what follow-up reads then."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS

Run = Callable[..., None]


@pytest.fixture
def switch(task: Any, run_until: Run) -> Callable[..., None]:
    """A function that lets the task write in another style."""
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    def to(style: str, lesion: str | None = None) -> None:
        task.set_style(SegmentStyle(style, lesion_segment=lesion))
        run_until()

    return to


@pytest.fixture
def read(segmentation: Any, grid: Geometry, task: Any) -> Callable[[], Any]:
    """A function that gives what follow-up reads, which holds what the panel says."""
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines

    def check() -> Any:
        found = read_outlines(segmentation)
        for region, mask in zip(REGIONS, (found.wt, found.tc, found.et), strict=True):
            if region in found.known:
                assert mask.sum() == task.masks(region).sum()
        return found

    return check


@pytest.mark.parametrize("tried", ["disjoint", "lesion"])
def test_after_another_style_was_tried_follow_up_reads_the_result(
    tried: str, task: Any, segmentation: Any, switch: Any, read: Any, place: Any, run_until: Run
) -> None:
    task.session.add_point(place(5, 5, 5), True, "ET")
    run_until()
    ids = list(segmentation.GetSegmentation().GetSegmentIDs())
    switch(tried)
    left = {"GliomaSAM_WT", "GliomaSAM_TC"} & set(segmentation.GetSegmentation().GetSegmentIDs())
    assert bool(left) is (tried == "lesion")  # a tumour and a lesion beside it are two things
    assert "ET" in read().known if tried == "disjoint" else read().known == ("WT",)
    switch("nested")
    assert sorted(segmentation.GetSegmentation().GetSegmentIDs()) == sorted(ids)
    task.session.add_point(place(12, 11, 8), True, "ET")
    run_until()
    assert read().known == REGIONS and read().et.any()
    task.session.undo()
    run_until()
    assert read().known == REGIONS and read().et.any()


def test_segments_that_a_user_made_his_own_stay_and_are_not_read(
    task: Any, segmentation: Any, switch: Any, read: Any, place: Any, run_until: Run, content: Any
) -> None:
    import slicer

    task.session.add_point(place(5, 5, 5))
    run_until()
    switch("disjoint")
    logic, segments = slicer.vtkSlicerSegmentationsModuleLogic, segmentation.GetSegmentation()
    segments.GetSegment("GliomaSAM_ED").SetName("oedema of today")
    logic.SetSegmentStatus(segments.GetSegment("GliomaSAM_NC"), logic.Completed)
    before = content("GliomaSAM_ED")
    switch("nested")
    task.session.add_point(place(12, 11, 8))
    run_until()
    assert {"GliomaSAM_ED", "GliomaSAM_NC"} <= set(segments.GetSegmentIDs())
    assert np.array_equal(content("GliomaSAM_ED"), before)
    assert read().known == REGIONS
    task.session.undo()
    run_until()
    assert read().known == REGIONS


def test_lesions_are_united_and_none_is_removed(
    task: Any, segmentation: Any, switch: Any, read: Any, place: Any, run_until: Run, content: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import read_outlines

    segments = segmentation.GetSegmentation()
    one, two = (segments.AddEmptySegment(name, f"Metastasis {name}") for name in ("A", "B"))
    switch("lesion", one)
    task.session.add_point(place(4, 4, 4))
    run_until()
    switch("lesion", two)
    task.session.add_point(place(12, 12, 9))
    run_until()
    both = content(one) | content(two)
    assert content(one).any() and content(two).any() and both.sum() > content(two).sum()
    found = read_outlines(segmentation)
    assert found.known == ("WT",) and found.wt.sum() == both.sum()
    switch("nested")
    assert np.array_equal(content(one) | content(two), both)
    assert read().known == REGIONS and read().wt.sum() == content(two).sum()


def test_the_outline_of_another_lesion_stays_though_it_has_the_programs_name(
    task: Any, segmentation: Any, switch: Any, place: Any, run_until: Run, content: Any
) -> None:
    task.session.add_point(place(4, 4, 4))
    run_until()
    switch("lesion")
    before = content("GliomaSAM_lesion")
    switch("lesion", segmentation.GetSegmentation().AddEmptySegment("B", "Metastasis B"))
    task.session.add_point(place(12, 12, 9))
    run_until()
    switch("nested")
    assert before.any() and np.array_equal(content("GliomaSAM_lesion"), before)
