"""The box round a mask is the smallest."""

import numpy as np
import pytest
from scipy.ndimage import find_objects

from GliomaSAMLib.geometry import bounding_box


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_the_box_is_that_of_scipy(kind: type) -> None:
    rng = np.random.default_rng(5)
    for shape in ((7, 5, 6), (1, 9, 4), (12, 11, 10)):
        for share in (0.01, 0.1, 0.9):
            mask = rng.random(shape) < share
            found = find_objects(mask.astype(np.uint8))
            if found:
                assert bounding_box(mask.astype(kind)) == found[0]


def test_a_voxel_in_the_last_corner() -> None:
    mask = np.zeros((4, 5, 6), bool)
    mask[3, 4, 5] = True
    assert bounding_box(mask) == (slice(3, 4), slice(4, 5), slice(5, 6))


def test_bounding_box() -> None:
    mask = np.zeros((8, 9, 10))
    mask[2, 3, 4] = mask[5, 3, 9] = 1
    assert bounding_box(mask) == (slice(2, 6), slice(3, 4), slice(4, 10))
    assert bounding_box(mask, margin=(1, 0, 9)) == (slice(1, 7), slice(3, 4), slice(0, 10))
    assert bounding_box(mask, margin=3) == (slice(0, 8), slice(0, 7), slice(1, 10))
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((2, 2)))
