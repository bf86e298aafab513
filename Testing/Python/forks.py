"""Work in forks of this process, which has imported all that it needs, with limits on memory and time."""

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60

MOST_MORE_BYTES = 6 << 30
"""Of addresses, beyond those of this process; far more than of memory."""

MOST_MEMORY = 1_300_000_000
"""Bytes beyond those of this process; with the 0.7 GB of a process that has imported all, 2 GB."""

BROKEN = 70
"""The status of a fork whose work raised an exception."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        status: Its exit status; below 0 the signal that killed it.
        memory: The most bytes that it held beyond those that it began with, which it shares with this process.
        text: What it wrote to standard error.
    """

    status: int
    memory: int
    text: str


def in_a_fork(work: Callable[[], int], errors: Path) -> Ended:
    """Run `work`, which returns the exit status, with standard error in the file `errors` and no standard output."""
    return in_forks([work], errors)[0]


def in_forks(works: Sequence[Callable[[], int]], errors: Path) -> list[Ended]:
    """As `in_a_fork`, one work after the other in one fork: to fork a large process takes as long as a little work.
    What ends the fork costs no more than itself: the works after it go on in another one.
    """
    found: list[Ended] = []
    while len(found) < len(works):
        found += _in_one_fork(works[len(found) :], errors)
    return found


def _in_one_fork(works: Sequence[Callable[[], int]], errors: Path) -> list[Ended]:
    """How the works ended, until one of them ended the fork."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        child = os.fork()
        if child == 0:
            try:
                _limit()
                before = _pages(1)
                told.write(f"{before}\n")
                told.flush()
                for work in works:
                    status = _in_this_process(work, errors)
                    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                    told.write(json.dumps([status, max(0, most - before), errors.read_text(errors="replace")]) + "\n")
                    told.flush()
            finally:
                os._exit(0)
        _, raw, usage = os.wait4(child, 0)
        told.seek(0)
        begun, *lines = told
        found = [Ended(*json.loads(line)) for line in lines]
    if len(found) < len(works):
        memory = max(0, usage.ru_maxrss * 1024 - int(begun))
        found.append(Ended(os.waitstatus_to_exitcode(raw), memory, errors.read_text(errors="replace")))
    return found


def _limit() -> None:
    most = _pages(0) + MOST_MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _in_this_process(work: Callable[[], int], errors: Path) -> int:
    """Run `work` with standard error in a file and no standard output."""
    signal.alarm(SECONDS)
    for number, path, flags in ((1, os.devnull, os.O_WRONLY), (2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    try:
        return work()
    except BaseException:
        traceback.print_exc()
        return BROKEN
    finally:
        sys.stderr.flush()


def _pages(column: int) -> int:
    """Bytes that this process has: 0 of addresses, 1 of memory."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()
