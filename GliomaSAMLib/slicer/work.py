"""A piece of slow work that waits for its turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..study.progress import Cancel, Progress
from .timeline import Step

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
        step: What an "update" answers; None for all others.
    """

    kind: str
    text: str
    job: Callable[[Progress, Cancel], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    step: Step | None = None

    def leads_to(self, step: Step) -> bool:
        """Whether its answer is one of those on which the answer to `step` rests."""
        return self.step is not None and self.step[0] == step[0][: len(self.step[0])]
