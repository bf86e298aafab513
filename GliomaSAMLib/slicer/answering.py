"""What a task still owes the user, and what it has answered already."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import GliomaSAMError
from ..kept_masks import Box, KeptMasks
from ..progress import Reporter
from ..prompts import mask
from ..regions import REGIONS
from .library import Answer, Choice, Doubt, Library, Prepared
from .preparing import Preparation
from .shown import ShownSegments
from .timeline import Step, Timeline
from .worker import Work

if TYPE_CHECKING:
    from .task import Task

KEPT_ANSWERS = 100
"""Steps whose masks are kept, about 200 kB each, so that undo shows them at once."""


class Answering:
    """Decides what the worker does next for one task, and brings its answers to the segments. Main thread only.

    Args:
        task: Told of what happens.
        preparation: Where the session comes from.
        segments: Where answers are shown.
        library: What runs in the worker's thread.
    """

    def __init__(self, task: "Task", preparation: Preparation, segments: ShownSegments, library: Library) -> None:
        self._task = task
        self._preparation = preparation
        self._segments = segments
        self._library = library
        self._answers: OrderedDict[Step, tuple[KeptMasks, str | None]] = OrderedDict()
        self._settled = True
        self._due = False
        self._encode_due = False
        self._doubt_due = False
        self._doubt: Doubt | None = None
        self.notes: tuple[str, ...] = ()
        self.changed_boxes: Mapping[str, Box | None] = {}
        self.weights: str | None = None
        """SHA-256 of the weights that made what the segments show, as far as that is known."""

    @property
    def can_show(self) -> bool:
        """Whether the volumes have been read, and what the segments hold is known."""
        return self._preparation.is_ready and self._segments.masks is not None

    @property
    def is_waiting(self) -> bool:
        """Whether something will happen without the user doing anything."""
        if not self._preparation.is_ready:
            return self._preparation.phase == "reading"
        return self._due or self._encode_due or self._doubt_due or self._segments.masks is None

    # what is asked

    def ask(self, timeline: Timeline) -> bool:
        """Another step is to be shown. Returns whether it has been, so that the worker need not answer."""
        self._forget_doubt()
        self._due = True
        return self._show_known(timeline)

    def painted(self, timeline: Timeline) -> None:
        """The segments were edited by hand, and what they hold is a step."""
        self._forget_doubt()
        prepared, prompts = self._preparation.prepared, timeline.prompts
        if prepared is not None and prompts and not timeline.is_found and all(p.kind == "mask" for p in prompts):
            self.weights = prepared.weights  # which make the same of masks as any others
        if self._segments.masks is not None and not self._due:
            self._remember(timeline.step, self._segments.masks, self.weights)

    def restored(self, weights: str | None) -> None:
        """The segments come from a scene, made by weights of this SHA-256."""
        self.weights = weights
        self._settled = False

    def doubt(self, timeline: Timeline) -> Doubt | None:
        """Where a step is in doubt; None as long as it is not known, then it is computed."""
        if self._doubt is not None and self._doubt.step == timeline.step:
            return self._doubt
        self._doubt_due = timeline.asks and self.can_show
        return None

    def stop(self) -> None:
        """Do nothing more until something is asked."""
        self._due = self._encode_due = self._doubt_due = False

    def forget_answers(self) -> None:
        """Answer everything anew."""
        self._answers.clear()
        self._forget_doubt()

    def forget(self) -> None:
        """There is no study any more."""
        self.stop()
        self.forget_answers()
        self.notes = ()

    def _forget_doubt(self) -> None:
        self._doubt = None
        self._doubt_due = False

    # what the worker does

    def next_work(self, timeline: Timeline, choice: Choice) -> Work | None:
        """The most urgent work; None when there is nothing for the worker."""
        request = self._preparation.request(choice, timeline.masks(), self._segments.geometry)
        if request is not None:
            return Work(
                "prepare",
                "reading the volumes" if request.study is None else f"loading the model {choice.model}",
                lambda progress, cancel: self._library.prepare(request, progress, cancel),
                self._take_prepared,
                lambda error: self._not_prepared(choice, error),
            )
        prepared, grid = self._preparation.prepared, self._segments.geometry
        if prepared is None or grid is None or not self.can_show:
            return None
        session, step = prepared.session, timeline.step
        if self._due:
            return Work(
                "update",
                "outlining",
                lambda progress, cancel: self._library.answer(session, step, grid.shape, Reporter(progress, cancel)),
                self._take_answer,
                self._not_answered,
                step,
            )
        if self._doubt_due:
            return Work(
                "doubt",
                "looking for doubtful places",
                lambda progress, cancel: self._library.find_doubt(session, step, grid, Reporter(progress, cancel)),
                self._take_doubt,
                self._no_doubt,
            )
        if self._encode_due:
            return Work("encode", "getting ready for prompts", session.encode, self._encoded, self._not_encoded)
        return None

    def tick(self, timeline: Timeline) -> None:
        """Find out what the segments hold, and show what can be shown without the worker."""
        if not self._preparation.is_ready:
            return
        painted = self._segments.read_next()
        if painted is not None:
            if not self._stand_on_found() and not self._task.keep_edits(painted):
                self.painted(timeline)  # what was found is how this step looks
        elif self._due:
            self._show_known(timeline)

    def _stand_on_found(self) -> bool:
        """Let masks stand for what a scene has brought along, where it was made by other weights than the model's.
        Returns whether it was, and holds anything.
        """
        prepared, masks = self._preparation.prepared, self._segments.masks
        if self._settled or prepared is None or masks is None:
            return False
        self._settled = True
        if self.weights is not None and self.weights == prepared.weights:
            return False
        found = tuple(mask(masks.mask(region), region) for region in REGIONS if masks.voxels(region))
        if found:
            self._remember((found, False), masks, self.weights)
            self._task.stand_on(found)
        return bool(found)

    def _take_prepared(self, prepared: Prepared) -> None:
        self._preparation.take(prepared)
        self._task.refit(prepared, prepared.weights is not None and prepared.weights == self.weights)
        if self._segments.open(prepared.study.reference, self._preparation.reference_node):
            self._answers.clear()
        self._encode_due = True
        self._task.read_again_if_changed()
        self._task.tell_changed()

    def _not_prepared(self, choice: Choice, error: Exception) -> None:
        self._preparation.fail()
        self._task.not_prepared(choice, error)

    def _take_answer(self, answer: Answer) -> None:
        prompts, proposed = answer.step
        self.notes = answer.notes
        weights = self._preparation.prepared.weights if self._preparation.prepared is not None else None
        self._remember((tuple(p for p in prompts if p.id not in answer.refused), proposed), answer.masks, weights)
        if answer.refused:
            self._task.refuse(answer.refused)
        if self._task.read_again_if_changed():
            return
        self._task.take_edits()  # painted meanwhile: then there is a newer step, and this answer is not shown
        self._show_known(self._task.timeline)
        self._task.tell_changed()

    def _not_answered(self, error: Exception) -> None:
        self._due = False
        self._task.tell_error(error)

    def _take_doubt(self, doubt: Doubt) -> None:
        self._doubt_due = False
        self._doubt = doubt
        self._task.tell_changed()

    def _no_doubt(self, error: Exception) -> None:
        self._doubt_due = False
        self._task.tell_error(error)

    def _encoded(self, nothing: None) -> None:
        self._encode_due = False

    def _not_encoded(self, error: Exception) -> None:
        self._encode_due = False
        self._task.tell_error(error)

    # what is shown

    def show_again(self) -> None:
        """Write what is shown once more, into other segments."""
        if self._segments.masks is not None:
            self._show(self._segments.masks, self.weights)

    def _show_known(self, timeline: Timeline) -> bool:
        """Show a step whose answer is known. Returns whether it was."""
        if not self.can_show or self._segments.geometry is None:
            return False
        known = self._answers.get(timeline.step)
        if known is None and not timeline.asks:
            known = KeptMasks.empty(self._segments.geometry.shape), None
        if known is None:
            return False
        self._due = False
        self._show(*known)
        return True

    def _show(self, masks: KeptMasks, weights: str | None) -> None:
        try:
            self.changed_boxes = self._segments.show(masks)
        except GliomaSAMError as error:
            self._task.tell_error(error)
            return
        self.weights = weights
        self._task.tell_results()

    def _remember(self, step: Step, masks: KeptMasks, weights: str | None) -> None:
        self._answers[step] = masks, weights
        self._answers.move_to_end(step)
        while len(self._answers) > KEPT_ANSWERS:
            self._answers.popitem(last=False)
