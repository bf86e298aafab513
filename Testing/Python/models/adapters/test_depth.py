"""The depth adapter: its formula, and which slices it sees."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from GliomaSAMLib.models.adapters.base import StackContext
from GliomaSAMLib.models.adapters.depth import DepthAdapter

B, M, D, C = 2, 3, 5, 64

CONTEXT = StackContext(B, M, D, torch.ones(B, M, dtype=torch.bool))


def tokens(height: int = 4, width: int = 4) -> Tensor:
    return torch.randn(B * M * D, height, width, C, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def adapter() -> DepthAdapter:
    """An adapter that has left its first state."""
    torch.manual_seed(0)
    adapter = DepthAdapter(C)
    nn.init.normal_(adapter.up.weight)
    nn.init.normal_(adapter.norm.weight)
    return adapter


@pytest.mark.parametrize("depth", [0, 2, D - 1])
def test_a_slice_is_seen_by_its_two_neighbours_alone(depth: int, adapter: DepthAdapter) -> None:
    before, changed = adapter(tokens(), CONTEXT), tokens()
    study, modality, row, column = 1, 1, 2, 3
    CONTEXT.split(changed)[study, modality, depth, row, column] += torch.randn(C)
    differs = CONTEXT.split(adapter(changed, CONTEXT) != before).any(dim=-1)
    expected = {(study, modality, d, row, column) for d in (depth - 1, depth, depth + 1) if 0 <= d < D}
    assert {tuple(place) for place in differs.nonzero().tolist()} == expected


def test_it_computes_what_it_says(adapter: DepthAdapter) -> None:
    given = tokens(3, 5)
    inner = CONTEXT.split(adapter.down(adapter.norm(given)))
    padded = F.pad(inner, (0, 0, 0, 0, 0, 0, 1, 1))
    return_layers = [padded[:, :, i : i + D] @ adapter.conv.weight[:, :, i, 0, 0].T for i in range(3)]
    expected = CONTEXT.split(given) + F.gelu(sum(return_layers) + adapter.conv.bias) @ adapter.up.weight.T
    assert torch.allclose(CONTEXT.split(adapter(given, CONTEXT)), expected, atol=1e-4)


def test_order_of_studies_and_modalities_does_not_matter(adapter: DepthAdapter) -> None:
    def permuted(x: Tensor) -> Tensor:
        return CONTEXT.join(CONTEXT.split(x)[[1, 0]][:, [2, 0, 1]])

    assert torch.allclose(adapter(permuted(tokens()), CONTEXT), permuted(adapter(tokens(), CONTEXT)), atol=1e-5)


def test_one_slice_alone(adapter: DepthAdapter) -> None:
    context = StackContext(B, M, 1, CONTEXT.present)
    given = tokens()[: B * M]
    assert adapter(given, context).shape == given.shape


def trained_parameters(channels: int, width: int | None, count: int) -> int:
    with torch.device("meta"):
        adapters = nn.ModuleList(DepthAdapter(channels, width) for _ in range(count))
    return sum(p.numel() for p in adapters.parameters())


def test_parameter_counts() -> None:
    """Two adapters of the paper's width in each of ViT-B's 12 blocks have the 24.8 M of the paper's code."""
    assert trained_parameters(768, 384, 24) == 24_818_688
    assert trained_parameters(768, None, 24) == 24 * 407_232  # 9.8 M
    assert (trained_parameters(160, None, 1), trained_parameters(320, None, 1)) == (17_960, 71_120)
