"""Simulated users: where they click, what they mean, and what they are told."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaSAMLib.data.placement import components, deepest_voxel, largest_component
from GliomaSAMLib.models.prompt_maps import PromptSet
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.training.click_simulation import (
    ClickConfig,
    correct,
    distort,
    first_prompts,
    place,
    random_box,
    region_chances,
)
from GliomaSAMLib.training.users import Scene, User

SEEDS = st.integers(0, 2**31)


def blobs(rng: np.random.Generator, shape: tuple[int, int, int] = (14, 16, 15), levels: int = 3) -> np.ndarray:
    """Nested random masks, bool (3, k, j, i); the inner ones may be empty."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), 2)
    field /= field.std()
    first = rng.uniform(0.2, 1.5)
    return np.stack([field > first + 0.7 * level for level in range(levels)])


def at(mask: np.ndarray, where: tuple[float, ...]) -> bool:
    return bool(mask[tuple(int(c) for c in where)])


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_every_correction_lies_in_the_error_and_tells_the_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = blobs(rng), blobs(rng)
    prompts = PromptSet()
    for _ in range(5):
        before = len(prompts.points)
        if not correct(prompts, prediction, truth, ClickConfig().region, rng):
            assert len(prompts.points) == before
            continue
        where, positive, region = prompts.points[-1]
        index = REGIONS.index(region)
        assert len(prompts.points) == before + 1
        assert at(truth[index], where) == positive
        assert at(prediction[index], where) != positive


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_the_first_prompt_is_about_the_region(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = blobs(rng)
    prompts = first_prompts(
        truth, ClickConfig(start_none=0.1, start_box=0.3, start_mask=0.2), ClickConfig().region, rng
    )
    assert len(prompts.points) + len(prompts.boxes) + len(prompts.masks) <= 1
    for where, positive, region in prompts.points:
        assert positive and at(truth[REGIONS.index(region)], where)
    for low, high, region in prompts.boxes:
        assert truth[REGIONS.index(region)].any()
        assert all(a <= b for a, b in zip(low, high, strict=True))
    for region, mask in prompts.masks.items():
        assert truth[REGIONS.index(region)].any() and set(np.unique(mask)) <= {-1.0, 1.0}


def test_all_ways_to_start_occur_as_often_as_said() -> None:
    truth = np.zeros((3, 10, 10, 10), bool)
    truth[:, 2:8, 2:8, 2:8] = True
    config = ClickConfig(start_none=0.35, start_box=0.15, start_mask=0.08)
    starts = [first_prompts(truth, config, config.region, np.random.default_rng(seed)) for seed in range(600)]
    assert np.mean([bool(one.masks) for one in starts]) == pytest.approx(0.08, abs=0.04)
    assert np.mean([bool(one.boxes) for one in starts]) == pytest.approx(0.92 * 0.15, abs=0.05)
    assert np.mean([bool(one.points) for one in starts]) == pytest.approx(0.92 * 0.5, abs=0.07)


def test_an_empty_region_gets_no_first_prompt_and_no_error_no_click() -> None:
    truth = np.zeros((3, 6, 6, 6), bool)
    rng = np.random.default_rng(0)
    assert not any(first_prompts(truth, ClickConfig(), ClickConfig().region, rng) for _ in range(20))
    prompts = PromptSet()
    assert not correct(prompts, truth, truth, ClickConfig().region, rng) and not prompts


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_click_is_deep_in_its_component(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = largest_component(blobs(rng)[0])
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
    where = tuple(int(c) for c in place(mask, rng))
    assert depth[where] > 0.5 * depth.max()
    assert depth[deepest_voxel(mask)] == depth.max()


def test_a_third_of_the_clicks_is_at_the_deepest_place() -> None:
    mask = np.zeros((15, 15, 15), bool)
    mask[1:14, 1:14, 1:14] = True
    at_the_centre = [place(mask, np.random.default_rng(seed)) == (7, 7, 7) for seed in range(300)]
    assert np.mean(at_the_centre) == pytest.approx(0.3, abs=0.08)


def test_boxes_surround_the_component_within_a_tenth() -> None:
    mask = np.zeros((30, 30, 30), bool)
    mask[5:26, 5:26, 5:26] = True
    flat = 0
    for seed in range(40):
        low, high = (np.asarray(corner) for corner in random_box(mask, np.random.default_rng(seed)))
        axes = high - low < 1
        flat += bool(axes.any())
        assert axes.sum() <= 1
        assert (np.abs(low - 5)[~axes] <= 2).all() and (np.abs(high - 25)[~axes] <= 2).all()
    assert 10 <= flat <= 30


def test_a_distorted_mask_still_resembles_the_truth() -> None:
    mask = np.zeros((36, 36, 36), bool)
    mask[6:30, 6:30, 6:30] = True
    dices = []
    for seed in range(10):
        drawn = distort(mask, np.random.default_rng(seed)) > 0
        dices.append(2 * (drawn & mask).sum() / (drawn.sum() + mask.sum()))
    assert min(dices) > 0.4 and np.mean(dices) > 0.7
    assert np.mean(np.asarray(dices) < 0.97) > 0.5


def test_components_touch_by_corners_and_are_counted() -> None:
    mask = np.zeros((6, 6, 6), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    mask[4:, 4:, 4:] = True
    labels, sizes = components(mask)
    assert sizes.tolist() == [2, 8]
    assert labels[0, 0, 0] == labels[1, 1, 1] == 1 and labels[5, 5, 5] == 2
    assert largest_component(mask).sum() == 8
    assert deepest_voxel(np.ones((3, 5, 5), bool)) == (1, 1, 1)
    assert deepest_voxel(np.ones((3, 5, 5), bool), (4.0, 1.0, 1.0)) == (0, 2, 2)


def test_users_of_one_region_stay_with_it() -> None:
    config = ClickConfig(region=(0.5, 0.3, 0.2), one_region=0.6)
    chances = [region_chances(config, np.random.default_rng(seed)) for seed in range(1000)]
    alone = [chance for chance in chances if chance != config.region]
    assert all(sorted(chance) == [0, 0, 1] for chance in alone)
    assert len(alone) == pytest.approx(600, abs=60)
    assert np.mean(alone, axis=0) == pytest.approx(config.region, abs=0.06)


def test_a_share_of_clicks_is_at_the_border() -> None:
    mask = np.zeros((15, 15, 15), bool)
    mask[1:14, 1:14, 1:14] = True
    depth = ndimage.distance_transform_edt(mask)

    def share(border: float) -> float:
        rng = np.random.default_rng(0)
        places = [place(mask, rng, border) for _ in range(300)]
        return float(np.mean([depth[tuple(int(n) for n in where)] <= 1.5 for where in places]))

    assert share(0.0) == 0
    assert share(0.4) == pytest.approx(0.4, abs=0.08)
    assert share(1.0) == 1


def test_a_correction_tells_the_error_it_lies_in() -> None:
    truth = np.zeros((3, 12, 12, 12), bool)
    truth[:, 2:5, 2:5, 2:5] = truth[:, 8:10, 8:10, 8:10] = True
    click = correct(PromptSet(), np.zeros_like(truth), truth, (0.0, 1.0, 0.0), np.random.default_rng(0))
    assert click is not None and click.index == 1 and at(click.error, click.position)
    assert click.error.sum() in (8, 27)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"border": 1.2}, "clicks at the border must lie in 0 to 1, not 1.2"),
        ({"another_outline": float("nan")}, "another outline"),
        ({"previous_truth": 0.6, "previous_distorted": 0.6}, "both together"),
        ({"users": 0}, "users must be 1 or more"),
    ],
)
def test_shares_that_make_no_sense(changes: dict, said: str) -> None:
    (problem,) = ClickConfig(**changes).problems()
    assert said in problem
    assert ClickConfig().problems() == []


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
        assert np.array_equal(user.previous_logits > 0, user.truth)
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
        own += not (wrong & ~click.error).any() and np.isin(np.abs(user.previous_logits), np.abs(scene.proposal)).all()
    assert 5 < own < 25  # half of the errors are the network's own, the only one that is left


