"""`gliomasam follow-up`: two or more visits of one patient in, and what the glioma did between them out."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from ..errors import OutputError, StudyError
from ..regions import REGIONS
from .console import note_line, output, part_of, progress_bar
from .paths import expand

if TYPE_CHECKING:
    from ..followup.assessment import Assessment
    from ..followup.report import WrittenReport
    from ..followup.visit import Visit
    from ..models import Model

READ, ASSESSED = 0.8, 0.9
"""Parts of the progress bar at which the visits are read, and assessed."""

NO_SEGMENTATION = "-"
"""What is typed in the place of a file."""


def follow_up(
    visits: Annotated[
        list[Path],
        typer.Argument(metavar="VISIT1 VISIT2 [...]", help="A folder for each visit: volumes, a segmentation or none."),
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", help="A new or empty folder for the report.", show_default=False)
    ],
    date: Annotated[
        list[str] | None,
        typer.Option(metavar="YYYY-MM-DD", help="The date of each visit, in the order of the folders. Repeat it."),
    ] = None,
    segmentation: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="The segmentation of each visit, - for none. Repeat it."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="What label maps hold: brats2021, brats2023, brats2024, msd or binary.", show_default=False),
    ] = None,
    tumour: Annotated[str, typer.Option(help="The kind of tumour that is judged: CE, nonCE or mixed.")] = "CE",
    targets: Annotated[int, typer.Option(help="The largest number of targets of each component, 1 to 5.")] = 2,
    extent: Annotated[
        str, typer.Option(help="Diameters inside the enhancing tumour (et), or through its core (tc).")
    ] = "et",
    two_slices: Annotated[
        str, typer.Option(help="On two adjacent slices a measurable lesion is visible, or measured.")
    ] = "visible",
    merge_mm: Annotated[float, typer.Option(help="Parts that are nearer are one lesion.")] = 4.0,
    match_mm: Annotated[float, typer.Option(help="Lesions without overlap are the same up to this distance.")] = 5.0,
    overlap: Annotated[float, typer.Option(help="The shared part from which two lesions are the same.")] = 0.10,
    speck_ml: Annotated[float, typer.Option(help="Smaller parts are no lesions.")] = 0.01,
    new_lesions: Annotated[
        str, typer.Option(help="A new measurable lesion is progression, or is added to the sum.")
    ] = "progression",
    minor_response: Annotated[
        bool, typer.Option("--minor-response", help="Minor response for enhancing tumours too.")
    ] = False,
    minor_response_volume: Annotated[
        float, typer.Option(help="Loss of volume from which a response is minor: 35 or 40 %.")
    ] = 40.0,
    primary: Annotated[str, typer.Option(help="What the overall status goes by: 2D or 3D.")] = "2D",
    confirm_response: Annotated[
        bool,
        typer.Option(
            "--confirm-response/--no-confirm-response", help="A response has to be confirmed four weeks later."
        ),
    ] = True,
    confirm_progression: Annotated[
        bool, typer.Option("--confirm-progression", help="Progression has to be confirmed likewise.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="VISIT", help="V1, V2 ... by date, or the name of a folder.", show_default=False),
    ] = None,
    surgery: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="VISIT VISIT", help="The visits before and after surgery.", show_default=False),
    ] = None,
    registered: Annotated[bool, typer.Option("--registered", help="The visits lie in one space already.")] = False,
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="The visits are of one patient, whatever headers and folders say.")
    ] = False,
    carry: Annotated[
        bool,
        typer.Option(
            "--carry/--no-carry", help="Outline a visit without segmentation starting from the mask of the last visit."
        ),
    ] = True,
    patient: Annotated[str | None, typer.Option(help="What the report calls the patient.", show_default=False)] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf too (needs gliomasam[pdf]).")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier report.")] = False,
    model: Annotated[str, typer.Option(help="A name from `gliomasam models`, or a weights file.")] = "gliomasam",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    skull: Annotated[str, typer.Option(help="Whether the skull is still on: auto, on or off.")] = "auto",
    orientation: Annotated[
        str,
        typer.Option(help="Which form of a NIfTI header gives the place where they differ: auto, qform or sform."),
    ] = "auto",
) -> None:
    """Measure a glioma at two or more visits and judge the response, in 2D and 3D.

    A visit is a folder with volumes, its date (in visit.json, DICOM headers or the folder's name) and a segmentation;
    where there is none the model outlines it. The report has tables, pictures and reasons: report.html, report.json,
    measurements.csv. For research only, not for clinical use.

    Example: gliomasam follow-up 2024-01-15 2024-04-10 --output report
    """
    from ..followup.options import FollowUpOptions

    chosen = FollowUpOptions(
        tumour=tumour,
        targets=targets,
        extent=extent,
        two_slices=two_slices,
        merge_mm=merge_mm,
        match_mm=match_mm,
        overlap=overlap,
        speck_ml=speck_ml,
        new_lesions=new_lesions,
        minor_response=minor_response,
        minor_response_volume_percent=minor_response_volume,
        primary=primary,
        confirm_response=confirm_response,
        confirm_progression=confirm_progression,
    )
    files = [_expanded(file) for file in segmentation or ()]
    for name in [*(surgery or ()), *([baseline] if baseline is not None else [])]:
        _check_visit_name(name, visits)
    from ..followup.report import check_report_folder, write_report_folder

    out = check_report_folder(out, visits, overwrite, pdf)
    _check_apart(out, visits, files)
    used: dict[str, Any] = {
        "registered": registered, "same_patient": same_patient, "carry": carry, "labels": labels,
        "date": date or [], "segmentation": [Path(file).name for file in files],
        "baseline": baseline and Path(baseline).name, "surgery": [Path(name).name for name in surgery or ()],
        "model": Path(model).name, "device": device, "skull": skull, "orientation": orientation,
        "pdf": pdf, "overwrite": overwrite,
    }  # fmt: skip
    from ..followup.assessment import assess
    from ..followup.reading import ReadingOptions, read_visits
    from ..progress import Reporter

    def load() -> "Model":
        from ..models import load_model

        return load_model(model, device=device)

    reading = ReadingOptions(
        dates=date or (),
        segmentations=files,
        labels=labels,
        registered=registered,
        carry=carry,
        same_patient=same_patient,
        skull=skull,
        orientation=orientation,
        judged=chosen,
    )
    with progress_bar() as report:
        found = read_visits(visits, reading, load, progress=part_of(report, 0.0, READ))
        numbers = [_visit_number(name, found) for name in surgery or ()]
        assessment = assess(
            found,
            chosen,
            baseline=None if baseline is None else _visit_number(baseline, found),
            surgery=(numbers[0], numbers[1]) if numbers else None,
            progress=part_of(report, READ, ASSESSED),
        )
        done = write_report_folder(
            assessment,
            out,
            options=used,
            patient=patient,
            overwrite=overwrite,
            pdf=pdf,
            report=Reporter(part_of(report, ASSESSED, 1.0)),
        )
    print_follow_up(assessment, done)


def _expanded(file: str) -> str:
    return file if file == NO_SEGMENTATION else str(expand(Path(file)))


def _check_visit_name(name: str, folders: Sequence[Path]) -> None:
    """Raise `StudyError` for a name that can be of no visit: neither V1 to VN nor that of one folder."""
    numbered = [f"V{number}" for number in range(1, len(folders) + 1)]
    names = [Path(os.path.abspath(folder)).name for folder in folders]
    if name.upper() in numbered or names.count(Path(name).name) == 1:
        return
    if Path(name).name in names:
        raise StudyError(f"Several visits are called {Path(name).name}: name one by its number in the order of dates")
    raise StudyError(f"{name} is no visit: choose {', '.join(numbered)} (by date) or the name of a folder")


def _visit_number(name: str, found: "Sequence[Visit]") -> int:
    """Index of a visit by its number (V1, V2, ... by date) or the name of its folder."""
    names = [visit.folder for visit in found]
    if Path(name).name in names:
        return names.index(Path(name).name)
    return int(name[1:]) - 1


def _check_apart(out: Path, folders: Sequence[Path], files: Sequence[str]) -> None:
    """Raise `OutputError` where something that is read lies in the folder of the report, by a link too."""
    read = [(f"The segmentation {file}", Path(file)) for file in files if file != NO_SEGMENTATION]
    read += [(f"What the visit {folder} reads", path) for folder in folders for path in _linked(folder)]
    for what, path in read:
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(out)):
            raise OutputError(f"{what} lies in the report's folder: choose another for the report")


def _linked(folder: Path) -> Iterator[Path]:
    """The folder of a visit, and the links in it, as deep as files are looked for."""
    from ..study.modalities import DEPTH

    yield folder
    level = [folder]
    for _ in range(DEPTH):
        inner = []
        for place in level:
            with contextlib.suppress(OSError):  # the reader says what is wrong
                inner += list(place.iterdir())
        yield from (path for path in inner if path.is_symlink())
        level = [path for path in inner if path.is_dir()]


def print_follow_up(assessment: "Assessment", done: "WrittenReport") -> None:
    """The visits as a short table, the reasons of the last, the notes, and where the report is."""
    console = output()
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("", "date", "day", "WT mL", "TC mL", "ET mL", "targets", "mm²", "2D", "3D", "status"):
        numbers = heading == "day" or "m" in heading or heading == "targets"
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=heading != "status")
    values = done.report
    by_visit = {one["visit"]: one for one in values["responses"]}
    tumour = "CE" if assessment.options.tumour == "mixed" else assessment.options.tumour
    for index, (visit, overall) in enumerate(zip(values["visits"], values["overall"], strict=True)):
        sums, response = values["components"][tumour]["sums"][index], by_visit.get(visit["id"], {})
        status = "baseline" if visit["id"] == values["baseline"] else overall["status"]
        table.add_row(
            visit["id"],
            visit["date"],
            str(visit["day"]),
            *("-" if (ml := visit["regions_ml"][region]) is None else f"{ml:.1f}" for region in REGIONS),
            f"{sums['sum_of_volumes_ml']:.2f} mL" if sums else "-",
            f"{sums['sum_of_products_mm2']:.0f}" if sums else "-",
            *(response.get(dimension, {}).get("category") or "-" for dimension in ("2D", "3D")),
            " ".join(filter(None, (status, overall["qualifier"]))) or "-",
        )
    for note in values["notes"]:
        console.print(note_line(note))
    for visit in values["visits"]:
        for note in visit["notes"]:
            console.print(note_line(visit["id"], note))
    console.print(table)
    console.print(f"targets: sum of the volumes and of the products of two diameters of the targets ({tumour})")
    last = values["visits"][-1]["id"]
    for dimension in ("2D", "3D"):
        if reason := by_visit.get(last, {}).get(dimension, {}).get("reason"):
            console.print(f"{last}, {dimension}: {reason}")
    if values["overall"][-1]["reason"]:
        console.print(f"{last}, overall: {values['overall'][-1]['reason']}")
    console.print(f"{done.folder / 'report.html'} written")
    console.print(values["disclaimer"])
