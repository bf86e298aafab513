"""`gliomasam segment-cases`: every patient of a folder outlined without a click, one after the other.

Of each case there are a segmentation, a report from which `gliomasam segment --from` goes on, and a picture; a table
has the measures of all. Results that are there stay as they are, so that the same command goes on where it was stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CaseError, OutputError, StudyError
from ..files import alone_in, check_name, make_folder, parse_json, seen_in
from ..plain_text import spreadsheet_cell
from .cases_table import KINDS, STAYS, TABLE, Row, Table, is_table_in, row_of_file, row_or_error
from .console import Report, note_line, output, part_of, progress_bar
from .outlining import (
    READING,
    Device,
    EncoderWeights,
    EtLabel,
    ModelName,
    Orientation,
    Outlined,
    Reading,
    Reference,
    Register,
    SamePatient,
    Skull,
    check_et_label,
    digests,
    model_name,
)
from .sources import files_read, output_folder, volume_files

if TYPE_CHECKING:
    from ..models import Model


def segment_cases(
    cases: Annotated[Path, typer.Argument(help="Folder of case folders, one a patient.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=output_folder,
            metavar="PATH",
            help="Folder for a segmentation, a report and a picture a case, and volumes.csv. What is there stays.",
            show_default=False,
        ),
    ],
    suffix: Annotated[
        str,
        typer.Option(
            "--format",
            help=".seg.nrrd, a 3D Slicer segmentation; .nii.gz, .nii, .nrrd or .mha, a BraTS label map.",
        ),
    ] = ".seg.nrrd",
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw slices with the outlines.")] = True,
    register: Register = False,
    skull: Skull = "auto",
    reference: Reference = None,
    orientation: Orientation = "auto",
    same_patient: SamePatient = False,
    model: ModelName = "gliomasam",
    encoder_weights: EncoderWeights = None,
    device: Device = "auto",
    et_label: EtLabel = 3,
) -> None:
    """Outline the gliomas of many patients without a click, one after the other.

    In each case folder the volumes are recognised as by `gliomasam segment --folder`. A case that cannot be outlined is
    told, and the others go on. Stopped at any moment, the same command goes on; results that are there are never
    replaced. To correct one, open it in 3D Slicer, or give its report to `gliomasam segment --from`.

    Example: gliomasam segment-cases CASES --output outlines
    """
    reading = Reading(reference, register, skull, orientation, same_patient)
    check_et_label(et_label)
    _check_format(out, suffix)
    folders = case_folders(cases, out)
    table = _table_before(out / TABLE)
    files = files_read({"--encoder-weights": encoder_weights}, [model])
    make_folder(out)
    rows: list[Row] = []
    with alone_in(out), progress_bar() as bar:
        from ..models import load_model
        from ..output.overwriting import refuse_inputs

        refuse_inputs([table.path], files)
        console = output()
        others = digests({}, {}, {"encoder_weights": encoder_weights})
        load = partial(load_model, model, device=device, encoder_weights=encoder_weights)
        run = _Run(load(), model, reading, others, device, et_label, out, suffix, pictures)
        first = run.network.device
        for number, folder in enumerate(folders):
            if run.network.device != first:
                run = replace(run, network=load())  # a patient was too large for the card: the next may not be
            report = part_of(bar, number / len(folders), (number + 1) / len(folders))
            outline = partial(_outline, run, folder, _named(report, folder.name))
            rows.append(row_or_error(folder.name, outline))
            for line in rows[-1].lines():
                console.print(line)
            if problem := table.put(rows[-1]):
                console.print(note_line(problem))
        table.write()
    kinds = [row.kind for row in rows]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in KINDS if kind in kinds)
    output().print(f"{counted}; {table.path} written. For research only, not for clinical use")
    if any(row.error for row in rows):
        raise typer.Exit(2)


def _table_before(path: Path) -> Table:
    """The table, with those rows of earlier runs whose reports are there still. Raises `OutputError`."""
    table = Table.read(path)
    reported = {spreadsheet_cell(report.stem) for report in path.parent.glob("*.json")}
    return replace(table, rows={name: row for name, row in table.rows.items() if name in reported})


def case_folders(cases: Path, out: Path) -> list[Path]:
    """The folders directly in `cases`, by name, without those of results.

    Raises:
        CaseError: There is none, `cases` is no folder, or the results would go into a case.
    """
    check_name(cases, CaseError)
    if not cases.is_dir():
        raise CaseError(f"The folder {cases} does not exist: name the folder that holds the case folders")
    place = out.resolve()
    folders = []
    for folder in (path for path in seen_in(cases) if path.is_dir() and not is_table_in(path)):
        if not place.is_relative_to(folder.resolve()):
            folders.append(folder)
        elif place != folder.resolve() and _has_volumes(folder):
            raise CaseError(f"The results would go into the case {folder.name}: choose another folder for --output")
    if not folders:
        raise CaseError(
            f"{cases} holds no case folders: name the folder that they lie in; for one patient there is "
            "gliomasam segment --folder"
        )
    return folders


def _has_volumes(folder: Path) -> bool:
    try:
        return bool(volume_files({}, folder))
    except StudyError:
        return False


def _check_format(out: Path, suffix: str) -> None:
    from ..output import KNOWN_SUFFIXES

    if suffix not in KNOWN_SUFFIXES:
        raise OutputError(f"Unknown --format {suffix}. Choose from {', '.join(KNOWN_SUFFIXES)}")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: name a folder for the results")


def _named(report: Report, name: str) -> Report:
    """The report of a case, with its name."""
    return lambda fraction, message: report(fraction, f"{name}: {message}")


@dataclass(frozen=True)
class _Run:
    """What all cases have in common. `others` are the digests of files other than the volumes."""

    network: "Model"
    model: str
    reading: Reading
    others: dict[str, dict[str, Any]]
    device: str
    et_label: int
    out: Path
    suffix: str
    pictures: bool


def _outline(run: _Run, folder: Path, report: Report) -> Row:
    """Outline a case, unless that was done."""
    from ..output import twin_notes
    from ..output.overwriting import refuse_inputs

    out, told, picture = (run.out / f"{folder.name}{suffix}" for suffix in (run.suffix, ".json", ".png"))
    report(0.0, "looking for the volumes")
    volumes = volume_files({}, folder)
    inputs = {**digests(volumes, {}, {}), **run.others}
    if out.exists() and told.exists():
        row = _row_of_file(run, folder.name, out, told, inputs)
        lacks = ("there is no picture of it",) if run.pictures and not picture.exists() else ()
        return replace(row, notes=(*row.notes, *lacks))
    outputs = [out, told, *([picture] if run.pictures else [])]
    _check_free(outputs)
    refuse_inputs(outputs, {f"the volume {modality}": files for modality, files in volumes.items()})
    study = run.reading.study({}, folder, part_of(report, 0.0, READING))
    done = Outlined.of(
        study,
        run.network,
        (),
        part_of(report, READING, 1.0),
        model=run.model,
        inputs=inputs,
        options=run.reading.options(study.reference_modality, run.et_label, run.device, folder),
        notes=twin_notes(out),
    )
    _check_free(outputs)  # somebody may have saved something meanwhile
    done.write(out, told, picture if run.pictures else None, run.et_label)
    return Row(folder.name, done.session.volumes(), done.diameters, done.notes, done.seconds)


def _check_free(outputs: Sequence[Path]) -> None:
    """Raise `OutputError` where there is something that no run has made: a segmentation without its report, or a report
    or a picture without a segmentation.
    """
    there = [path for path in outputs if path.exists()]
    absent = [path for path in outputs if path not in there]
    if there:
        without = f" without {absent[0].name}" if absent else ""
        raise OutputError(f"{there[0].name} is there already{without}; {STAYS}")


def _row_of_file(run: _Run, case: str, out: Path, told: Path, inputs: Mapping[str, Mapping[str, Any]]) -> Row:
    """The row of a segmentation that is there, as it is now: somebody may have corrected it."""
    notes, differs = _made_before(run, told, inputs)
    row = row_of_file(case, out, "brats2023" if run.et_label == 3 else "brats2021")
    error = f"{out.name} is there already, made with {', '.join(differs)}; {STAYS}" if differs else ""
    return replace(row, notes=(*notes, *row.notes), error=error)


def _made_before(run: _Run, told: Path, inputs: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[str, ...], list[str]]:
    """The notes of the report of results that are there, and in what they were made otherwise than they would be now.
    Raises `OutputError` where it is no such report.
    """
    from ..session.prediction import RULES

    try:
        report = parse_json(told.read_text(encoding="utf-8"))
        options, before = report["options"], {name: found["sha256"] for name, found in report["inputs"].items()}
        wanted = run.reading.options(run.reading.reference or options["reference"], run.et_label, run.device, None)
        others = [name for name in wanted if name not in ("folder", "device") and options[name] != wanted[name]]
        same_model = report["weights_sha256"] == run.network.weights_sha256 and (
            report["weights_sha256"] is not None or report["model"] == model_name(run.model)
        )
        notes = tuple(map(str, report["notes"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{told.name} is there already and is no report of a segmentation; {STAYS}") from error
    differs = [f"another --{name.replace('_', '-')}" for name in others]
    differs += [] if same_model else ["another model"]
    differs += [] if report.get("rules") == RULES else ["another version"]
    differs += [] if before == {name: found["sha256"] for name, found in inputs.items()} else ["other images"]
    return notes, differs
