"""What an update gives back, and the masks it leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..kept_masks import Box, KeptMasks
from ..prompts import Prompt
from .pipeline import Answer


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
    """The answer to one list of prompts, its masks packed.

    Args:
        prompts: The prompts answered.
        masks: The masks on the reference grid.
        cells: Logits of the answer, see `Answer`; None where nothing has been answered.
    """

    prompts: tuple[Prompt, ...]
    masks: KeptMasks
    cells: np.ndarray | None = None

    @classmethod
    def of(cls, prompts: tuple[Prompt, ...], answer: Answer) -> "State":
        """Pack an answer."""
        return cls(prompts, KeptMasks.of(answer.masks), answer.cells)

    @classmethod
    def empty(cls, shape: tuple[int, int, int]) -> "State":
        """No answer yet."""
        return cls((), KeptMasks.empty(shape))

    def answer(self) -> Answer:
        """The answer, unpacked."""
        assert self.cells is not None
        return Answer({region: mask.view(bool) for region, mask in self.masks.masks().items()}, self.cells)
