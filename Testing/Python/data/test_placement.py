"""Components and depths of masks, and where the robot clicks and draws boxes."""

import numpy as np
import pytest

from GliomaSAMLib.data.placement import deepest_voxel, jittered, largest_component, next_click, slice_box
from GliomaSAMLib.geometry import Geometry

GRID = Geometry((30, 30, 30), (1.0, 1.0, 1.0), (-10.0, 5.0, 2.0), ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))


@pytest.fixture
def truth() -> np.ndarray:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[10:17, 8:15, 12:19] = 1  # 7 voxels a side, middle (13, 11, 15)
    mask[2:5, 2:5, 2:5] = 1
    return mask


def test_first_click_is_deepest_in_the_largest_piece(truth):
    click = next_click(np.zeros_like(truth), truth, GRID)
    assert click.voxels == ((13, 11, 15),)
    assert click.positive
    assert np.allclose(click.points[0], GRID.to_ras(np.array([15, 11, 13])))


def test_too_much_gets_a_negative_click(truth):
    prediction = truth.copy()
    prediction[20:29, 20:29, 20:29] = 1
    click = next_click(prediction, truth, GRID)
    assert not click.positive
    assert click.voxels == ((24, 24, 24),)


def test_what_is_missing_counts_together_only_where_it_hangs_together(truth):
    prediction = truth.copy()
    prediction[2:5, 2:5, 2:5] = 0
    assert next_click(prediction, truth, GRID).voxels == ((3, 3, 3),)


def test_no_error_no_click(truth):
    assert next_click(truth, truth, GRID) is None


def test_corners_connect():
    mask = np.zeros((6, 6, 6), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[2, 2, 2] = True
    mask[5, 5, 4:6] = True
    assert np.count_nonzero(largest_component(mask)) == 3


def test_ties_go_to_the_first_in_array_order():
    mask = np.zeros((4, 4, 9), bool)
    mask[1, 1, 1:3] = mask[1, 1, 6:8] = True
    assert deepest_voxel(largest_component(mask), (1, 1, 1)) == (1, 1, 1)


def test_depth_is_in_millimetres_and_ends_at_the_edge_of_the_volume():
    plate = np.zeros((3, 21, 21), bool)
    plate[:, 5:16, :] = True
    assert deepest_voxel(plate, (8.0, 1.0, 1.0))[:2] == (0, 10)  # all layers are as deep
    assert deepest_voxel(plate, (0.1, 1.0, 1.0))[0] == 1
    corner = np.zeros((9, 9, 9), bool)
    corner[0:3, 0:3, 0:3] = True
    assert deepest_voxel(corner, (1.0, 1.0, 1.0)) == (1, 1, 1)


def test_jitter_moves_two_to_three_voxels_and_stays_true(truth):
    rng = np.random.default_rng(3)
    places = set()
    for _ in range(60):
        voxel, positive = jittered((13, 11, 15), truth, rng)
        assert 2.0 <= np.linalg.norm(np.subtract(voxel, (13, 11, 15))) <= 3.0
        assert positive
        assert truth[voxel]
        places.add(voxel)
    assert len(places) > 20
    again = np.random.default_rng(3)
    assert jittered((13, 11, 15), truth, again) == jittered((13, 11, 15), truth, np.random.default_rng(3))


def test_jitter_at_the_border_stays_on_its_side(truth):
    for seed in range(30):
        voxel, positive = jittered((10, 8, 12), truth, np.random.default_rng(seed))  # a corner of the tumour
        assert positive
        assert truth[voxel]
        voxel, positive = jittered((9, 8, 12), truth, np.random.default_rng(seed))  # just outside it
        assert not positive
        assert not truth[voxel]


def test_jitter_flips_the_sign_where_it_cannot_stay():
    truth = np.zeros((9, 9, 9), np.uint8)
    truth[4, 4, 4] = 1
    voxel, positive = jittered((4, 4, 4), truth, np.random.default_rng(0))
    assert voxel != (4, 4, 4)
    assert not positive


def test_jitter_stays_in_the_volume():
    truth = np.zeros((4, 4, 4), np.uint8)
    for seed in range(20):
        voxel, _ = jittered((0, 0, 0), truth, np.random.default_rng(seed))
        assert all(0 <= index < 4 for index in voxel)


def test_slice_box_is_flat_and_tight(truth):
    truth[12] = 0
    truth[12, 6:16, 9:20] = 1
    box = slice_box(truth, GRID)
    assert box.is_box
    assert box.voxels == ((12, 6, 9), (12, 15, 19))
    assert slice_box(np.zeros_like(truth), GRID) is None
