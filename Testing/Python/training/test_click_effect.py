import numpy as np
import pytest

from GliomaSAMLib.training.click_effect import ClickEffect, click_effect

ISOTROPIC = (1.0, 1.0, 1.0)


@pytest.fixture
def truth() -> np.ndarray:
    """A bar of 1 x 1 x 30 voxels beside a spot of two."""
    mask = np.zeros((5, 5, 40), np.uint8)
    mask[2, 2, 2:32] = 1
    mask[0, 0, 38:40] = 1
    return mask


def test_only_the_clicked_error_within_ten_millimetres_counts(truth):
    before = np.zeros_like(truth)
    after = before.copy()
    after[2, 2, 2:9] = 1  # the click is at 12: of 2 to 22 near it, 2 to 8 are mended
    after[0, 0, 38] = 1  # another error
    assert click_effect(before, after, truth, (2, 2, 12), ISOTROPIC) == ClickEffect(21, 7, 8, 0)


def test_the_clicked_error_is_the_largest_connected_one(truth):
    before = truth.copy()
    before[2, 2, 10:13] = 0  # the largest error
    before[2, 2, 15:17] = 0  # near the click, but apart from it
    after = before.copy()
    after[2, 2, 15:17] = 1
    effect = click_effect(before, after, truth, (2, 2, 11), ISOTROPIC)
    assert (effect.near, effect.near_mended, effect.mended) == (3, 0, 2)
    before[2, 2, 13:15] = 0  # now they touch
    assert click_effect(before, after, truth, (2, 2, 11), ISOTROPIC).near_mended == 4


def test_corners_connect():
    truth = np.zeros((6, 6, 6), np.uint8)
    truth[0, 0, 0] = truth[1, 1, 1] = truth[2, 2, 2] = 1
    effect = click_effect(np.zeros_like(truth), truth, truth, (1, 1, 1), ISOTROPIC)
    assert (effect.near, effect.mended_share) == (3, 1.0)


def test_broken_and_mended_are_counted_anywhere_in_both_directions(truth):
    before = truth.copy()
    before[4, 4, 0:6] = 1  # too much: the click is negative
    after = truth.copy()
    after[4, 4, 0:2] = 1  # four of the six went
    after[0, 0, 39] = 0  # a right voxel was lost
    after[4, 0, 39] = 1  # and one was added where nothing is
    assert click_effect(before, after, truth, (4, 4, 3), ISOTROPIC) == ClickEffect(6, 4, 4, 2)


def test_distances_are_in_millimetres_along_the_axes_of_the_array():
    truth = np.ones((9, 9, 9), np.uint8)
    before = np.zeros_like(truth)
    column = (5.0, 100.0, 100.0)  # K, J, I: two voxels each way along K only
    assert click_effect(before, truth, truth, (4, 4, 4), column).near == 5
    assert click_effect(before, truth, truth, (4, 4, 4), (100.0, 100.0, 2.5)).near == 9
    assert click_effect(before, truth, truth, (0, 4, 4), column).near == 3  # the volume ends there


def test_the_distance_is_round_not_square():
    truth = np.ones((30, 30, 30), np.uint8)
    grid = np.indices(truth.shape) - 15
    ball = int(np.count_nonzero((grid**2).sum(axis=0) <= 100))
    assert click_effect(np.zeros_like(truth), truth, truth, (15, 15, 15), ISOTROPIC).near == ball


def test_a_box_has_no_clicked_error(truth):
    effect = click_effect(np.zeros_like(truth), truth, truth, None, ISOTROPIC)
    assert effect == ClickEffect(0, 0, 32, 0)
    assert effect.mended_share is None


def test_a_click_far_from_the_largest_error_has_no_share(truth):
    before = np.zeros_like(truth)
    assert click_effect(before, truth, truth, (0, 0, 39), (3.0, 3.0, 3.0)).mended_share is None


def test_nothing_wrong_before(truth):
    after = truth.copy()
    after[2, 2, 2] = 0
    assert click_effect(truth, after, truth, (2, 2, 2), ISOTROPIC) == ClickEffect(0, 0, 0, 1)
