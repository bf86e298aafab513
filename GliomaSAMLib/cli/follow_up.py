"""`gliomasam follow-up`: two or more visits of one patient in, and what the glioma did between them out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import StudyError
from ..files import check_name

if TYPE_CHECKING:
    pass

READ, ASSESSED = 0.8, 0.9
"""Parts of the progress bar at which the visits are read, and assessed."""

PRODUCT, VOLUME = "sum of products, mm²", "sum of volumes, mL"


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
    folders = _checked_folders(visits)
    _check_counts(folders, {"--date": date, "--segmentation": segmentation})
    from ..followup.report import check_report_folder

    out = check_report_folder(out, folders, overwrite, pdf)
    used: dict[str, Any] = {
        "registered": registered, "same_patient": same_patient, "carry": carry, "labels": labels,
        "date": date or [], "segmentation": [Path(file).name for file in segmentation or ()],
        "model": Path(model).name, "device": device, "skull": skull, "pdf": pdf, "overwrite": overwrite,
    }  # fmt: skip
    raise NotImplementedError


def _checked_folders(visits: Sequence[Path]) -> list[Path]:
    """The folders of the visits. Raises `StudyError` for fewer than two, one that is none, or one given twice."""
    folders = [visit.expanduser() for visit in visits]
    if len(folders) < 2:
        raise StudyError("A follow-up needs two or more visits: name a folder for each")
    for number, folder in enumerate(folders):
        check_name(folder, StudyError)
        if not folder.is_dir():
            raise StudyError(f"The visit {folder} is no folder: name the folder that holds its volumes")
        if any(folder.samefile(other) for other in folders[:number]):
            raise StudyError(f"The visit {folder} is given twice: name a folder for each visit")
    return folders


def _check_counts(folders: Sequence[Path], given: dict[str, list[str] | None]) -> None:
    for option, values in given.items():
        if values and len(values) != len(folders):
            raise StudyError(
                f"{option} is given {len(values)} times for {len(folders)} visits: give it once for each, in their order"
            )
