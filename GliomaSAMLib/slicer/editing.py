"""What the user can do to the prompts of a segmentation: one method for each thing, each of them one step."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .. import prompts as prompting
from ..prompts import Prompt
from .timeline import Timeline


class PromptEditing(ABC):
    """The prompts of a task as a timeline of steps.

    A prompt that cannot be used raises `PromptError` or `StudyError`, and nothing has changed. Positions are RAS mm.
    What was painted into the segments before is a step of its own, so that it can be undone by itself.
    """

    def __init__(self) -> None:
        self._timeline = Timeline()

    @abstractmethod
    def take_edits(self) -> bool:
        """Make what was painted into the segments prompts, as one step: it is kept, and refined from. Returns whether
        there was something.
        """

    @abstractmethod
    def _usable(self, prompt: Prompt) -> Prompt:
        """The prompt as it can be used. Raises `PromptError`, `StudyError`."""

    @abstractmethod
    def _check_volumes_chosen(self) -> None:
        """Raise `StudyError` when there is no volume."""

    @abstractmethod
    def _go(self, timeline: Timeline, again: bool = False) -> None:
        """Make another step hold and see that it is shown; `again` even when it holds already."""

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts that hold, in their order."""
        return self._timeline.prompts

    @property
    def earlier(self) -> tuple[Prompt, ...]:
        """Those that other weights answered: to be seen, and not answered any more."""
        return self._timeline.earlier

    @property
    def timeline(self) -> Timeline:
        """The prompts with what can be undone and redone; immutable."""
        return self._timeline

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._timeline.history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a step was taken back that can be done again."""
        return self._timeline.history.can_redo

    def add_point(self, ras: Sequence[float], positive: bool = True, region: str = "WT") -> Prompt:
        """A click inside or outside a region."""
        return self.add(prompting.point(ras, positive, region))

    def add_box(self, corner: Sequence[float], opposite: Sequence[float], region: str = "WT") -> Prompt:
        """A box round a region; flat in one axis it is a 2D box."""
        return self.add(prompting.box(corner, opposite, region))

    def add_scribble(self, points: Sequence[Sequence[float]], positive: bool = True, region: str = "WT") -> Prompt:
        """A line drawn inside or outside a region."""
        return self.add(prompting.scribble(points, positive, region))

    def add(self, prompt: Prompt) -> Prompt:
        """Any prompt."""
        prompt = self._usable(prompt)
        self.take_edits()
        self._go(self._timeline.add(prompt))
        return prompt

    def replace(self, prompt: Prompt) -> Prompt:
        """Put a prompt that was dragged or resized in the place of the one with its id."""
        prompt = self._usable(prompt)
        self._timeline.history.find(prompt.id)
        self.take_edits()
        self._go(self._timeline.replace(prompt))
        return prompt

    def move(self, prompt: Prompt, ras: Sequence[float]) -> Prompt:
        """Put a prompt's centre elsewhere."""
        return self.replace(self._timeline.history.find(prompt.id).moved(ras))

    def remove(self, *prompts: Prompt) -> None:
        """Take prompts away, as one step."""
        self._timeline.remove(*prompts)  # raises before anything changes
        self.take_edits()
        self._go(self._timeline.remove(*prompts))

    def propose(self) -> None:
        """Take the prompts away and show what the model finds by itself. Raises `StudyError` without a volume."""
        self._check_volumes_chosen()
        self.take_edits()
        self._go(self._timeline.propose(), again=True)

    def undo(self) -> None:
        """Take the last step back, an edit by brush included; harmless when there is none."""
        self.take_edits()
        self._go(self._timeline.undo())

    def redo(self) -> None:
        """Do the step taken back last again; harmless when there is none."""
        if not self.take_edits():
            self._go(self._timeline.redo())

    def reset(self) -> None:
        """Empty the segments and take all prompts away; `undo` brings them back."""
        self.take_edits()
        self._go(self._timeline.reset())
