"""What one click did to a mask: how much of the error it was given for, and how much else, it mended and broke."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .placement import largest_component

NEAR_MM = 10.0
"""So far from a click its own error counts as what it was given for."""

LOWERED = 0.005
"""A click after which Dice is lower by more than this counts as lowering it."""


@dataclass(frozen=True)
class ClickEffect:
    """Voxels that one prompt changed for better or worse.

    Attributes:
        near: Voxels of the clicked error within 10 mm of the click; 0 for a box. The clicked error is the largest
            26-connected part of what was wrong before.
        near_mended: How many of these are right afterwards.
        mended: Voxels anywhere that became right.
        broken: Voxels anywhere that became wrong.
    """

    near: int
    near_mended: int
    mended: int
    broken: int

    @property
    def mended_share(self) -> float | None:
        """Share of the clicked error within 10 mm that is mended; None where nothing of it lies so near."""
        return self.near_mended / self.near if self.near else None


def click_effect(
    before: np.ndarray,
    after: np.ndarray,
    truth: np.ndarray,
    voxel: tuple[int, int, int] | None,
    spacing: Sequence[float],
) -> ClickEffect:
    """Compare the masks before and after a prompt with the truth.

    Args:
        before, after, truth: (K, J, I), non-zero inside.
        voxel: Index (K, J, I) of the click; None for a box.
        spacing: mm between voxels along K, J, I.
    """
    wrong_before, wrong_after = (before > 0) != (truth > 0), (after > 0) != (truth > 0)
    near = near_mended = 0
    if voxel is not None and wrong_before.any():
        reach = [int(NEAR_MM / step) for step in spacing]
        window = tuple(slice(max(0, v - r), v + r + 1) for v, r in zip(voxel, reach, strict=True))
        error = largest_component(wrong_before)[window]
        places = np.argwhere(error)
        offsets = (places + [cut.start for cut in window] - np.asarray(voxel)) * np.asarray(spacing)
        places = places[np.linalg.norm(offsets, axis=1) <= NEAR_MM]
        near = len(places)
        near_mended = int(np.count_nonzero(~wrong_after[window][tuple(places.T)]))
    return ClickEffect(
        near=near,
        near_mended=near_mended,
        mended=int(np.count_nonzero(wrong_before & ~wrong_after)),
        broken=int(np.count_nonzero(wrong_after & ~wrong_before)),
    )
