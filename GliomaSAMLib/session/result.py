"""What an update gives back, and the masks it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..prompts import Prompt
from ..regions import REGIONS

Box = tuple[int, int, int, int, int, int]


@dataclass(frozen=True)
class Result:
    """The answer to the prompts.

    Args:
        changed: For each region the smallest box (k0, k1, j0, j1, i0, i1) of voxels that are other than before, on
            the reference grid, ends excluded; None where nothing changed.
        seconds: Time the update took.
        notes: What the user should know, such as a change of device.
    """

    changed: Mapping[str, Box | None]
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """The masks for one list of prompts, packed eight voxels a byte.

    Args:
        prompts: The prompts answered.
        shape: Shape (K, J, I) of the reference grid.
        packed: For each region the packed mask.
    """

    prompts: tuple[Prompt, ...]
    shape: tuple[int, int, int]
    packed: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, prompts: tuple[Prompt, ...], masks: Mapping[str, np.ndarray]) -> "State":
        """Pack bool or uint8 `masks`."""
        return cls(prompts, masks["WT"].shape, {name: np.packbits(mask > 0) for name, mask in masks.items()})

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "State":
        """No mask yet."""
        nothing = np.zeros(shape, np.uint8)
        return cls.of((), dict.fromkeys(REGIONS, nothing))

    def mask(self, region: str) -> np.ndarray:
        """uint8 (K, J, I) of 0 and 1."""
        count = int(np.prod(self.shape))
        return np.unpackbits(self.packed[region], count=count).reshape(self.shape)

    def changes(self, before: "State") -> dict[str, Box | None]:
        """For each region the box of voxels that differ from `before`."""
        boxes: dict[str, Box | None] = {}
        for name in REGIONS:
            difference = np.bitwise_xor(self.packed[name], before.packed[name])
            boxes[name] = None
            if difference.any():
                boxes[name] = _box(np.unpackbits(difference, count=int(np.prod(self.shape))).reshape(self.shape))
        return boxes


def _box(mask: np.ndarray) -> Box:
    ends: list[int] = []
    for axis in range(3):
        where = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        ends += [int(where[0]), int(where[-1]) + 1]
    return ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]
