"""A training that somebody stops, and what it leaves."""

from pathlib import Path
from typing import Any

import pytest
import torch

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.training import TrainOptions, fit
from GliomaSAMLib.training.checkpoint import CHECKPOINT


class StopAfter:
    """A user who stops the training after a number of steps; is `progress` and `cancel`."""

    def __init__(self, steps: int) -> None:
        self.text = f"step {steps - 1},"
        self.seen = False
        self.lines: list[tuple[float, str]] = []

    def progress(self, fraction: float, text: str) -> None:
        self.lines.append((fraction, text))
        self.seen = self.seen or text.startswith(self.text)

    def cancel(self) -> bool:
        return self.seen


def stop_after(options: TrainOptions, steps: int) -> None:
    user = StopAfter(steps)
    with pytest.raises(Cancelled, match="same command"):
        fit(options, user.progress, user.cancel)


def checkpoint(folder: Path) -> dict[str, Any]:
    return torch.load(folder / CHECKPOINT, weights_only=True)
