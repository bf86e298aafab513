"""What the panel drives: one worker, the model, and a controller for every segmentation node."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ..errors import Cancelled, GliomaSAMError
from ..files import current_name
from ..progress import Cancel, Progress
from ..session import Predictor, Request
from .controller import SegmentationController
from .jobs import Jobs, ModelChoice
from .persistence import restore, set_aside
from .worker import JOIN_SECONDS, ORDER, Ticket, Work, Worker

LOGGER = logging.getLogger(__name__)


class Listener(Protocol):
    """What the panel offers to be told; always called on the main thread."""

    def progress(self, fraction: float | None, text: str) -> None:
        """How far the work is, 0 to 1; None with "" when nothing is being done any more."""

    def message(self, text: str, kind: str) -> None:
        """A sentence for the user, of the kind "info", "warning" or "error"."""

    def modelChanged(self) -> None:
        """Another model or device is in use than was chosen."""

    def changed(self, task: SegmentationController) -> None:
        """The prompts, phase, notes, uncertainty or undo state of a task are others now."""

    def results(self, task: SegmentationController) -> None:
        """The segments of a task hold a new result."""


class Engine:
    """Runs the slow work of all segmentations in one thread and brings the results into the scene.

    Everything is called on the main thread; `collect` by a timer, about every 50 ms.

    Args:
        listener: The panel.
        load, read_study, new_predictor: How models, studies and predictors are made; default those of this library.
        cache: Where embeddings are kept, as for `Session`.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        load: Callable[[str, str], Any] | None = None,
        read_study: Callable[..., Any] | None = None,
        new_predictor: Callable[[Any, Any, str | Path | None, Callable[[str], None]], Predictor] | None = None,
        cache: str | Path | None = "default",
    ) -> None:
        self.listener = listener
        self.jobs = Jobs(load, read_study, new_predictor, cache)
        self._worker = Worker(self.tell_error)
        self._tasks: list[SegmentationController] = []  # the one that the user touched last is the first
        self._background: deque[Work] = deque()
        self._measuring: Work | None = None
        self._current: tuple[SegmentationController | None, Work, Ticket] | None = None
        self._told_progress = False
        self._hindered: dict[SegmentationController, str] = {}  # with what hinders them, told once until it is gone
        self._choice = ModelChoice()
        self._loaded: ModelChoice | None = None
        self._paths: set[str] = set()
        self._unopened: dict[str, None] = {}
        self._closed = False

    # tasks

    def task(self, segmentation_node: Any) -> SegmentationController:
        """The task of a segmentation node, made on demand; what the scene holds of it is taken up."""
        for task in self._tasks:
            if task.node is segmentation_node:
                return task
        task = SegmentationController(segmentation_node, self)
        self._tasks.insert(0, task)
        try:
            state = restore(segmentation_node.GetScene(), segmentation_node)
            if state is not None:
                task.restore(state)
        except Exception as error:  # whatever it is: what could not be taken up is kept, and saving goes on
            set_aside(segmentation_node)
            self.tell_error(error)
        return task

    @property
    def tasks(self) -> tuple[SegmentationController, ...]:
        """All that there are, the one touched last first."""
        return tuple(self._tasks)

    def touch(self, task: SegmentationController) -> None:
        """Serve this task first from now on; the user goes on with it, so what hinders it is told again."""
        self._hindered.pop(task, None)
        if task in self._tasks:
            self._tasks.remove(task)
            self._tasks.insert(0, task)

    # the model

    @property
    def choice(self) -> ModelChoice:
        """The model and device in use, or about to be."""
        return self._choice

    def set_model(self, name: str, device: str = "auto", saved: bool = False) -> None:
        """Answer with another model or on another device from now on. What is shown stays until the next prompt; when
        the model cannot be loaded, the one before stays in use, but the default takes its place when a scene named it
        (`saved`). A path that only a scene names is not opened: the user is told, and chooses it or does not.
        """
        choice = ModelChoice(current_name(name), device, saved)
        if not saved:
            self._paths.add(choice.model)
            self._unopened.pop(choice.model, None)
        elif choice.is_path and choice.model not in self._paths:
            self._unopened[choice.model] = None
            choice = replace(choice, model=ModelChoice.model)
            self.listener.message(
                f"The scene names {name} as its model. A file that a scene names is opened only when you choose it in "
                f"the section Model and device, so {choice.model} takes its place",
                "warning",
            )
        if choice == self._choice and not saved:
            return
        before, self._choice = self._choice, choice
        if choice == before:
            return
        for task in self._tasks:
            self.drop(task, "prepare")
            task.model_changed()

    @property
    def unopened(self) -> tuple[str, ...]:
        """Paths of weights that scenes named and that the user has not chosen: they were not opened."""
        return tuple(self._unopened)

    def restore_model(self, task: SegmentationController, choice: ModelChoice) -> None:
        """Answer with the model that a task was saved with. There is one at a time, so other tasks are told of."""
        before = self._choice
        self.set_model(choice.model, choice.device, saved=True)
        others = [other for other in self._tasks if other is not task and other.volume_nodes]
        if self._choice.model != before.model and self._choice.model == current_name(choice.model) and others:
            self.listener.message(
                f"{task.node.GetName()} was made with the model {self._choice.model}: it is in use from now on, for "
                f"the other segmentations as well, in place of {before.model}",
                "info",
            )

    def loaded(self, choice: ModelChoice) -> None:
        """Note that a model works: the one chosen, or the default in place of one that is not here."""
        if choice != self._choice:
            text = f"The model {self._choice.model} cannot be used here: {choice.model} takes its place"
            self.listener.message(text, "info")
        self._choice = self._loaded = choice
        self.listener.modelChanged()

    def not_loaded(self, choice: ModelChoice) -> None:
        """Note that work with a model could not begin: go back to the last that worked."""
        if self._loaded is not None and choice == self._choice:
            self._choice = self._loaded
            self.listener.modelChanged()

    # work

    @property
    def busy(self) -> bool:
        """Whether something is being done or waits to be done."""
        own = self._current or self._background or self._measuring
        return bool(own) or any(task.is_waiting and task not in self._hindered for task in self._tasks)

    def background(
        self,
        text: str,
        job: Callable[[Progress, Cancel], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Run something slow that belongs to no segmentation, such as a download or an import of weights.

        Args:
            text: What is being done, for the user.
            job: Runs in the worker's thread: no MRML, no Qt.
            done: Called on the main thread with what it returned.
            failed: Called on the main thread with its error, not when it was cancelled; errors become messages by
                default.
        """
        self._background.append(Work("background", text, job, done or (lambda result: None), failed or self.tell_error))

    def measure(self, text: str, job: Callable[[Progress, Cancel], Any], done: Callable[[Any], None]) -> None:
        """Measure what is shown, as `background`, in place of what was to be measured; no answer waits for it."""
        if self._current is not None and self._current[1] is self._measuring:
            self._worker.drop(self._current[2])
            self._current = None
            self._tell_idle()
        self._measuring = Work("measure", text, job, done, self.tell_error)

    def cancel(self) -> None:
        """Stop everything at once. Prompts stay, and what was encoded is kept; the next prompt goes on."""
        stopped = self._current[1].text if self._current else ""
        self._background.clear()
        self._measuring = None
        if self._current is not None:
            self._worker.drop(self._current[2])
            self._current = None
        for task in self._tasks:
            task.stop()
        self._tell_idle()
        if stopped:
            self.listener.message(f"Stopped: {stopped}", "info")

    def drop(self, task: SegmentationController, *kinds: str) -> None:
        """Stop work of a task and forget its result; without `kinds` any."""
        if self._current is not None and self._current[0] is task and (not kinds or self._current[1].kind in kinds):
            self._worker.drop(self._current[2])
            self._current = None
            self._tell_idle()

    def drop_answers(self, task: SegmentationController, wanted: Request | None) -> None:
        """Stop looking for answers of a task, but for one on which the answer to `wanted` rests: that one is kept, so
        that quick clicks, each of which comes before the answer to the last, get on all the same.
        """
        running = self._current[1].request if self._current is not None else None
        if running is None or wanted is None or not running.leads_to(wanted):
            self.drop(task, "update", "uncertainty")

    def collect(self) -> None:
        """Deliver results, take up what the user did, and start the work that is due."""
        if self._closed:
            return
        self._forget_the_dead()
        self._worker.collect()
        while self.jobs.messages:
            self.listener.message(self.jobs.messages.popleft(), "warning")
        for task in list(self._tasks):
            scene = task.node.GetScene()
            if scene is None or scene.IsBatchProcessing():  # closing or reading a scene: nothing is in its place
                continue
            try:
                task.tick()
                self._hindered.pop(task, None)
            except Exception as error:
                if self._hindered.get(task) != str(error):
                    self._hindered[task] = str(error)
                    self.tell_error(error)
        self._start_work()

    def close(self, timeout: float = JOIN_SECONDS) -> bool:
        """Let go of everything and end the thread. Returns whether it ended within `timeout` seconds."""
        self._closed = True
        for task in self._tasks:
            task.close()
        self._tasks = []
        self._background.clear()
        self._measuring = self._current = None
        return self._worker.close(timeout)

    def _forget_the_dead(self) -> None:
        for task in [task for task in self._tasks if task.node.GetScene() is None]:
            self.drop(task)
            self._hindered.pop(task, None)
            self._tasks.remove(task)
            task.close()

    def _start_work(self) -> None:
        found = self._next()
        if found is None:
            return
        task, work = found
        if self._current is not None:
            kind = self._current[1].kind
            answers = self._current[0] is task and work.kind in ("update", "uncertainty")
            needed = kind == "encode" and answers  # an answer begins with the encoding
            if kind in ("measure", "encode") and not needed and ORDER.index(work.kind) < ORDER.index(kind):
                self._current[2].cancel()  # it comes again after this
            return
        ticket = self._worker.submit(
            work.job,
            lambda result: self._finished(work, result),
            lambda error: self._failed(work, error),
            self._tell_progress,
        )
        self._current = (task, work, ticket)
        self._tell_progress(0.0, work.text)

    def _next(self) -> tuple[SegmentationController | None, Work] | None:
        """The most urgent work; among equals that of the task touched last."""
        candidates: list[tuple[SegmentationController | None, Work]] = [
            (None, work) for work in (*list(self._background)[:1], self._measuring) if work is not None
        ]
        for task in self._tasks:
            work = task.next_work()
            if work is not None:
                candidates.append((task, work))
        return min(candidates, key=lambda candidate: ORDER.index(candidate[1].kind), default=None)

    def _finished(self, work: Work, result: Any) -> None:
        self._release()
        self._measured(work)
        work.done(result)

    def _failed(self, work: Work, error: Exception) -> None:
        self._release()
        if not isinstance(error, Cancelled):
            self._measured(work)
            work.failed(error)

    def _measured(self, work: Work) -> None:
        """Work is done: if it was to be measured, it is no more."""
        if work is self._measuring:
            self._measuring = None

    def _release(self) -> None:
        """The current work is over."""
        if self._current is not None and self._current[1].kind == "background":
            self._background.popleft()
        self._current = None
        self._tell_idle()

    # telling

    def _tell_progress(self, fraction: float, text: str) -> None:
        self._told_progress = True
        self.listener.progress(fraction, text)

    def _tell_idle(self) -> None:
        if self._told_progress:
            self._told_progress = False
            self.listener.progress(None, "")

    def tell_error(self, error: Exception) -> None:
        """Tell the user of an error: our own in their words, others as what they are."""
        if isinstance(error, GliomaSAMError):
            self.listener.message(str(error), "error")
        else:
            self._report(error)

    def _report(self, error: Exception) -> None:
        LOGGER.error("unexpected error", exc_info=error)
        self.listener.message(
            f"An unexpected error ({type(error).__name__}: {error}): save your work; the error is in the log", "error"
        )
