"""Several lesions in one segmentation: each keeps its voxels and its prompts, and is the one that is exported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.geometry import Geometry

Run = Callable[..., None]
Box = Callable[..., np.ndarray]


@pytest.fixture
def lesion() -> Callable[[str | None], Any]:
    """A function that gives the style of one segment of the user's own."""
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    return lambda segment_id: SegmentStyle("lesion", lesion_segment=segment_id)


@pytest.fixture
def click(task: Any, grid: Geometry, run_until: Run) -> Callable[..., Any]:
    def at(*ijk: int) -> Any:
        prompt = task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array(ijk))))
        run_until()
        return prompt

    return at


def test_a_painted_segment_that_is_chosen_is_shown_and_refined(
    task: Any, add_segment: Any, content: Any, box: Box, click: Any, lesion: Any, run_until: Run
) -> None:
    painted = box((2, 6), (2, 6), (2, 6))
    mine = add_segment("Metastasis", painted)
    task.set_style(lesion(mine))
    run_until()
    assert np.array_equal(content(mine), painted) and np.array_equal(task.masks("WT"), painted)
    assert not task.session.undo() and np.array_equal(content(mine), painted)
    click(12, 11, 9)
    assert content(mine).sum() > painted.sum() and np.all(content(mine) >= painted)
    assert task.session.undo() and np.array_equal(content(mine), painted)
    assert task.session.reset() and not content(mine).any()
    task.session.undo()
    assert np.array_equal(content(mine), painted)


def test_each_lesion_has_its_own_mask_prompts_and_undo(
    task: Any, segmentation: Any, content: Any, click: Any, lesion: Any, run_until: Run
) -> None:
    a, b = (segmentation.GetSegmentation().AddEmptySegment(name, name) for name in "AB")
    task.set_style(lesion(a))
    first = click(4, 4, 4)
    of_a = content(a)
    task.set_style(lesion(b))
    run_until()
    assert task.session.prompts == () and not task.masks("WT").any() and not content(b).any()
    second = click(12, 12, 9)
    of_b = content(b)
    assert of_b.any() and not (of_a & of_b).any()
    task.set_style(lesion(a))
    run_until()
    assert task.session.prompts == (first,) and np.array_equal(task.masks("WT"), of_a)
    click(5, 5, 4)
    task.session.undo()
    assert np.array_equal(content(a), of_a) and np.array_equal(content(b), of_b)
    task.session.undo()
    assert not content(a).any() and np.array_equal(content(b), of_b)
    task.set_style(lesion(b))
    run_until()
    assert task.session.prompts == (second,) and np.array_equal(content(b), of_b)


