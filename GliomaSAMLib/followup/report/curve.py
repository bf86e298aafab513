"""The curve of volumes over the days, for light and for dark pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from ...output.report import DISCLAIMER
from ..assessment import Assessment
from .drawing import png

NAMES = {"WT": "WT  whole tumour", "TC": "TC  tumour core", "ET": "ET  enhancing"}

SIZE_INCHES = (7.2, 2.7)

LEAST_GAP = 0.085
"""Between the names at the ends of the lines, as a part of the height."""


@dataclass(frozen=True)
class Paper:
    """Colours of a page."""

    background: str
    text: str
    faint: str
    lines: Mapping[str, str]


PAPERS = {
    "light": Paper("#ffffff", "#1f2933", "#c9d1d9", {"WT": "#8f7d00", "TC": "#c8500f", "ET": "#1b76ad"}),
    "dark": Paper("#161b22", "#dde3ea", "#3b444f", {"WT": "#e5d94b", "TC": "#f0763a", "ET": "#63b9e8"}),
}


def draw_curve(assessment: Assessment, paper: str = "light") -> bytes:
    """A PNG: mL against days, one line a region; surgery and the end of radiotherapy marked."""
    look = PAPERS[paper]
    figure = Figure(figsize=SIZE_INCHES, facecolor=look.background)
    axes = figure.add_axes((0.075, 0.27, 0.70, 0.67), facecolor=look.background)
    days = [assessment.day(visit) for visit in range(len(assessment.visits))]
    highest = 0.0
    ends: dict[str, float] = {}
    for region, name in NAMES.items():
        points = assessment.growth[region].points
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), color=look.lines[region], linewidth=1.8, marker="o", markersize=4.5)
        highest = max(highest, *(volume for _, volume in points))
        ends[name] = points[-1][1]
    margin = 0.03 * max(days[-1] - days[0], 1)
    top = 1.15 * highest or 1.0
    axes.set(xlim=(days[0] - margin, days[-1] + margin), ylim=(0, top))
    _name_ends(axes, ends, top, look)
    for day, text in _marks(assessment):
        axes.axvline(day, color=look.text, linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.7)
        axes.text(day, top * 0.985, f" {text}", color=look.text, fontsize=7, ha="left", va="top")
    labels = [
        f"V{visit + 1}\nday {day}\n{one.date.isoformat()}"
        for visit, (day, one) in enumerate(zip(days, assessment.visits, strict=True))
    ]
    axes.set_xticks(*_spread(days, labels))
    axes.set_ylabel("mL", color=look.text, fontsize=8)
    axes.tick_params(colors=look.text, labelsize=7.5, length=3, color=look.faint)
    axes.grid(axis="y", color=look.faint, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(look.faint)
    figure.text(0.993, 0.015, DISCLAIMER, color=look.text, fontsize=6.5, ha="right", va="bottom", alpha=0.85)
    return png(figure, look.background)


def _name_ends(axes: Any, ends: Mapping[str, float], top: float, look: Paper) -> None:
    """The names of the lines and their last values beside their ends, moved apart where they are close."""
    height = -1.0
    for name, value in sorted(ends.items(), key=lambda one: one[1]):
        height = max(value / top, height + LEAST_GAP, 0.03)
        axes.text(
            1.015, height, f"{name}  {value:.1f}", color=look.lines[name[:2]], fontsize=8, ha="left", va="center",
            transform=axes.transAxes,
        )  # fmt: skip


def _spread(days: list[int], labels: list[str]) -> tuple[list[int], list[str]]:
    """Ticks whose labels do not lie over each other: of those that are close the later, but always the first."""
    least = (days[-1] - days[0]) * 0.1
    kept: list[int] = []
    for index in reversed(range(len(days))):
        far = not kept or days[kept[-1]] - days[index] >= least
        if far or index == 0:
            if not far and len(kept) > 1:
                kept.pop()
            kept.append(index)
    kept.reverse()
    return [days[index] for index in kept], [labels[index] for index in kept]


def _marks(assessment: Assessment) -> list[tuple[int, str]]:
    """Days of surgery (the first visit after it) and of the end of radiotherapy."""
    found: dict[tuple[int, str], None] = {}
    for visit in assessment.visits:
        day = (visit.date - assessment.visits[0].date).days
        if visit.fields.role == "postoperative":
            found[day, "after surgery"] = None
        if (ended := visit.fields.end_of_radiotherapy(visit.date)) is not None:
            found[(ended - assessment.visits[0].date).days, "end of radiotherapy"] = None
    last = (assessment.visits[-1].date - assessment.visits[0].date).days
    return [(day, text) for day, text in found if 0 <= day <= last]
