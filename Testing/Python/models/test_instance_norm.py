"""Instance norm of volumes with the channels last is torch's, and keeps their order in memory."""

import pytest
import torch

from GliomaSAMLib.models.instance_norm import InstanceNorm, channels_last


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
