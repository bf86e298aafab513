"""A session keeps its promises: clicks hold, regions nest, undo is exact, edits stay, cancel stops."""

import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from user.small_session import LESION, NORMAL, NewSession, masks, same, voxel

from GliomaSAMLib.errors import Cancelled, PromptError
from GliomaSAMLib.models import Model
from GliomaSAMLib.prompts import point
from GliomaSAMLib.regions import REGIONS, regions_from_labels
from GliomaSAMLib.session import Session
from GliomaSAMLib.session.answer import LIMIT, AnswerOptions
from GliomaSAMLib.study import Study


def test_masks_are_empty_before_the_first_update(new_session: NewSession) -> None:
    session = new_session()
    assert not any(mask.any() for mask in masks(session).values())
    assert session.mask("WT").shape == session.study.reference.shape
    assert session.mask("WT").dtype == np.uint8
    assert not session.probability("WT").any()
    assert session.volumes() == {"WT": 0.0, "TC": 0.0, "ET": 0.0}


@pytest.mark.slow
def test_a_click_finds_a_real_tumour(glioma_case: Callable[[str], Path], model: Model, tmp_path: Path) -> None:
    folder = glioma_case("Brats18_CBICA_AMH_1")
    study = Study.read_folder(folder)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "seg.nii")))
    session = Session(study, model, cache=tmp_path)
    middle = np.argwhere(labels == 1).mean(axis=0)
    session.add_point(study.reference.to_ras(middle[::-1]))
    session.update()
    for region, truth in zip(REGIONS, regions_from_labels(labels), strict=True):
        mask = session.mask(region)
        assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.7
    assert session.volumes()["WT"] == pytest.approx(session.mask("WT").sum() / 1000)


def test_clicks_are_exact_promises_even_where_they_make_no_sense(new_session: NewSession) -> None:
    session = new_session()
    rng = np.random.default_rng(0)
    brain = np.argwhere(session.study.brain)
    given = {}
    for number in range(12):
        place = brain[rng.integers(len(brain))]
        ras = tuple(session.study.reference.to_ras(place[::-1]))
        region, positive = REGIONS[number % 3], bool(rng.integers(2))
        session.add_point(ras, positive, region)
        given[tuple(place)] = (region, positive)
        session.update()
        for where, (of, inside) in given.items():
            assert session.mask(of)[where] == inside
        assert not np.any(session.mask("ET") > session.mask("TC"))
        assert not np.any(session.mask("TC") > session.mask("WT"))


def test_the_later_of_two_clicks_on_one_voxel_wins(new_session: NewSession) -> None:
    session = new_session()
    session.add_point(LESION)
    session.add_point(LESION, positive=False)
    session.update()
    assert session.mask("WT")[voxel(session, LESION)] == 0


def test_undo_and_redo_restore_every_mask_bit_for_bit(new_session: NewSession) -> None:
    session = new_session()
    session.update()
    seen = [masks(session)]
    for ras, positive, region in ((LESION, True, "WT"), (NORMAL, False, "WT"), ((14.0, 8.0, 4.0), True, "ET")):
        session.add_point(ras, positive, region)
        session.update()
        seen.append(masks(session))
    for expected in reversed(seen[:-1]):
        assert session.undo()
        assert same(masks(session), expected)
        session.update()
        assert same(masks(session), expected)
    assert not session.can_undo and not session.undo()
    for expected in seen[1:]:
        assert session.redo()
        assert same(masks(session), expected)


def test_clicks_given_at_once_are_answered_as_one_by_one(new_session: NewSession) -> None:
    clicks = [point(LESION), point(NORMAL, False), point((LESION[0] + 8, *LESION[1:]), True, "ET")]
    one_by_one, at_once = new_session(), new_session()
    for click in clicks:
        one_by_one.add(click)
        one_by_one.update()
        at_once.add(click)
    at_once.update()
    assert same(masks(at_once), masks(one_by_one))


