"""Distances between sets of points."""

import itertools

import numpy as np
import pytest

from GliomaSAMLib.followup.distances import joined, near_boxes, nearest_mm, surface_of


def test_boxes_that_are_left_out_are_farther_than_the_limit() -> None:
    rng = np.random.default_rng(0)
    sets = [rng.uniform(0, 3, (5, 3)) + rng.uniform(0, 20, 3) for _ in range(12)]
    other = [rng.uniform(0, 3, (5, 3)) + rng.uniform(0, 20, 3) for _ in range(9)]
    kept = set(near_boxes(sets, other, 4.0))
    near = {(a, b) for a, b in itertools.product(range(12), range(9)) if nearest_mm(sets[a], other[b]) <= 4.0}
    assert near and near <= kept
    assert len(kept) < 12 * 9
    assert list(near_boxes([], other, 4.0)) == []


def test_groups() -> None:
    assert joined(5, [(3, 1), (1, 4)]) == [[0], [1, 3, 4], [2]]
    assert joined(2, []) == [[0], [1]]
    assert joined(0, []) == []


def test_the_surface_of_a_box() -> None:
    voxels = np.argwhere(np.ones((4, 4, 4))) + 7
    surface = surface_of(voxels)
    assert len(surface) == 4**3 - 2**3
    assert nearest_mm(surface, np.array([[8.0, 8.0, 5.0]])) == pytest.approx(2.0)
