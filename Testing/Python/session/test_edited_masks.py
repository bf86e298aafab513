"""Masks edited by hand: exact, kept, refined from."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from user.small_session import LESION, NORMAL, NewSession, voxel

from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session import Session
from GliomaSAMLib.session.answer import LIMIT, AnswerOptions


@pytest.mark.parametrize("region", REGIONS)
def test_an_edited_mask_is_kept_and_refined_from(new_session: NewSession, region: str) -> None:
    session = new_session()
    grid = session.study.reference
    edited = np.zeros(grid.shape, np.uint8)
    edited[10:14, 10:30, 8:16] = 1  # nothing a model would draw
    edited &= session.study.brain
    session.update()
    session.set_mask(region, edited)
    session.update()
    assert np.array_equal(session.mask(region), edited)
    places = grid.to_ras(np.argwhere(edited)[:, ::-1])
    distance = np.linalg.norm(places - LESION, axis=1)
    click = places[np.argmin(distance)] + (np.asarray(LESION) - places[np.argmin(distance)]) * (15 / distance.min())
    assert np.linalg.norm(places - click, axis=1).min() == pytest.approx(15, abs=1)
    session.add_point(tuple(click), positive=False)
    session.update()
    assert session.mask(region)[edited > 0].mean() >= 0.95, "a click 15 mm away took what was drawn by hand"
    session.add_point(LESION)
    session.update()
    assert session.mask("WT")[voxel(session, LESION)] == 1
    assert session.mask(region)[edited > 0].mean() >= 0.95


def test_a_mask_edited_by_hand_changes_no_logits_elsewhere(new_session: NewSession) -> None:
    session = new_session()
    session.update()
    before = session.probability("WT")
    core = np.zeros(session.study.reference.shape, np.uint8)
    core[18:24, 20:26, 10:14] = 1
    session.set_mask("TC", core)
    session.update()
    after = session.probability("WT")
    away = distance_transform_edt(core == 0, 2.0) > 6
    assert np.array_equal(before[away], after[away])


def test_a_region_emptied_by_hand_does_not_come_back_far_from_a_click(new_session: NewSession) -> None:
    session = new_session()
    grid = session.study.reference
    session.update()
    assert session.mask("ET").any()
    session.set_mask("ET", np.zeros(grid.shape, np.uint8))
    click = (LESION[0] - 18, *LESION[1:])
    session.add_point(click)
    session.update()
    found = grid.to_ras(np.argwhere(session.mask("ET"))[:, ::-1])
    assert np.all(np.linalg.norm(found - click, axis=1) <= LIMIT * AnswerOptions().reach_mm / 4 + 1e-3)


def test_a_mask_that_was_edited_last_settles_earlier_clicks(new_session: NewSession) -> None:
    session = new_session()
    session.add_point(LESION)
    session.update()
    edited = session.mask("WT")
    edited[voxel(session, LESION)] = 0
    session.set_mask("WT", edited)
    session.update()
    assert np.array_equal(session.mask("WT"), edited)
    session.add_point((LESION[0] - 18, *LESION[1:]))
    session.update()
    assert session.mask("WT")[voxel(session, LESION)] == 0


def test_an_edited_core_makes_the_whole_tumour_larger(new_session: NewSession) -> None:
    session = new_session()
    core = np.zeros(session.study.reference.shape, np.uint8)
    core[18:24, 20:26, 10:14] = 1
    session.set_mask("TC", core)
    session.update()
    assert np.array_equal(session.mask("TC"), core)
    assert np.all(session.mask("WT")[core > 0] == 1)


def test_an_older_negative_click_takes_nothing_of_what_was_painted_over_it(new_session: NewSession) -> None:
    def painted_and_clicked(clicked_before: bool) -> tuple[Session, np.ndarray]:
        session = new_session()
        grid = session.study.reference
        if clicked_before:
            session.add_point(NORMAL, positive=False)
            session.update()
        places = grid.to_ras(np.moveaxis(np.indices(grid.shape)[::-1], 0, -1))
        ball = np.linalg.norm(places - NORMAL, axis=-1) < 8
        session.set_mask("ET", np.maximum(session.mask("ET"), ball))
        session.add_point((NORMAL[0] + 7, NORMAL[1] + 6, NORMAL[2]))
        session.update()
        return session, ball

    (session, ball), (without, _) = painted_and_clicked(True), painted_and_clicked(False)
    for region in REGIONS:
        assert session.mask(region)[voxel(session, NORMAL)]
        assert session.mask(region)[ball].mean() > without.mask(region)[ball].mean() - 0.03
