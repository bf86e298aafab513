"""When a training is validated, and what the validations have found so far."""

from dataclasses import dataclass, field
from typing import Any, Self

from .validate import score

SHARE = 0.1
"""Share of the time that validations take at most while a network is trained; the last one comes besides."""


@dataclass
class Validations:
    """Those of a training.

    Args:
        best: What the best found; empty without one.
        best_step, best_seconds: The step whose weights these were, and the time of training until then; None where an
            earlier version has not kept them.
        step: Whose weights were validated last.
        ended: Time of training at which the last one was over.
        takes: Seconds that one takes; 0 while that is unknown.
        without_improvement: So many in a row, up to the last, have found nothing better.
    """

    best: dict[str, float] = field(default_factory=dict)
    best_step: int | None = None
    best_seconds: float | None = None
    step: int | None = None
    ended: float = 0.0
    takes: float = 0.0
    without_improvement: int = 0

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Self:
        """As a checkpoint has them."""
        return cls(
            best=saved["best"],
            best_step=saved.get("best_step"),
            best_seconds=saved.get("best_seconds"),
            step=saved.get("validated_step"),
            ended=saved.get("validated", saved["elapsed"]),
            takes=saved.get("validation_takes", 0.0),
            without_improvement=saved["validations_without_improvement"],
        )

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "best": self.best,
            "best_step": self.best_step,
            "best_seconds": self.best_seconds,
            "validated_step": self.step,
            "validated": self.ended,
            "validation_takes": self.takes,
            "validations_without_improvement": self.without_improvement,
        }

    def add(self, measured: dict[str, float], step: int, elapsed: float) -> bool:
        """Take up what one has found; whether these weights are to be kept. Of equal ones the later are."""
        better = score(measured) > score(self.best)
        self.without_improvement = 0 if better else self.without_improvement + 1
        self.step, self.ended = step, elapsed
        if measured and score(measured) < score(self.best):
            return False
        self.best, self.best_step, self.best_seconds = measured, step, elapsed
        return True

    def wait(self, minutes: float) -> float:
        """Seconds from one to the next: as asked for, and as many as keep them below their share."""
        return max(60 * minutes, (1 / SHARE - 1) * self.takes)

    def plan(self, training: float, budget: float, wait: float) -> tuple[float, int]:
        """The time that all takes, and how many validations are in it.

        Args:
            training: Seconds of training that are left.
            budget: Seconds after which it ends anyway, those of validations included.
            wait: Seconds from one validation to the next.
        """
        between = int(min(training / wait, budget / (wait + self.takes)))
        return min(training + between * self.takes, budget) + self.takes, between + 1
