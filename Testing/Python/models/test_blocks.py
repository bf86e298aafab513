"""Blocks of the decoders."""

import pytest
import torch
from monai.networks.blocks import UnetResBlock
from segment_anything.modeling import MaskDecoder
from torch import nn

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.blocks import InstanceNorm, ResidualBlock, Upsampling, channels_last, only_present, pool_maps
from GliomaSAMLib.models.prompt_maps import CHANNELS, POINT_CHANNELS


def test_no_point_is_lost_by_pooling_and_the_rest_is_averaged() -> None:
    maps = torch.zeros(1, CHANNELS, 4, 6, 8)
    maps[:, :, 1, 2, 5] = 0.8
    pooled = pool_maps(maps)
    assert pooled.shape == (1, CHANNELS, 2, 3, 4)
    torch.testing.assert_close(pooled[0, :POINT_CHANNELS, 0, 1, 2], torch.full((POINT_CHANNELS,), 0.8))
    torch.testing.assert_close(pooled[0, POINT_CHANNELS:, 0, 1, 2], torch.full((CHANNELS - POINT_CHANNELS,), 0.1))


def test_absent_images_are_blank_and_the_others_make_up_for_them() -> None:
    images = torch.ones(2, 4, 2, 2, 2)
    images[0, 1] = torch.nan
    present = torch.tensor([[True, False, True, False], [True, True, True, True]])
    seen = only_present(images, present)
    assert seen.flatten(2).amax(dim=2).tolist() == [[2, 0, 2, 0], [1, 1, 1, 1]]


def test_a_residual_block_is_that_of_monai() -> None:
    torch.manual_seed(0)
    ours, theirs = ResidualBlock(4), UnetResBlock(3, 4, 4, 3, 1, ("instance", {"affine": True}))
    theirs.load_state_dict(
        {
            key.replace("conv1.", "conv1.conv.").replace("conv2.", "conv2.conv."): value
            for key, value in ours.state_dict().items()
        }
    )
    x = torch.randn(2, 4, 6, 4, 5)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_it_is_that_of_torch(batch: int, training: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = InstanceNorm(6).train(training), torch.nn.InstanceNorm3d(6, affine=True).train(training)
    torch.nn.init.normal_(ours.weight)
    torch.nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    x = 3 + 2 * torch.randn(batch, 6, 4, 5, 7)
    expected = theirs(x)
    torch.testing.assert_close(ours(x), expected)
    last = x.contiguous(memory_format=torch.channels_last_3d)
    found = ours(last)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert batch > 1 or found.is_contiguous(memory_format=torch.channels_last_3d)


def test_convolutions_with_channels_last_give_the_same_with_their_weights_so() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv3d(3, 8, 3, padding=1), InstanceNorm(8), torch.nn.Conv3d(8, 2, 1))
    x = torch.randn(1, 3, 6, 6, 6)
    expected = network(x)
    channels_last(network)
    found = network(x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(("doublings", "channels"), [(1, 64), (2, 32), (3, 16), (4, 8)])
def test_each_doubling_doubles_the_grid(doublings: int, channels: int) -> None:
    torch.manual_seed(0)
    upsampling = Upsampling(256, doublings)
    grid = upsampling(torch.randn(2, 256, 3, 4))
    assert grid.shape == (2, channels, 3 * 2**doublings, 4 * 2**doublings)
    assert upsampling.channels_out == channels


def test_an_embedding_of_32_cells_gives_512_pixels() -> None:
    with torch.device("meta"):
        assert Upsampling(256, 4)(torch.empty(1, 256, 32, 32)).shape == (1, 8, 512, 512)


def test_two_doublings_are_those_of_sam() -> None:
    torch.manual_seed(0)
    sam = MaskDecoder(transformer_dim=64, transformer=nn.Identity()).output_upscaling
    for parameter in sam.parameters():
        nn.init.normal_(parameter)
    upsampling = Upsampling(64, 2)
    upsampling.load_state_dict(sam.state_dict())
    x = torch.randn(1, 64, 5, 3)
    assert torch.equal(upsampling(x), sam(x))


def test_a_norm_stands_between_steps_and_none_after_the_last() -> None:
    kinds = [type(layer).__name__ for layer in Upsampling(256, 4)]
    assert kinds == ["ConvTranspose2d", "LayerNorm2d", "GELU"] * 3 + ["ConvTranspose2d", "GELU"]


def test_a_cell_of_the_embedding_becomes_its_own_pixels() -> None:
    torch.manual_seed(0)
    upsampling = Upsampling(64, 3)
    x = torch.randn(1, 64, 4, 5)
    before = upsampling(x)
    x[0, :, 1, 3] += 1
    differs = (upsampling(x) != before).any(dim=1)[0].nonzero()
    assert differs.min(dim=0).values.tolist() == [8, 24] and differs.max(dim=0).values.tolist() == [15, 31]


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    upsampling = Upsampling(64, 4)
    upsampling(torch.randn(1, 64, 4, 4)).square().sum().backward()
    assert [name for name, p in upsampling.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize(("channels", "doublings"), [(256, 0), (64, 6), (100, 4), (2, 1)])
def test_what_cannot_be_divided_is_refused(channels: int, doublings: int) -> None:
    with pytest.raises(ModelError, match=f"{channels} channels"):
        Upsampling(channels, doublings)


@pytest.mark.parametrize(("doublings", "count"), [(2, 73_952), (4, 76_632)])
def test_parameter_counts(doublings: int, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Upsampling(256, doublings).parameters()) == count
