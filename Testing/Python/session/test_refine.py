"""The correction at clicks reaches tissue that looks alike nearby, and nothing else."""

import numpy as np

from GliomaSAMLib.session.refine import MARGIN, Point, correct_at_clicks


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Logits at 1 mm that see nothing, and an image at 2 mm with a bright half."""
    images = np.zeros((1, 40, 20, 20), np.float32)
    images[:, :, :, 10:] = 1.0
    return np.full((3, 80, 40, 40), -3.0, np.float32), images


def corrected(points: list[Point]) -> np.ndarray:
    """The logits of the scene after clicks, a cell of 2 mm each."""
    logits, images = scene()
    correct_at_clicks(logits, images, points)
    cells = logits[:, ::2, ::2, ::2]
    assert np.array_equal(logits, cells.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3))
    return cells


def test_no_click_no_change() -> None:
    assert np.all(corrected([]) == -3)


def test_an_obeyed_click_changes_nothing() -> None:
    assert np.all(corrected([((10, 10, 5), False, "WT")]) == -3)


def test_a_click_is_obeyed_by_the_mean_of_its_cell() -> None:
    logits, images = scene()
    logits[0, 20:22, 20:22, 27] = 5.0  # the other half of cell (10, 10, 13) has -3: 1 in the mean, enough
    before = logits.copy()
    correct_at_clicks(logits, images, [((10, 10, 13), True, "WT")])
    assert np.array_equal(logits, before)


def test_a_click_carries_what_looks_like_it() -> None:
    after = corrected([((10, 10, 13), True, "TC")])
    assert after[1, 10, 10, 13] > 0.8 * MARGIN
    assert after[1, 10, 11, 13] > 0, "the neighbour of the same brightness stays behind"
    assert after[1, 10, 10, 9] < -2.5, "tissue of another brightness was carried along"
    assert after[1, 39, 10, 13] < -2.5, "tissue 6 cm away was carried along"
    assert after[0, 10, 10, 13] > 0.8 * MARGIN, "a positive click on the core is one on the whole tumour"
    assert np.all(after[2] == -3), "a positive click on the core says nothing about enhancement"


def test_two_clicks_of_opposite_sign_close_by_both_hold() -> None:
    after = corrected([((10, 10, 13), True, "WT"), ((10, 10, 16), False, "WT")])
    assert after[0, 10, 10, 13] > 0.5 and after[0, 10, 10, 16] < -0.5
