"""An outline that ends where the images end is told: its volume is a lower bound."""

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.session.field_of_view import cut_off_notes
from GliomaSAMLib.session.masks import PackedMasks

GRID = Geometry((12, 10, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((-1.0, 0, 0), (0, -1.0, 0), (0, 0, 1.0)))
"""LPS: I runs to the left, J to the back, K to the top."""


@pytest.mark.parametrize(
    ("place", "ends"),
    [
        ((slice(0, 3), slice(3, 6), slice(3, 6)), "bottom"),
        ((slice(6, 8), slice(3, 6), slice(3, 6)), "top"),
        ((slice(0, 8), slice(3, 6), slice(3, 6)), "bottom, top"),
        ((slice(3, 6), slice(0, 2), slice(3, 6)), "front"),
        ((slice(3, 6), slice(8, 10), slice(3, 6)), "back"),
        ((slice(3, 6), slice(3, 6), slice(0, 2)), "right"),
        ((slice(3, 6), slice(3, 6), slice(9, 12)), "left"),
        ((slice(1, 7), slice(1, 9), slice(1, 11)), None),
    ],
)
def test_ends_are_named(place: tuple[slice, ...], ends: str | None) -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[place] = 1
    notes = cut_off_notes(PackedMasks.of({"WT": mask, "TC": np.zeros_like(mask), "ET": np.zeros_like(mask)}), GRID)
    if ends is None:
        assert notes == []
    else:
        assert notes == [
            f"WT ends with the field of view ({ends}): the tumour may go on beyond its edge, so its volume is a lower "
            "bound"
        ]


def test_several_regions_and_none() -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    assert cut_off_notes(PackedMasks.empty(GRID.shape), GRID) == []
    mask[0, 4, 4] = 1
    (note,) = cut_off_notes(PackedMasks.of({"WT": mask, "TC": mask, "ET": np.zeros_like(mask)}), GRID)
    assert note.startswith("WT and TC end with the field of view (bottom)") and "their volumes are lower" in note
