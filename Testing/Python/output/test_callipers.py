"""The two diameters of follow-up: inside, from edge to edge, on the slice of the largest product."""

import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output import callipers
from GliomaSAMLib.output.callipers import calliper_diameters, longest_after_opening, slice_cross, slices_that_reach
from GliomaSAMLib.output.diameters import axial_axis, largest_diameters, tilt_degrees

STRAIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

GRID = Geometry((48, 40, 9), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), STRAIGHT)

MM = np.ones(2)


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    row, column = np.indices(shape)
    return np.hypot(row - centre[0], column - centre[1]) <= radius


def lies_inside(section: np.ndarray, line: np.ndarray) -> bool:
    """Whether samples of a line lie in the voxels of a slice; a hair beside a border may be on either side."""
    points = line[0] + np.linspace(1e-3, 1 - 1e-3, 2001)[:, None] * (line[1] - line[0])
    near = [np.floor(points + 0.5 + shift).astype(int) for shift in (-1e-4, 1e-4)]
    padded = np.pad(section, 1)
    return bool(
        np.all([padded[rows + 1, columns + 1] for rows, columns in (near[0].T, near[1].T)], axis=0).mean() > 0.99
    )


def test_both_lines_stay_inside_a_ring_and_cross_at_right_angles() -> None:
    ring = disc((40, 40), (19, 19), 15) & ~disc((40, 40), (19, 19), 10)
    cross = slice_cross(ring, MM)
    assert cross is not None
    assert cross.longest_mm == pytest.approx(2 * np.sqrt(15.5**2 - 10.5**2), abs=1.5)
    for line, length in ((cross.longest, cross.longest_mm), (cross.perpendicular, cross.perpendicular_mm)):
        assert np.linalg.norm(line[1] - line[0]) == pytest.approx(length)
        assert lies_inside(ring, line)
    assert abs((cross.longest[1] - cross.longest[0]) @ (cross.perpendicular[1] - cross.perpendicular[0])) < 1e-9
    mask = np.zeros(GRID.shape, np.uint8)
    mask[3:5, :40, :40] = ring
    through = largest_diameters(mask, GRID)
    assert through is not None and through.largest_mm == pytest.approx(31, abs=0.5)  # the table of one study crosses it


def test_the_perpendicular_is_the_supremum_of_all_chords() -> None:
    """The mask whose widest chord is reached only in the limit, beside a corner; sampled densely it is 13.494 mm."""
    rows = (
        "0011111000011 0111111001111 1111111111111 1111111111111 1111111111111 1111111111111 1111111111111 "
        "1111111111110 1100000001110 1100000001111 1100011001111 0000011111111 0000111111111 0000011111110"
    )
    section = np.array([[int(digit) for digit in row] for row in rows.split()])
    cross = slice_cross(section, MM)
    assert cross is not None
    assert cross.longest_mm == pytest.approx(np.hypot(12.5, 10.5))
    assert cross.perpendicular_mm == pytest.approx(13.4952, abs=1e-3)


def test_a_line_passes_a_common_corner_but_not_a_gap() -> None:
    section = np.zeros((12, 12), bool)
    section[1:5, 1:5] = section[5:9, 5:9] = True  # touch by a corner
    cross = slice_cross(section, MM)
    assert cross is not None
    assert cross.longest_mm > 9
    section[4, 4] = section[5, 5] = False
    apart = slice_cross(section, MM)
    assert apart is not None
    assert apart.longest_mm < 6


def test_a_spur_on_another_slice_moves_nothing() -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2:6] = disc((40, 48), (14, 14), 8)
    without = calliper_diameters(mask, GRID)
    mask[6, 14, 2:44] = 1
    found = calliper_diameters(mask, GRID)
    assert without is not None and found is not None
    assert found[0].product_mm2 == pytest.approx(without[0].product_mm2) == pytest.approx(17 * 17)
    assert found[1] in (3, 4)
    longest = largest_diameters(mask, GRID)
    assert longest is not None and longest.largest_mm == pytest.approx(42, abs=0.1)


