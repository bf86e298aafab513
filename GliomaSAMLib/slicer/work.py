"""A piece of slow work that waits for its turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..study.progress import Cancel, Progress

ORDER = ("background", "prepare", "update", "doubt", "encode")
"""Kinds of work, the most urgent first. Encoding gives way to all others and is resumed."""


@dataclass(frozen=True)
class Work:
    """One job for the worker.

    Args:
        kind: One of `ORDER`.
        text: What is being done, for the user.
        job: Runs in the worker's thread.
        done: Called on the main thread with what the job returned.
        failed: Called on the main thread with its error; not when it was cancelled.
    """

    kind: str
    text: str
    job: Callable[[Progress, Cancel], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
