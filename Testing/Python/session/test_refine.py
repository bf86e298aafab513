"""The correction at clicks reaches tissue that looks alike nearby, and nothing else."""

import numpy as np

from GliomaSAMLib.session.refine import MARGIN, click_correction

FIXED = (14.0, 14.0)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Logits that see nothing, and an image with a bright half."""
    images = np.zeros((1, 40, 20, 20), np.float32)
    images[:, :, :, 10:] = 1.0
    return np.full((3, 40, 20, 20), -3.0, np.float32), images


def test_no_click_no_change() -> None:
    logits, images = scene()
    assert not click_correction(logits, images, [], FIXED).any()


def test_an_obeyed_click_changes_nothing() -> None:
    logits, images = scene()
    assert not click_correction(logits, images, [((10, 10, 5), False, "WT")], FIXED).any()


def test_a_click_carries_what_looks_like_it() -> None:
    logits, images = scene()
    after = logits + click_correction(logits, images, [((10, 10, 13), True, "TC")], FIXED)
    assert after[1, 10, 10, 13] > 0.8 * MARGIN
    assert after[1, 10, 11, 13] > 0, "the neighbour of the same brightness stays behind"
    assert after[1, 10, 10, 9] < -2.5, "tissue of another brightness was carried along"
    assert after[1, 39, 10, 13] < -2.5, "tissue 6 cm away was carried along"
    assert after[0, 10, 10, 13] > 0.8 * MARGIN, "a positive click on the core is one on the whole tumour"
    assert np.array_equal(after[2], logits[2]), "a positive click on the core says nothing about enhancement"


def test_two_clicks_of_opposite_sign_close_by_both_hold() -> None:
    logits, images = scene()
    points = [((10, 10, 13), True, "WT"), ((10, 10, 16), False, "WT")]
    after = logits + click_correction(logits, images, points, FIXED)
    assert after[0, 10, 10, 13] > 0.5 and after[0, 10, 10, 16] < -0.5


def test_a_click_deep_in_the_wrong_reaches_farther_than_one_at_the_outline() -> None:
    images = np.zeros((1, 40, 20, 20), np.float32)
    logits = np.full((3, 40, 20, 20), -1.0, np.float32)
    logits[:, :4] = 1.0
    reached = []
    for k in (5, 20):
        added = click_correction(logits, images, [((k, 10, 10), True, "WT")], (4.0, 25.0))[0]
        assert added[k, 10, 10] > 2.5
        reached.append(int((added[k + 1 :, 10, 10] > 1).sum()))
    assert reached[0] <= 8 and reached[1] >= 15
    everything_wrong = click_correction(np.abs(logits), images, [((20, 10, 10), False, "WT")], (4.0, 25.0))[0]
    assert (everything_wrong[20, 10] < -1).all()


def test_nothing_but_numbers_comes_of_twenty_clicks_on_one_place() -> None:
    logits, images = scene()
    points = [((10, 10, 13), n % 2 == 0, "WT") for n in range(20)]
    assert np.isfinite(click_correction(logits, images, points, (4.0, 25.0))).all()
