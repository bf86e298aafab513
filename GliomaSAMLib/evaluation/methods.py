"""What can be measured: anything that gives a mask of a region, and anything that a robot can correct by prompts."""

from typing import Protocol, runtime_checkable

import numpy as np

from .cases import OpenCase
from .clicks import RobotPrompt


@runtime_checkable
class SegmentationMethod(Protocol):
    """Gives one mask of one region, from nothing or from prompts that it draws from the truth itself.

    Attributes:
        name: As it stands in tables.
        effort: What a person would have to give for the first mask, in words: "nothing", "a box on every slice".
        signature: Changes whenever results may change (settings, weights), so that old results are not taken for new.
    """

    @property
    def name(self) -> str: ...

    @property
    def effort(self) -> str: ...

    @property
    def signature(self) -> str: ...

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """Start anew on one region of a case and return the first mask: uint8 (K, J, I) on `case.geometry`."""
        ...


@runtime_checkable
class InteractiveMethod(SegmentationMethod, Protocol):
    """A method whose mask can be corrected by further prompts."""

    def prompt(self, prompt: RobotPrompt) -> np.ndarray:
        """Add a prompt on the region that was begun, and return the new mask."""
        ...

    def undo(self) -> np.ndarray:
        """Take the last prompt back and return the mask without it."""
        ...
