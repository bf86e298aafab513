"""The slab of axial slices that is embedded and decoded: near the prompts, and larger where the tumour reaches out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

LATTICE = 32
"""Slabs begin and end at multiples of this many mm, so that the same slab comes again for a click nearby."""
REACH_MM = 64
WHOLE_SHARE = 0.75
"""From this share of the volume on all of it is taken: what is saved is not worth a change of slabs later."""
GROWTH_MM = 32
BORDER_MM = 4


@dataclass(frozen=True)
class Slab:
    """Canonical slices `start` to `stop` (K, mm) of a padded volume of `depth` slices."""

    start: int
    stop: int
    depth: int

    @classmethod
    def whole(cls, depth: int) -> "Slab":
        """All slices."""
        return cls(0, depth, depth)

    @classmethod
    def around(cls, slices: Iterable[float], depth: int) -> "Slab":
        """The slices within reach of prompts at `slices` (K); all of them without prompts."""
        positions = list(slices)
        if not positions:
            return cls.whole(depth)
        start = int((min(positions) - REACH_MM) // LATTICE) * LATTICE
        stop = -int(-(max(positions) + 1 + REACH_MM) // LATTICE) * LATTICE
        return cls(max(0, start), min(depth, stop), depth)._or_whole()

    def grown(self, mask: np.ndarray) -> "Slab":
        """A larger slab where `mask`, bool (K, J, I) of this slab, comes near its open ends; else this one."""
        start, stop = self.start, self.stop
        if start > 0 and mask[:BORDER_MM].any():
            start = max(0, start - GROWTH_MM)
        if stop < self.depth and mask[-BORDER_MM:].any():
            stop = min(self.depth, stop + GROWTH_MM)
        return Slab(start, stop, self.depth)._or_whole()

    def _or_whole(self) -> "Slab":
        return self if self.stop - self.start < WHOLE_SHARE * self.depth else Slab.whole(self.depth)