def test_only_errors_near_the_click_count_as_clicked(scene: Scene) -> None:
    for user in users(scene, previous_distorted=1.0):
        where = np.array(user.clicks[0].position)
        for *_, k, j, i in np.argwhere(user.near_clicks()):
            assert np.linalg.norm(np.array([k, j, i]) - where) <= 6


def test_methods_that_are_told_the_proposal_meet_neither(scene: Scene) -> None:
    for user in users(scene, previous="proposal", previous_truth=0.5, previous_distorted=0.5):
        assert np.array_equal(user.previous_logits, scene.proposal)


def test_who_means_another_outline_says_so_first_and_is_judged_by_it(scene: Scene) -> None:
    other = [user for user in users(scene, another_outline=1.0, rounds=(1.0,)) if user.levels is not scene.levels]
    assert len(other) > 10
    for user in other:
        ((where, positive, region),) = user.prompts.points
        index = REGIONS.index(region)
        assert value(user.truth[index], where) == positive
        assert value(user.levels[::2, ::2, ::2] > index, where) != value(scene.levels[::2, ::2, ::2] > index, where)
        assert value(user.near_clicks()[index], where)
        assert np.array_equal(user.previous_logits, scene.proposal)


def test_corrections_lie_in_the_answer_to_those_before(scene: Scene) -> None:
    for user in users(scene, start_none=1.0, start_mask=0.0, rounds=(0.0, 0.0, 1.0), several=0.0):
        assert not user.needs_answer and user.rounds == 2
        user.react(None)  # on the proposal, which is there already
        assert user.needs_answer
        answer = np.where(user.truth, 1.0, -1.0).astype(np.float32)
        answer[:, 10:13] *= -1
        user.react(answer)
        assert not user.rounds
        (_, (where, positive, region)) = user.prompts.points
        assert 10 <= where[0] < 13
        assert value(user.truth[REGIONS.index(region)], where) == positive
        assert np.array_equal(user.previous_logits, np.minimum.accumulate(answer, axis=0))


