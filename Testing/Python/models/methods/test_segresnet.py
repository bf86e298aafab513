"""The plain SegResNet: its input channels."""

import torch

from GliomaSAMLib.models.methods.segresnet import PromptableSegResNet, SegResNetConfig
from GliomaSAMLib.models.prompt_maps import CHANNELS, PROMPT_CHANNELS


def test_features_are_the_images_as_channels_and_flags() -> None:
    network = PromptableSegResNet(SegResNetConfig(filters=8)).eval()
    images = torch.rand(1, 4, 16, 16, 16)
    present = torch.tensor([[True, False, True, True]])
    (features,) = network.encode(images, present)
    assert features.shape == (1, 4 * 8 + 4, 8, 8, 8)
    assert not features[:, 8:16].any() and features[:, :8].any()
    assert features[0, 32:, 0, 0, 0].tolist() == [1, 0, 1, 1]


def test_reads_every_prompt_channel() -> None:
    torch.manual_seed(0)
    network = PromptableSegResNet(SegResNetConfig(filters=8)).eval()
    features = network.encode(torch.rand(1, 4, 16, 16, 16), torch.ones(1, 4, dtype=torch.bool))
    with torch.no_grad():
        nothing = network.decode(features, torch.zeros(1, CHANNELS, 8, 8, 8))
        for channel in range(PROMPT_CHANNELS):
            maps = torch.zeros(1, CHANNELS, 8, 8, 8)
            maps[:, channel, 2:5, 2:5, 2:5] = 1
            assert not torch.allclose(network.decode(features, maps), nothing)
