"""Spatial correlated feature fusion: its formula, and modalities that are missing."""

import pytest
import torch
import torch.nn.functional as F

from GliomaSAMLib.models.fusion import SpatialCorrelatedFusion

SUBSETS: list[set[int]] = [{2}, {1, 3}, {0, 1, 2, 3}]


def fusion(modalities: int = 4) -> SpatialCorrelatedFusion:
    torch.manual_seed(0)
    module = SpatialCorrelatedFusion(channels=6, modalities=modalities)
    if module.correlation is not None:
        torch.nn.init.normal_(module.correlation)
    return module


def features(modalities: int = 4) -> torch.Tensor:
    return torch.randn(2, modalities, 6, 9, 8, generator=torch.Generator().manual_seed(1))


def every(modalities: int = 4) -> torch.Tensor:
    return torch.ones(2, modalities, dtype=torch.bool)


def test_two_modalities_by_the_formula() -> None:
    module, given = fusion(2), features(2)
    assert module.correlation is not None and module.attention is not None
    one, other = given[:, 0], given[:, 1]
    c = module.correlation[0][:, None, None] * one * other
    n = F.gelu(module.mix(torch.cat([one, other], dim=1)))
    s = torch.sigmoid(module.attention(torch.cat([c.mean(1, keepdim=True), c.max(1, keepdim=True).values], dim=1)))
    assert torch.allclose(module(given, every(2)), n + s * c + (one + other) / 2, atol=1e-6)


def test_every_pair_has_a_weight_of_its_own() -> None:
    """By the formula, also where one modality is missing: what is left is scaled up."""
    module, given = fusion(3), features(3)
    assert module.correlation is not None and module.attention is not None
    products = {(i, j): given[:, i] * given[:, j] for i, j in [(0, 1), (0, 2), (1, 2)]}
    weights = dict(zip(products, module.correlation[:, :, None, None], strict=True))
    whole = sum(weights[pair] * products[pair] for pair in products)
    for kept, c in (([0, 1, 2], whole), ([0, 2], 3 * weights[0, 2] * products[0, 2])):
        present = torch.tensor([[m in kept for m in range(3)]] * 2)
        blank = given.masked_fill(~present[:, :, None, None, None], 0)
        n = F.gelu(module.mix((blank * 3 / len(kept)).flatten(1, 2))) + blank.sum(dim=1) / len(kept)
        s = torch.sigmoid(module.attention(torch.cat([c.mean(1, keepdim=True), c.amax(1, keepdim=True)], dim=1)))
        assert torch.allclose(module(given, present), n + s * c, atol=1e-5)


def test_one_modality_present_has_no_correlation() -> None:
    module, given = fusion(4), features(4)
    present = torch.tensor([[False, False, True, False]] * 2)
    blank = torch.zeros_like(given)
    blank[:, 2] = given[:, 2] * 4  # what is left in the convolution is scaled up
    expected = F.gelu(module.mix(blank.flatten(1, 2))) + given[:, 2]
    assert torch.allclose(module(given, present), expected, atol=1e-5)


def test_a_network_of_one_modality() -> None:
    module, given = fusion(1), features(1)
    assert torch.allclose(module(given, every(1)), F.gelu(module.mix(given[:, 0])) + given[:, 0], atol=1e-6)


@pytest.mark.parametrize("modalities", [1, 2, 4])
def test_parameters_and_gradients(modalities: int) -> None:
    module = fusion(modalities)
    pairs = modalities * (modalities - 1) // 2
    expected = modalities * 6 * 6 + 6 + (99 + 6 * pairs if pairs else 0)
    assert sum(p.numel() for p in module.parameters()) == expected
    module(features(modalities), every(modalities)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
def test_a_missing_modality_has_no_influence(subset: set[int]) -> None:
    module, given = fusion(), features()
    present = torch.tensor([[m in subset for m in range(4)], [True] * 4])
    expected = module(given, present)
    assert torch.isfinite(expected).all()
    for rubbish in (float("nan"), 1e4):
        other = given.clone()
        other[0, [m for m in range(4) if m not in subset]] = rubbish
        other.requires_grad_()
        found = module(other, present)
        assert torch.equal(found, expected)
        found.sum().backward()
        assert other.grad is not None
        assert [bool(other.grad[0, m].any()) for m in range(4)] == [m in subset for m in range(4)]
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())
    if len(subset) < 4:
        assert not torch.allclose(expected[0], module(given, every())[0])
    assert torch.equal(expected[1], module(given, every())[1])


def test_samples_do_not_meet() -> None:
    module, given = fusion(), features()
    present = torch.tensor([[True, True, False, True], [False, True, True, False]])
    assert torch.allclose(module(given.flip(0), present.flip(0)), module(given, present).flip(0), atol=1e-6)
