"""The cross-modality attention adapter: its formula, positions and number formats."""

import pytest
import torch
from torch import Tensor, nn

from GliomaSAMLib.models.adapters.base import StackContext
from GliomaSAMLib.models.adapters.cross_modality import CrossModalityAdapter

B, M, D, C = 2, 4, 2, 64
EVERYTHING = torch.ones(B, M, dtype=torch.bool)
SOME = torch.tensor([[True, False, True, True], [False, True, False, True]])


def stack(present: Tensor) -> StackContext:
    return StackContext(B, M, D, present)


def tokens() -> Tensor:
    return torch.randn(B * M * D, 4, 4, C, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def adapter() -> CrossModalityAdapter:
    """An adapter that has left its first state."""
    torch.manual_seed(0)
    adapter = CrossModalityAdapter(C, M)
    nn.init.normal_(adapter.modality)
    nn.init.normal_(adapter.norm.weight)
    nn.init.normal_(adapter.up.weight, std=0.3)
    return adapter


def test_it_computes_what_it_says(adapter: CrossModalityAdapter) -> None:
    context = stack(SOME)
    result, given = context.split(adapter(tokens(), context)), context.split(tokens())
    for study, depth, row, column in ((0, 0, 1, 2), (1, 1, 3, 0)):
        x = given[study, :, depth, row, column]  # M x C
        q, k, v = ((adapter.down(adapter.norm(x)) + adapter.modality) @ adapter.qkv.weight.T).chunk(3, dim=-1)
        there = SOME[study].nonzero().flatten()
        weight = (q @ k[there].T / q.shape[-1] ** 0.5).softmax(dim=-1)
        expected = x + weight @ v[there] @ adapter.up.weight.T
        assert torch.allclose(result[study, there, depth, row, column], expected[there], atol=1e-4)


@pytest.mark.parametrize("absent", range(M))
def test_each_modality_is_missed(absent: int, adapter: CrossModalityAdapter) -> None:
    present = EVERYTHING.clone()
    present[0, absent] = False
    whole, less = (stack(p).split(adapter(tokens(), stack(p))) for p in (EVERYTHING, present))
    assert not torch.isclose(whole[0, present[0]], less[0, present[0]]).all(dim=-1).any()
    assert torch.equal(whole[1], less[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("count", [0, 1])
def test_all_is_finite_with_one_modality_or_none(dtype: torch.dtype, count: int, adapter: CrossModalityAdapter) -> None:
    present = torch.zeros(B, M, dtype=torch.bool)
    present[:, :count] = True
    given = (100 * tokens()).to(dtype).requires_grad_()
    result = adapter.to(dtype)(given, stack(present))
    result.float().mean().backward()
    assert result.dtype == dtype and torch.isfinite(result).all()
    for tensor in (given, *adapter.parameters()):
        assert tensor.grad is not None and torch.isfinite(tensor.grad).all()


def test_it_runs_under_autocast(adapter: CrossModalityAdapter) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        result = adapter(tokens(), stack(SOME))
    assert result.dtype == torch.float32
    assert torch.allclose(result, adapter(tokens(), stack(SOME)), atol=0.05)


def test_a_modality_is_known_by_its_place(adapter: CrossModalityAdapter) -> None:
    order = [2, 0, 3, 1]
    expected = stack(SOME).split(adapter(tokens(), stack(SOME)))[:, order]
    moved = stack(SOME[:, order])
    given = moved.join(moved.split(tokens())[:, order])
    there = moved.present
    assert not torch.allclose(moved.split(adapter(given, moved))[there], expected[there], atol=1e-2)
    with torch.no_grad():
        adapter.modality.copy_(adapter.modality[order])
    assert torch.allclose(moved.split(adapter(given, moved))[there], expected[there], atol=1e-4)


def test_modalities_meet_at_one_position_only(adapter: CrossModalityAdapter) -> None:
    context = stack(EVERYTHING)
    before, changed = adapter(tokens(), context), tokens()
    context.split(changed)[1, 2, 0, 3, 1] += torch.randn(C)
    differs = ~torch.isclose(adapter(changed, context), before).all(dim=-1)
    assert {tuple(place) for place in context.split(differs).nonzero().tolist()} == {(1, m, 0, 3, 1) for m in range(M)}


def trained_parameters(channels: int, width: int | None = None) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in CrossModalityAdapter(channels, M, width).parameters())


def test_parameter_counts() -> None:
    assert (trained_parameters(160), trained_parameters(320)) == (18_080, 71_360)
    assert 12 * trained_parameters(768) == 4_893_696
    assert trained_parameters(64) == trained_parameters(64, 32)  # never narrower than 32


@pytest.mark.parametrize("depth", [1, 5])
@pytest.mark.parametrize("modalities", [(0, 1, 2, 3), (0, 3)])
def test_without_gradients_it_computes_the_same(
    depth: int, modalities: tuple[int, ...], adapter: CrossModalityAdapter
) -> None:
    """Some slices at a time, without a copy where all is there."""
    present = torch.zeros(B, M, dtype=torch.bool)
    present[:, list(modalities)] = True
    given = torch.randn(B * M * depth, 4, 3, C, generator=torch.Generator().manual_seed(2))
    context = StackContext(B, M, depth, present)
    expected = adapter(given, context)
    before = given.clone()
    with torch.no_grad():
        found = adapter(given, context)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(given, before)
