"""What all commands say to the terminal: results on standard output, progress and errors on standard error."""

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ..plain_text import printable

LONGEST_LINE = 1800
"""Letters of a message: names in spoiled files may be as long as the file."""

Report = Callable[[float, str], None]
"""Told the fraction done, 0 to 1, and a sentence for the user."""


class PlainConsole(Console):
    """A terminal or pipe on which texts appear as they are: no markup, no emoji by name, no control characters."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text of a line or of a table's cell."""
        return super().render_str(printable(text), **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts as whole lines, so that no name in them is broken at the width; a table is fitted to it."""
        whole = all(isinstance(one, str) for one in objects)
        super().print(*objects, **{"soft_wrap": whole, **options})


_under_a_bar: Console | None = None
"""Standard output while a progress bar is drawn there, which makes way for the lines of this console alone."""


def output() -> Console:
    """Standard output, without colour codes in a pipe. To be asked for anew once a progress bar is shown."""
    return _under_a_bar or PlainConsole(highlight=False, markup=False, emoji=False)


def note_line(*texts: str) -> str:
    """A note as one line, whatever names are in it."""
    return " ".join(": ".join(("note", *texts)).split())


def print_error(message: str) -> None:
    """One line on standard error, whatever the message holds; of a very long one the beginning and the end."""
    line = printable(" ".join(message.split()))
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE // 2]} … {line[-LONGEST_LINE // 2 :]}"
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"gliomasam: {line}\n")


def print_any_character() -> None:
    """Have both outputs write an escape in the place of a character that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show a warning as one line, without the place in the program that it came from."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print_error(f"note: {message}")

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextlib.contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Report]:
    """A bar with the time left, as a function to be called with the fraction done and a message; lines of `output`
    appear above it.

    It is drawn on standard output, on standard error where the other goes to a file or a pipe; nowhere when `quiet`, or
    where neither is a terminal.
    """
    global _under_a_bar
    on_output = _is_terminal(sys.stdout)
    console = output() if on_output else Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not quiet
    before = _under_a_bar
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not shown,
        redirect_stdout=on_output,
        redirect_stderr=_is_terminal(sys.stderr),
    ) as bar:
        task = bar.add_task("", total=1.0)
        _under_a_bar = console if shown and on_output else before
        try:
            yield lambda fraction, message: bar.update(task, completed=fraction, description=printable(message))
        finally:
            _under_a_bar = before


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def part_of(report: Report, start: float, end: float) -> Report:
    """The report of a step that covers `start` to `end` of the whole."""
    return lambda fraction, message: report(start + (end - start) * fraction, message)