def test_a_long_narrow_slice_does_not_win_over_a_larger_product() -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2:6] = disc((40, 48), (14, 14), 8)
    mask[6, 12:17, 2:34] = 1
    found = calliper_diameters(mask, GRID)
    assert found is not None
    assert found[1] in (3, 4)
    assert found[0].largest_mm == pytest.approx(17)


def test_equal_products_take_the_slice_in_the_middle() -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[1:7, 5:15, 5:20] = 1
    found = calliper_diameters(mask, GRID)
    assert found is not None and found[1] == 3
    assert calliper_diameters(np.zeros_like(mask), GRID) is None


def test_the_slices_that_reach_a_length() -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2, 5:15, 5:20] = mask[3, 5:15, 5:20] = 1
    mask[4, 5:11, 5:20] = 1
    assert slices_that_reach(mask, GRID, 10.0) == [2, 3]


def test_an_opening_takes_a_spur_away() -> None:
    section = disc((40, 48), (14, 14), 8)
    section[14, 14:44] = True
    assert longest_after_opening(section, MM) == pytest.approx(17, abs=0.5)
    assert longest_after_opening(section[14:15], MM) == 0


@pytest.mark.parametrize(("order", "axis"), [((0, 1, 2), 0), ((2, 0, 1), 2), ((1, 2, 0), 1)])
def test_axial_slices_lie_along_the_axis_to_the_head(order: tuple[int, int, int], axis: int) -> None:
    direction = np.eye(3)[:, list(order)]
    grid = Geometry((9, 9, 9), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(tuple(row) for row in direction.tolist()))
    assert axial_axis(grid) == axis
    assert tilt_degrees(grid) == 0


def ragged(size: int, seed: int) -> np.ndarray:
    """A round region whose border is lost in noise."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 1.5)
    rows, columns = np.indices((size, size)) - size / 2
    return (0.4 * size - np.hypot(rows, columns)) / (0.15 * size) + noise / noise.std() > 0


def test_the_longest_line_of_a_ragged_region_is_that_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    spacing = np.array([0.9, 1.1])
    for seed in range(6):
        section = ragged(28, seed)
        cross = slice_cross(section, spacing)
        assert cross is not None
        longest = 0.0
        for part in callipers._parts(section, spacing):
            first, second = np.triu_indices(len(part.ends), 1)
            starts, ends = part.ends[first], part.ends[second]
            along_border = ((starts == ends) & ((starts + 0.5) % 1 == 0)).any(axis=1)
            kept = callipers._inside(part.mask, starts, ends)
            lengths = np.linalg.norm((ends - starts) * spacing, axis=1)
            longest = max(longest, float(lengths[kept & ~along_border].max()))
        assert cross.longest_mm == pytest.approx(longest, abs=1e-6)
        with monkeypatch.context() as patch:
            patch.setattr(callipers, "PAIRS_AT_ONCE", 50)
            again = slice_cross(section, spacing)
        assert again is not None and np.array_equal(again.longest, cross.longest)
        assert (again.longest_mm, again.perpendicular_mm) == (cross.longest_mm, cross.perpendicular_mm)
        assert np.array_equal(again.perpendicular, cross.perpendicular)


def test_a_ragged_region_does_not_fill_the_memory() -> None:
    section = ragged(220, 1)
    tracemalloc.start()
    try:
        assert slice_cross(section, np.array([0.45, 0.45])) is not None
        assert tracemalloc.get_traced_memory()[1] < 120e6
    finally:
        tracemalloc.stop()


def test_of_two_axes_equally_near_the_head_k_is_taken() -> None:
    half = float(np.sqrt(0.5))
    turned = ((1.0, 0.0, 0.0), (0.0, half, -half), (0.0, half * (1 + 1e-9), half))
    grid = Geometry((9, 9, 9), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), turned)
    assert axial_axis(grid) == 0
    assert tilt_degrees(grid) == pytest.approx(45)
