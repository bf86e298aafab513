"""What all commands say to the terminal: results on standard output, progress and errors on standard error."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Report = Callable[[float, str], None]
"""Told the fraction done, 0 to 1, and a sentence for the user."""


def output() -> Console:
    """Standard output, without colour codes in a pipe."""
    return Console(highlight=False)


def print_error(message: str) -> None:
    """One line on standard error, whatever the message holds."""
    line = " ".join(message.split())
    sys.stderr.write(f"gliomasam: {line}\n")


@contextlib.contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Report]:
    """A bar on standard error with the time left, as a function to be called with the fraction done and a message.

    Nothing is shown when `quiet`, or when standard error is no terminal.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not quiet
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda fraction, message: bar.update(task, completed=fraction, description=message)


def part_of(report: Report, start: float, end: float) -> Report:
    """The report of a step that covers `start` to `end` of the whole."""
    return lambda fraction, message: report(start + (end - start) * fraction, message)
