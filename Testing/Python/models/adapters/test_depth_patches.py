"""Patches of several slices: their mean at first, learned weights, and depths that do not divide."""

import pytest
import torch

from GliomaSAMLib.models.adapters.depth import DepthPatches


def patches(p_z: int = 3, max_depth: int = 4, **learned: bool) -> DepthPatches:
    torch.manual_seed(0)
    made = DepthPatches(6, p_z, max_depth)
    for name in learned:
        torch.nn.init.normal_(getattr(made, name))
    return made


def tokens(depth: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(2, depth, 4, 5, 6, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("p_z", "depth"), [(1, 6), (2, 7), (8, 1)])
def test_equal_slices_are_given_as_they_are(p_z: int, depth: int, dtype: torch.dtype) -> None:
    one = tokens(1, dtype)
    found = patches(p_z)(one.expand(-1, depth, -1, -1, -1))
    assert torch.equal(found, one.expand(-1, -(-depth // p_z), -1, -1, -1)) and found.dtype == dtype


def test_at_first_neighbours_are_averaged() -> None:
    given = tokens(6)
    assert torch.allclose(patches()(given), given.unflatten(1, (2, 3)).mean(dim=2), atol=1e-6)


def test_learned_weights_are_a_depthwise_convolution() -> None:
    made, given = patches(weight=True, bias=True), tokens(6)
    rows = given.permute(0, 2, 3, 4, 1).flatten(0, 2)  # positions x C x D
    expected = torch.nn.functional.conv1d(rows, made.weight.T[:, None], made.bias, stride=3, groups=6)
    expected = expected.unflatten(0, (2, 4, 5)).permute(0, 4, 1, 2, 3)
    assert torch.allclose(made(given), expected, atol=1e-5)


def test_what_is_missing_is_filled_up_with_the_last_slice() -> None:
    made, given = patches(weight=True), tokens(7)
    filled = torch.cat([given, given[:, 6:], given[:, 6:]], dim=1)
    assert made(given).shape == (2, 3, 4, 5, 6)
    assert torch.equal(made(given), made(filled))


def test_positions_tell_the_depth_and_are_interpolated() -> None:
    made = patches(position=True)
    own = made(torch.zeros_like(tokens(12)))[0, :, 0, 0]
    assert torch.equal(own, made.position)
    doubled = made(torch.zeros_like(tokens(24)))[0, :, 0, 0]
    assert doubled.shape == (8, 6)
    assert torch.allclose(doubled[[0, -1]], made.position[[0, -1]])
    assert torch.allclose(doubled[1], 0.75 * made.position[0] + 0.25 * made.position[1], atol=1e-6)


@pytest.mark.parametrize("depth", [12, 7])
def test_every_parameter_gets_a_gradient(depth: int) -> None:
    made = patches()
    found = made(tokens(depth))
    (found * torch.randn_like(found)).sum().backward()
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
