"""What the user asked for, step by step: the prompts that hold, and whether an automatic proposal is shown."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from ..prompts import Prompt, PromptHistory

Step = tuple[tuple[Prompt, ...], bool]
"""The prompts that hold, and whether without any the model's own proposal is shown rather than nothing."""


@dataclass(frozen=True)
class Timeline:
    """A `PromptHistory` in which an automatic proposal is a step as well. Immutable.

    Args:
        history: The prompts, with what can be undone and redone; among them those that are only to be seen.
        proposed: Numbers of the steps, counted from the first, that show a proposal.
        put_by: Prompts of the first step that are only to be seen, as masks stand for them already.
        found: Masks that hold what the segments showed at the first step, where other weights answered it; empty
            where none did. They stand for its prompts: each step after it begins with them, and those prompts are
            only to be seen then.
    """

    history: PromptHistory = field(default_factory=PromptHistory)
    proposed: frozenset[int] = frozenset()
    put_by: frozenset[Prompt] = frozenset()
    found: tuple[Prompt, ...] = ()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Those that hold now, in their order."""
        seen = self._seen()
        return tuple(prompt for prompt in self.history.prompts if prompt not in seen) if seen else self.history.prompts

    @property
    def earlier(self) -> tuple[Prompt, ...]:
        """Those that other weights answered: to be seen, and not answered any more."""
        seen = self._seen()
        return tuple(prompt for prompt in self.history.prompts if prompt in seen and prompt.points)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about prompts that other weights answered."""
        if self.is_found:
            return ("other weights made what the segments hold: it stays as it is, and the next prompt refines it",)
        if self.earlier:
            return ("the dimmed prompts are not answered any more: what other weights made of them is kept as masks",)
        return ()

    @property
    def is_found(self) -> bool:
        """Whether this step shows what other weights made of its prompts."""
        return bool(self.found) and self._number == 0

    @property
    def is_proposal(self) -> bool:
        """Whether this step shows a proposal."""
        return not self.prompts and self._number in self.proposed

    @property
    def step(self) -> Step:
        """What is to be shown now."""
        return (self.found, False) if self.is_found else (self.prompts, self.is_proposal)

    @property
    def asks(self) -> bool:
        """Whether there is something to show: a prompt, or a proposal."""
        prompts, proposed = self.step
        return bool(prompts) or proposed

    @property
    def _number(self) -> int:
        return len(self.history.past)

    def _seen(self) -> frozenset[Prompt]:
        """Prompts that are not answered where this step has them."""
        return frozenset(self.history.past[0]) if self.found and self._number else self.put_by

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
        head = self.found if self.is_found else ()
        return self._changed((*head, *history.prompts)) if prompts else self

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
        steps = (self.found, *self.history.past, self.history.prompts, *self.history.future)
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
        return replace(self, history=PromptHistory(these(history.prompts), past, future), found=these(self.found))

    def standing_on(self, found: Sequence[Prompt]) -> "Timeline":
        """With the masks `found` for the first step, of which it has turned out that other weights answered it; what
        was done since follows them, up to a reset.
        """
        history = self.history
        steps = [*history.past, history.prompts, *reversed(history.future)]
        end = next((number for number, prompts in enumerate(steps) if number and not prompts), len(steps))
        steps[1:end] = [(*found, *prompts) for prompts in steps[1:end]]
        past, future = tuple(steps[: self._number]), tuple(reversed(steps[self._number + 1 :]))
        return replace(self, history=PromptHistory(steps[self._number], past, future), found=tuple(found))

    def owned(self) -> "Timeline":
        """With a first step that the model answers itself; the same once masks stand for it."""
        return replace(self, found=()) if self.is_found and not self.history.can_redo else self

    def _changed(self, prompts: tuple[Prompt, ...]) -> "Timeline":
        past = (*self.history.past, self.history.prompts)
        known = frozenset(number for number in self.proposed if number < len(past))
        return replace(self, history=PromptHistory(prompts, past, ()), proposed=known)