def test_a_click_changes_nothing_beyond_its_limit(small_study: Study, model: Model, embedding_folder: Path) -> None:
    assert LIMIT * AnswerOptions().reach_mm == pytest.approx(65.0)
    options = AnswerOptions(reach_mm=8.0)
    session = Session(small_study, model, cache=embedding_folder, answer=options)
    session.add_point(LESION)
    session.update()
    changes: list[np.ndarray] = []
    for shift, positive in ((-12.0, True), (9.0, False), (6.0, True)):
        before = masks(session)
        place = (LESION[0] + shift, *LESION[1:])
        session.add_point(place, positive)
        session.update()
        changes += [after != before[region] for region, after in masks(session).items()]
        for change in changes[-3:]:
            k, j, i = np.nonzero(change)
            away = np.linalg.norm(small_study.reference.to_ras(np.stack([i, j, k], axis=-1)) - place, axis=-1)
            assert np.all(away <= LIMIT * options.reach_mm / 2 + 1e-3)
    assert np.any(changes)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_click_beside_the_brain_takes_nothing_away(new_session: NewSession, axis: int, side: int) -> None:
    """Clicks are let pass up to 5 mm from tissue, where the volume that models see may have ended."""
    session = new_session()
    grid = session.study.reference
    session.update()
    before = session.mask("WT")
    tissue = grid.to_ras(np.argwhere(session.study.brain)[:, ::-1])
    place = tissue[np.argmax(side * tissue[:, axis])].copy()
    place[axis] += side * 4.9
    session.add_point(tuple(place))
    session.update()
    near = np.linalg.norm(grid.to_ras(np.argwhere(before)[:, ::-1]) - place, axis=1) < 10
    assert session.mask("WT")[before > 0][~near].mean() > 0.9


def test_a_positive_click_in_a_clear_tumour_takes_no_voxel_at_the_rim_of_its_window(
    small_study: Study, model: Model, embedding_folder: Path
) -> None:
    """Where the new answer is cut off, the one before holds."""
    session = Session(small_study, model, cache=embedding_folder, answer=AnswerOptions(reach_mm=4.0))
    drawn = np.asarray(small_study.brain, np.uint8)
    session.set_mask("WT", drawn)
    session.add_point(LESION)
    session.update()
    lost = np.argwhere((drawn > 0) & (session.mask("WT") == 0))
    away = np.linalg.norm(small_study.reference.to_ras(lost[:, ::-1]) - LESION, axis=1)
    assert not np.any((away > 0.9 * 13 / 8) & (away > 2)), "voxels at the limit changed"


def test_one_thread_and_two_give_the_same_masks(new_session: NewSession) -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            session = new_session()
            for shift, positive in ((0.0, True), (-9.0, True), (9.0, False)):
                session.add_point((LESION[0] + shift, *LESION[1:]), positive)
            session.update()
            found.append(masks(session))
    finally:
        torch.set_num_threads(threads)
    for region in REGIONS:
        one, two = (masks[region] for masks in found)
        assert np.count_nonzero(one != two) <= 0.001 * max(one.sum(), 1), region


def test_reset_empties_and_can_be_undone(new_session: NewSession) -> None:
    session = new_session()
    session.add_point(LESION)
    session.update()
    found = masks(session)
    assert session.reset() and not session.prompts
    assert not session.mask("WT").any()
    assert session.undo()
    assert same(masks(session), found)


def test_the_same_prompts_give_the_same_masks_whatever_was_embedded_before(
    small_study: Study, model: Model, new_session: NewSession, tmp_path: Path
) -> None:
    warm, cold = new_session(), Session(small_study, model, cache=tmp_path)
    warm.encode()
    for session in (warm, cold):
        session.add_box((2, -4, -6), (22, 16, 14))
        session.add_point(LESION, region="TC")
        session.update()
    assert same(masks(warm), masks(cold))


def test_changed_is_the_smallest_box_of_what_changed(new_session: NewSession) -> None:
    session = new_session()
    session.add_point(LESION)
    session.update()
    before = masks(session)
    session.add_point(NORMAL, True)
    result = session.update()
    for region in REGIONS:
        difference = before[region] != session.mask(region)
        if not difference.any():
            assert result.changed[region] is None
            continue
        where = np.argwhere(difference)
        low, high = where.min(axis=0), where.max(axis=0) + 1
        assert result.changed[region] == tuple(int(v) for pair in zip(low, high, strict=True) for v in pair)
    assert result.changed["WT"] is not None
    assert session.update().changed == dict.fromkeys(REGIONS)


def test_probability_agrees_with_the_mask(new_session: NewSession) -> None:
    session = new_session()
    session.add_point(LESION)
    session.add_point(NORMAL, True, "ET")
    session.update()
    for region in REGIONS:
        probability = session.probability(region)
        assert probability.dtype == np.float32 and probability.min() >= 0 and probability.max() <= 1
        assert np.array_equal(probability >= 0.5, session.mask(region) > 0)


def test_scribbles_hold_along_their_line(new_session: NewSession) -> None:
    session = new_session()
    session.add_scribble([NORMAL, (-8.0, -4.0, 4.0), (-2.0, -4.0, 4.0)], positive=True, region="TC")
    session.update()
    for ras in (NORMAL, (-8.0, -4.0, 4.0), (-2.0, -4.0, 4.0)):
        assert session.mask("TC")[voxel(session, ras)] == 1


