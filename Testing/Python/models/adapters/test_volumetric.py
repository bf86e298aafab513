"""The volumetric adapter: which tokens it sees, and in what number format."""

import pytest
import torch

from GliomaSAMLib.models.adapters import StackContext
from GliomaSAMLib.models.adapters.depth import VolumetricAdapter

CONTEXT = StackContext(batch=2, modalities=3, depth=5, present=torch.ones(2, 3, dtype=torch.bool))


@pytest.fixture
def adapter() -> VolumetricAdapter:
    torch.manual_seed(0)
    return VolumetricAdapter(12, 6)


@pytest.fixture
def trained(adapter: VolumetricAdapter) -> VolumetricAdapter:
    torch.nn.init.normal_(adapter.up.weight)
    return adapter


def tokens() -> torch.Tensor:
    return torch.randn(30, 4, 6, 12, generator=torch.Generator().manual_seed(1))


def test_a_token_is_seen_by_its_neighbours_in_the_stack_and_by_no_other(trained: VolumetricAdapter) -> None:
    given = tokens()
    before = CONTEXT.split(trained(given, CONTEXT))
    CONTEXT.split(given)[1, 2, 1, 1, 3] += torch.arange(12.0)  # a view: the tokens change
    changed = (CONTEXT.split(trained(given, CONTEXT)) - before).abs().amax(dim=-1) > 1e-6
    expected = torch.zeros_like(changed)
    expected[1, 2, 0:3, 0:3, 2:5] = True
    assert torch.equal(changed, expected)


def test_the_format_of_the_tokens_is_kept(trained: VolumetricAdapter) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert trained(tokens(), CONTEXT).dtype == torch.float32
