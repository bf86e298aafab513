"""The answer to each first part of a list of prompts: kept, computed again, undone, replayed."""

import threading
from pathlib import Path

import pytest
from user.small_session import LESION, NORMAL, NewSession, masks, same

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.models import Model
from GliomaSAMLib.prompts import point
from GliomaSAMLib.session import Session
from GliomaSAMLib.study import Study


def test_every_prefix_is_answered_alike_whatever_was_kept(
    small_study: Study, model: Model, embedding_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that were evicted are computed again, and are the same."""
    sessions = []
    for kept in (64, 2):
        monkeypatch.setattr("GliomaSAMLib.session.predictor.KEPT_PREFIXES", kept)
        session = Session(small_study, model, cache=embedding_folder)
        seen = []
        for shift, positive in ((0.0, True), (-9.0, True), (9.0, False), (5.0, True)):
            session.add_point((LESION[0] + shift, *LESION[1:]), positive)
            session.update()
            seen.append(masks(session))
        for expected in reversed(seen[:-1]):
            session.undo()
            session.update()
            assert same(masks(session), expected)
        sessions.append(seen)
    assert all(same(one, other) for one, other in zip(*sessions, strict=True))


def test_a_prompt_removed_from_the_middle_is_as_if_it_had_never_been(
    small_study: Study, model: Model, embedding_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("GliomaSAMLib.session.predictor.KEPT_PREFIXES", 3)
    clicks = [point((LESION[0] + shift, *LESION[1:])) for shift in (0.0, -4.0, 4.0, 8.0)]
    cut, direct = (Session(small_study, model, cache=embedding_folder) for _ in range(2))
    for click in clicks:
        cut.add(click)
        cut.update()
    for click in (clicks[0], *clicks[2:]):
        direct.add(click)
    cut.remove(clicks[1])
    cut.update(), direct.update()
    assert same(masks(cut), masks(direct))


def test_undo_shows_what_there_was_before_the_first_answer(new_session: NewSession) -> None:
    session = new_session()
    session.add_point(LESION)
    session.update()
    found = masks(session)
    session.undo()
    assert not session.mask("WT").any(), "nothing was shown before the click"
    session.redo()
    assert same(masks(session), found)
    session.reset()
    session.undo(), session.redo()
    assert not session.mask("WT").any()


def test_a_moved_prompt_keeps_its_place_and_what_followed_is_answered_anew(new_session: NewSession) -> None:
    moved, direct = new_session(), new_session()
    first = moved.add_point(NORMAL)
    moved.add_point((LESION[0] + 9, *LESION[1:]), positive=False)
    moved.update()
    moved.move(first, LESION)
    direct.add_point(LESION)
    direct.add_point((LESION[0] + 9, *LESION[1:]), positive=False)
    moved.update(), direct.update()
    assert moved.prompts[0].points == (LESION,)
    assert same(masks(moved), masks(direct))


def test_a_stopped_update_keeps_the_prefixes_it_has_answered(new_session: NewSession) -> None:
    session = new_session()
    session.encode()
    for shift in (0.0, 4.0, 8.0):
        session.add_point((LESION[0] + shift, *LESION[1:]))
    told: list[str] = []
    with pytest.raises(Cancelled):
        session.update(lambda fraction, text: told.append(text), lambda: "prompt 3 of 3" in told)
    assert not session.mask("WT").any(), "a stopped update leaves the masks"
    told.clear()
    session.update(lambda fraction, text: told.append(text))
    assert not any(text.startswith("prompt ") for text in told), "two of three were answered before"


def test_an_undo_waits_for_no_update_and_loses_no_prompt(new_session: NewSession) -> None:
    session = new_session()
    session.encode()
    first = session.add_point(LESION)
    started, proceed = threading.Event(), threading.Event()

    def hold(fraction: float, text: str) -> None:
        started.set()
        proceed.wait(20)

    work = threading.Thread(target=lambda: session.update(hold))
    work.start()
    assert started.wait(20)
    assert session.undo() and session.prompts == ()
    second = session.add_point(NORMAL)
    proceed.set()
    work.join(60)
    assert session.prompts == (second,) and first not in session.prompts
    assert not session.mask("WT").any(), "the answer to a prompt taken back is not shown"
    assert session.undo() and session.prompts == () and session.redo() and session.prompts == (second,)
