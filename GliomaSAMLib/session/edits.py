"""What was painted by hand since the last step, as long as it is no step of its own."""

from collections.abc import Mapping

import numpy as np

from ..prompts import Prompt, mask
from .masks import PackedMasks

Edits = Mapping[str, np.ndarray]
"""Masks edited by hand, by region: (K, J, I) of 0 and 1 on the study's reference grid."""


class NotedEdits:
    """Edits of the masks shown, and these masks before them."""

    def __init__(self) -> None:
        self._edited: dict[str, np.ndarray] = {}
        self._before: PackedMasks | None = None

    def __bool__(self) -> bool:
        return bool(self._edited)

    def note(self, edits: Edits, before: PackedMasks) -> None:
        """Note edits of masks that were `before`; the latest come last, as nesting follows them."""
        self._before = self._before if self._edited else before
        self._edited = {r: mask for r, mask in self._edited.items() if r not in edits} | dict(edits)

    def clear(self) -> None:
        """Forget them."""
        self._edited.clear()

    def take(self) -> list[Prompt]:
        """The edits as mask prompts; they are noted no more."""
        edits, self._edited = self._edited, {}
        return [mask(edited, region) for region, edited in edits.items()]

    def move_onto(self, answer: PackedMasks) -> PackedMasks:
        """Make edits of an answer that came since of them: what was painted is painted there, all else is the answer's.
        Returns the answer with them.
        """
        if self._before is None:
            return answer
        for region, edited in self._edited.items():
            painted = edited != self._before.mask(region)
            self._edited[region] = np.where(painted, edited, answer.mask(region))
        self._before = answer
        return answer.replaced(self._edited)
