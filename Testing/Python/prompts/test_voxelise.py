"""The voxels that prompts mark, on straight, oblique and anisotropic grids."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import (
    Prompt,
    box,
    box_range,
    flat_axis,
    mask,
    point,
    prompt_voxels,
    scribble,
    scribble_points,
    tilted_box,
    validate_prompt,
)


def make_grid(
    size: tuple[int, int, int], spacing: tuple[float, float, float], degrees: tuple[float, float, float]
) -> Geometry:
    """A grid turned by Euler angles, its middle at RAS 0."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    origin = -turn @ (np.asarray(spacing) * (np.asarray(size) - 1) / 2)
    return Geometry(size, spacing, tuple(origin), tuple(tuple(row) for row in turn))


STRAIGHT = make_grid((21, 17, 9), (1.0, 1.0, 5.0), (0, 0, 0))
OBLIQUE = make_grid((31, 29, 15), (0.9, 1.1, 2.5), (20, -15, 35))


@pytest.mark.parametrize("grid", [STRAIGHT, OBLIQUE])
def test_a_click_marks_the_voxel_it_lies_in(grid: Geometry) -> None:
    for kji in ([0, 0, 0], [4, 3, 2], np.asarray(grid.shape) - 1):
        ras = grid.to_ras(np.asarray(kji)[::-1] + 0.3)
        assert prompt_voxels(point(ras), grid).tolist() == [list(kji)]


def test_what_lies_outside_the_grid_marks_nothing() -> None:
    assert prompt_voxels(point((100, 0, 0)), STRAIGHT).shape == (0, 3)
    assert prompt_voxels(box((50, 50, 50), (60, 60, 60)), STRAIGHT).shape == (0, 3)


