"""Dice against prompts, one panel a region."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..drawing import Axes, Figure, FigureCanvasAgg, standard_look
from ..files import replacing
from ..regions import REGION_NAMES, REGIONS
from .protocol import CaseResult
from .tables import MAIN_VARIANT, Summary, summarise

COLOURS = (
    "#1b5fa8", "#c8442b", "#2c8a57", "#8a4fa3", "#b07d12", "#3f9fb5", "#7a7a7a", "#c45a90", "#1a1a1a", "#7d8f1f"
)  # fmt: skip
"""Of the methods, in their order; dark enough for white paper."""

JITTER_VARIANT = "jitter"


@standard_look()
def plot_dice(results: Sequence[CaseResult], path: Path) -> None:
    """Draw mean Dice against prompts for each region: a line a method, a flat dashed line for one without prompts.

    Jittered clicks are drawn dotted, in the colour of their method. Raises OutputError.
    """
    chosen = [result for result in results if result.variant in (MAIN_VARIANT, JITTER_VARIANT) and not result.error]
    prompts = max((len(result.rounds) - 1 for result in chosen), default=0)
    summaries = [summary for summary in summarise(chosen, prompts) if summary.cases]
    methods = list(dict.fromkeys(summary.method for summary in summaries))
    colours = {method: COLOURS[place % len(COLOURS)] for place, method in enumerate(methods)}
    regions = [region for region in REGIONS if any(summary.region == region for summary in summaries)]
    figure = Figure(figsize=(4.4 * max(1, len(regions)), 4.9), layout="constrained")
    FigureCanvasAgg(figure)
    lowest = min((min(_curve(summary, prompts)) for summary in summaries), default=0.0)
    for place, region in enumerate(regions):
        axes = figure.add_subplot(1, len(regions), place + 1)
        cases = max(summary.cases for summary in summaries if summary.region == region)
        for summary in (entry for entry in summaries if entry.region == region):
            _draw(axes, summary, prompts, colours[summary.method])
        axes.set_title(f"{REGION_NAMES[region]} ({region}), {cases} cases", fontsize=10)
        _style(axes, prompts, max(0.0, np.floor(lowest * 10 - 0.2) / 10))
    if regions:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), frameon=False, fontsize=8)
        figure.axes[0].set_ylabel("mean Dice")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, format=path.suffix.lstrip(".") or "png")


def _curve(summary: Summary, prompts: int) -> list[float]:
    start = summary.dice[0]
    if not summary.interactive:
        return [start] * (prompts + 1)
    return [start, *(start + np.cumsum(summary.gains))]


def _draw(axes: Axes, summary: Summary, prompts: int, colour: str) -> None:
    jitter = summary.variant == JITTER_VARIANT
    values = _curve(summary, prompts)
    label = summary.method + (", clicks 2 to 3 voxels off" if jitter else "")
    if summary.interactive:
        line, size = (":", 2.5) if jitter else ("-", 4.0)
        axes.plot(
            range(len(values)),
            values,
            color=colour,
            label=label,
            linestyle=line,
            marker="o",
            markersize=size,
            linewidth=1.8,
        )
    else:
        label = f"{label} ({summary.initial_input})"
        axes.plot([0, max(prompts, 1)], values[:1] * 2, color=colour, linestyle="--", linewidth=1.3, label=label)


def _style(axes: Axes, prompts: int, bottom: float) -> None:
    axes.set_xlabel("prompts")
    axes.set_xlim(-0.2, max(prompts, 1) + 0.2)
    axes.set_xticks(range(0, max(prompts, 1) + 1))
    axes.set_ylim(bottom, 1.0)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