def test_moving_and_removing_a_prompt_is_as_if_it_had_been_so(new_session: NewSession) -> None:
    moved, direct = new_session(), new_session()
    point = moved.add_point(NORMAL)
    moved.update()
    moved.move(point, LESION)
    direct.add_point(LESION)
    moved.update(), direct.update()
    assert same(masks(moved), masks(direct))
    moved.remove(moved.prompts[0])
    assert not moved.prompts
    moved.undo()
    assert moved.prompts[0].points == (LESION,)


@pytest.mark.parametrize(
    "action",
    [
        lambda s: s.add_point((500.0, 0, 0)),
        lambda s: s.add_point((38.0, 46.0, -38.0)),  # air in the corner
        lambda s: s.add_point((float("nan"), 0, 0)),
        lambda s: s.add_point("here"),
        lambda s: s.add_point(LESION, region="GTV"),
        lambda s: s.add_box((300, 300, 300), (400, 400, 400)),
        lambda s: s.add_scribble([]),
        lambda s: s.set_mask("WT", np.zeros((3, 3, 3), np.uint8)),
        lambda s: s.move(s.prompts[0], (500.0, 0, 0)),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(
    new_session: NewSession, action: Callable[[Session], object]
) -> None:
    session = new_session()
    session.add_point(LESION)
    session.update()
    before, prompts = masks(session), session.prompts
    with pytest.raises(PromptError):
        action(session)
    assert session.prompts == prompts and same(masks(session), before)


def test_an_adapted_encoder_tells_how_far_it_is_and_can_be_stopped(
    small_study: Study, model: Model, embedding_folder: Path
) -> None:
    """What is behind the cut is computed at one go; the user hears of it, and stops it, piece by piece."""
    session = Session(small_study, model, cache=embedding_folder)
    told: list[tuple[float, str]] = []

    def stop_in_the_middle() -> bool:
        return sum("encoding the study" in text for _, text in told) >= 5

    with pytest.raises(Cancelled):
        session.update(lambda fraction, text: told.append((fraction, text)), stop_in_the_middle)
    assert sum("encoding the study" in text for _, text in told) == 5
    assert session.volumes()["WT"] == 0
    told.clear()
    session.update(lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert len({fraction for fraction, text in told if "encoding the study" in text}) >= 20


def test_cancel_stops_at_once_and_leaves_the_masks(small_study: Study, model: Model, tmp_path: Path) -> None:
    session = Session(small_study, model, cache=tmp_path)
    stop_at: list[float] = []

    def cancel() -> bool:
        return bool(stop_at) and time.monotonic() > stop_at[0]

    session.add_point(LESION)
    stop_at.append(time.monotonic() + 0.3)
    with pytest.raises(Cancelled):
        session.update(cancel=cancel)
    assert not session.mask("WT").any()
    session.update()
    assert session.mask("WT")[voxel(session, LESION)] == 1


def test_progress_rises_to_the_end(small_study: Study, model: Model, tmp_path: Path) -> None:
    session = Session(small_study, model, cache=tmp_path)
    told: list[tuple[float, str]] = []
    session.update(progress=lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert any("encoding" in text for _, text in told)


def test_prompts_may_be_added_while_an_update_runs(small_study: Study, model: Model, tmp_path: Path) -> None:
    session = Session(small_study, model, cache=tmp_path)
    session.add_point(LESION)
    worker = threading.Thread(target=session.update)
    worker.start()
    started = time.monotonic()
    session.add_point(NORMAL, positive=False)
    waited = time.monotonic() - started
    worker.join()
    session.update()
    assert waited < 0.5, "adding a prompt waited for the update"
    assert session.mask("WT")[voxel(session, LESION)] == 1 and session.mask("WT")[voxel(session, NORMAL)] == 0


def test_a_damaged_cache_is_rebuilt_with_a_warning(small_study: Study, model: Model, tmp_path: Path) -> None:
    first = Session(small_study, model, cache=tmp_path)
    first.add_point(LESION)
    first.update()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files[::3]:
        path.write_bytes(path.read_bytes()[:-50])
    again = Session(small_study, model, cache=tmp_path)
    again.add_point(LESION)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again.update()
    assert same(masks(first), masks(again))
    assert any("damaged" in str(w.message) for w in caught)


def test_the_second_session_on_a_study_reads_the_cache(small_study: Study, model: Model, tmp_path: Path) -> None:
    Session(small_study, model, cache=tmp_path).encode()
    again = Session(small_study, model, cache=tmp_path)
    calls: list[object] = []
    embed, model.embed = model.embed, lambda images: calls.append(images) or embed(images)  # type: ignore[method-assign,func-returns-value]
    try:
        again.update()
    finally:
        del model.embed  # type: ignore[method-assign]
    assert not calls
