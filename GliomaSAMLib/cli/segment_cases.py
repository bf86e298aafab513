"""`gliomasam segment-cases`: every patient of a folder outlined without a click, one after the other.

Of each case there are a segmentation, a report from which `gliomasam segment --from` goes on, and a picture; a table
has the measures of all. Results that are there stay as they are, so that the same command goes on where it was stopped.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..errors import Cancelled, CaseError, GliomaSAMError, OutputError, is_out_of_memory
from ..files import alone_in, check_name, make_folder, parse_json, replacing, seen_in
from ..plain_text import spreadsheet_cell
from ..regions import REGIONS
from .console import Report, note_line, output, part_of, progress_bar
from .outlining import (
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
    from ..output.diameters import Diameters

TABLE = "volumes.csv"

MEASURES = ("ml", "largest_mm", "perpendicular_mm", "product_mm2")

HEADINGS = ("case", *(f"{region}_{measure}" for region in REGIONS for measure in MEASURES), "notes", "error")

TOLD = "not sure"
"""How the notes begin that are printed too: the user is to check something."""

STAYS = "it stays as it is: choose another folder, or remove it"

READING = 0.15
"""Part of a case's progress that reading the volumes takes."""


@dataclass(frozen=True)
class _Run:
    """What all cases have in common."""

    network: "Model"
    model: str
    reading: Reading
    encoder_weights: Path | None
    device: str
    et_label: int
    out: Path
    suffix: str
    pictures: bool


@dataclass(frozen=True)
class _Row:
    """A case in the table, or why it has no measures.

    Args:
        case: Its name.
        volumes: mL by region.
        diameters: By region; None where it is empty.
        notes: What was done to the volumes.
        seconds: How long it took to outline it; None where that was done before.
        error: Why it is not outlined.
    """

    case: str
    volumes: Mapping[str, float] = field(default_factory=dict)
    diameters: Mapping[str, "Diameters | None"] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    error: str = ""

    def cells(self) -> list[str]:
        """In the order of `HEADINGS`; nothing where there is no measure."""
        measures: list[float | None] = []
        for region in REGIONS:
            found = self.diameters.get(region)
            lengths = (found.largest_mm, found.perpendicular_mm, found.product_mm2) if found else (None, None, None)
            measures += [self.volumes.get(region), *lengths]
        told = [self.case, "; ".join(self.notes), self.error]
        name, notes, error = map(spreadsheet_cell, told)
        return [name, *("" if value is None else f"{value:.3f}" for value in measures), notes, error]

    def line(self) -> str:
        """What is printed of it."""
        if self.error:
            return f"{self.case}: {self.error}"
        volumes = "  ".join(f"{region} {volume:.1f}" for region, volume in self.volumes.items())
        return f"{self.case}  {volumes} mL; " + ("there already" if self.seconds is None else f"{self.seconds:.1f} s")


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
    folders = case_folders(cases, out)
    _check_format(out, suffix)
    files = files_read({"--encoder-weights": encoder_weights}, [model])
    make_folder(out)
    rows: list[_Row] = []
    with alone_in(out), progress_bar() as bar:
        from ..models import load_model
        from ..output.overwriting import refuse_inputs

        refuse_inputs([out / TABLE], files)
        network = load_model(model, device=device, encoder_weights=encoder_weights)
        run = _Run(network, model, reading, encoder_weights, device, et_label, out, suffix, pictures)
        console = output()
        for number, folder in enumerate(folders):
            report = part_of(bar, number / len(folders), (number + 1) / len(folders))
            rows.append(_case(run, folder, part_of_case(report, folder.name)))
            _write_table(out / TABLE, rows)
            console.print(rows[-1].line())
            for note in rows[-1].notes:
                if note.startswith(TOLD):
                    console.print(note_line(folder.name, note))
    failed = sum(bool(row.error) for row in rows)
    made = sum(row.seconds is not None for row in rows)
    counts = {"outlined": made, "there already": len(rows) - made - failed, "not outlined": failed}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    output().print(f"{told}; {out / TABLE} written. For research only, not for clinical use")
    if failed:
        raise typer.Exit(2)


