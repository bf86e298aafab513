"""The commands together, and what the shell sees when one of them fails."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer import TyperException

from .. import __version__
from ..errors import Cancelled, GliomaSAMError
from ..private_folder import remove_abandoned
from ..working_folder import import_elsewhere
from .average import average
from .console import print_any_character, print_error, warnings_as_lines
from .demo import demo
from .doctor import doctor
from .evaluate import evaluate
from .faults import EXIT_ERROR, EXIT_UNEXPECTED, reason_of
from .follow_up import follow_up
from .measure import measure
from .models import models
from .paths import PathCommand
from .segment import PromptCommand, segment
from .segment_cases import segment_cases
from .stopping import Stopped, stay_until_the_end, tidy_up_when_stopped
from .train import train

EXIT_STOPPED = 130
"""Exit status after Ctrl-C."""

app = typer.Typer(
    name="gliomasam",
    help="Outline a glioma in 3D from a click on up to four MR volumes (T1, T1 with contrast, T2, FLAIR). "
    "For research only, not for clinical use. Nothing leaves this computer.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command(cls=PromptCommand)(segment)
app.command("segment-cases", cls=PathCommand)(segment_cases)
app.command("follow-up", cls=PathCommand)(follow_up)
for command in (measure, train, average, evaluate, models, doctor, demo):
    app.command(cls=PathCommand)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gliomasam {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `gliomasam` with the arguments given (default: those of the shell) and leave by `sys.exit`.

    Exit status 0: done. 2: a usage or input error, one line on standard error. 130: stopped by Ctrl-C. 143, 129: by
    SIGTERM, SIGHUP. 1: a fault of the program; one line, or the traceback when the environment variable
    GLIOMASAM_DEBUG is set.
    """
    alone = arguments is None  # called with arguments, the process is the caller's
    if alone:
        tidy_up_when_stopped()
    remove_abandoned()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = run(arguments or ["--help"])
    except (KeyboardInterrupt, Stopped):  # a second time, while the first was being told
        status = EXIT_STOPPED
    if alone:
        stay_until_the_end()
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run `gliomasam` with these arguments and return its exit status."""
    print_any_character()
    try:
        for word in arguments:
            word.encode("utf-8")  # the readers underneath take no other names
        import_elsewhere()
        with warnings_as_lines():
            status = int(app(list(arguments), prog_name="gliomasam", standalone_mode=False) or 0)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk or a closed pipe shows now
        if status == EXIT_STOPPED:  # typer has turned Ctrl-C into this status
            print_error("stopped")
        return status
    except (Cancelled, KeyboardInterrupt):
        print_error("stopped")
        return EXIT_STOPPED
    except Stopped as stopped:
        print_error("stopped")
        return stopped.status
    except (GliomaSAMError, TyperException) as error:
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        print_error(message)
        return EXIT_ERROR
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the reader has closed the pipe
        return EXIT_UNEXPECTED
    except Exception as error:
        if os.environ.get("GLIOMASAM_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  it is standard output that cannot be written
        told, status = reason_of(error)
        print_error(told)
        return status