@pytest.mark.parametrize("grid", [STRAIGHT, OBLIQUE])
def test_a_scribble_leaves_no_gap_and_marks_no_voxel_twice(grid: Geometry) -> None:
    line = scribble([(-6, -5, -8), (6, 5, 8), (5, -6, 0)])
    voxels = prompt_voxels(line, grid)
    assert len(np.unique(voxels, axis=0)) == len(voxels)
    steps = np.abs(np.diff(voxels, axis=0)).max(axis=1)
    assert steps[: len(steps) // 2].max() == 1
    distances = np.linalg.norm(np.diff(scribble_points(line, grid), axis=0), axis=1)
    assert distances.max() <= min(grid.spacing) / 2 + 1e-9
    assert scribble_points(line, grid)[-1] == pytest.approx((5, -6, 0))


def test_a_scribble_of_a_point_or_of_equal_points_is_a_point() -> None:
    for points in ([(1, 2, 5)], [(1, 2, 5)] * 3):
        assert prompt_voxels(scribble(points), STRAIGHT).tolist() == prompt_voxels(point((1, 2, 5)), STRAIGHT).tolist()


def test_a_box_marks_the_voxels_whose_centres_it_holds() -> None:
    voxels = prompt_voxels(box((-3, -2, -5), (3, 2, 10)), STRAIGHT)
    ras = STRAIGHT.to_ras(voxels[:, ::-1])
    assert len(voxels) == 7 * 5 * 4
    assert ras.min(axis=0) == pytest.approx((-3, -2, -5))
    assert ras.max(axis=0) == pytest.approx((3, 2, 10))


def test_a_box_on_an_oblique_grid_keeps_its_edges_along_ras() -> None:
    low, high = np.array((-6, -7, -8)), np.array((7, 5, 4))
    every = np.stack(np.meshgrid(*[np.arange(n) for n in OBLIQUE.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    ras = OBLIQUE.to_ras(every[:, ::-1])
    expected = every[np.all((ras >= low) & (ras <= high), axis=1)]
    assert prompt_voxels(box(low, high), OBLIQUE).tolist() == expected.tolist()
    for (start, stop), held in zip(box_range(box(low, high), OBLIQUE), expected.T, strict=True):
        assert start <= held.min()
        assert held.max() < stop


@pytest.mark.parametrize("height", [-2.5, -1.0, 0.0, 1.7, 2.5, 7.4])
def test_a_flat_box_is_one_layer_wherever_it_lies_between_slices(height: float) -> None:
    voxels = prompt_voxels(box((-3, -2, height), (3, 2, height)), STRAIGHT)
    assert len(voxels) == 7 * 5
    assert len(set(voxels[:, 0])) == 1
    assert abs(STRAIGHT.to_ras(voxels[0, ::-1])[2] - height) <= 2.5 + 1e-6


def test_a_flat_box_on_an_oblique_grid_marks_one_voxel_of_every_column() -> None:
    voxels = prompt_voxels(box((-6, -6, 0.2), (6, 6, 0.2)), OBLIQUE)
    columns, counts = np.unique(voxels[:, 1:], axis=0, return_counts=True)
    assert len(columns) > 80
    assert set(counts) == {1}


def test_a_box_is_flat_below_half_a_voxel_of_that_axis() -> None:
    assert flat_axis(box((0, 0, 0), (9, 9, 2.4)), STRAIGHT) == 2
    assert flat_axis(box((0, 0, 0), (9, 9, 2.6)), STRAIGHT) is None
    assert flat_axis(box((0, 0, 0), (9, 0.4, 9)), STRAIGHT) == 1


def test_a_mask_marks_its_voxels_on_its_own_grid_only() -> None:
    voxels = np.zeros(STRAIGHT.shape)
    voxels[1, 2, 3] = 1
    assert prompt_voxels(mask(voxels), STRAIGHT).tolist() == [[1, 2, 3]]
    with pytest.raises(ValueError, match="does not fit"):
        prompt_voxels(mask(voxels), OBLIQUE)


def test_a_mask_of_another_grid_stays_where_it_lies_in_the_patient() -> None:
    grid = Geometry((20, 20, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    moved = Geometry(grid.size, grid.spacing, (0.0, 3.0, -4.0), grid.direction)
    drawn = np.zeros(grid.shape, np.uint8)
    drawn[8:12, 6:9, 5:15] = 1
    prompt = mask(drawn, "TC", grid=grid, prompt_id="a")
    assert validate_prompt(prompt, grid) is prompt
    found = validate_prompt(prompt, moved)
    assert (found.id, found.region, found.grid) == ("a", "TC", moved)
    places = [where.to_ras(prompt_voxels(p, where)[:, ::-1]) for p, where in ((prompt, grid), (found, moved))]
    assert np.array_equal(*places)
    plain = validate_prompt(mask(drawn), moved)
    assert plain.grid == moved and np.array_equal(plain.mask, drawn), "as files of before have them"
    far = Geometry(grid.size, grid.spacing, (0.0, 300.0, 0.0), grid.direction)
    with pytest.raises(PromptError, match="All of the mask of TC, edited on another grid, lies outside the volume"):
        validate_prompt(prompt, far)
    assert not validate_prompt(mask(np.zeros_like(drawn), grid=grid), far).mask.any()


def rectangle(grid: Geometry, i: tuple[float, float], j: tuple[float, float], k: float) -> Prompt:
    """A box in the slices of a grid, from voxel to voxel."""
    corners = [(i[0], j[0], k), (i[1], j[0], k), (i[1], j[1], k), (i[0], j[1], k)]
    return tilted_box([grid.to_ras(np.array(corner)) for corner in corners])


@pytest.mark.parametrize("k", [4.5, 5.3], ids=["between two slices", "near one"])
@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, 0, 0), (20, -15, 35)])
def test_a_tilted_box_marks_one_layer_of_the_slices_it_lies_in(degrees: tuple[float, float, float], k: float) -> None:
    grid = make_grid((31, 29, 15), (0.9, 1.1, 2.5), degrees)
    drawn = rectangle(grid, (4, 20), (6, 18), k)
    assert box_range(drawn, grid) == ((5, 6), (6, 19), (4, 21))
    assert len(prompt_voxels(drawn, grid)) == 13 * 17
    assert validate_prompt(drawn, grid, np.ones(grid.shape, bool)) is drawn
    if degrees == (0, 0, 0) and k > 5:
        assert box_range(drawn, grid) == box_range(box(drawn.points[0], drawn.points[2]), grid)
    outside = rectangle(grid, (4, 9), (6, 9), 16)
    assert len(prompt_voxels(outside, grid)) == 0
    with pytest.raises(PromptError, match="outside the volume"):
        validate_prompt(outside, grid)
    with pytest.raises(PromptError, match="in air"):
        validate_prompt(drawn, grid, np.zeros(grid.shape, bool))
    beyond = rectangle(grid, (-9, 3), (6, 9), 5)
    assert box_range(validate_prompt(beyond, grid), grid) == ((5, 6), (6, 10), (0, 4))
