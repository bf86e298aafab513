"""One study, one model and the user's prompts: the object that the panel, the command line and tests work with."""

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import prompts as prompting
from ..models import Model
from ..prompts import Prompt, PromptHistory
from ..regions import REGIONS, check_region
from ..study import Study
from ..study.progress import Cancel, Progress, Reporter
from .cache import EmbeddingCache, default_cache_directory
from .embeddings import StudyEmbeddings
from .pipeline import Answer, Pipeline
from .result import Result, State
from .roi import Slab
from .unread import unread_notes

Ras = Sequence[float]

CACHE_BYTES = 4 * 2**30
KEPT_ANSWERS = 3
KEPT_STATES = 200


class Session:
    """Segments one study interactively.

    Prompts may be given in one thread while `update` runs in another; an update answers the prompts that hold when
    it starts. All positions are RAS mm, all arrays (K, J, I) on `study.reference`.

    Prompts are answered in their order: a click or scribble changes the mask there was before it (see `locality`), so
    that moving an early one answers all that follow anew. The same prompts in the same order give the same masks.

    Args:
        study: The patient's volumes; never changed.
        model: From `load_model`.
        cache: Where embeddings are kept from one run of the program to the next: "default", a folder, or None.

    Every method that takes a prompt raises `PromptError` when it cannot be used, and leaves the session as it was.
    """

    def __init__(self, study: Study, model: Model, cache: str | Path | None = "default") -> None:
        self.study = study
        self.model = model
        folder = default_cache_directory() if cache == "default" else cache
        store = EmbeddingCache(Path(folder), CACHE_BYTES) if folder is not None else None
        self._embeddings = StudyEmbeddings(study, model, store)
        self._pipeline = Pipeline(study, model, self._embeddings)
        self._history = PromptHistory()
        self._state = State.empty(study.reference.shape)
        self._states: OrderedDict[tuple[Prompt, ...], State] = OrderedDict()
        self._answers: OrderedDict[tuple[Prompt, ...], Answer] = OrderedDict()
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
        prompt = prompting.check_inside(prompt, self.study.reference, self.study.brain)
        with self._prompt_lock:
            self._history = self._history.add(prompt)
        return prompt

    def remove(self, prompt: Prompt) -> None:
        """Take a prompt away, whatever came after it."""
        with self._prompt_lock:
            self._history = self._history.remove(prompt.id)

    def move(self, prompt: Prompt, ras: Ras) -> Prompt:
        """Put a prompt's centre elsewhere and return it as it is now, under the same id."""
        with self._prompt_lock:
            moved = self._history.find(prompt.id).moved(ras)
            moved = prompting.check_inside(moved, self.study.reference, self.study.brain)
            self._history = self._history.replace(moved)
        return moved

    def undo(self) -> bool:
        """Take the last change of prompts back, and its mask where it was computed. Returns whether there was one."""
        return self._go(self._history.undo())

    def redo(self) -> bool:
        """Do the change taken back last again. Returns whether there was one."""
        return self._go(self._history.redo())

    def reset(self) -> bool:
        """Take all prompts and masks away; `undo` brings them back. Returns whether there was a prompt."""
        found = self._go(self._history.reset())
        with self._work_lock:
            self._state = State.empty(self.study.reference.shape)
        return found

    def _go(self, history: PromptHistory) -> bool:
        with self._work_lock, self._prompt_lock:
            moved = history is not self._history
            self._history = history
            if moved and history.prompts in self._states:
                self._state = self._states[history.prompts]
            return moved

    # work

    def encode(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        """Compute all embeddings now, so that no later update has to. Raises `Cancelled`; what is done is kept."""
        with self._work_lock:
            depth = self._embeddings.padded[0]
            self._embeddings.ensure(Slab.whole(depth), depth / 2, Reporter(progress, cancel))

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
            prompts = self.prompts
            before = self._state
            del self._notes[:]
            if prompts not in self._states:
                self._compute(prompts, Reporter(progress, cancel))
            self._states.move_to_end(prompts)
            self._state = self._states[prompts]
            notes = (*self._notes, *unread_notes(self.model.name, self.model.prompts, prompts))
            return Result(self._state.changes(before), time.monotonic() - started, notes)

    def _compute(self, prompts: tuple[Prompt, ...], report: Reporter) -> Answer:
        """Answer the prompts one by one from the last of which the answer is known: a click changes the mask there was
        before it, so that the same prompts in the same order always give the same masks.
        """
        first = len(prompts)
        while first > 1 and prompts[first - 1].is_click and prompts[: first - 1] not in self._states:
            first -= 1
        steps = range(first, len(prompts) + 1)
        for number in steps:
            done = (number - first) / len(steps)
            answer = self._answer(prompts[:number], report.part(done, done + 1 / len(steps)))
        return answer

    def _answer(self, prompts: tuple[Prompt, ...], report: Reporter) -> Answer:
        before = None
        if len(prompts) > 1 and prompts[-1].is_click:
            before = {region: self._states[prompts[:-1]].mask(region) for region in REGIONS}
        answer = self._pipeline.answer(prompts, report, before)
        self._answers[prompts] = answer
        if prompts not in self._states:
            self._states[prompts] = State.of(prompts, answer.masks)
        while len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)
        while len(self._states) > KEPT_STATES:
            self._states.popitem(last=False)
        return answer

    # results

    def mask(self, region: str) -> np.ndarray:
        """uint8 of 0 and 1: the mask of the last update, ET inside TC inside WT; zeros before the first."""
        return self._state.mask(check_region(region))

    def probability(self, region: str) -> np.ndarray:
        """float32 in [0, 1]: at least 0.5 exactly where the mask is 1. Zeros before the first update."""
        check_region(region)
        with self._work_lock:
            prompts = self._state.prompts
            if prompts not in self._states:
                return np.zeros(self.study.reference.shape, np.float32)
            answer = self._answers.get(prompts) or self._compute(prompts, Reporter())
            return self._pipeline.probability(answer, region)

    def volumes(self) -> dict[str, float]:
        """Volume of each region in mL."""
        ml = self.study.reference.voxel_ml
        return {name: float(np.count_nonzero(self.mask(name))) * ml for name in REGIONS}
