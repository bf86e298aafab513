"""GELU on dense memory against torch's own."""

import pytest
import torch
from torch import nn

from GliomaSAMLib.models.encoders.dense_gelu import DenseGELU


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7), (1, 3, 2, 4, 5)])
def test_values_gradient_and_layout_stay(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    if len(shape) == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    given, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, expected = DenseGELU()(given), nn.functional.gelu(other)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    assert found.stride() == x.stride()
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(given.grad, other.grad, atol=1e-5, rtol=1e-5)
