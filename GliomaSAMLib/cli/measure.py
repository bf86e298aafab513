"""`gliomasam measure`: volumes and diameters of masks that exist already, in one table."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ..errors import OutputError
from ..files import alone_in, make_folder
from .cases_table import Table, row_of_file, row_or_error
from .console import note_line, output, progress_bar
from .sources import Labels


def measure(
    masks: Annotated[
        list[Path],
        typer.Argument(metavar="MASK...", help="Label maps and Slicer segmentations.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The table (.csv). Rows of other files that it has stay.", show_default=False
        ),
    ],
    labels: Labels = None,
) -> None:
    """Measure masks that exist already, of whatever program or person: volumes and diameters, a row a file.

    A file that cannot be measured is told, and the others go on.

    Example: gliomasam measure outlines/*.seg.nrrd --output measured.csv
    """
    from ..data.labels import check_order
    from ..output.overwriting import refuse_inputs

    check_order(labels)
    if out.suffix.lower() != ".csv":
        raise OutputError(f"--output {out} does not end in .csv: name a table")
    files = {_name(file, out.parent): file for file in masks}
    refuse_inputs([out], {f"the mask {file}": (file,) for file in masks})
    make_folder(out.parent)
    failed = 0
    with alone_in(out.parent), progress_bar() as report:
        console, table = output(), Table.read(out, of="file")
        for number, (name, file) in enumerate(files.items()):
            report(number / len(files), file.name)
            row = row_or_error(name, partial(row_of_file, name, file, labels))
            failed += bool(row.error)
            for line in row.lines(row.lengths):
                console.print(line)
            if problem := table.put(row):
                console.print(note_line(problem))
        table.write()
    others = len(table.rows) - len(files)
    counted = f"{len(files) - failed} measured" + (f", {failed} not measured" if failed else "")
    kept = f", with {others} of other files as before" if others else ""
    output().print(f"{counted}; {out} written{kept}. For research only, not for clinical use")
    if failed:
        raise typer.Exit(2)


def _name(file: Path, folder: Path) -> str:
    """A file by its path from the folder of the table, so that its row is the same wherever the command is typed."""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(os.path.abspath(file)).as_posix()