def test_a_perfect_answer_is_not_corrected(scene: Scene) -> None:
    (user,) = users(scene, 1, start_none=0.0, start_box=0.0, start_mask=0.0, rounds=(0.0, 1.0))
    before = list(user.prompts.points)
    user.react(np.where(user.truth, 1.0, -1.0))
    assert user.prompts.points == before and not user.rounds
    assert np.array_equal(user.previous_logits, scene.proposal)  # the newest prompts are still the first


def test_who_draws_a_mask_corrects_the_mask(scene: Scene) -> None:
    for user in users(scene, start_mask=1.0, rounds=(1.0,), several=0.0, region=(0.0, 1.0, 0.0)):
        drawn = user.prompts.masks["TC"]
        assert not user.needs_answer and user.rounds == 1
        assert np.array_equal(user.previous_logits[1], 4 * drawn)
        user.react(None)
        for where, positive, region in user.prompts.points:
            if region == "TC":
                assert value(drawn > 0, where) != positive
        assert np.array_equal(user.previous_logits[1], 4 * drawn)


def test_kinds_that_a_network_does_not_read_are_not_given(scene: Scene) -> None:
    config = ClickConfig(start_none=0.0, start_box=0.4, start_mask=0.3, another_outline=1.0, previous_truth=0.5)
    for seed in range(20):
        user = User(scene, config, ("box",), "answer", np.random.default_rng(seed))
        assert not user.prompts.points and not user.prompts.masks and not user.rounds
        nothing = User(scene, config, (), "proposal", np.random.default_rng(seed))
        assert nothing.prompts == PromptSet(points=[], boxes=[], masks={})
