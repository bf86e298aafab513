import torch
from monai.networks.utils import pixelshuffle, pixelunshuffle

from GliomaSAMLib.models.shuffle import channels_to_voxels, voxels_to_channels


def test_both_are_those_of_monai() -> None:
    volume = torch.rand(2, 3, 8, 4, 6)
    cells = voxels_to_channels(volume)
    assert torch.equal(cells, pixelunshuffle(volume, 3, 2))
    assert torch.equal(channels_to_voxels(cells), volume)
    other = torch.rand(1, 16, 3, 5, 2)
    assert torch.equal(channels_to_voxels(other), pixelshuffle(other, 3, 2))


def test_gradients_go_back_to_their_voxels() -> None:
    volume = torch.rand(1, 2, 4, 4, 4, requires_grad=True)
    channels_to_voxels(voxels_to_channels(volume) * 3).sum().backward()
    assert volume.grad is not None and torch.equal(volume.grad, torch.full_like(volume, 3))
