import pytest
import torch
from segment_anything.modeling import MaskDecoder
from torch import nn

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.upsampling import Upsampling


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
