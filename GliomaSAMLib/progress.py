"""Telling how far a long step has come, and stopping it."""

from collections.abc import Callable
from dataclasses import dataclass

from .errors import Cancelled

Progress = Callable[[float, str], None]
"""Called with the fraction done, 0 to 1, and a sentence for the user."""

Cancel = Callable[[], bool]
"""Called often; True asks the work to stop."""


@dataclass(frozen=True)
class Reporter:
    """Progress and cancel of one part of a longer job.

    Args:
        progress: Told the fraction of the whole job, or None.
        cancel: Asked whether to stop, or None.
        start, end: The part of the whole job, as fractions, that this reporter stands for.
    """

    progress: Progress | None = None
    cancel: Cancel | None = None
    start: float = 0.0
    end: float = 1.0

    def cancelled(self) -> bool:
        """Whether the user asked to stop."""
        return self.cancel is not None and self.cancel()

    def check(self) -> None:
        """Raise `Cancelled` when the user asked to stop."""
        if self.cancelled():
            raise Cancelled("Stopped by the user")

    def report(self, fraction: float, message: str) -> None:
        """Tell that `fraction` (0 to 1) of this part is done. Raises `Cancelled` when the user asked to stop."""
        self.check()
        if self.progress is not None:
            done = min(max(fraction, 0.0), 1.0)
            self.progress(self.start + done * (self.end - self.start), message)

    def part(self, start: float, end: float) -> "Reporter":
        """The reporter of the piece of this part from `start` to `end` (fractions of this part)."""
        length = self.end - self.start
        return Reporter(self.progress, self.cancel, self.start + start * length, self.start + end * length)
