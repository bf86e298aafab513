"""Which slices of a volume are embedded, and where they lie."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.slice_stack import StackLayout, pad_to

SLICES = st.sampled_from([1.0, 2.0, 4.0, 8.0, 16.0])

BLOCKS = st.integers(1, 14)


@given(SLICES, BLOCKS)
def test_embedded_slices_cover_the_volume_evenly(slice_mm: float, blocks: int) -> None:
    depth = 16 * blocks
    indices = StackLayout(slice_mm).indices(depth)
    assert len(indices) == StackLayout(slice_mm).count(depth) == depth / slice_mm
    assert set(np.diff(indices)) <= {slice_mm}
    # no voxel is further than half a step from a slice, and each cell holds its slice
    assert indices[0] <= slice_mm / 2 and depth - 1 - indices[-1] <= slice_mm / 2
    assert all(n * slice_mm <= k < (n + 1) * slice_mm for n, k in enumerate(indices))


@given(SLICES, BLOCKS, BLOCKS)
def test_a_box_on_the_lattice_holds_the_slices_of_the_whole(slice_mm: float, start: int, blocks: int) -> None:
    layout = StackLayout(slice_mm)
    all_slices = layout.indices(16 * (start + blocks))
    inside = [k - 16 * start for k in all_slices if k >= 16 * start]
    assert layout.indices(16 * blocks) == inside


def test_shape_and_pixels() -> None:
    layout = StackLayout(slice_mm=4.0, pixel_mm=1.5)
    assert layout.pixels((96, 100), multiple=4) == (64, 68)
    assert layout.shape((32, 96, 100), SimpleNamespace(stride=4, pixel_multiple=4)) == (8, 16, 17)
    assert layout.shape((32, 96, 100), SimpleNamespace(stride=2, pixel_multiple=4)) == (8, 32, 34)


@pytest.mark.parametrize("slice_mm", [3.0, 5.0, 32.0, 0, 0.0, -4.0, 1 / 64, float("nan"), "4", None, [4]])
def test_slices_that_do_not_fit_the_decoder(slice_mm: Any) -> None:
    with pytest.raises(ModelError, match="do not fit the decoder: choose 1, 2, 4, 8 or 16"):
        StackLayout(slice_mm)


@pytest.mark.parametrize("pixel_mm", [0, 0.0, 1e-3, -1.5, 8.5, float("nan"), "1.5", None, [1.5]])
def test_pixels_that_no_memory_holds_or_that_show_nothing(pixel_mm: Any) -> None:
    with pytest.raises(ModelError, match=r"pixels of .* mm cannot be used: choose a number from 0\.5 to 8"):
        StackLayout(pixel_mm=pixel_mm)


def test_padding_appends_zeros() -> None:
    array = np.ones((2, 17, 16, 1))
    padded = pad_to(array, 16)
    assert padded.shape == (2, 32, 16, 16)
    assert padded.sum() == array.sum() and (padded[:, :17, :, :1] == 1).all()
