"""What undo rests on: masks kept small, the steps of the user, and the filling of a lasso."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.prompts import Prompt, PromptHistory, mask, point
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session.masks import PackedMasks
from GliomaSAMLib.slicer.markups import lasso_points

SHAPE = (5, 6, 7)


def random_masks(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {region: (draw.random(SHAPE) < draw.choice([0, 0.02, 0.5])).astype(np.uint8) for region in REGIONS}


@pytest.mark.parametrize("seed", range(20))
def test_masks_are_kept_exactly_and_their_changes_found(seed: int) -> None:
    now, then = random_masks(seed), random_masks(seed + 100)
    kept, before = PackedMasks.of(now), PackedMasks.of(then)
    for region, box in kept.changes(before).items():
        assert np.array_equal(kept.mask(region), now[region]) and kept.mask(region).dtype == np.uint8
        assert kept.voxels(region) == now[region].sum()
        where = np.argwhere(now[region] != then[region])
        expected = None if not len(where) else tuple(
            int(end) for low, high in zip(where.min(0), where.max(0) + 1, strict=True) for end in (low, high)
        )  # fmt: skip
        assert box == expected
    assert set(kept.changes(kept).values()) == {None}
    assert all(kept.regions[r].equals(before.regions[r]) for r in REGIONS) == all(
        np.array_equal(now[r], then[r]) for r in REGIONS
    )


def test_an_empty_set_and_a_replaced_region() -> None:
    empty = PackedMasks.empty(SHAPE)
    full = empty.replaced({"TC": np.ones(SHAPE, np.uint8)})
    assert full.voxels("TC") == np.prod(SHAPE) and full.voxels("WT") == 0 and empty.voxels("TC") == 0
    assert full.changes(empty) == {"WT": None, "TC": (0, 5, 0, 6, 0, 7), "ET": None}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["add", "two", "remove", "replace", "propose", "reset", "undo", "redo"]), max_size=25))
def test_undo_and_redo_visit_the_same_steps(actions: list[str]) -> None:
    history, steps, at = PromptHistory(), [PromptHistory().snapshot], 0
    for action in actions:
        before = history
        if action == "add":
            history = history.add(point((1, 2, 3)))
        elif action == "two":
            history = history.add(point((1, 2, 3)), point((2, 2, 3)))
        elif action == "remove" and history.prompts:
            history = history.remove(*(prompt.id for prompt in history.prompts[-2:]))
        elif action == "replace" and history.prompts:
            history = history.replace(history.prompts[0].moved((4, 5, 6)))
        elif action in ("propose", "reset"):
            history = getattr(history, action)()
        elif action in ("undo", "redo"):
            history = getattr(history, action)()
            at = max(0, at - 1) if action == "undo" else min(len(steps) - 1, at + 1)
            assert history.snapshot == steps[at]
            continue
        if history is not before:
            at += 1
            steps = [*steps[:at], history.snapshot]
    while history.can_undo:
        at -= 1
        history = history.undo()
        assert history.snapshot == steps[at]
    assert at == 0 and history.undo() is history


def act(history: PromptHistory, actions: list[tuple[str, Prompt]]) -> PromptHistory:
    for action, new in actions:
        drawn = [prompt for prompt in history.prompts if prompt.points]
        if action == "add":
            history = history.add(replace(new, id=f"{new.id} {len(history.past)}"))
        elif action == "remove" and len(drawn) > 1:
            history = history.remove(drawn[-1].id)
        elif action == "replace" and drawn:
            history = history.replace(drawn[0].moved((len(history.past), 5, 6)))
        elif action in ("propose", "reset", "undo", "redo"):
            history = getattr(history, action)()
    return history


STANDING_ACTIONS = ["add", "add", "remove", "replace", "propose", "reset", "undo", "redo"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STANDING_ACTIONS), max_size=15))
def test_what_other_weights_answered_is_followed_whenever_that_turns_out(names: list[str]) -> None:
    """Prompts given before it is known, while the model is loaded, are as those given after."""
    old = (point((1, 2, 3)), mask(np.zeros(SHAPE)), point((2, 2, 3)))
    found = (mask(np.ones(SHAPE), "WT"), mask(np.ones(SHAPE), "TC"))
    actions = [(name, point((number, 0, 0))) for number, name in enumerate(names)]
    opened = PromptHistory(old)
    soon, late = act(opened.inheriting(found), actions), act(opened, actions).inheriting(found)
    assert soon == late
    while True:
        assert (soon.snapshot, soon.answered, soon.earlier) == (late.snapshot, late.answered, late.earlier)
        assert not set(soon.answered) & set(soon.earlier)
        if soon.is_inherited:
            assert soon.answered == old and soon.earlier == () and soon.snapshot == (found, False)
        elif soon.answered[: len(found)] == found:
            assert not set(soon.answered) & set(old) and set(soon.earlier) <= set(old)
        else:
            assert not set(soon.answered) & {*old, *found} and soon.earlier == ()  # after a reset
        if not soon.can_undo:
            break
        soon, late = soon.undo(), late.undo()
    assert soon.disinherited() is soon if soon.can_redo else soon.disinherited().snapshot == (old, False)


def test_what_was_refused_was_never_there() -> None:
    good, bad = point((1, 2, 3)), point((9, 9, 9))
    history = PromptHistory().add(good).add(bad).undo().map_prompts(lambda prompt: None if prompt is bad else prompt)
    assert history.redo().prompts == (good,)


def test_masks_of_all_steps_and_the_latest() -> None:
    first, second = mask(np.ones(SHAPE), "WT"), mask(np.zeros(SHAPE), "WT")
    history = PromptHistory().add(first).add(second).undo()
    assert set(history.masks()) == {first, second}
    assert history.contains_mask(mask(np.ones(SHAPE), "WT")) and not history.contains_mask(second)
    assert not history.contains_mask(mask(np.ones(SHAPE), "TC"))


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
