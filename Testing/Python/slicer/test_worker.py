"""The worker's thread: order, progress, cancel, errors, and that nothing of it is left behind."""

import gc
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.slicer.worker import Worker

MAIN = threading.get_ident()


class Log:
    """Callbacks that remember what they were told, and on which thread."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.failed: list[Exception] = []
        self.progress: list[tuple[float, str]] = []
        self.errors: list[Exception] = []

    def on_done(self, value: Any) -> None:
        assert threading.get_ident() == MAIN
        self.done.append(value)

    def on_progress(self, fraction: float, text: str) -> None:
        assert threading.get_ident() == MAIN
        self.progress.append((fraction, text))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def worker(log: Log) -> Iterator[Worker]:
    before = threading.active_count()
    made = Worker(log.errors.append)
    yield made
    assert made.close(5)
    assert threading.active_count() == before


def wait(worker: Worker, condition: Callable[[], bool], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        worker.collect()
        time.sleep(0.002)


def blocking(progress: Any, cancel: Any) -> None:
    while not cancel():
        time.sleep(0.002)
    raise Cancelled("stopped")


def test_results_come_in_order_and_on_the_main_thread(worker: Worker, log: Log) -> None:
    for number in range(20):
        worker.submit(lambda p, c, number=number: (number, threading.get_ident()), log.on_done, log.failed.append)
    assert log.done == []  # only collect delivers
    wait(worker, lambda: len(log.done) == 20)
    assert [number for number, _ in log.done] == list(range(20))
    assert MAIN not in {ident for _, ident in log.done} and not worker.busy


def test_only_the_latest_progress_is_told(worker: Worker, log: Log) -> None:
    def job(progress: Any, cancel: Any) -> None:
        for n in range(1000):
            progress(n / 1000, f"step {n}")

    ended = threading.Event()
    worker.submit(job, log.on_done, log.failed.append, log.on_progress)
    worker.submit(lambda p, c: ended.set(), lambda nothing: None, log.failed.append)
    assert ended.wait(5)  # not collected meanwhile
    worker.collect()
    assert log.progress == [(0.999, "step 999")] and log.done == [None]


def test_a_running_and_a_waiting_job_are_cancelled(worker: Worker, log: Log) -> None:
    started = time.monotonic()
    tickets = [worker.submit(blocking, log.on_done, log.failed.append) for _ in range(3)]
    for ticket in tickets:
        ticket.cancel()
    wait(worker, lambda: len(log.failed) == 3)
    assert all(isinstance(error, Cancelled) for error in log.failed) and log.done == []
    assert time.monotonic() - started < 1


def test_a_dropped_job_never_calls_back(worker: Worker, log: Log) -> None:
    running = worker.submit(blocking, log.on_done, log.failed.append)
    waiting = worker.submit(lambda p, c: 1, log.on_done, log.failed.append)
    done = worker.submit(lambda p, c: 2, log.on_done, log.failed.append)
    worker.drop(waiting)
    worker.drop(running)
    ended = threading.Event()
    last = worker.submit(lambda p, c: ended.set(), log.on_done, log.failed.append)
    assert ended.wait(5)
    worker.drop(done)  # finished, but not yet collected
    worker.drop(last)
    wait(worker, lambda: not worker.busy)
    assert log.done == [] and log.failed == []


def test_an_error_reaches_its_callback_and_the_thread_goes_on(worker: Worker, log: Log) -> None:
    worker.submit(lambda p, c: 1 / 0, log.on_done, log.failed.append)

    def leave(progress: Any, cancel: Any) -> None:
        raise SystemExit(3)

    worker.submit(leave, log.on_done, log.failed.append)
    worker.submit(lambda p, c: 7, log.on_done, log.failed.append)
    wait(worker, lambda: log.done == [7])
    assert isinstance(log.failed[0], ZeroDivisionError) and "SystemExit(3)" in str(log.failed[1])


def test_an_exception_in_a_callback_is_reported_and_hurts_no_other(worker: Worker, log: Log) -> None:
    worker.submit(lambda p, c: 0, lambda value: 1 / value, log.failed.append)  # type: ignore[arg-type, return-value]
    worker.submit(lambda p, c: 5, log.on_done, log.failed.append)
    wait(worker, lambda: log.done == [5])
    assert [type(error) for error in log.errors] == [ZeroDivisionError] and log.failed == []


def test_closing_ends_a_job_that_runs_and_refuses_new_ones(log: Log) -> None:
    worker = Worker(log.errors.append)
    worker.submit(blocking, log.on_done, log.failed.append)
    assert worker.close(5)
    with pytest.raises(RuntimeError, match="closed"):
        worker.submit(lambda p, c: 1, log.on_done, log.failed.append)
    worker.collect()
    assert log.done == [] and log.failed == [] and worker.close(1)


def test_closing_says_when_a_job_does_not_listen() -> None:
    release = threading.Event()
    worker = Worker(lambda error: None)
    worker.submit(lambda p, c: release.wait(10), lambda value: None, lambda error: None)
    time.sleep(0.02)
    assert worker.close(0.05) is False
    release.set()
    assert worker.close(5) is True


def test_a_forgotten_worker_ends_its_thread() -> None:
    before = set(threading.enumerate())
    worker = Worker(lambda error: None)
    worker.submit(blocking, lambda value: None, lambda error: None)
    (thread,) = set(threading.enumerate()) - before
    del worker
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("seed", range(3))
def test_random_submits_drops_and_cancels(worker: Worker, log: Log, seed: int) -> None:
    draw = random.Random(seed)
    tickets = {}
    dropped = set()

    def job(progress: Any, cancel: Any, number: int) -> int:
        for step in range(draw.randrange(4)):
            progress(step / 4, "working")
            if cancel():
                raise Cancelled("stopped")
            time.sleep(0.0005)
        return number

    failed: list[int] = []
    for number in range(300):
        tickets[number] = worker.submit(
            lambda p, c, n=number: job(p, c, n), log.on_done, lambda error, n=number: failed.append(n), log.on_progress
        )
        choice, other = draw.random(), draw.randrange(number + 1)
        if choice < 0.2:
            tickets[other].cancel()
        elif choice < 0.4 and other not in (*log.done, *failed):
            worker.drop(tickets[other])
            dropped.add(other)
        elif choice < 0.7:
            worker.collect()
    wait(worker, lambda: not worker.busy)
    assert set(log.done) | set(failed) == set(range(300)) - dropped and not set(log.done) & set(failed)
    assert log.done == sorted(log.done) and log.errors == []
