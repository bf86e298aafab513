"""Time on the device that trains, and time for people."""

import time
from types import TracebackType
from typing import Self

import torch


class Stopwatch:
    """Measures the share of a span of time that parts of it take: from when it is made to when the share is asked for.

    On a CUDA card the device's own clock counts, by events in its queue: the host is far ahead of it.

    Args:
        device: Whose time counts.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_card = device.type == "cuda"
        self._parts: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds = 0.0
        self._begun = time.monotonic()
        self._first = self._mark() if self._on_card else None
        self._part = self._first
        self._part_begun = self._begun

    def __enter__(self) -> Self:
        if self._on_card:
            self._part = self._mark()
        self._part_begun = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._seconds += time.monotonic() - self._part_begun
        if self._part is not None:
            self._parts.append((self._part, self._mark()))

    def share(self) -> float:
        """The share, 0 to 1. On a card, asked after the host has waited for what it measured, this waits for little."""
        if self._first is None:
            return self._seconds / max(time.monotonic() - self._begun, 1e-9)
        last = self._mark()
        last.synchronize()
        inside = sum(start.elapsed_time(stop) for start, stop in self._parts)
        return inside / max(self._first.elapsed_time(last), 1e-6)

    def _mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def time_needed(seconds: float) -> str:
    """So many seconds in words, as exact as an estimate deserves: 40 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {10 * (minutes % 60 // 10)} min"
