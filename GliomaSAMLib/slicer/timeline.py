"""What the user asked for, step by step: the prompts that hold, and whether an automatic proposal is shown."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from ..prompts import Prompt, PromptHistory

Step = tuple[tuple[Prompt, ...], bool]
"""The prompts that hold, and whether without any the model's own proposal is shown rather than nothing."""


@dataclass(frozen=True)
class Timeline:
    """A `PromptHistory` in which an automatic proposal is a step as well. Immutable.

    Args:
        history: The prompts, with what can be undone and redone.
        proposed: Numbers of the steps, counted from the first, that show a proposal.
    """

    history: PromptHistory = field(default_factory=PromptHistory)
    proposed: frozenset[int] = frozenset()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Those that hold now."""
        return self.history.prompts

    @property
    def step(self) -> Step:
        """What is to be shown now."""
        return self.prompts, not self.prompts and self._number in self.proposed

    @property
    def asks(self) -> bool:
        """Whether there is something to show: a prompt, or a proposal."""
        prompts, proposed = self.step
        return bool(prompts) or proposed

    @property
    def _number(self) -> int:
        return len(self.history.past)

    def add(self, *prompts: Prompt) -> "Timeline":
        """With more prompts, as one step. Raises `PromptError` when one of an id is there already."""
        return self._at_once(prompts, PromptHistory.add)

    def replace(self, prompt: Prompt) -> "Timeline":
        """With `prompt` in the place of the one of its id. Raises `PromptError` when there is none."""
        return self._at_once((prompt,), PromptHistory.replace)

    def remove(self, *prompts: Prompt) -> "Timeline":
        """Without these prompts, as one step. Raises `PromptError` when one is not there."""
        return self._at_once(prompts, lambda history, prompt: history.remove(prompt.id))

    def _at_once(
        self, prompts: Collection[Prompt], change: Callable[[PromptHistory, Prompt], PromptHistory]
    ) -> "Timeline":
        history = self.history
        for prompt in prompts:
            history = change(history, prompt)
        return self._changed(history.prompts) if prompts else self

    def reset(self) -> "Timeline":
        """Without prompts and proposal; the same when there is none."""
        return self._changed(()) if self.asks else self

    def propose(self) -> "Timeline":
        """Without prompts, showing the proposal; the same when it is shown already."""
        if self.step == ((), True):
            return self
        changed = self._changed(())
        return replace(changed, proposed=changed.proposed | {changed._number})

    def undo(self) -> "Timeline":
        """One step back; the same when there is none."""
        return replace(self, history=self.history.undo()) if self.history.can_undo else self

    def redo(self) -> "Timeline":
        """One step forward again; the same when there is none."""
        return replace(self, history=self.history.redo()) if self.history.can_redo else self

    def masks(self) -> tuple[Prompt, ...]:
        """The masks edited by hand of all steps, each id once."""
        steps = (*self.history.past, self.prompts, *self.history.future)
        return tuple({p.id: p for prompts in steps for p in prompts if p.kind == "mask"}.values())

    def holds(self, mask: Prompt) -> bool:
        """Whether the latest mask of its region says the same already."""
        latest = [prompt for prompt in self.prompts if prompt.kind == "mask" and prompt.region == mask.region]
        return bool(latest) and latest[-1].mask_sha256 == mask.mask_sha256

    def mapped(self, change: Callable[[Prompt], Prompt | None]) -> "Timeline":
        """Every prompt of every step changed, or left out where `change` returns None, as if it had always been so."""

        def these(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
            changed = (change(prompt) for prompt in prompts)
            return tuple(prompt for prompt in changed if prompt is not None)

        history = self.history
        past, future = tuple(map(these, history.past)), tuple(map(these, history.future))
        return replace(self, history=PromptHistory(these(history.prompts), past, future))

    def _changed(self, prompts: tuple[Prompt, ...]) -> "Timeline":
        past = (*self.history.past, self.history.prompts)
        known = frozenset(number for number in self.proposed if number < len(past))
        return Timeline(PromptHistory(prompts, past, ()), known)