def case_folders(cases: Path, out: Path) -> list[Path]:
    """The folders directly in `cases`, by name, without that of the results.

    Raises:
        CaseError: There is none, `cases` is no folder, or the results would go into a case.
    """
    check_name(cases, CaseError)
    if not cases.is_dir():
        raise CaseError(f"The folder {cases} does not exist: name the folder that holds the case folders")
    place = out.resolve()
    folders = [path for path in seen_in(cases) if path.is_dir() and path.resolve() != place]
    if not folders:
        raise CaseError(
            f"{cases} holds no case folders: name the folder that they lie in; for one patient there is "
            "gliomasam segment --folder"
        )
    for folder in folders:
        if place.is_relative_to(folder.resolve()):
            raise CaseError(f"The results would go into the case {folder.name}: choose another folder for --output")
    return folders


def _check_format(out: Path, suffix: str) -> None:
    from ..output import KNOWN_SUFFIXES

    if suffix not in KNOWN_SUFFIXES:
        raise OutputError(f"Unknown --format {suffix}. Choose from {', '.join(KNOWN_SUFFIXES)}")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: name a folder for the results")


def part_of_case(report: Report, name: str) -> Report:
    """The report of a case, with its name."""
    return lambda fraction, message: report(fraction, f"{name}: {message}")


def _case(run: _Run, folder: Path, report: Report) -> _Row:
    """Outline a case, unless that was done. What goes wrong with it is told in its row."""
    try:
        return _outline(run, folder, report)
    except Cancelled:
        raise
    except GliomaSAMError as error:
        return _Row(folder.name, error=str(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return _Row(folder.name, error="the memory of this computer does not suffice: close other programs")


def _outline(run: _Run, folder: Path, report: Report) -> _Row:
    from ..output import twin_notes
    from ..output.overwriting import refuse_inputs

    out, told, picture = (run.out / f"{folder.name}{suffix}" for suffix in (run.suffix, ".json", ".png"))
    volumes = volume_files({}, folder)
    inputs = digests(volumes, {}, {"encoder_weights": run.encoder_weights})
    outputs = [out, told, *([picture] if run.pictures else [])]
    if there := [path for path in outputs if path.exists()]:
        if absent := [path for path in (out, told) if path not in there]:
            raise OutputError(f"{there[0].name} is there already without {absent[0].name}; {STAYS}")
        notes = _notes_of_before(run, out, told, inputs)
        return _row_of_file(folder.name, out, run.et_label, notes)
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
    done.write(out, told, picture if run.pictures else None, run.et_label)
    return _Row(folder.name, done.session.volumes(), done.diameters, done.notes, done.seconds)


def _row_of_file(case: str, out: Path, et_label: int, notes: Sequence[str]) -> _Row:
    """The row of a segmentation that is there, as it is now: somebody may have corrected it."""
    from ..data.labels import read_label_map
    from ..output.diameters import largest_diameters

    found = read_label_map(out, "brats2023" if et_label == 3 else "brats2021")
    masks, grid = found.masks, found.geometry
    volumes = {region: int(np.count_nonzero(mask)) * grid.voxel_ml for region, mask in masks.items()}
    diameters = {region: largest_diameters(mask, grid) for region, mask in masks.items()}
    return _Row(case, volumes, diameters, (*notes, *found.notes))


def _notes_of_before(run: _Run, out: Path, told: Path, inputs: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The notes of results that are there. Raises `OutputError` where they were not made as they would be now."""
    from ..session.prediction import RULES

    try:
        report = parse_json(told.read_text(encoding="utf-8"))
        options, before = report["options"], {name: found["sha256"] for name, found in report["inputs"].items()}
        wanted = run.reading.options(run.reading.reference or options["reference"], run.et_label, run.device, None)
        differs = [
            f"--{name.replace('_', '-')}"
            for name in wanted
            if name not in ("folder", "device") and options[name] != wanted[name]
        ]
        same_model = report["weights_sha256"] == run.network.weights_sha256 and (
            report["weights_sha256"] is not None or report["model"] == model_name(run.model)
        )
        notes = tuple(map(str, report["notes"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{told.name} is there already and is no report of a segmentation; {STAYS}") from error
    differs += [] if same_model else ["model"]
    differs += [] if report.get("rules") == RULES else ["version"]
    differs += [] if before == {name: found["sha256"] for name, found in inputs.items()} else ["volumes"]
    if differs:
        raise OutputError(f"{out.name} is there already, made with another {', '.join(differs)}; {STAYS}")
    return notes


def _write_table(path: Path, rows: Sequence[_Row]) -> None:
    """Write the table of the cases so far, whole or not at all. Raises `OutputError`."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(row.cells() for row in rows)
