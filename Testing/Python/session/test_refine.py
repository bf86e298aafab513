"""The correction at clicks reaches tissue that looks alike nearby, and nothing else."""

import numpy as np
import pytest

from GliomaSAMLib.session.decoding import halve
from GliomaSAMLib.session.refine import CARRY, MARGIN, OBEYED, Point, correct_at_clicks


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Logits at 1 mm that see nothing, and an image at 2 mm with a bright half."""
    images = np.zeros((1, 40, 20, 20), np.float32)
    images[:, :, :, 10:] = 1.0
    return np.full((3, 80, 40, 40), -3.0, np.float32), images


def corrected(points: list[Point], answer: float = -3.0, proposed: float = -3.0) -> np.ndarray:
    """The logits of the scene after clicks, a cell of 2 mm each, where a network's answer and its proposal are the same
    everywhere.
    """
    logits, images = scene()
    logits[:] = answer
    correct_at_clicks(logits, np.full((3, 40, 20, 20), proposed, np.float32), images, points)
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
    correct_at_clicks(logits, halve(logits), images, [((10, 10, 13), True, "WT")])
    assert np.array_equal(logits, before)


@pytest.mark.parametrize("region", ["WT", "TC", "ET"])
@pytest.mark.parametrize("positive", [True, False])
def test_what_the_network_obeys_at_the_click_alone_is_carried_on(region: str, positive: bool) -> None:
    """The proposal said the contrary: a share of the demand is added, but where a click says "no enhancement"."""
    sign, channel = (1 if positive else -1), ("WT", "TC", "ET").index(region)
    change = sign * (corrected([((10, 10, 13), positive, region)], sign * 1.0, sign * -3.0)[channel] - sign)
    if region == "ET" and not positive:
        assert np.all(change == 0)
        return
    demand = CARRY[region].share * (MARGIN + 3.0)
    assert 0.9 * demand < change[10, 10, 13] < demand
    assert 0.7 * demand < change[10, 12, 13] < change[10, 10, 13], "the neighbour of the same brightness stays behind"
    assert np.all(change[:, :, :10] < 1e-3), "tissue of another brightness was carried along"
    assert np.all(change[35:] == 0), "tissue 5 cm away was carried along"


def test_a_click_the_proposal_obeys_holds_its_surroundings() -> None:
    alone = corrected([((10, 10, 13), False, "WT")], -1.0, 3.0)[0]
    beside = corrected([((10, 10, 13), False, "WT"), ((10, 13, 13), True, "WT")], -1.0, 3.0)[0]
    assert beside[10, 15, 13] > alone[10, 15, 13] + 1


def test_a_click_carries_what_looks_like_it() -> None:
    after = corrected([((10, 10, 13), True, "TC")])
    assert OBEYED < after[1, 10, 10, 13] < MARGIN, "what is carried is asked for once"
    assert after[1, 10, 11, 13] > 0, "the neighbour of the same brightness stays behind"
    assert after[1, 10, 10, 9] < -2.5, "tissue of another brightness was carried along"
    assert after[1, 39, 10, 13] < -2.5, "tissue 6 cm away was carried along"
    assert after[0, 10, 10, 13] > OBEYED, "a positive click on the core is one on the whole tumour"
    assert np.all(after[2] == -3), "a positive click on the core says nothing about enhancement"


def test_two_clicks_of_opposite_sign_close_by_both_hold() -> None:
    after = corrected([((10, 10, 13), True, "WT"), ((10, 10, 16), False, "WT")])
    assert after[0, 10, 10, 13] > 0.5 and after[0, 10, 10, 16] < -0.5


def test_what_the_proposal_obeys_and_the_answer_does_not_is_demanded_in_full() -> None:
    after = corrected([((10, 10, 13), True, "WT")], -3.0, 1.0)[0]
    assert 0.8 * MARGIN < after[10, 10, 13] < MARGIN
