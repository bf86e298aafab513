"""Segment a case whose truth is known: the robot clicks on the largest error, region by region."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.cases import OpenCase
from ..data.placement import next_click
from ..files import make_folder, replacing_together
from ..models import Model
from ..output import write_segmentation
from ..output.picture import Panel, draw_overlay
from ..progress import Cancel, Progress, Reporter
from ..prompts import format_ras
from ..regions import REGIONS, dice
from ..session import Session

CLICKS = ("WT", "WT", "WT", "TC", "ET")
"""The regions that the robot clicks on, in this order."""

SUFFIXES = (".seg.nrrd", ".nii.gz", ".png")
"""Of the three files that are written, which bear the name of the case."""


@dataclass(frozen=True)
class DemoStep:
    """The state after a click, or of the proposal before the first.

    Args:
        title: Such as "no click" or "click 2, WT +".
        place: RAS mm of the click for the user to read, "" for the proposal.
        dice: After it, of each region that the truth tells.
        seconds: From the click to the mask.
    """

    title: str
    place: str
    dice: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class DemoResult:
    """What a demonstration measured, its volumes in mL, and the files that it wrote."""

    steps: tuple[DemoStep, ...]
    volumes: Mapping[str, float]
    files: tuple[Path, ...]


def run_demo(
    case: OpenCase,
    model: Model,
    folder: Path,
    clicks: Sequence[str] = CLICKS,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> DemoResult:
    """Segment `case` and write a .seg.nrrd, a label map and a picture, all named after it, into `folder`.

    Args:
        case: Volumes and truth.
        model: What `load_model` gives.
        folder: Made when it is not there. Nothing is written before the last click.
        clicks: The region of each click; left out are those on a region that the truth does not tell or that has no
            error.
        progress, cancel: As for `Session.update`.

    Raises:
        OutputError: A file cannot be written.
        Cancelled: The user stopped.
    """
    report = Reporter(progress, cancel)
    session = Session(case.study, model)
    steps = [_update(session, case, "no click", "", report.part(0.0, 0.6))]
    before = _masks(session)
    clicks = [region for region in clicks if region in case.truth]
    for number, region in enumerate(clicks):
        click = next_click(session.mask(region), case.truth[region], case.geometry)
        if click is None:
            continue
        session.add_point(click.points[0], positive=click.positive, region=region)
        title = f"click {len(steps)}, {region} {'+' if click.positive else '-'}"
        part = report.part(0.6 + 0.4 * number / len(clicks), 0.6 + 0.4 * (number + 1) / len(clicks))
        steps.append(_update(session, case, title, format_ras(click.points[0]), part))
    files = _write(case, session, before, steps, folder)
    return DemoResult(tuple(steps), session.volumes(), files)


def _update(session: Session, case: OpenCase, title: str, place: str, report: Reporter) -> DemoStep:
    """Bring the session up to date and measure it."""
    start = time.perf_counter()
    session.update(progress=report.report, cancel=report.cancelled)
    seconds = time.perf_counter() - start
    measured = {region: dice(session.mask(region), truth) for region, truth in case.truth.items()}
    return DemoStep(title, place, measured, seconds)


def _masks(session: Session) -> dict[str, np.ndarray]:
    return {region: session.mask(region).copy() for region in REGIONS}


def _write(
    case: OpenCase, session: Session, before: Mapping[str, np.ndarray], steps: Sequence[DemoStep], folder: Path
) -> tuple[Path, ...]:
    """Write the three files, all of them or none, and return their paths."""
    make_folder(folder)
    files = tuple(folder / f"{case.name}{suffix}" for suffix in SUFFIXES)
    after = _masks(session)
    panels = [
        Panel("before the clicks", before, case.truth),
        Panel(f"after {len(steps) - 1} clicks", after, case.truth, session.prompts),
    ]
    if "t1c" in case.study.modalities:
        panels.append(Panel("the same on T1 with contrast", after, case.truth, session.prompts, "t1c"))
    with replacing_together(files) as temporary:
        for path in temporary[:2]:
            write_segmentation(path, after, case.geometry)
        draw_overlay(temporary[2], case.study, panels, _caption(case, steps))
    return files


def _caption(case: OpenCase, steps: Sequence[DemoStep]) -> str:
    """Dice and seconds of each step, a line each."""
    lines = [
        f"{step.title}: Dice "
        + ", ".join(f"{region} {value:.2f}" for region, value in step.dice.items())
        + f"; {step.seconds:.1f} s"
        for step in steps
    ]
    return "\n".join([*lines, f"{case.name}. Dashed: the truth. For research only, not for clinical use."])
