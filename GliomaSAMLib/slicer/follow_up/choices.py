"""What a reader changed of comparisons: the targets, and calliper lines that were dragged."""

from collections.abc import Mapping
from typing import Any

from ...followup.assessment import Assessment, ReaderChoices
from .callipers import Callipers
from .persistence import Targets

Digests = tuple[str, ...]
"""A text for each visit of a comparison, see `VisitCopy`."""


class Choices:
    """The reader's choices for the comparisons of a scene, one of which is the one on show.

    Args:
        scene: The scene, which holds the lines.
        targets: By comparison, by component the tracks that were chosen.

    Attributes:
        callipers: The lines of the comparison on show.
    """

    def __init__(self, scene: Any, targets: Mapping[Digests, Targets]) -> None:
        self._scene = scene
        self.targets = dict(targets)
        self.callipers = Callipers(scene)

    def of(self, digests: Digests) -> ReaderChoices:
        """Those for a comparison."""
        return ReaderChoices(dict(self.targets.get(digests, {})), Callipers(self._scene, digests).diameters())

    @property
    def shown(self) -> ReaderChoices:
        """Those for the comparison on show."""
        return self.of(self.callipers.digests)

    def set_target(self, component: str, track: str, chosen: bool, assessment: Assessment) -> bool:
        """Choose a lesion as target, or take it away. Returns whether that is news."""
        targets = self.targets.get(self.callipers.digests, {})
        before = targets.get(component, assessment.components[component].targets)
        after = (*before, track) if chosen and track not in before else tuple(t for t in before if t != track or chosen)
        if after != before:
            self.targets[self.callipers.digests] = {**targets, component: after}
        return after != before

    def reset(self) -> None:
        """Take the targets and the lines that the program chose."""
        self.targets.pop(self.callipers.digests, None)
        self.callipers.reset()

    def carry(self, before: Digests, digests: Digests, assessment: Assessment) -> bool:
        """Go over to another comparison. Lines stay at visits that are as they were; targets may be other lesions now.

        Args:
            before: The digests of the visits that were compared before.
            digests: Those of the visits that are compared now.
            assessment: Of these.

        Returns:
            Whether something that the reader chose was given up.
        """
        if digests == before:
            self.callipers.digests = digests
            return False
        others = [known for known in self.targets if known != digests and set(known) & set(before)]
        given_up = [known for known in others if self.targets.pop(known)]
        return self.callipers.carry(before, digests, assessment) or bool(given_up)
