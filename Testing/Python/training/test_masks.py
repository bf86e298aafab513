"""Depths, pieces and places by torch, against scipy; chance; and prompt maps against those of a session."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from GliomaSAMLib.models.prompt_maps import PromptSet, prompt_maps
from GliomaSAMLib.training.chance import Chance
from GliomaSAMLib.training.maps_on_device import draw_maps
from GliomaSAMLib.training.masks import (
    REACH,
    STEPS,
    depths,
    distances,
    grown,
    nested,
    on_cells,
    piece_of,
    position,
    signed_depths,
    widened,
)

CPU = torch.device("cpu")
SEEDS = st.integers(0, 2**31)
Compute = Callable[[torch.Tensor], torch.Tensor]


def blob(seed: int, shape: tuple[int, int, int] = (20, 24, 18)) -> np.ndarray:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return field > 0.3 * field.std()


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_depths_are_those_of_scipy(seed: int) -> None:
    mask = blob(seed)
    given_ = torch.from_numpy(mask)
    inside = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
    assert np.allclose(depths(given_).numpy(), np.minimum(inside, REACH), atol=1e-5)
    both = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    assert np.allclose(signed_depths(given_).numpy(), np.clip(both, -REACH, REACH), atol=1e-5)
    near = ndimage.distance_transform_edt(~mask) <= 2.5
    assert np.array_equal(grown(given_, 2.5).numpy(), near)


def test_masks_without_a_border_are_deep_everywhere() -> None:
    full = torch.ones(5, 6, 7, dtype=torch.bool)
    assert (signed_depths(full) == REACH).all() and (signed_depths(~full) == -REACH).all()
    assert depths(full).max() == 3 and depths(full, edge=False).min() == REACH


@pytest.mark.parametrize("edge", [1, 3, 5, 9, 13, 39])
def test_a_mask_is_widened_by_cubes(edge: int) -> None:
    mask = blob(edge)
    wide = ndimage.maximum_filter(mask, edge, mode="constant", cval=0)
    assert np.array_equal(widened(torch.from_numpy(mask), edge).numpy(), wide)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_a_piece_is_the_component_of_its_seed(seed: int) -> None:
    mask = blob(seed)
    if not mask.any():
        return
    where = int(np.random.default_rng(seed).choice(np.flatnonzero(mask)))
    found = piece_of(torch.from_numpy(mask), torch.tensor(where)).numpy()
    start = (np.arange(mask.size) == where).reshape(mask.shape)
    assert np.array_equal(found, ndimage.binary_dilation(start, np.ones((3, 3, 3)), STEPS, mask=mask))


def test_a_piece_ends_where_the_steps_do() -> None:
    snake = torch.zeros(1, 1, 60, dtype=torch.bool) | True
    assert piece_of(snake, torch.tensor(0)).sum() == 1 + STEPS
    outside = torch.zeros(3, 3, 3, dtype=torch.bool)
    assert not piece_of(outside, torch.tensor(13)).any()


def test_places_and_distances() -> None:
    shape = torch.Size((3, 4, 5))
    assert position(torch.tensor(1 * 20 + 2 * 5 + 3), shape).tolist() == [1, 2, 3]
    far = distances(torch.tensor([1, 2, 3]), shape, (2.0, 1.0, 1.0))
    assert far[1, 2, 3] == 0 and far[2, 2, 3] == 0.5 and far[1, 0, 0] == pytest.approx(np.hypot(2, 3))


def test_cells_and_levels() -> None:
    levels = torch.zeros(4, 4, 4, dtype=torch.uint8)
    levels[:2, :2, :1] = 2
    masks = nested(levels)
    assert masks.shape == (3, 4, 4, 4) and [int(one.sum()) for one in masks] == [4, 4, 0]
    assert on_cells(masks).sum(dim=(1, 2, 3)).tolist() == [1, 1, 0]  # half of a cell is enough
    levels[0, 0, 0] = 0
    assert not on_cells(nested(levels)).any()


def test_elements_are_picked_in_proportion_and_never_without_weight() -> None:
    weights = torch.tensor([0.0, 1.0, 0.0, 3.0])
    picked = [int(Chance(CPU, seed).pick(weights)) for seed in range(800)]
    assert set(picked) == {1, 3} and np.mean(np.array(picked) == 3) == pytest.approx(0.75, abs=0.06)


def test_chance_is_the_same_for_the_same_seed_only() -> None:
    first, again, other = (Chance(CPU, *seed) for seed in ((1, 2), (1, 2), (2, 1)))
    fields = [one.normal((8,)) for one in (first, again, other)]
    assert torch.equal(fields[0], fields[1]) and not torch.equal(fields[0], fields[2])
    assert first.uniform(0, 1) == again.uniform(0, 1) != other.uniform(0, 1)


@pytest.mark.parametrize("grain", [3.0, 9.0])
def test_noise_is_smooth_over_its_grain(grain: float) -> None:
    field = Chance(CPU, 1).smooth((40, 33, 52), grain)
    assert field.shape == (40, 33, 52) and field.dtype == torch.float32
    assert field.mean().abs() < 0.3 and 0.3 < field.std() < 1.3
    assert field.diff(dim=0).abs().mean() < 1.5 / grain


def test_maps_are_those_of_a_session() -> None:
    shape = (20, 24, 18)
    rng = np.random.default_rng(0)
    prompts = PromptSet(
        points=[((3.5, 4.0, 5.2), True, "TC"), ((19.0, 0.0, 17.0), False, "WT"), ((-9.0, 4.0, 4.0), True, "ET")],
        boxes=[((1.2, 3.0, 4.0), (6.0, 30.0, 4.0), "ET")],
        masks={"WT": np.sign(rng.normal(size=shape)).astype(np.float32)},
    )
    previous = rng.normal(size=(3, *shape)).astype(np.float32)
    drawn = draw_maps(prompts, shape, 2.0, CPU, torch.from_numpy(previous))
    np.testing.assert_allclose(drawn.numpy(), prompt_maps(prompts, shape, 2.0, previous), atol=1e-6)
