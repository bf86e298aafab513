"""The steps of a user: proposals, several prompts at once, and what other weights answered."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from GliomaSAMLib.prompts import Prompt, PromptHistory, mask, point

SHAPE = (5, 6, 7)


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
