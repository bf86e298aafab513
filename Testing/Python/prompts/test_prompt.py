"""Prompts: what their constructors accept, refuse and promise."""

import numpy as np
import pytest

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.prompts import box, mask, point, scribble


def test_every_prompt_has_an_id_of_its_own() -> None:
    assert len({point((0, 0, 0)).id for _ in range(1000)}) == 1000


def test_prompts_are_equal_by_their_fields_and_hash_alike() -> None:
    first, again = point((1, 2, 3), False, "TC", prompt_id="a"), point([1.0, 2.0, 3.0], False, "TC", prompt_id="a")
    assert first == again
    assert len({first, again}) == 1
    assert first != point((1, 2, 3), True, "TC", prompt_id="a")
    assert first != point((1, 2, 3), False, "TC")
    assert first != "a"


def test_masks_are_compared_by_their_voxels() -> None:
    voxels = np.zeros((2, 3, 4), bool)
    voxels[1, 1, 1] = True
    other = voxels.copy()
    other[0, 0, 0] = True
    assert mask(voxels, prompt_id="a") == mask(voxels.astype(np.int64), prompt_id="a")
    assert len({mask(voxels, prompt_id="a"), mask(voxels.astype(float), prompt_id="a")}) == 1
    assert mask(voxels, prompt_id="a") != mask(other, prompt_id="a")
    assert mask(voxels, prompt_id="a") != mask(voxels.reshape(4, 3, 2), prompt_id="a")


def test_a_mask_is_a_copy_that_nobody_can_change() -> None:
    voxels = np.ones((2, 2, 2), np.uint8)
    prompt = mask(voxels)
    voxels[:] = 0
    assert prompt.mask is not None
    assert prompt.mask.dtype == np.uint8
    assert prompt.mask.all()
    with pytest.raises(ValueError, match="read-only"):
        prompt.mask[0, 0, 0] = 0


def test_points_and_scribbles_are_clicks_whatever_they_say_and_boxes_and_masks_are_none() -> None:
    line = [(0, 0, 0), (4, 0, 0)]
    assert all(prompt.is_click for prompt in (point((1, 2, 3)), point((1, 2, 3), False), scribble(line, False, "ET")))
    assert not any(prompt.is_click for prompt in (box((0, 0, 0), (4, 4, 4)), mask(np.ones((2, 2, 2), np.uint8))))


def test_the_corners_of_a_box_are_put_in_order() -> None:
    assert box((5, -2, 9), (1, 4, 3)).points == ((1.0, -2.0, 3.0), (5.0, 4.0, 9.0))


def test_a_box_may_be_flat_in_one_axis_only() -> None:
    assert box((0, 0, 5), (4, 4, 5)).points[0][2] == 5
    for corner, opposite in (((0, 0, 5), (4, 0, 5)), ((1, 1, 1), (1, 1, 1))):
        with pytest.raises(PromptError, match="no area"):
            box(corner, opposite)


@pytest.mark.parametrize(
    "ras",
    [
        (1, 2),
        (1, 2, 3, 4),
        (1, 2, float("nan")),
        (float("inf"), 0, 0),
        ("a", 0, 0),
        "1,2,3",
        None,
        [[1, 2, 3]],
        7,
        (1, 2, [3]),
    ],
)
def test_a_position_that_is_none_is_refused_with_advice(ras: object) -> None:
    for make in (point, lambda r: scribble([r]), lambda r: box(r, (9, 9, 9)), point((0, 0, 0)).moved):
        with pytest.raises(PromptError, match="three numbers, R,A,S in mm"):
            make(ras)


@pytest.mark.parametrize("region", ["wt", "", "NCR", None])
def test_an_unknown_region_is_refused(region: str) -> None:
    voxels = np.ones((1, 1, 1))
    for make in (
        lambda: point((0, 0, 0), True, region),
        lambda: box((0, 0, 0), (1, 1, 1), region),
        lambda: scribble([(0, 0, 0)], True, region),
        lambda: mask(voxels, region),
    ):
        with pytest.raises(PromptError, match="choose WT"):
            make()


def test_an_empty_scribble_is_refused_and_one_of_a_point_is_a_scribble() -> None:
    with pytest.raises(PromptError, match="empty"):
        scribble([])
    assert scribble([(1, 2, 3)]).points == ((1.0, 2.0, 3.0),)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((3, 3)), "shape"),
        (np.ones((1, 3, 3, 3)), "shape"),
        (np.ones((0, 3, 3)), "shape"),
        (np.full((2, 2, 2), 2), "other than 0 and 1"),
        (np.full((2, 2, 2), 0.5), "other than 0 and 1"),
        (np.full((2, 2, 2), np.nan), "other than 0 and 1"),
        (np.full((2, 2, 2), "1"), "other than 0 and 1"),
    ],
)
def test_an_array_that_is_no_mask_is_refused(array: np.ndarray, reason: str) -> None:
    with pytest.raises(PromptError, match=reason):
        mask(array)


def test_a_moved_prompt_keeps_its_id_and_shape() -> None:
    moved = box((0, 0, 0), (2, 4, 6), "TC", prompt_id="b").moved((11, 12, 13))
    assert moved == box((10, 10, 10), (12, 14, 16), "TC", prompt_id="b")
    line = scribble([(0, 0, 0), (4, 0, 0)], False, prompt_id="s").moved((2, 1, 0))
    assert line == scribble([(0, 1, 0), (4, 1, 0)], False, prompt_id="s")
    assert point((0.1, 0.2, 0.3), prompt_id="p").moved((7.7, 8.8, 9.9)) == point((7.7, 8.8, 9.9), prompt_id="p")


def test_a_mask_cannot_be_moved() -> None:
    with pytest.raises(PromptError, match="edit its voxels"):
        mask(np.ones((1, 1, 1))).moved((0, 0, 0))
