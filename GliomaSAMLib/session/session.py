"""One study, one model and the user's prompts: the object that the panel, the command line and tests work with."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .. import prompts as prompting
from ..models import Model
from ..progress import Cancel, Progress, Reporter
from ..prompts import Prompt, PromptHistory
from ..regions import REGIONS, check_region
from ..study import Study
from .answer import AnswerOptions
from .cache import EmbeddingCache, default_cache_directory
from .embeddings import StudyEmbeddings
from .pipeline import Pipeline
from .result import Result, State
from .unread import unread_notes

Ras = Sequence[float]

CACHE_BYTES = 4 * 2**30
KEPT_PREFIXES = 64
"""Answers to the first prompts of a list that are kept; the others are computed again when they are needed."""
PROPOSAL_SHARE = 0.8
"""Share of an update up to the proposal, where the study has not been encoded."""


class Session:
    """Segments one study interactively.

    Prompts may be given in one thread while `update` runs in another; an update answers the prompts that hold when
    it starts. All positions are RAS mm, all arrays (K, J, I) on `study.reference`.

    The masks are a pure function of the ordered list of prompts: the answer to the first k prompts depends on them and
    on the answer to the first k - 1. A prompt that is moved keeps its place, and what follows is answered anew.

    Args:
        study: The patient's volumes; never changed.
        model: From `load_model`.
        cache: Where embeddings are kept from one run of the program to the next: "default", a folder, or None.
        answer: The numbers between the network's logits and the masks.

    Every method that takes a prompt raises `PromptError` when it cannot be used, and leaves the session as it was.
    """

    def __init__(
        self,
        study: Study,
        model: Model,
        cache: str | Path | None = "default",
        *,
        answer: AnswerOptions | None = None,
    ) -> None:
        self.study = study
        self.model = model
        folder = default_cache_directory() if cache == "default" else cache
        store = EmbeddingCache(Path(folder), CACHE_BYTES) if folder is not None else None
        embeddings = StudyEmbeddings(study, model, store)
        self._pipeline = Pipeline(study, model, embeddings, answer or AnswerOptions())
        self._history = PromptHistory()
        self._state = State.empty(study.reference.shape)
        self._states: OrderedDict[tuple[Prompt, ...], State] = OrderedDict()
        self._blank = {0}
        self._notes: list[str] = []
        model.on_fallback = self._notes.append
        self._prompt_lock = threading.RLock()
        self._work_lock = threading.RLock()

    # prompts

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts that hold, in their order."""
        return self._history.prompts

    @property
    def history(self) -> PromptHistory:
        """The prompts with what can be undone and redone; immutable."""
        return self._history

    @property
    def can_undo(self) -> bool:
        """Whether there is a change of prompts to take back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a change was taken back that can be done again."""
        return self._history.can_redo

    def add_point(self, ras: Ras, positive: bool = True, region: str = "WT") -> Prompt:
        """A click inside (`positive`) or outside `region`."""
        return self.add(prompting.point(ras, positive, region))

    def add_box(self, corner: Ras, opposite: Ras, region: str = "WT") -> Prompt:
        """A box round `region`, from two opposite corners; flat in one axis it is a 2D box."""
        return self.add(prompting.box(corner, opposite, region))

    def add_scribble(self, points: Sequence[Ras], positive: bool = True, region: str = "WT") -> Prompt:
        """A line drawn inside (`positive`) or outside `region`."""
        return self.add(prompting.scribble(points, positive, region))

    def set_mask(self, region: str, array: np.ndarray) -> Prompt:
        """A mask of `region` edited by hand, (K, J, I) of 0 and 1. It is kept; later prompts change it nearby."""
        return self.add(prompting.mask(array, region))

    def add(self, prompt: Prompt) -> Prompt:
        """Add a prompt made before, for example read from a file."""
        prompt = prompting.validate_prompt(prompt, self.study.reference, self.study.brain)
        with self._prompt_lock:
            self._change(self._history.add(prompt))
        return prompt

    def remove(self, prompt: Prompt) -> None:
        """Take a prompt away, whatever came after it."""
        with self._prompt_lock:
            self._change(self._history.remove(prompt.id))

    def move(self, prompt: Prompt, ras: Ras) -> Prompt:
        """Put a prompt's centre elsewhere and return it as it is now, under the same id."""
        with self._prompt_lock:
            moved = self._history.find(prompt.id).moved(ras)
            moved = prompting.validate_prompt(moved, self.study.reference, self.study.brain)
            self._change(self._history.replace(moved))
        return moved

    def undo(self) -> bool:
        """Take the last change of prompts back, and its mask where it was computed. Returns whether there was one."""
        return self._go(PromptHistory.undo)

    def redo(self) -> bool:
        """Do the change taken back last again. Returns whether there was one."""
        return self._go(PromptHistory.redo)

    def reset(self) -> bool:
        """Take all prompts and masks away; `undo` brings them back. Returns whether there was a prompt."""
        with self._work_lock, self._prompt_lock:
            history = self._history.reset()
            found = history is not self._history
            if found:
                self._change(history)
            self._blank.add(len(history.past))
            self._state = State.empty(self.study.reference.shape)
            return found

    def _change(self, history: PromptHistory) -> None:
        """A change of prompts that is no undo: forget which of the steps after it were blank."""
        self._history = history
        self._blank = {step for step in self._blank if step < len(history.past)}

    def _go(self, step: Callable[[PromptHistory], PromptHistory]) -> bool:
        with self._work_lock, self._prompt_lock:
            history = step(self._history)  # as it is now: a prompt may have come while this waited
            moved = history is not self._history
            self._history = history
            if moved and len(history.past) in self._blank:
                self._state = State.empty(self.study.reference.shape)
            elif moved and history.prompts in self._states:
                self._state = self._states[history.prompts]
            return moved

    # work

    def encode(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        """Compute all that needs no prompt, so that a click is answered at once: embeddings, features, the proposal.

        Raises `Cancelled`; the embeddings done by then are kept.
        """
        with self._work_lock:
            self._propose(Reporter(progress, cancel))

    def update(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Result:
        """Answer the prompts; without any this is the automatic proposal.

        Args:
            progress: Called with the fraction done and a sentence.
            cancel: Asked several times a second; True stops the work.

        Raises:
            Cancelled: The user stopped. Masks are as before, embeddings done by then are kept.
        """
        with self._work_lock:
            started = time.monotonic()
            with self._prompt_lock:
                prompts, step = self.prompts, len(self._history.past)
            before = self._state
            del self._notes[:]
            if prompts not in self._states:
                self._compute(prompts, Reporter(progress, cancel))
            self._states.move_to_end(prompts)
            self._state = self._states[prompts]
            self._blank.discard(step)
            notes = (*self._notes, *unread_notes(self.model.name, self.model.prompts, prompts))
            return Result(self._state.masks.changes(before.masks), time.monotonic() - started, notes)

    def _compute(self, prompts: tuple[Prompt, ...], report: Reporter) -> None:
        """Answer the prompts one by one from the longest list of the first ones whose answer is known. What has been
        answered when the user cancels is kept.
        """
        self._propose(report.part(0, PROPOSAL_SHARE))  # at once where it is known
        known = next(count for count in range(len(prompts), -1, -1) if prompts[:count] in self._states)
        self._states.move_to_end(prompts[:known])
        for number in range(known + 1, len(prompts) + 1):
            done = (number - 1 - known) / (len(prompts) - known)
            text = f"prompt {number} of {len(prompts)}" if len(prompts) - known > 1 else "outlining"
            report.report(PROPOSAL_SHARE + (1 - PROPOSAL_SHARE) * done, text)
            before = self._states[prompts[: number - 1]].answer()
            self._keep(State.of(prompts[:number], self._pipeline.answer(prompts[:number], before)))
        report.report(1.0, "outlining")

    def _propose(self, report: Reporter) -> None:
        """Keep the answer without prompts."""
        if () not in self._states:
            self._keep(State.of((), self._pipeline.proposal(report)))
        report.report(1.0, "outlining")

    def _keep(self, state: State) -> None:
        """Keep an answer, and of those before the proposal and the ones used last."""
        self._states[state.prompts] = state
        while len(self._states) > KEPT_PREFIXES:
            del self._states[next(prompts for prompts in self._states if prompts)]

    # results

    def mask(self, region: str) -> np.ndarray:
        """uint8 of 0 and 1: the mask of the last update, ET inside TC inside WT; zeros before the first."""
        return self._state.masks.mask(check_region(region))

    def probability(self, region: str) -> np.ndarray:
        """float32 in [0, 1]: at least 0.5 exactly where the mask is 1. Zeros before the first update."""
        check_region(region)
        with self._work_lock:
            if self._state.cells is None:
                return np.zeros(self.study.reference.shape, np.float32)
            return self._pipeline.probability(self._state.answer(), region)

    def volumes(self) -> dict[str, float]:
        """Volume of each region in mL."""
        ml = self.study.reference.voxel_ml
        return {name: float(np.count_nonzero(self.mask(name))) * ml for name in REGIONS}
