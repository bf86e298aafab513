"""`gliomasam demo`: the whole way from four volumes to a segmentation, on a phantom or a labelled case."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ..errors import CaseError
from ..regions import REGIONS
from .console import output, part_of, progress_bar
from .sources import Files, volume_files

if TYPE_CHECKING:
    from ..data.cases import Case, OpenCase
    from ..demo.follow_up import FollowUpDemo
    from ..demo.phantom import Phantom
    from ..demo.run import DemoResult


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="A labelled case of your own instead of the phantom.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")] = Path("demo-output"),
    model: Annotated[str, typer.Option(help="A name from `gliomasam models`, or a weights file.")] = "gliomasam",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    follow_up: Annotated[
        bool, typer.Option("--follow-up", help="Follow the phantom over three visits instead of clicking on it.")
    ] = False,
) -> None:
    """Show what clicks do: a robot clicks on the largest error, and Dice and seconds are printed after each click.

    The images are a digital phantom that is computed on the spot, with a glioma whose outline is known exactly.
    """
    from ..models import load_model

    if follow_up:
        if folder is not None:
            raise CaseError("--follow-up shows the phantom: leave --folder out, or use gliomasam follow-up")
        _follow_up(out, model, device)
        return
    if folder is not None:
        _check_inputs(folder, out)
    with progress_bar() as report:
        network = load_model(model, device=device)
        report(0.0, "making the phantom" if folder is None else "reading the case")
        phantom = None if folder else _phantom()
        case = _open(folder, phantom)
        from ..demo.run import run_demo

        result = run_demo(case, network, out, progress=part_of(report, 0.15, 1.0))
        if phantom is not None:
            from ..demo.phantom import write_phantom

            write_phantom(phantom, out / "volumes")
    _print(case.name, result, out)


def _follow_up(out: Path, model: str, device: str) -> None:
    """The phantom at three visits, measured from its true outlines and from the model's."""
    from ..models import load_model

    _need_nilearn()
    from ..demo.follow_up import run_follow_up_demo

    with progress_bar() as report:
        done = run_follow_up_demo(out, lambda: load_model(model, device=device), progress=report)
    _print_follow_up(done)


def _print_follow_up(done: "FollowUpDemo") -> None:
    """Volumes of the truth, from the true outlines and from the model's, and the categories."""
    console = output()
    table = Table(title="phantom at three visits: mL, truth / true outlines / model")
    for heading in ("visit", "grid", *REGIONS, "2D, 3D", "model: 2D, 3D"):
        table.add_column(heading)
    ways = [way for way in (done.given, done.outlined) if way is not None]
    for index, visit in enumerate(done.visits):
        measured = [way.visits[index].masks.regions_ml() for way in ways]
        cells = [
            " / ".join(f"{volumes[region]:.1f}" for volumes in (done.truth[index], *measured)) for region in REGIONS
        ]
        grid = " x ".join(f"{step:g}" for step in visit.grid.spacing) + " mm"
        categories = [", ".join(way.responses[index][d].category or "-" for d in ("2D", "3D")) for way in ways]
        table.add_row(visit.name, grid, *cells, *categories)
    console.print(table)
    for written in done.reports:
        console.print(f"{written.folder / 'report.html'} written")
    console.print("For research only, not for clinical use.")


def _check_inputs(folder: Path, out: Path) -> None:
    """Refuse results in the place of the case's files. Raises `OutputError`, and `CaseError` for what is no case."""
    from ..demo.run import SUFFIXES
    from ..output.overwriting import refuse_inputs

    case = _find(folder)
    inputs: Files = {"the labels": (case.labels,), **volume_files({}, case.folder)}
    refuse_inputs([out / f"{case.name}{suffix}" for suffix in SUFFIXES], inputs)


def _phantom() -> "Phantom":
    _need_nilearn()
    from ..demo.phantom import make_phantom

    return make_phantom()


def _need_nilearn() -> None:
    """Raise `CaseError` where the maps that the phantom is made of are missing."""
    try:
        import nilearn  # noqa: F401
    except ImportError:
        raise CaseError(
            "The phantom needs nilearn: pip install 'gliomasam[demo]', or show a case with --folder"
        ) from None


def _open(folder: Path | None, phantom: "Phantom | None") -> "OpenCase":
    """Volumes and truth of the phantom, or of the case in `folder`."""
    if phantom is not None:
        from ..demo.phantom import phantom_case

        return phantom_case(phantom)
    from ..data.cases import open_case

    assert folder is not None
    return open_case(_find(folder))


def _find(folder: Path) -> "Case":
    """The labelled case in a folder. Raises `CaseError`."""
    from ..data.cases import find_cases

    if not folder.is_dir():
        raise CaseError(f"The folder {folder} does not exist: name a case folder with MR volumes and a label map")
    path = folder.resolve()
    return find_cases(path.parent, [path.name])[0]


def _print(name: str, result: "DemoResult", out: Path) -> None:
    console = output()
    table = Table(title=f"{name}: Dice after each click")
    table.add_column("")
    table.add_column("where (RAS)")
    for region in result.steps[0].dice:
        table.add_column(region, justify="right")
    table.add_column("seconds", justify="right")
    for step in result.steps:
        table.add_row(step.title, step.place, *(f"{value:.3f}" for value in step.dice.values()), f"{step.seconds:.1f}")
    console.print(table)
    console.print("   ".join(f"{region} {volume:.1f} mL" for region, volume in result.volumes.items()))
    for path in result.files:
        console.print(f"{path} written")
    if name == "phantom":
        console.print(f"{out / 'volumes'}: the phantom's volumes and true labels, to open with the result in 3D Slicer")
    console.print("For research only, not for clinical use.")
