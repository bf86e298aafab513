"""Work in a fork of this process, which has imported all that it needs, with limits on memory and time."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
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
        memory: The most bytes that it held beyond those that this process held, which a fork shares.
        text: What it wrote to standard error.
    """

    status: int
    memory: int
    text: str


def in_a_fork(work: Callable[[], int], errors: Path) -> Ended:
    """Run `work`, which returns the exit status, with standard error in the file `errors` and no standard output."""
    before = _pages(1)
    child = os.fork()
    if child == 0:
        status = BROKEN
        try:
            _prepare(errors)
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, raw, usage = os.wait4(child, 0)
    return Ended(
        os.waitstatus_to_exitcode(raw), max(0, usage.ru_maxrss * 1024 - before), errors.read_text(errors="replace")
    )


def _prepare(errors: Path) -> None:
    signal.alarm(SECONDS)
    most = _pages(0) + MOST_MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))


def _pages(column: int) -> int:
    """Bytes that this process has: 0 of addresses, 1 of memory."""
    return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()
