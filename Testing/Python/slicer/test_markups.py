"""Prompts as markups nodes: the filling of a lasso."""

from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.slicer.markups import lasso_points


@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 0, 0), (1, 1, 1)])
def test_a_lasso_is_filled_and_never_left(normal: Any) -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 18 + 8 * np.cos(5 * angle)  # a star, with arms
    first = np.cross(normal, (0.3, 0.5, 0.9))
    first /= np.linalg.norm(first)
    second = np.cross(normal, first) / np.linalg.norm(normal)
    flat = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    outline = (7, -3, 11) + flat @ np.stack([first, second])
    found = np.array(lasso_points(outline.tolist())) - (7, -3, 11)
    assert np.abs(found @ np.array(normal)).max() < 1e-6
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.max() <= 3 + 1e-6 and len(found) > 60
    place = found @ np.stack([first, second]).T
    bearing = np.arctan2(place[:, 1], place[:, 0])
    assert np.all(np.linalg.norm(place, axis=1) < 18 + 8 * np.cos(5 * bearing) + 0.1)


@pytest.mark.parametrize("outline", [[], [(0, 0, 0), (1, 1, 1)], [(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(1, 1, 1)] * 5])
def test_a_lasso_round_nothing_is_refused(outline: Any) -> None:
    with pytest.raises(PromptError, match="encloses nothing"):
        lasso_points(outline)
