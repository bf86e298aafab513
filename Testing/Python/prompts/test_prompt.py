"""Prompts: what their constructors accept, refuse and promise."""

import time
import tracemalloc

import numpy as np
import pytest

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, PromptHistory, box, mask, near_tissue, point, scribble, validate_prompt
from GliomaSAMLib.prompts.voxelise import AIR_MM, box_voxels


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


def test_edited_masks_take_the_memory_of_what_they_hold_and_not_of_the_volume() -> None:
    volume = np.zeros((100, 200, 200), np.uint8)
    volume[40:60, 90:110, 90:110] = 1
    tracemalloc.start()
    try:
        prompts = [mask(volume) for _ in range(10)]
        history = PromptHistory()
        for prompt in prompts:
            history = history.add(prompt)
        assert len({*prompts}) == 10 and history.contains_mask(mask(volume))
        assert tracemalloc.get_traced_memory()[0] < volume.nbytes / 10
    finally:
        tracemalloc.stop()
    assert all(np.array_equal(prompt.mask, volume) for prompt in prompts)


def test_points_and_scribbles_are_clicks_whatever_they_say_and_boxes_and_masks_are_none() -> None:
    line = [(0, 0, 0), (4, 0, 0)]
    assert all(prompt.is_stroke for prompt in (point((1, 2, 3)), point((1, 2, 3), False), scribble(line, False, "ET")))
    assert not any(prompt.is_stroke for prompt in (box((0, 0, 0), (4, 4, 4)), mask(np.ones((2, 2, 2), np.uint8))))


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


@pytest.mark.parametrize("region", ["wt", "", "NCR", None, "x" * 70_000])
def test_an_unknown_region_is_refused(region: str) -> None:
    voxels = np.ones((1, 1, 1))
    for make in (
        lambda: point((0, 0, 0), True, region),
        lambda: box((0, 0, 0), (1, 1, 1), region),
        lambda: scribble([(0, 0, 0)], True, region),
        lambda: mask(voxels, region),
    ):
        with pytest.raises(PromptError, match="Choose WT") as told:
            make()
        assert len(str(told.value)) < 200


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


STRAIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

GRID = Geometry((40, 40, 20), (1.0, 1.0, 2.0), (-20.0, -20.0, -20.0), STRAIGHT)


@pytest.fixture
def tissue() -> np.ndarray:
    """A head that fills R below 0."""
    head = np.zeros(GRID.shape, bool)
    head[:, :, :20] = True
    return head


@pytest.mark.parametrize(
    "prompt",
    [
        point((5, 5, 5)),
        scribble([(0, 0, 0), (5, 5, 5)]),
        box((-5, -5, 0), (5, 5, 4)),
        mask(np.ones(GRID.shape), grid=GRID),
    ],
)
def test_what_fits_comes_back_as_it_is(prompt: object) -> None:
    assert validate_prompt(prompt, GRID) is prompt


@pytest.mark.parametrize("ras", [(20, 0, 0), (0, 0, 19.5), (-20.6, 0, 0), (0, 300, 0)])
def test_a_click_outside_says_where_and_what_to_do(ras: tuple[float, float, float]) -> None:
    with pytest.raises(PromptError) as error:
        validate_prompt(point(ras), GRID)
    assert f"R {ras[0]:.1f}, A {ras[1]:.1f}, S {ras[2]:.1f} mm" in str(error.value)
    assert "R -20.5 to 19.5, A -20.5 to 19.5, S -21.0 to 19.0 mm" in str(error.value)
    assert "click on the head" in str(error.value)


def test_a_scribble_with_a_point_outside_is_refused() -> None:
    with pytest.raises(PromptError, match=r"scribble at R 0\.0, A 0\.0, S 99\.0 mm lies outside"):
        validate_prompt(scribble([(0, 0, 0), (0, 0, 99)]), GRID)


def test_a_click_in_air_is_refused_beyond_five_millimetres(tissue: np.ndarray) -> None:
    assert validate_prompt(point((4.4, 0, 0)), GRID, tissue)
    assert validate_prompt(point((-15, 0, 0)), GRID, tissue)
    with pytest.raises(PromptError, match=r"R 4\.6, A 0\.0, S 0\.0 mm lies in air"):
        validate_prompt(point((4.6, 0, 0)), GRID, tissue)


