"""The log of a training as a picture: loss and Dice by minutes, with the validation's points."""

from pathlib import Path
from typing import Any

import numpy as np

from ..drawing import Axes, Figure, FigureCanvasAgg, standard_look
from ..files import replacing
from ..regions import REGIONS
from .checkpoint import read_log

CURVE = "curve.png"
COLOURS = {"WT": "#1b5fa8", "TC": "#c8442b", "ET": "#2c8a57"}
MARKERS = ("o", "^", "s", "D", "v", "P")
"""Of validation points after 0, 1, 2 ... clicks."""


@standard_look()
def plot_log(folder: Path) -> Path | None:
    """Draw the log in `folder` as `curve.png` beside it. None, and nothing drawn, while there is no step in it.

    Faint dots are single steps, lines their running mean; markers are the validation after 0, 1, 2 ... clicks.

    Raises:
        OutputError: The picture cannot be written.
    """
    lines = read_log(folder)
    steps = [line for line in lines if "loss" in line]
    validations = [line for line in lines if line.get("validation")]
    if not steps:
        return None
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    loss, training, validation = figure.subplots(1, 3)
    minutes = np.array([line["seconds"] / 60 for line in steps])
    _draw(loss, minutes, np.array([line["loss"] for line in steps]), "#444444", "loss")
    dice = np.array([line["dice"] for line in steps], float)  # not a number where a label does not tell the region
    for index, region in enumerate(REGIONS):
        _draw(training, minutes, dice[:, index], COLOURS[region], region)
    _draw_validations(validation, validations)
    _style(loss, "loss of a step", minutes[-1])
    _style(training, "Dice of a step, training crops", minutes[-1], dice=True)
    _style(validation, "Dice of the validation cases, by clicks", minutes[-1], dice=True)
    training.legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle(
        f"{folder.name}: {steps[-1]['step']} steps in {minutes[-1]:.0f} min{_data_time(steps)}", fontsize=10
    )
    with replacing(folder / CURVE, durable=False) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    return folder / CURVE


def _draw(axes: Axes, minutes: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    axes.plot(minutes, values, ".", color=colour, alpha=0.3, markersize=3, markeredgewidth=0)
    known = np.isfinite(values)
    axes.plot(minutes[known], smooth(values[known]), color=colour, linewidth=1.6, label=label)


def smooth(values: np.ndarray) -> np.ndarray:
    """Running mean over a tenth of all values, but at least 1 and at most 200; narrower at the ends."""
    half = min(max(len(values) // 20, 0), 100)
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, len(values))
    return (total[high] - total[low]) / (high - low)


def _draw_validations(axes: Axes, validations: list[dict[str, Any]]) -> None:
    minutes = [line["seconds"] / 60 for line in validations]
    found = dict.fromkeys(name for line in validations for name in line["validation"])
    names = [name for name in found if name[:2] in REGIONS]  # the others say what clicks do
    for name in names:
        region, clicks = name[:2], int(name[2:])
        values = [line["validation"].get(name, np.nan) for line in validations]
        axes.plot(
            minutes,
            values,
            color=COLOURS[region],
            marker=MARKERS[clicks % len(MARKERS)],
            markersize=4,
            linewidth=1.2,
            alpha=min(1.0, 0.4 + 0.2 * clicks),
            label=f"{region}, {clicks} click{'' if clicks == 1 else 's'}",
        )
    if names:
        axes.legend(frameon=False, fontsize=7, ncols=len(REGIONS), loc="lower right")
    else:
        axes.text(0.5, 0.5, "no validation yet", ha="center", va="center", transform=axes.transAxes, color="#888888")


def _data_time(steps: list[dict[str, Any]]) -> str:
    shares = [line["data_time"] for line in steps if "data_time" in line]
    return f", {np.mean(shares):.0%} of it making crops" if shares else ""


def _style(axes: Axes, title: str, end: float, dice: bool = False) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("minutes")
    axes.set_xlim(0, max(end, 1e-3) * 1.02)
    axes.set_ylim(0, 1 if dice else None)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
