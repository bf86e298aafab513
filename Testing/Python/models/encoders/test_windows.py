"""Windows of a grid against those of segment_anything."""

import pytest
import torch
from segment_anything.modeling.image_encoder import window_partition, window_unpartition

from GliomaSAMLib.models.encoders.windows import from_windows, to_windows


@pytest.mark.parametrize(("height", "width"), [(6, 9), (3, 3), (4, 7), (1, 2)])
def test_they_are_those_of_segment_anything_and_lead_back(height: int, width: int) -> None:
    grid = torch.randn(2, height, width, 5)
    windows, padded = window_partition(grid, 3)
    assert torch.equal(to_windows(grid, 3), windows)
    assert torch.equal(from_windows(windows, height, width), window_unpartition(windows, 3, padded, (height, width)))
    assert torch.equal(from_windows(to_windows(grid, 3), height, width), grid)
