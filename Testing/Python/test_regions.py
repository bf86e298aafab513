import numpy as np
import pytest

from GliomaSAMLib.regions import dice


def test_dice_counts_overlap():
    truth = np.zeros((2, 2, 4), np.uint8)
    truth[0, 0] = 1
    half = truth.copy()
    half[0, 0, 2:] = 0
    assert dice(half, truth) == pytest.approx(2 * 2 / (2 + 4))
    assert dice(truth, truth) == 1.0


def test_dice_of_empty_masks_follows_the_brats_convention():
    empty, full = np.zeros((5, 5, 5), np.uint8), np.ones((5, 5, 5), np.uint8)
    assert dice(empty, empty) == 1.0
    assert dice(full, empty) == dice(empty, full) == 0.0


def test_dice_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"\(2, 2, 3\)"):
        dice(np.ones((2, 2, 2)), np.ones((2, 2, 3)))
