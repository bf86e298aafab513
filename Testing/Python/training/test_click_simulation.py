"""Simulated clicks and boxes: where they lie and what they say."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaSAMLib.data.placement import components, deepest_voxel, largest_component
from GliomaSAMLib.training.chance import Chance
from GliomaSAMLib.training.click_simulation import (
    Click,
    ClickConfig,
    click_in,
    correct,
    distort,
    first_box,
    only,
    place_in,
    region_chances,
)
from GliomaSAMLib.training.masks import depths

SEEDS = st.integers(0, 2**31)
CPU = torch.device("cpu")


def blobs(seed: int, shape: tuple[int, int, int] = (14, 16, 15), levels: int = 3) -> torch.Tensor:
    """Nested random masks, bool (3, k, j, i); the inner ones may be empty."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), 2)
    field /= field.std()
    first = rng.uniform(0.2, 1.5)
    return torch.from_numpy(np.stack([field > first + 0.7 * level for level in range(levels)]))


def cube(side: int = 15, low: int = 1, high: int = 14) -> torch.Tensor:
    mask = torch.zeros((side,) * 3, dtype=torch.bool)
    mask[low:high, low:high, low:high] = True
    return mask


def told(click: Click) -> tuple[tuple[int, int, int], bool, bool]:
    """Where a click lies, whether it is positive, and whether it is there."""
    k, j, i, positive, there = click.numbers.tolist()
    return (int(k), int(j), int(i)), bool(positive), bool(there)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_every_correction_lies_in_the_error_and_tells_the_truth(seed: int) -> None:
    truth, prediction = blobs(seed), blobs(seed + 1)
    chance = Chance(CPU, seed)
    for _ in range(4):
        click = correct(prediction, truth, ClickConfig().region, chance)
        where, positive, there = told(click)
        error = prediction[click.index] != truth[click.index]
        assert there == bool(error.any())
        if there:
            assert bool(truth[click.index][where]) == positive != bool(prediction[click.index][where])
            assert click.error[where] and not (click.error & ~error).any()


def test_without_an_error_there_is_no_click() -> None:
    nothing = torch.zeros(3, 6, 6, 6, dtype=torch.bool)
    assert not told(correct(nothing, nothing, ClickConfig().region, Chance(CPU, 0)))[2]
    assert not told(click_in(nothing[0], nothing, 0, Chance(CPU, 0)))[2]


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_click_is_deep_in_its_piece(seed: int) -> None:
    mask = torch.from_numpy(largest_component(blobs(seed)[0].numpy() | cube(16, 7, 9)[:14, :, :15].numpy()))
    depth = depths(mask)
    assert depth.take(place_in(depth, Chance(CPU, seed))) > 0.5 * depth.max()


def test_a_third_of_the_clicks_is_at_the_deepest_place() -> None:
    depth = depths(cube())
    middle = (7 * 15 + 7) * 15 + 7
    at_the_centre = [int(place_in(depth, Chance(CPU, seed))) == middle for seed in range(300)]
    assert np.mean(at_the_centre) == pytest.approx(0.3, abs=0.08)


def test_a_share_of_clicks_is_at_the_border() -> None:
    depth = depths(cube())

    def share(border: float) -> float:
        chance = Chance(CPU, 0)
        return float(np.mean([float(depth.take(place_in(depth, chance, border))) <= 1.5 for _ in range(300)]))

    assert share(0.0) == 0
    assert share(0.4) == pytest.approx(0.4, abs=0.08)
    assert share(1.0) == 1


def test_larger_errors_are_clicked_first() -> None:
    truth = torch.zeros(3, 20, 20, 20, dtype=torch.bool)
    truth[:, 2:11, 2:11, 2:11] = truth[:, 15:17, 15:17, 15:17] = True
    clicks = [correct(torch.zeros_like(truth), truth, only(1), Chance(CPU, seed)) for seed in range(60)]
    assert all(click.index == 1 and click.region == "TC" for click in clicks)
    sizes = [int(click.error.sum()) for click in clicks]
    assert set(sizes) <= {8, 729} and np.mean(np.array(sizes) == 729) > 0.9


def test_boxes_surround_the_mask_within_a_tenth() -> None:
    mask = cube(30, 5, 26)
    flat = 0
    for seed in range(40):
        *numbers, there = first_box(mask, Chance(CPU, seed)).tolist()
        low, high = np.array(numbers[:3]), np.array(numbers[3:])
        axes = high - low < 1
        flat += bool(axes.any())
        assert there and axes.sum() <= 1
        assert (np.abs(low - 5)[~axes] <= 2).all() and (np.abs(high - 25)[~axes] <= 2).all()
    assert 10 <= flat <= 30
    assert not first_box(~mask & mask, Chance(CPU, 0))[-1]


def test_a_distorted_mask_still_resembles_the_truth() -> None:
    mask = cube(36, 6, 30)
    dices = []
    for seed in range(10):
        drawn = distort(mask, Chance(CPU, seed)) > 0
        dices.append(float(2 * (drawn & mask).sum() / (drawn.sum() + mask.sum())))
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
    chances = [region_chances(config, Chance(CPU, seed)) for seed in range(1000)]
    alone = [chance for chance in chances if chance != config.region]
    assert all(sorted(chance) == [0, 0, 1] for chance in alone)
    assert len(alone) == pytest.approx(600, abs=60)
    assert np.mean(alone, axis=0) == pytest.approx(config.region, abs=0.06)


def test_users_work_on_regions_that_are_known() -> None:
    config = ClickConfig()
    found = {region_chances(config, Chance(CPU, seed), ("WT", "TC")) for seed in range(50)}
    assert found == {only(0), only(1), (2 / 3, 1 / 3, 0.0)}
    assert {region_chances(config, Chance(CPU, seed), ("WT",)) for seed in range(9)} == {only(0)}


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
