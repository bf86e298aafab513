"""Blocks of the decoders."""

import torch

from GliomaSAMLib.models.blocks import ResidualBlock, only_present, pool_maps
from GliomaSAMLib.prompts.maps import CHANNELS, POINT_CHANNELS


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


def test_a_residual_block_changes_the_channels_and_keeps_the_grid() -> None:
    torch.manual_seed(0)
    for channels in (4, 8):
        found = ResidualBlock(4, channels)(torch.randn(2, 4, 6, 4, 5))
        assert found.shape == (2, channels, 6, 4, 5)
        assert bool(torch.isfinite(found).all()) and found.std() > 0
