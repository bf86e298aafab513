"""One study and the user's prompts: the object that the panel, the command line, the evaluation and tests work with."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import prompts as prompting
from ..errors import PromptError
from ..progress import Cancel, Progress
from ..prompts import Prompt, PromptHistory
from ..prompts.history import Snapshot
from ..regions import REGIONS, check_region
from .answer import AnswerOptions
from .edits import Edits, NotedEdits
from .masks import Boxes, PackedMasks
from .prediction import Observer, Prediction, Predictor, Request, Result, StudyLike

if TYPE_CHECKING:
    from ..models import Model
    from ..study import Study

Ras = Sequence[float]
KEPT_RESULTS = 100
"""Steps whose masks are kept, about 200 kB each, so that undo shows them at once."""


class Session:
    """Segments one study interactively: the only owner of prompts, steps and masks.

    Prompts may be given in one thread while `update` runs in another, and before the study has been read: they are
    checked once it has. All positions are RAS mm, all arrays (K, J, I) on `study.reference`.

    The masks are a pure function of the ordered list of prompts: the answer to the first k prompts depends on them and
    on the answer to the first k - 1. A prompt that is moved keeps its place, and what follows is answered anew.

    `update` does all that is due in one call. A program that must not wait asks for the `request` that is due, has it
    predicted in another thread, and hands what came back to `apply`.

    Args:
        study: The patient's volumes; never changed. None for a session that is opened later.
        model: From `load_model`.
        cache: Where embeddings are kept from one run of the program to the next: "default", a folder, or None.
        answer: The numbers between the network's logits and the masks.
        predictor: Answers prompts in place of a model.
        observer: Told of changes.

    Every method that takes a prompt raises `PromptError` when it cannot be used, and leaves the session as it was.
    """

    def __init__(
        self,
        study: "Study | None" = None,
        model: "Model | None" = None,
        cache: str | Path | None = "default",
        *,
        answer: AnswerOptions | None = None,
        predictor: Predictor | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer
        self._lock = threading.RLock()
        self._history = PromptHistory()
        self._results: OrderedDict[Snapshot, tuple[PackedMasks, str | None]] = OrderedDict()
        self._edits = NotedEdits()
        self._due = self._stopped = self._adopted = False
        self.study: StudyLike | None = None
        self.predictor: Predictor | None = None
        self.masks: PackedMasks | None = None
        """What is shown: the result. None before the study, and what its segments hold, is known. Who shows it may set
        it to what could be shown, such as beside a segment that the user has locked."""
        self.shown: Snapshot | None = None
        """The step that the masks answer; None for other masks, such as edited ones."""
        self.weights: str | None = None
        """SHA-256 of the weights that made what is shown, as far as that is known."""
        if study is not None and model is not None and predictor is None:
            from .predictor import ModelPredictor

            predictor = ModelPredictor(study, model, cache, answer=answer)
        if study is not None and predictor is not None:
            self.open(study, predictor)
            self.masks = PackedMasks.empty(study.reference.shape)

    # the study

    def open(self, study: StudyLike, predictor: Predictor, masks: Mapping[str, Prompt] | None = None) -> dict[str, str]:
        """Answer prompts on a study with a predictor from now on. On another grid than before nothing is shown until
        `adopt` tells what the segments hold.

        Args:
            masks: By their ids the masks edited by hand, brought onto the grid of the study.

        Returns:
            The prompts that the study cannot use, which are forgotten: by their ids, why.
        """
        refused: dict[str, str] = {}
        with self._lock:
            before, self.study, self.predictor = self.study, study, predictor
            if self.weights is not None and predictor.weights == self.weights:
                self._history = self._history.disinherited()
            if before is not study:
                self._results.clear()
                self._history = self._history.carried(self.usable, masks or {}, refused)
            if before is None or not before.reference.matches(study.reference):
                self._edits.clear()
                self.masks = self.shown = None
        return refused

    def close(self) -> None:
        """Know no study any more; prompts stay."""
        with self._lock:
            self.study = self.predictor = self.masks = self.shown = None
            self._results.clear()
            self._edits.clear()

    def usable(self, prompt: Prompt) -> Prompt:
        """The prompt as the study can use it; as it is while the study is not known. Raises `PromptError`."""
        if self.study is None:
            return prompt
        study = self.study
        return prompting.validate_prompt(prompt, study.reference, study.brain, study.brain_is_cut_out)

    # prompts

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts that hold, in their order."""
        return self._history.answered

    @property
    def earlier(self) -> tuple[Prompt, ...]:
        """Prompts that other weights answered: displayed, and not answered any more."""
        return self._history.earlier

    @property
    def history(self) -> PromptHistory:
        """The prompts with what can be undone and redone; immutable."""
        return self._history

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone that can be done again."""
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
        return self._give(prompt, lambda history, usable: history.add(usable))

    def replace(self, prompt: Prompt) -> Prompt:
        """Put a prompt that was dragged or resized in the place of the one with its id."""
        self._history.find(prompt.id)
        return self._give(prompt, lambda history, usable: history.replace(usable))

    def move(self, prompt: Prompt, ras: Ras) -> Prompt:
        """Put a prompt's centre elsewhere and return it as it is now, under the same id."""
        return self.replace(self._history.find(prompt.id).moved(ras))

    def remove(self, *prompts: Prompt) -> None:
        """Take prompts away as one step, whatever came after them."""
        ids = [prompt.id for prompt in prompts]
        self._history.remove(*ids)  # raises before anything changes
        self._step(lambda history: history.remove(*ids), edits_wait=True)

    def propose(self) -> None:
        """Take the prompts away and show what the model finds by itself, as one step."""
        if self._observer is not None:
            self._observer.before_prompt()
        self._step(PromptHistory.propose)

    def undo(self) -> bool:
        """Undo the last step, an edit by brush included. Returns whether there was one."""
        return self._step(PromptHistory.undo)

    def redo(self) -> bool:
        """Do the step undone last again. Returns whether there was one; none where something was edited since."""
        return self._step(lambda history: history.redo())

    def reset(self) -> bool:
        """Take all prompts and masks away; `undo` brings them back. Returns whether there was something."""
        return self._step(PromptHistory.reset)

    def restore(self, history: PromptHistory, weights: str | None, due: bool = False) -> None:
        """Go on with the prompts of a saved scene, answered by weights of this SHA-256; `due` when not all are yet."""
        with self._lock:
            self._history, self.weights, self._due, self._adopted = history, weights, due, False

    def _give(self, prompt: Prompt, change: Callable[[PromptHistory, Prompt], PromptHistory]) -> Prompt:
        if self._observer is not None:
            self._observer.before_prompt()
        usable = self.usable(prompt)
        self._step(lambda history: change(history, usable), edits_wait=True)
        return usable

    def _step(self, change: Callable[[PromptHistory], PromptHistory], edits_wait: bool = False) -> bool:
        """Make another step hold, and show it where its result is known. Returns whether it is another.
        Edits while an answer is due are a step before this one, or wait for the answer.
        """
        if self._observer is not None:
            self._observer.before_change()
        with self._lock:
            started, before = self._history, self.masks
            if self.request() is None or not edits_wait:
                self._make_step_of_edits()
            edited = self._history
            self._history = change(edited)  # as it is now: a prompt may have come from another thread
            if self._history is not edited:
                self._stopped = False
                self._show_answer()
            boxes = self._changes(before)
        if self._history is not started and self._observer is not None:
            self._observer.changed(boxes)
        return self._history is not edited

    def _changes(self, before: PackedMasks | None) -> Boxes:
        if self.masks is None or before is None or self.masks is before:
            return dict.fromkeys(REGIONS)
        return self.masks.changes(before)

    # edits by hand

    def note_edits(self, edits: Edits, others: Edits | None = None) -> None:
        """Take what the segments hold as the result.

        Args:
            edits: Regions that the user has edited; the next step, or `take_edits`, makes prompts of them.
            others: Regions that are otherwise than shown though nobody edited them, such as a segment removed. Where
                no prompt leads to anything, as after outlines were written, they count as edited.
        """
        with self._lock:
            if self.masks is None:
                return
            found = {**edits, **(others or {})}
            self._edits.note(edits if self._history.has_result else found, self.masks)
            self.masks, self.shown = self.masks.replaced(found), None

    def take_edits(self) -> bool:
        """Make the edits noted a step of mask prompts, so that they can be undone; while an answer is due they wait for
        it. Returns whether there were any that say more than the prompts do.
        """
        with self._lock:
            return self.request() is None and self._make_step_of_edits()

    def _make_step_of_edits(self) -> bool:
        masks = [self.usable(mask) for mask in self._edits.take() if not self._history.contains_mask(mask)]
        if not masks:
            return False
        self._history = self._history.add(*masks)
        prompts = self._history.answered
        if self.predictor is not None and prompts and all(prompt.kind == "mask" for prompt in prompts):
            self.weights = self.predictor.weights  # which make the same of masks as any others
        if not self._due:
            self._keep_shown()
        return True

    def _show_answer(self) -> None:
        """Show the step that holds where its result is known; what was painted while it was due is a step upon it."""
        self._due = not self._show_known()
        if not self._due and self.masks is not None and self._edits:
            self.masks, self.shown = self._edits.move_onto(self.masks), None
            self._make_step_of_edits()

    def adopt(self, found: PackedMasks, edits: Edits) -> bool:
        """Go on from what the segments hold, found on the grid of a study just opened.

        Args:
            found: The masks.
            edits: Those of them that somebody edited since they were written.

        Returns:
            Whether prompts were made of them: masks that stand for what no prompt leads to, or edits.
        """
        with self._lock:
            self.masks, self.shown, self._stopped = found, None, False
            self._edits.note(edits, found)
            made = self._inherit() or self._make_step_of_edits()
            if self._due:
                self._show_answer()
            elif not made:
                self._keep_shown()
            return made

    def _inherit(self) -> bool:
        """Let masks stand for what the segments hold when they are first seen, where no prompts led to it, or other
        weights than the predictor's answered them. Returns whether there are such masks.
        """
        adopted, self._adopted = self._adopted, True
        if adopted or self.masks is None or self.predictor is None:
            return False
        answered = not self._history.begins_empty or (self._history.has_result and not self._due)
        if answered and self.weights is not None and self.weights == self.predictor.weights:
            return False
        masks = self.masks
        found = tuple(self.usable(prompting.mask(masks.mask(r), r)) for r in REGIONS if masks.voxels(r))
        if found:
            self._edits.clear()
            self._remember((found, False), self.masks, self.weights)
            self._history = self._history.inheriting(found)
            self.shown = (found, False)
        return bool(found)

    def _keep_shown(self) -> None:
        """Take what is shown as the result of the step that holds."""
        if self.masks is not None:
            self.shown = self._history.snapshot
            self._remember(self.shown, self.masks, self.weights)

    # work

    def request(self) -> Request | None:
        """What has to be predicted to show the step that holds; None where nothing is due."""
        with self._lock:
            return Request(self._history.snapshot[0]) if self.is_due and not self._stopped else None

    def shown_request(self) -> Request | None:
        """The request whose prediction is shown; None where nothing is, or masks edited since."""
        shown = self.shown
        return Request(shown[0]) if shown is not None and (shown[0] or shown[1]) else None

    def stop(self) -> None:
        """Want no prediction until the next step."""
        self._stopped = True

    @property
    def is_due(self) -> bool:
        """Whether what is shown is not the answer to the prompts, which is wanted, or was stopped."""
        return self._due and self._history.has_result

    def apply(self, prediction: Prediction) -> Boxes:
        """Keep a prediction on the study that is open, and show it where it is that of the step that holds and is due.

        Returns:
            For each region the box of voxels that changed; None where nothing did.
        """
        with self._lock:
            before = self.masks
            if prediction.study is None or prediction.study is self.study:
                self._remember((prediction.prompts, not prediction.prompts), prediction.masks, prediction.weights)
            if self._due:
                self._show_answer()
            return self._changes(before)

    def encode(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        """Compute all that needs no prompt, so that a click is answered at once: embeddings, features, the proposal.
        Raises `Cancelled`; what was done by then is kept.
        """
        self._opened().encode(progress, cancel)

    def update(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Result:
        """Answer the prompts; without any this is the automatic proposal.

        Args:
            progress: Called with the fraction done and a sentence.
            cancel: Asked several times a second; True stops the work.

        Raises:
            Cancelled: The user stopped. Masks are as before, embeddings done by then are kept.
        """
        started = time.monotonic()
        with self._lock:
            self.take_edits()
            if not self._history.has_result:
                self._history = self._history.showing_proposal()
            request = Request(self._history.snapshot[0])
            self._due, self._stopped = self.shown != self._history.snapshot, False
        prediction = self._opened().predict(request, progress, cancel)
        return Result(self.apply(prediction), time.monotonic() - started, prediction.notes)

    def _opened(self) -> Predictor:
        if self.predictor is None:
            raise PromptError("No volume has been read: give the session a study and a model first")
        return self.predictor

    def _show_known(self) -> bool:
        """Show the step that holds where its result is known. Returns whether it was."""
        snapshot = self._history.snapshot
        if self.masks is None:
            return False
        if snapshot in self._results:
            self._results.move_to_end(snapshot)
            self.masks, self.weights = self._results[snapshot]
        elif self._history.has_result:
            return False
        else:
            self.masks, self.weights = PackedMasks.empty(self.masks.shape), None
        self.shown = snapshot
        return True

    def _remember(self, snapshot: Snapshot, masks: PackedMasks, weights: str | None) -> None:
        self._results[snapshot] = masks, weights
        self._results.move_to_end(snapshot)
        while len(self._results) > KEPT_RESULTS:
            self._results.popitem(last=False)

    # results

    def mask(self, region: str) -> np.ndarray:
        """uint8 of 0 and 1: what is shown of a region, ET inside TC inside WT; zeros before the first update."""
        check_region(region)
        self._opened()
        assert self.masks is not None
        return self.masks.mask(region)

    def probability(self, region: str) -> np.ndarray:
        """float32 in [0, 1]: at least 0.5 exactly where the mask is 1. Zeros before the first update."""
        check_region(region)
        predictor, shown = self._opened(), self.shown_request()
        if shown is None:
            assert self.study is not None
            return np.zeros(self.study.reference.shape, np.float32)
        return predictor.probability(shown, region)

    def volumes(self) -> dict[str, float]:
        """Volume of each region in mL, as shown; 0 before the study is known."""
        masks, study = self.masks, self.study
        if masks is None or study is None:
            return dict.fromkeys(REGIONS, 0.0)
        return {region: masks.voxels(region) * study.reference.voxel_ml for region in REGIONS}
