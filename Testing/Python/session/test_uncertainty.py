"""Where a probability is uncertain, and which place is asked about."""

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import point, scribble
from GliomaSAMLib.session.uncertainty import suggest_click, uncertainty

GRID = Geometry(
    (40, 36, 30), (1.0, 1.0, 2.0), (-20.0, -18.0, -30.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
)


@pytest.fixture
def probability() -> np.ndarray:
    """A sure lesion with a thin uncertain shell, a large uncertain part at RAS (8, 0, 0), a small one at -14."""
    k, j, i = np.indices(GRID.shape)
    ras = GRID.to_ras(np.stack([i, j, k], axis=-1))
    away = np.linalg.norm(ras, axis=-1)
    values = np.where(away < 5, 0.95, np.where(away < 6, 0.5, 0.05))
    values[np.linalg.norm(ras - (12, 0, 0), axis=-1) < 5.5] = 0.45
    values[np.linalg.norm(ras - (-14, 0, 0), axis=-1) < 2.5] = 0.5
    return values.astype(np.float32)


def test_uncertainty_is_one_at_a_half() -> None:
    found = uncertainty(np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32))
    assert np.allclose(found, [0, 0.5, 1, 0.5, 0]) and found.dtype == np.float32


def test_the_deepest_uncertain_place_is_asked_about(probability: np.ndarray) -> None:
    found = suggest_click(probability, probability > 0.5, GRID)
    assert found is not None and np.linalg.norm(np.subtract(found, (12, 0, 0))) < 3


def test_not_beside_a_prompt(probability: np.ndarray) -> None:
    first = suggest_click(probability, probability > 0.5, GRID)
    assert first is not None
    second = suggest_click(probability, probability > 0.5, GRID, [point(first)])
    assert second is not None and np.linalg.norm(np.subtract(first, second)) > 5
    drawn = scribble([(6, 0, 0), (18, 0, 0)])
    third = suggest_click(probability, probability > 0.5, GRID, [drawn])
    assert third is not None and min(np.linalg.norm(np.subtract(third, (r, 0, 0))) for r in range(6, 19)) > 5


def test_without_uncertainty_there_is_no_place() -> None:
    sure = np.zeros(GRID.shape, np.float32)
    assert suggest_click(sure, sure > 0.5, GRID) is None
    sure[10:20] = 1
    assert suggest_click(sure, sure > 0.5, GRID) is None


def test_all_is_uncertain() -> None:
    found = suggest_click(np.full(GRID.shape, 0.5, np.float32), np.zeros(GRID.shape), GRID)
    assert found is not None and np.abs(found)[:2].max() < 4  # in the middle; it is tallest along S
