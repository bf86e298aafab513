from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.prompts.maps import PromptVoxels
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.training.clicks import ClickConfig
from GliomaSAMLib.training.users import Scene, User

KINDS = ("point", "scribble", "box", "mask")


@pytest.fixture
def scene() -> Scene:
    """A tumour of three shells in a brain without structure, of which the network finds a shifted, smaller part."""
    radius = np.sqrt(((np.indices((64, 64, 64)) - 32) ** 2).sum(axis=0))
    levels = np.select([radius < 8, radius < 14, radius < 20], [3, 2, 1], 0).astype(np.uint8)
    cells = np.sqrt(((np.indices((32, 32, 32)) - np.array([16, 17, 18])[:, None, None, None]) ** 2).sum(axis=0))
    proposal = np.stack([8.3 - cells, 5.3 - cells, 2.3 - cells]).astype(np.float32)
    return Scene(levels, np.full((4, 64, 64, 64), 0.5, np.float32), np.ones(4, bool), proposal)


def users(scene: Scene, count: int = 30, previous: Any = "answer", **changes: Any) -> list[User]:
    config = ClickConfig(**{"another_outline": 0.0, **changes})
    return [User(scene, config, KINDS, previous, np.random.default_rng(seed)) for seed in range(count)]


def value(mask: np.ndarray, where: tuple[float, ...]) -> bool:
    return bool(mask[tuple(int(n) for n in where)])


def test_nothing_may_change_where_the_answer_before_is_the_truth(scene: Scene) -> None:
    for user in users(scene, previous_truth=1.0):
        assert np.array_equal(user.told > 0, user.truth)
        assert 1 <= len(user.prompts.points) <= 3 and not user.rounds
        for where, positive, region in user.prompts.points:
            assert value(user.truth[REGIONS.index(region)], where) == positive
        assert not user.near_clicks().any()


def test_one_error_is_clicked_where_the_answer_before_is_the_truth_distorted(scene: Scene) -> None:
    own = 0
    for user in users(scene, previous_distorted=1.0):
        ((where, positive, region),) = user.prompts.points
        index = REGIONS.index(region)
        wrong = (user.told > 0) != user.truth
        assert value(wrong[index], where) and value(user.truth[index], where) == positive
        (click,) = user.clicks
        assert click.index == index and value(click.error, where) and not (click.error & ~wrong[index]).any()
        near = user.near_clicks()
        assert value(near[index], where) and not (near[index] & ~click.error).any()
        own += not (wrong & ~click.error).any() and np.isin(np.abs(user.told), np.abs(scene.proposal)).all()
    assert 5 < own < 25  # half of the errors are the network's own, the only one that is left


def test_only_errors_near_the_click_count_as_clicked(scene: Scene) -> None:
    for user in users(scene, previous_distorted=1.0):
        where = np.array(user.clicks[0].position)
        for *_, k, j, i in np.argwhere(user.near_clicks()):
            assert np.linalg.norm(np.array([k, j, i]) - where) <= 6


def test_methods_that_are_told_the_proposal_meet_neither(scene: Scene) -> None:
    for user in users(scene, previous="proposal", previous_truth=0.5, previous_distorted=0.5):
        assert np.array_equal(user.told, scene.proposal)


def test_who_means_another_outline_says_so_first_and_is_judged_by_it(scene: Scene) -> None:
    other = [user for user in users(scene, another_outline=1.0, rounds=(1.0,)) if user.levels is not scene.levels]
    assert len(other) > 10
    for user in other:
        ((where, positive, region),) = user.prompts.points
        index = REGIONS.index(region)
        assert value(user.truth[index], where) == positive
        assert value(user.levels[::2, ::2, ::2] > index, where) != value(scene.levels[::2, ::2, ::2] > index, where)
        assert value(user.near_clicks()[index], where)
        assert np.array_equal(user.told, scene.proposal)


def test_corrections_lie_in_the_answer_to_those_before(scene: Scene) -> None:
    for user in users(scene, start_none=1.0, start_mask=0.0, rounds=(0.0, 0.0, 1.0), several=0.0):
        assert not user.asks and user.rounds == 2
        user.react(None)  # on the proposal, which is there already
        assert user.asks
        answer = np.where(user.truth, 1.0, -1.0).astype(np.float32)
        answer[:, 10:13] *= -1
        user.react(answer)
        assert not user.rounds
        (_, (where, positive, region)) = user.prompts.points
        assert 10 <= where[0] < 13
        assert value(user.truth[REGIONS.index(region)], where) == positive
        assert np.array_equal(user.told, np.minimum.accumulate(answer, axis=0))


def test_a_perfect_answer_is_not_corrected(scene: Scene) -> None:
    (user,) = users(scene, 1, start_none=0.0, start_box=0.0, start_mask=0.0, rounds=(0.0, 1.0))
    before = list(user.prompts.points)
    user.react(np.where(user.truth, 1.0, -1.0))
    assert user.prompts.points == before and not user.rounds
    assert np.array_equal(user.told, scene.proposal)  # the newest prompts are still the first


def test_who_draws_a_mask_corrects_the_mask(scene: Scene) -> None:
    for user in users(scene, start_mask=1.0, rounds=(1.0,), several=0.0, region=(0.0, 1.0, 0.0)):
        drawn = user.prompts.masks["TC"]
        assert not user.asks and user.rounds == 1
        assert np.array_equal(user.told[1], 4 * drawn)
        user.react(None)
        for where, positive, region in user.prompts.points:
            if region == "TC":
                assert value(drawn > 0, where) != positive
        assert np.array_equal(user.told[1], 4 * drawn)


def test_kinds_that_a_network_does_not_read_are_not_given(scene: Scene) -> None:
    config = ClickConfig(start_none=0.0, start_box=0.4, start_mask=0.3, another_outline=1.0, previous_truth=0.5)
    for seed in range(20):
        user = User(scene, config, ("box",), "answer", np.random.default_rng(seed))
        assert not user.prompts.points and not user.prompts.masks and not user.rounds
        nothing = User(scene, config, (), "proposal", np.random.default_rng(seed))
        assert nothing.prompts == PromptVoxels(points=[], boxes=[], masks={})
