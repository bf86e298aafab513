"""The follow-up of the phantom: its true outlines and those of the model at three visits, beside the truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..followup.assessment import Assessment, assess
from ..followup.outline_file import NO_SEGMENTATION
from ..followup.reading import ReadingOptions, read_visits
from ..followup.report import WrittenReport, check_report_folder, write_report_folder
from ..progress import Cancel, Progress, Reporter
from ..regions import REGIONS
from .visits import SUB_SLICES, PhantomVisit, phantom_visits, write_visits

if TYPE_CHECKING:
    from ..models import Model

VISITS, REPORT, MODEL_REPORT = "visits", "report", "report-model"
"""Folders of the demonstration."""


@dataclass(frozen=True, eq=False)
class FollowUpDemo:
    """What the demonstration did.

    Args:
        visits: The phantom at each visit.
        truth: For each visit the true volumes in mL by region.
        given: From the true outlines.
        outlined: From those of the model; None where none was asked for.
        reports: What was written, in the same order.
    """

    visits: tuple[PhantomVisit, ...]
    truth: tuple[Mapping[str, float], ...]
    given: Assessment
    outlined: Assessment | None
    reports: tuple[WrittenReport, ...]


def true_volumes(visit: PhantomVisit) -> dict[str, float]:
    """Volumes in mL by region, from voxels of half a millimetre (along thick slices 1 mm)."""
    masks = visit.around_tumour().masks((2, 2, SUB_SLICES if visit.thick else 2))
    parts = zip(REGIONS, (masks.wt, masks.tc, masks.et), strict=True)
    return {region: float(np.count_nonzero(mask)) * masks.geometry.voxel_ml for region, mask in parts}


def run_follow_up_demo(
    folder: Path,
    load: "Callable[[], Model] | None" = None,
    visits: Sequence[PhantomVisit] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> FollowUpDemo:
    """Write the visits of the phantom, follow them up from their true outlines and from the model's, and report both.

    Args:
        folder: Gets `visits`, `report` and `report-model`; an earlier demonstration in it is replaced.
        load: Gives the model; None to leave it out.
        visits: What `phantom_visits` gives; made when not given.
        progress, cancel: As for `Study.read`.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
        Cancelled: The user stopped.
    """
    report = Reporter(progress, cancel)
    for name in (REPORT, MODEL_REPORT):
        check_report_folder(folder / name, overwrite=True)
    report.report(0.0, "making the phantom at three visits")
    made = tuple(visits or phantom_visits())
    report.report(0.3, "writing the visits")
    folders = write_visits(made, folder / VISITS)
    given, first = _followed(folders, folder / REPORT, None, report.part(0.4, 0.6))
    outlined, second = None, None
    if load is not None:
        outlined, second = _followed(folders, folder / MODEL_REPORT, load, report.part(0.6, 1.0))
    reports = (first,) if second is None else (first, second)
    return FollowUpDemo(made, tuple(map(true_volumes, made)), given, outlined, reports)


def _followed(
    folders: Sequence[Path], out: Path, load: "Callable[[], Model] | None", report: Reporter
) -> tuple[Assessment, WrittenReport]:
    """A follow-up with the outlines in the folders, or with those of a model."""
    options = ReadingOptions(segmentations=() if load is None else (NO_SEGMENTATION,) * len(folders), skull="off")
    part, measuring = report.part(0.0, 0.7), report.part(0.7, 0.8)
    visits = read_visits(folders, options, load, part.report, part.cancelled)
    assessment = assess(visits, progress=measuring.report, cancel=measuring.cancelled)
    used = {"registered": options.registered, "carry": options.carry, "skull": options.skull}
    written = write_report_folder(assessment, out, options=used, overwrite=True, report=report.part(0.8, 1.0))
    return assessment, written