def test_a_segment_chosen_by_mistake_is_no_lesion_in_follow_up(
    task: Any, add_segment: Any, content: Any, box: Box, click: Any, lesion: Any, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import outlines_version, tumour_segments
    from GliomaSAMLib.slicer.segments.node import REGION_TAG
    from GliomaSAMLib.slicer.segments.ownership import OWNER_TAG, segment_tag

    painted = box((0, 3), (0, 3), (0, 3))
    segmentation = task.node.GetSegmentation()
    mistaken, meant = add_segment("Ventricles", painted), segmentation.AddEmptySegment("Metastasis", "Metastasis")
    tags = [segment_tag(segmentation.GetSegment(mistaken), name) for name in (REGION_TAG, OWNER_TAG)]
    task.set_style(lesion(mistaken))
    run_until()
    assert tumour_segments(task.node) == {"lesion": (mistaken,)} and np.array_equal(task.masks("WT"), painted)
    version = outlines_version(task.node)
    task.set_style(lesion(meant))
    run_until()
    assert outlines_version(task.node) != version
    click(12, 11, 9)
    assert tumour_segments(task.node) == {"lesion": (meant,)} and content(meant).any()
    left = [segment_tag(segmentation.GetSegment(mistaken), name) for name in (REGION_TAG, OWNER_TAG)]
    assert left == tags == ["", ""] and np.array_equal(content(mistaken), painted)


def test_what_is_painted_into_a_chosen_segment_makes_it_a_lesion(
    task: Any, add_segment: Any, box: Box, click: Any, lesion: Any, run_until: Run, segmentation: Any
) -> None:
    from GliomaSAMLib.slicer.follow_up.outlines import tumour_segments
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    painted, other = add_segment("Metastasis", box((0, 3), (0, 3), (0, 3))), add_segment("Another", box((0, 0)))
    task.set_style(lesion(painted))
    run_until()
    more = Block(task.geometry.ijk_to_ras, (0, 0, 0), task.geometry.shape)
    add_voxels(segmentation, painted, more, box((3, 5), (0, 3), (0, 3)) > 0)
    run_until()
    task.set_style(lesion(other))
    click(12, 11, 9)
    assert tumour_segments(task.node) == {"lesion": (painted, other)}


def test_a_new_one_is_a_segment_of_its_own(
    task: Any, segmentation: Any, content: Any, click: Any, lesion: Any, grid: Geometry, run_until: Run
) -> None:
    a = segmentation.GetSegmentation().AddEmptySegment("A", "A")
    task.set_style(lesion(a))
    click(4, 4, 4)
    of_a = content(a)
    made = []
    for place in ((12, 12, 9), (5, 12, 9)):
        task.set_style(lesion(None))
        click(*place)
        made.append(task.style.lesion_segment)
        assert task.segment_ids() == {"lesion": made[-1]} and content(made[-1]).any()
    assert len({a, *made}) == 3 and np.array_equal(content(a), of_a)
    first = content(made[0])
    click(6, 12, 9)
    assert np.array_equal(content(made[0]), first) and task.style.lesion_segment == made[1]


def test_the_tumour_that_was_left_for_a_lesion_is_there_again(
    task: Any, add_segment: Any, content: Any, box: Box, click: Any, lesion: Any, shown: Any, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    painted = box((0, 2), (0, 3), (0, 3))
    mine = add_segment("Metastasis", painted)
    prompt = click(8, 8, 7)
    outlined = shown()
    task.set_style(lesion(mine))
    run_until()
    click(14, 13, 11)
    of_lesion = content(mine)
    task.set_style(SegmentStyle())
    run_until()
    assert task.session.prompts == (prompt,) and np.array_equal(content(mine), of_lesion)
    assert all(np.array_equal(mask, outlined[region]) for region, mask in shown().items())
    task.session.undo()
    assert not shown()["WT"].any() and np.array_equal(content(mine), of_lesion)


def test_a_look_at_the_tumour_as_a_lesion_leaves_no_segment(
    task: Any, segmentation: Any, click: Any, lesion: Any, shown: Any, content: Any, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    prompt = click(8, 8, 7)
    before, outlined = segmentation.GetSegmentation().GetSegmentIDs(), shown()
    for _ in range(2):
        task.set_style(lesion(None))
        run_until()
        assert task.session.prompts == (prompt,) and np.array_equal(
            content(task.segment_ids()["lesion"]), outlined["WT"]
        )
        task.set_style(SegmentStyle())
        run_until()
        assert segmentation.GetSegmentation().GetSegmentIDs() == before and task.session.prompts == (prompt,)
        assert all(np.array_equal(mask, outlined[region]) for region, mask in shown().items())
    assert task.session.undo() and not shown()["WT"].any() and task.session.redo()
    task.set_style(lesion(None))
    click(12, 11, 9)
    made = task.segment_ids()["lesion"]
    of_lesion = content(made)
    task.set_style(SegmentStyle())
    run_until()
    assert np.array_equal(content(made), of_lesion) and np.array_equal(shown()["WT"], outlined["WT"])


def test_a_lesion_that_became_the_tumour_stays(
    task: Any, click: Any, lesion: Any, content: Any, shown: Any, run_until: Run
) -> None:
    from GliomaSAMLib.slicer.segments.view import SegmentStyle

    task.set_style(lesion(None))
    click(4, 4, 4)
    made = task.segment_ids()["lesion"]
    task.set_style(SegmentStyle())
    run_until()
    assert np.array_equal(content(made), shown()["WT"])
    task.session.reset()
    assert content(made).any() and not shown()["WT"].any()


def test_an_answer_that_is_still_looked_for_goes_to_no_other_lesion(
    task: Any,
    engine: Any,
    segmentation: Any,
    world: Any,
    content: Any,
    click: Any,
    lesion: Any,
    run_until: Run,
    grid: Any,
) -> None:
    a, b = (segmentation.GetSegmentation().AddEmptySegment(name, name) for name in "AB")
    task.set_style(lesion(a))
    first = click(4, 4, 4)
    of_a = content(a)
    world.held.add("update")
    task.session.add_point(tuple(float(v) for v in grid.to_ras(np.array([8, 8, 7]))))
    engine.collect()
    task.set_style(lesion(b))
    world.held.clear()
    run_until()
    assert not content(b).any() and np.array_equal(content(a), of_a)
    task.set_style(lesion(a))
    run_until()
    assert task.session.prompts == (first,) and np.array_equal(task.masks("WT"), of_a)
    assert task.session.redo()
    run_until()
    assert content(a).sum() > of_a.sum() and not content(b).any()


def test_the_label_map_is_that_of_the_lesion_chosen(
    task: Any, segmentation: Any, content: Any, click: Any, lesion: Any, run_until: Run, tmp_path: Path
) -> None:
    from GliomaSAMLib.slicer.export import export_label_map

    a, b = (segmentation.GetSegmentation().AddEmptySegment(name, name) for name in "AB")
    for name, place in ((a, (4, 4, 4)), (b, (12, 12, 9))):
        task.set_style(lesion(name))
        click(*place)
    for name in (a, b):
        export_label_map(segmentation, task.geometry, tmp_path / "l.nii.gz", style="lesion", lesion_segment=name)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "l.nii.gz"))), content(name))
    with pytest.raises(OutputError, match="no segments"):
        export_label_map(segmentation, task.geometry, tmp_path / "l.nii.gz", style="lesion")


