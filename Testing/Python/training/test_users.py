"""Simulated users: what they mean, what they say, and what the network is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.prompt_maps import PromptSet
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.training.chance import Chance
from GliomaSAMLib.training.click_simulation import ClickConfig
from GliomaSAMLib.training.masks import on_cells
from GliomaSAMLib.training.users import Scene, User, settle

CPU = torch.device("cpu")

KINDS = ("point", "scribble", "box", "mask")


@pytest.fixture
def scene() -> Scene:
    """A tumour of three shells in a brain without structure, of which the network finds a shifted, smaller part."""
    radius = np.sqrt(((np.indices((64, 64, 64)) - 32) ** 2).sum(axis=0))
    levels = torch.from_numpy(np.select([radius < 8, radius < 14, radius < 20], [3, 2, 1], 0).astype(np.uint8))
    cells = np.sqrt(((np.indices((32, 32, 32)) - np.array([16, 17, 18])[:, None, None, None]) ** 2).sum(axis=0))
    proposal = torch.from_numpy(np.stack([8.3 - cells, 5.3 - cells, 2.3 - cells]).astype(np.float32))
    return Scene(levels, torch.full((4, 64, 64, 64), 0.5), np.ones(4, bool), proposal)


def users(scene: Scene, count: int = 20, previous: Any = "answer", **changes: Any) -> list[User]:
    config = ClickConfig(**{"another_outline": 0.0, **changes})
    found = [User(scene, config, KINDS, previous, Chance(CPU, seed)) for seed in range(count)]
    settle(found)
    return found


def react(user: User, answer: torch.Tensor | None) -> None:
    user.react(answer)
    settle([user])


def value(mask: torch.Tensor, where: tuple[float, ...]) -> bool:
    return bool(mask[tuple(int(n) for n in where)])


def test_nothing_may_change_where_the_answer_before_is_the_truth(scene: Scene) -> None:
    for user in users(scene, previous_truth=1.0):
        assert torch.equal(user.previous_logits > 0, user.truth)
        assert 1 <= len(user.prompts.points) <= 3 and not user.rounds
        for where, positive, region in user.prompts.points:
            assert value(user.truth[REGIONS.index(region)], where) == positive
        assert not user.near_clicks().any()


def test_one_error_is_clicked_where_the_answer_before_is_the_truth_distorted(scene: Scene) -> None:
    own = 0
    for user in users(scene, previous_distorted=1.0):
        ((where, positive, region),) = user.prompts.points
        index = REGIONS.index(region)
        wrong = (user.previous_logits > 0) != user.truth
        assert value(wrong[index], where) and value(user.truth[index], where) == positive
        (click,) = user.clicks
        assert click.index == index and value(click.error, where) and not (click.error & ~wrong[index]).any()
        near = user.near_clicks()
        assert value(near[index], where) and not (near[index] & ~click.error).any()
        own += bool(torch.isin(user.previous_logits.abs(), scene.proposal.abs()).all())
    assert 3 < own < 17  # half of the errors are the network's own, the only one that is left


def test_only_errors_near_the_click_count_as_clicked(scene: Scene) -> None:
    for user in users(scene, previous_distorted=1.0):
        where = user.clicks[0].numbers[:3].numpy()
        for *_, k, j, i in np.argwhere(user.near_clicks().numpy()):
            assert np.linalg.norm(np.array([k, j, i]) - where) <= 6


def test_methods_that_are_told_the_proposal_meet_neither(scene: Scene) -> None:
    for user in users(scene, previous="proposal", previous_truth=0.5, previous_distorted=0.5):
        assert torch.equal(user.previous_logits, scene.proposal)


def test_who_means_another_outline_says_so_first_and_is_judged_by_it(scene: Scene) -> None:
    other = [
        user for user in users(scene, another_outline=1.0, rounds=(1.0,)) if not torch.equal(user.levels, scene.levels)
    ]
    assert len(other) > 6
    for user in other:
        ((where, positive, region),) = user.prompts.points
        index = REGIONS.index(region)
        assert value(user.truth[index], where) == positive
        assert value(user.truth[index], where) != value(on_cells(scene.levels > index), where)
        assert value(user.near_clicks()[index], where)
        assert torch.equal(user.previous_logits, scene.proposal)


def test_corrections_lie_in_the_answer_to_those_before(scene: Scene) -> None:
    for user in users(scene, start_none=1.0, start_mask=0.0, rounds=(0.0, 0.0, 1.0), several=0.0):
        assert not user.needs_answer and user.rounds == 2
        react(user, None)  # on the proposal, which is there already
        assert user.needs_answer
        answer = torch.where(user.truth, 1.0, -1.0)
        answer[:, 10:13] *= -1
        react(user, answer)
        assert not user.rounds
        (_, (where, positive, region)) = user.prompts.points
        assert 10 <= where[0] < 13
        assert value(user.truth[REGIONS.index(region)], where) == positive
        assert torch.equal(user.previous_logits, answer.cummin(dim=0).values)


def test_a_perfect_answer_is_not_corrected(scene: Scene) -> None:
    (user,) = users(scene, 1, start_none=0.0, start_box=0.0, start_mask=0.0, rounds=(0.0, 1.0))
    before = list(user.prompts.points)
    react(user, torch.where(user.truth, 1.0, -1.0))
    assert user.prompts.points == before and not user.rounds
    assert torch.equal(user.previous_logits, scene.proposal)  # the newest prompts are still the first


def test_who_draws_a_mask_corrects_the_mask(scene: Scene) -> None:
    for user in users(scene, start_mask=1.0, rounds=(1.0,), several=0.0, region=(0.0, 1.0, 0.0)):
        drawn = user.prompts.masks["TC"]
        assert not user.needs_answer and user.rounds == 1
        assert torch.equal(user.previous_logits[1], 4 * drawn)
        react(user, None)
        for where, positive, region in user.prompts.points:
            if region == "TC":
                assert value(drawn > 0, where) != positive
        assert torch.equal(user.previous_logits[1], 4 * drawn)


def test_kinds_that_a_network_does_not_read_are_not_given(scene: Scene) -> None:
    config = ClickConfig(start_none=0.0, start_box=0.4, start_mask=0.3, another_outline=1.0, previous_truth=0.5)
    for seed in range(20):
        user = User(scene, config, ("box",), "answer", Chance(CPU, seed))
        settle([user])
        assert not user.prompts.points and not user.prompts.masks and not user.rounds
        nothing = User(scene, config, (), "proposal", Chance(CPU, seed))
        settle([nothing])
        assert nothing.prompts == PromptSet(points=[], boxes=[], masks={})


def test_all_ways_to_start_occur_as_often_as_said(scene: Scene) -> None:
    cut = slice(20, 44)
    small = replace(scene, levels=scene.levels[cut, cut, cut], proposal=scene.proposal[:, 10:22, 10:22, 10:22])
    found = users(small, 200, start_none=0.35, start_box=0.15, start_mask=0.08, rounds=(1.0,))
    given = [user.prompts for user in found]
    assert np.mean([bool(one.masks) for one in given]) == pytest.approx(0.08, abs=0.06)
    assert np.mean([bool(one.boxes) for one in given]) == pytest.approx(0.92 * 0.15, abs=0.08)
    assert np.mean([bool(one.points) for one in given]) == pytest.approx(0.92 * 0.5, abs=0.1)
    assert all(user.rounds == 1 for user in found if not user.prompts)


def test_who_finds_nothing_to_start_with_corrects_once_and_no_more(scene: Scene) -> None:
    healthy = replace(scene, levels=torch.zeros_like(scene.levels), proposal=-torch.ones_like(scene.proposal))
    for user in users(healthy, 12, start_none=0.0, rounds=(1.0,)):
        assert not user.prompts and user.rounds == 1
        react(user, None)
        assert not user.prompts and not user.rounds and user.pending is None


def test_what_a_user_does_is_computed_without_asking_the_device(scene: Scene) -> None:
    """On the device `meta` there are no values: whoever asked for one would fail. Only `settle` asks."""
    meta = torch.device("meta")
    there = replace(scene, levels=scene.levels.to(meta), images=scene.images.to(meta), proposal=scene.proposal.to(meta))
    config = ClickConfig(start_mask=0.2, start_box=0.3, start_none=0.2, another_outline=0.5, border=0.3)
    made_up = replace(config, previous_truth=0.4, previous_distorted=0.5)
    for seed in range(8):
        user = User(there, config if seed % 2 else made_up, KINDS, "answer", Chance(meta, seed))
        user.rounds = 1
        user.react(there.proposal)
        assert user.pending is not None and user.truth.device == meta


def test_all_users_are_asked_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [User(scene, ClickConfig(start_none=0.0), KINDS, "answer", Chance(CPU, seed)) for seed in range(5)]
    asked: list[int] = []
    honest: Callable = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: asked.append(len(tensor)) or honest(tensor))
    settle(found)
    assert len(asked) == 1
