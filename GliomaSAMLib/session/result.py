"""What an update gives back, and the masks it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..prompts import Prompt
from ..regions import REGIONS
from ..study.extent import Extent, extent_of
from .pipeline import Answer

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
    """The answer to one list of prompts, masks packed eight voxels a byte.

    Args:
        prompts: The prompts answered.
        shape: Shape (K, J, I) of the reference grid.
        packed: For each region the packed mask.
        cells: Logits of the answer, see `Answer`; None where nothing has been answered.
    """

    prompts: tuple[Prompt, ...]
    shape: tuple[int, int, int]
    packed: Mapping[str, np.ndarray]
    cells: np.ndarray | None = None

    @classmethod
    def of(cls, prompts: tuple[Prompt, ...], answer: Answer) -> "State":
        """Pack an answer."""
        packed = {name: np.packbits(mask) for name, mask in answer.masks.items()}
        return cls(prompts, answer.masks["WT"].shape, packed, answer.cells)

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "State":
        """No answer yet."""
        return cls((), shape, dict.fromkeys(REGIONS, np.packbits(np.zeros(shape, bool))))

    def mask(self, region: str) -> np.ndarray:
        """uint8 (K, J, I) of 0 and 1."""
        return _unpacked(self.packed[region], self.shape)

    def answer(self) -> Answer:
        """The answer, unpacked."""
        assert self.cells is not None
        return Answer({region: self.mask(region).view(bool) for region in REGIONS}, self.cells)

    def changes(self, before: "State") -> dict[str, Box | None]:
        """For each region the box of voxels that differ from `before`."""
        boxes: dict[str, Box | None] = {}
        for name in REGIONS:
            difference = np.bitwise_xor(self.packed[name], before.packed[name])
            extent = extent_of(_unpacked(difference, self.shape)) if difference.any() else None
            boxes[name] = None if extent is None else _box(extent)
        return boxes


def _unpacked(packed: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape)


def _box(extent: Extent) -> Box:
    k, j, i = extent
    return k.start, k.stop, j.start, j.stop, i.start, i.stop
