"""One thread for all slow work. Jobs go in and results come out on the main thread; no MRML, no Qt, no torch here."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..errors import Cancelled
from ..progress import Cancel, Progress
from ..session import Request

ORDER = ("background", "prepare", "update", "uncertainty", "measure", "encode")
"""Kinds of work, the most urgent first. Measuring and encoding give way to what is more urgent and are resumed."""


@dataclass(frozen=True)
class Work:
    """One job for the worker.

    Args:
        kind: One of `ORDER`.
        text: What is being done, for the user.
        job: Runs in the worker's thread.
        done: Called on the main thread with what the job returned.
        failed: Called on the main thread with its error; not when it was cancelled.
        request: What an "update" answers; None for all others.
    """

    kind: str
    text: str
    job: Callable[[Progress, Cancel], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    request: Request | None = None


T = TypeVar("T")

JOIN_SECONDS = 5.0
"""How long the end of the program waits for a job that was asked to stop."""


@dataclass(eq=False)
class Ticket:
    """One job handed to a `Worker`."""

    _job: Callable[[Progress, Cancel], Any]
    _done: Callable[[Any], None]
    _failed: Callable[[Exception], None]
    _progress: Progress | None
    _stop: threading.Event = field(default_factory=threading.Event)
    _dropped: bool = False
    _news: tuple[float, str] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the job to stop; `failed` is called with `Cancelled` once it has, unless it was done by then."""
        self._stop.set()

    def _run(self) -> Callable[[], None]:
        """Do the work, in the worker's thread, and return the call to make on the main thread."""
        try:
            if self.cancelled:
                raise Cancelled("Stopped by the user")
            result = self._job(self._tell, self._stop.is_set)
        except Exception as error:
            failure = error  # the name of an except clause ends with it
            return lambda: self._failed(failure)
        except BaseException as error:  # SystemExit in a job must not end the thread silently
            stopped = RuntimeError(f"The work ended with {error!r}")
            return lambda: self._failed(stopped)
        return lambda: self._done(result)

    def _tell(self, fraction: float, text: str) -> None:
        self._news = (fraction, text)


class _Queue:
    """What the thread and the main thread share; the thread knows this and not the worker, so that a worker that
    nobody holds any more can end it.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[Ticket] = deque()
        self.current: Ticket | None = None
        self.finished: deque[tuple[Ticket, Callable[[], None]]] = deque()
        self.closed = False

    def serve(self) -> None:
        """Run jobs until closed."""
        while True:
            with self.changed:
                while not self.waiting and not self.closed:
                    self.changed.wait()
                if self.closed:
                    return
                ticket = self.current = self.waiting.popleft()
            outcome = ticket._run()
            with self.changed:
                self.current = None
                self.finished.append((ticket, outcome))
            del ticket, outcome  # nothing of a finished job is held while waiting for the next

    def close(self, thread: threading.Thread | None, timeout: float) -> bool:
        """Stop everything and wait for the thread; whether it has ended."""
        with self.changed:
            self.closed = True
            for ticket in (*self.waiting, *([self.current] if self.current else [])):
                ticket._dropped = True
                ticket.cancel()
            self.waiting.clear()
            self.finished.clear()
            self.changed.notify_all()
        if thread is None or not thread.is_alive() or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()


class Worker:
    """Runs jobs one after the other in a daemon thread, which starts with the first job.

    A `ThreadPoolExecutor` joins its thread at the end of the program: a job that does not stop, such as a driver that
    hangs, would keep the application from closing. This one gives up after `JOIN_SECONDS`.

    All methods are called on the main thread, and `collect` often, by a timer: callbacks run inside it.

    Args:
        on_error: Told of an exception in a callback; the other callbacks run all the same.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._queue = _Queue()
        self._thread: threading.Thread | None = None
        self._end: Callable[[], object] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job waits or runs, or its result has not been collected."""
        queue = self._queue
        with queue.changed:
            return bool(queue.waiting or queue.current or queue.finished)

    def submit(
        self,
        job: Callable[[Progress, Cancel], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        progress: Progress | None = None,
    ) -> Ticket:
        """Queue a job.

        Args:
            job: The work, called in the thread with a function to tell progress and one that says whether to stop.
            done: Called by `collect` with what the job returned.
            failed: Called by `collect` with what the job raised, `Cancelled` when it was stopped.
            progress: Called by `collect` with the latest fraction and text.

        Raises:
            RuntimeError: The worker is closed.
        """
        if self._queue.closed:
            raise RuntimeError("The worker is closed")
        ticket = Ticket(job, done, failed, progress)
        with self._queue.changed:
            self._queue.waiting.append(ticket)
            self._queue.changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._queue.serve, name="GliomaSAM", daemon=True)
            self._thread.start()
            self._end = weakref.finalize(self, self._queue.close, self._thread, JOIN_SECONDS)
        return ticket

    def collect(self) -> None:
        """Deliver the latest progress and the results that are there."""
        queue = self._queue
        with queue.changed:
            current = queue.current
            finished = list(queue.finished)
            queue.finished.clear()
        for ticket in (*(ticket for ticket, _ in finished), *([current] if current else [])):
            news, ticket._news = ticket._news, None
            if news is not None and ticket._progress is not None and not ticket._dropped:
                self._call(partial(ticket._progress, *news))
        for ticket, outcome in finished:
            if not ticket._dropped:  # asked late: an earlier callback may have dropped this one
                self._call(outcome)

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            self._on_error(error)

    def drop(self, ticket: Ticket) -> None:
        """Cancel a job and never call back for it."""
        ticket._dropped = True
        ticket.cancel()
        with self._queue.changed:
            if ticket in self._queue.waiting:
                self._queue.waiting.remove(ticket)

    def close(self, timeout: float = JOIN_SECONDS) -> bool:
        """Drop every job and end the thread. Returns whether it ended within `timeout` seconds."""
        return self._queue.close(self._thread, timeout)