def test_a_scene_that_names_no_lesion_goes_on_with_the_one_it_holds(
    task: Any, engine: Any, segmentation: Any, mrml_scene: Any, click: Any, lesion: Any, run_until: Run
) -> None:
    import json

    from GliomaSAMLib.slicer.persistence import ATTRIBUTE, restore

    task.set_style(lesion(None))
    click(4, 4, 4)
    made = task.style.lesion_segment
    state = json.loads(segmentation.GetAttribute(ATTRIBUTE))
    assert made and state["lesion_segment"] == made
    segmentation.SetAttribute(ATTRIBUTE, json.dumps({**state, "lesion_segment": None}))
    assert restore(mrml_scene, segmentation).style.lesion_segment == made


def test_a_painted_lesion_goes_on_after_the_grid_has_changed(
    task: Any,
    segmentation: Any,
    panel: Any,
    add_volume: Any,
    click: Any,
    lesion: Any,
    box: Box,
    grid: Any,
    run_until: Any,
) -> None:
    from GliomaSAMLib.slicer.segments.node import Block, add_voxels

    a, b = (segmentation.GetSegmentation().AddEmptySegment(name, name) for name in "AB")
    task.set_style(lesion(a))
    click(4, 4, 4)
    add_voxels(segmentation, a, Block(grid.ijk_to_ras, (0, 0, 0), grid.shape), box((9, 12), (9, 12), (9, 12)) > 0)
    click(5, 4, 4)
    kinds = [prompt.kind for prompt in task.session.prompts]
    assert "mask" in kinds
    task.set_style(lesion(b))
    coarse = Geometry((9, 8, 7), (2.0, 2.5, 4.0), grid.origin, grid.direction)
    task.set_volumes({"t1": add_volume(np.ones(coarse.shape, np.int16), coarse.ijk_to_ras, "t1")})
    run_until()
    assert task.geometry.matches(coarse)
    task.set_style(lesion(a))
    run_until()
    assert [prompt.kind for prompt in task.session.prompts] == kinds
    assert all(prompt.mask.shape == coarse.shape for prompt in task.session.prompts if prompt.kind == "mask")
    before = task.masks("WT").sum()
    click(13, 4, 4)
    assert panel.told("error") == "" and task.masks("WT").sum() > before


def test_prompts_of_a_lesion_that_lie_outside_new_volumes_are_forgotten_and_told(
    task: Any, segmentation: Any, panel: Any, add_volume: Any, click: Any, lesion: Any, grid: Any, run_until: Run
) -> None:
    a, b = (segmentation.GetSegmentation().AddEmptySegment(name, name) for name in "AB")
    task.set_style(lesion(a))
    kept = click(4, 4, 4)
    click(16, 14, 12)
    task.set_style(lesion(b))
    small = Geometry((10, 10, 10), grid.spacing, grid.origin, grid.direction)
    task.set_volumes({"t1": add_volume(np.ones(small.shape, np.int16), small.ijk_to_ras, "t1")})
    run_until()
    assert "lies outside the volume" in panel.told("error")
    task.set_style(lesion(a))
    run_until()
    assert task.session.prompts == (kept,)
