"""`gliomasam models`: the weights of the catalogue and the methods that can be trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .console import output

if TYPE_CHECKING:
    from ..models.catalogue import CatalogueEntry


def models(
    fetch: Annotated[
        str | None,
        typer.Option(
            "--download",
            metavar="NAME",
            help="Check this model's file; fetch it where it is damaged or absent.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--import", metavar="FILE", help="Keep a file that was brought by hand.", show_default=False),
    ] = None,
) -> None:
    """List the trained models and the methods; fetch or import weights.

    Give a model's name, or the path of a weights file, as --model to the other commands. Nothing is downloaded unless
    asked for.
    """
    from ..models.catalogue import find_weights, import_weights

    console = output()
    if fetch is not None:
        console.print(f"{fetch}: {find_weights(fetch, download=True)[0]}")
    if file is not None:
        console.print(f"{import_weights(file).name}: imported")
    if fetch is None and file is None:
        console.print(_models_table())
        console.print(_methods_table())


def is_here(entry: "CatalogueEntry") -> bool:
    """Whether the file of a model is on this computer, damaged or not."""
    from ..files import resources_directory
    from ..models.catalogue import user_weights_directory

    return bool(entry.file) and any(
        path.is_file()
        for path in (resources_directory() / entry.file, user_weights_directory() / Path(entry.file).name)
    )


def _models_table() -> Table:
    from ..models.catalogue import list_models

    table = Table(title="models")
    for heading in ("name", "what it is", "trained on", "measured", "licence", "file"):
        table.add_column(heading, overflow="fold")
    for entry in list_models():
        measured = ", ".join(f"{name} {value:.2f}" for name, value in entry.accuracy.items())
        there = "here" if is_here(entry) else "not here" if entry.file else "none: train it"
        table.add_row(entry.name, entry.description, entry.training_cases, measured or "-", entry.licence, there)
    return table


def _methods_table() -> Table:
    from ..models.catalogue import list_models
    from ..models.registry import METHODS

    measured = {entry.method: entry.accuracy for entry in list_models() if entry.accuracy}
    table = Table(
        title="methods, for gliomasam train --method",
        caption="million parameters; GFLOP a slice of 192 x 160 mm in four modalities, once for a study and for each "
        "answer; WT Dice without a click and after five",
    )
    for heading in ("name", "what it is", "reads", "trained", "total", "encode", "answer", "Dice"):
        table.add_column(heading, overflow="fold")
    for name, method in METHODS.items():
        cost, dice = method.cost, measured.get(name, {})
        numbers = (f"{cost.trained:.2f}", f"{cost.total:.2f}", f"{cost.encode:.1f}", f"{cost.answer:.1f}")
        found = [f"{dice[key]:.2f}" for key in ("WT Dice, 0 clicks", "WT Dice, 5 clicks") if key in dice]
        table.add_row(name, method.summary, ", ".join(method.prompts) or "no prompts", *numbers, " ".join(found) or "-")
    return table