def test_a_scribble_that_begins_in_air_is_kept_and_one_wholly_in_air_is_not(tissue: np.ndarray) -> None:
    assert validate_prompt(scribble([(15, 0, 0), (-5, 0, 0)]), GRID, tissue)
    with pytest.raises(PromptError, match="air"):
        validate_prompt(scribble([(15, 0, 0), (12, 0, 0)]), GRID, tissue)


def test_a_box_partly_outside_is_clipped(tissue: np.ndarray) -> None:
    original = box((-50, -5, -5), (5, 5, 90), "TC")
    clipped = validate_prompt(original, GRID, tissue)
    assert clipped.points == ((-20.5, -5.0, -5.0), (5.0, 5.0, 19.0))
    assert (clipped.id, clipped.region) == (original.id, "TC")


@pytest.mark.parametrize(
    "corners", [((30, 0, 0), (40, 5, 5)), ((-90, -90, 30), (90, 90, 30)), ((19.5, 0, 0), (40, 0, 9))]
)
def test_a_box_outside_is_refused(corners: tuple) -> None:
    with pytest.raises(PromptError, match="lies outside the volume"):
        validate_prompt(box(*corners), GRID)


def test_a_box_in_air_is_refused(tissue: np.ndarray) -> None:
    assert validate_prompt(box((4, -5, -5), (9, 5, 5)), GRID, tissue)
    with pytest.raises(PromptError, match="lies in air"):
        validate_prompt(box((8, -5, -5), (12, 5, 5)), GRID, tissue)


@pytest.mark.parametrize("prompt", [point((9, 0, 0)), scribble([(15, 0, 0), (12, 0, 0)]), box((8, -5, -5), (12, 5, 5))])
def test_beside_a_brain_that_was_cut_out_there_need_not_be_air(prompt: Prompt, tissue: np.ndarray) -> None:
    with pytest.raises(PromptError, match=r"5 mm outside the brain that was found.* choose skull off") as told:
        validate_prompt(prompt, GRID, tissue, is_cut_out=True)
    assert "air" not in str(told.value)


def test_a_mask_of_another_grid_is_refused() -> None:
    with pytest.raises(PromptError, match="grid of the study"):
        validate_prompt(mask(np.ones(GRID.shape[::-1])), GRID)


def test_near_tissue_measures_to_the_faces_of_voxels() -> None:
    single = np.zeros(GRID.shape, bool)
    single[10, 20, 20] = True  # at RAS 0, 0, 0: faces at S -1 and 1
    assert near_tissue((0, 0, 5.9), GRID, single)
    assert not near_tissue((0, 0, 6.1), GRID, single)
    assert not near_tissue((4.5, 4.5, 0), GRID, single)


@pytest.mark.parametrize("seed", range(40))
def test_a_box_is_judged_by_its_very_voxels(seed: int) -> None:
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    size = tuple(int(n) for n in random.integers(4, 16, 3))
    grid = Geometry(size, (1.0, 1.5, 3.0), (1.0, 2.0, 3.0), tuple(tuple(row) for row in turn.tolist()))
    head = random.random(grid.shape) < random.choice([0.002, 0.05])
    centre = grid.to_ras(random.uniform(-2, np.array(size) + 2))
    half = random.uniform(0.0, 9.0, 3)
    prompt = box(centre - half, centre + half)
    inside = len(box_voxels(prompt, grid)) > 0
    k, j, i = box_voxels(prompt, grid, AIR_MM).T
    near = bool(head[k, j, i].any())
    if inside and near:
        assert validate_prompt(prompt, grid, head).id == prompt.id
    else:
        with pytest.raises(PromptError, match="air" if inside else "outside"):
            validate_prompt(prompt, grid, head)


def test_a_box_round_a_whole_head_is_judged_at_once() -> None:
    axes = ((0.96, -0.28, 0.0), (0.28, 0.96, 0.0), (0.0, 0.0, 1.0))
    grid = Geometry((240, 240, 155), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), axes)
    head = np.zeros(grid.shape, bool)
    head[20:140, 30:210, 30:210] = True
    middle = grid.to_ras(np.array([120, 120, 77]))
    start = time.thread_time()
    for _ in range(5):
        validate_prompt(box(middle - 60, middle + 60), grid, head)
    assert (time.thread_time() - start) / 5 < 0.03
