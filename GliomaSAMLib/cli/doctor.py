"""`gliomasam doctor`: what is installed, and whether it works."""

from typing import Annotated

import typer
from rich.table import Table

from .checks import all_checks
from .console import output, progress_bar

MARKS = {True: "ok", False: "PROBLEM", None: ""}


def doctor(
    device: Annotated[str, typer.Option(help="Device of the self-check: auto, cpu, cuda, cuda:1 or mps.")] = "auto",
) -> None:
    """Tell versions, devices, weights, memory and disk, and try out a small segmentation (about ten seconds).

    Exit status 0 when all is well, 2 when there is a problem. The report holds no image: send it when you ask for help.
    """
    table = Table(show_header=False, box=None, pad_edge=False)
    with progress_bar() as report:
        checks = []
        for check in all_checks(device):
            checks.append(check)
            report(min(0.1 * len(checks), 0.95), check.name)
    for check in checks:
        table.add_row(MARKS[check.good], check.name, check.text)
    console = output()
    console.print(table)
    problems = [check.name for check in checks if check.good is False]
    if problems:
        console.print(f"{len(problems)} problem(s): {', '.join(problems)}", markup=False)
        raise typer.Exit(2)
    console.print("all is well")
