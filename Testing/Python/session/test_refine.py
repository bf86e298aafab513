"""The correction at clicks reaches tissue that looks alike nearby, and nothing else."""

import numpy as np

from GliomaSAMLib.session.refine import MARGIN, click_correction


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Logits that see nothing, and an image with a bright half."""
    images = np.zeros((1, 40, 20, 20), np.float32)
    images[:, :, :, 10:] = 1.0
    return np.full((3, 40, 20, 20), -3.0, np.float32), images


def test_no_click_no_change() -> None:
    logits, images = scene()
    assert not click_correction(logits, images, []).any()


def test_an_obeyed_click_changes_nothing() -> None:
    logits, images = scene()
    assert not click_correction(logits, images, [((10, 10, 5), False, "WT")]).any()


def test_a_click_carries_what_looks_like_it() -> None:
    logits, images = scene()
    after = logits + click_correction(logits, images, [((10, 10, 13), True, "TC")])
    assert after[1, 10, 10, 13] > 0.8 * MARGIN
    assert after[1, 10, 11, 13] > 0, "the neighbour of the same brightness stays behind"
    assert after[1, 10, 10, 9] < -2.5, "tissue of another brightness was carried along"
    assert after[1, 39, 10, 13] < -2.5, "tissue 6 cm away was carried along"
    assert after[0, 10, 10, 13] > 0.8 * MARGIN, "a positive click on the core is one on the whole tumour"
    assert np.array_equal(after[2], logits[2]), "a positive click on the core says nothing about enhancement"


def test_two_clicks_of_opposite_sign_close_by_both_hold() -> None:
    logits, images = scene()
    points = [((10, 10, 13), True, "WT"), ((10, 10, 16), False, "WT")]
    after = logits + click_correction(logits, images, points)
    assert after[0, 10, 10, 13] > 0.5 and after[0, 10, 10, 16] < -0.5
