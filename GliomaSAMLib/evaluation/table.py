"""Summaries as Markdown for people, CSV for spreadsheets, JSON for programs."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..training.click_effect import LOWERED
from ..writing import replacing
from .summary import CLICKS, COLUMNS, TARGETS, Summary

CLICK_HEADER = ("mended", "broken per mended", "clicks that lower Dice")

MAIN_VARIANT = "all"
"""The variant with all modalities and exact clicks."""


def write_tables(summaries: Sequence[Summary], folder: Path) -> list[Path]:
    """Write `table.md`, `table.csv` and `table.json` into a folder that exists. Raises OutputError."""
    texts = {"table.md": to_markdown(summaries), "table.csv": to_csv(summaries), "table.json": to_json(summaries)}
    paths = []
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        paths.append(folder / name)
    return paths


def to_markdown(summaries: Sequence[Summary]) -> str:
    """Four tables: accuracy; cases without the region; gain of each prompt; cost of missing modalities and jitter."""
    main = [summary for summary in summaries if summary.variant == MAIN_VARIANT]
    parts = [_accuracy(main), _absent(main), _gains([summary for summary in summaries if summary.interactive])]
    if len(main) < len(summaries):
        parts.append(_variants(summaries))
    parts.append(_notes(summaries))
    return "\n\n".join(part for part in parts if part) + "\n"


def to_csv(summaries: Sequence[Summary]) -> str:
    """One line a method, variant and region, with a header."""
    rows = [_flat(summary) for summary in summaries]
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_json(summaries: Sequence[Summary]) -> str:
    """A list of objects with the attributes of `Summary`; what is not defined (no case) is null."""
    return json.dumps(_without_nan([asdict(summary) for summary in summaries]), indent=1) + "\n"


def _accuracy(summaries: Sequence[Summary]) -> str:
    header = ["region", "method", "given before", "cases"]
    header += [f"Dice {column}" for column in COLUMNS]
    header += [*CLICK_HEADER, "area", "HD95 mm", "NSD 1 mm", "NSD 2 mm"]
    header += [f"prompts to {target:.2f}" for target in TARGETS]
    header += ["first s", "update s", "95 % s"]
    rows = []
    for summary in _by_region(summaries):
        row = [summary.region, summary.method, summary.effort, str(summary.cases)]
        row += [_number(summary.dice.get(column), 3) for column in COLUMNS]
        row += _clicks(summary)
        row += [_number(summary.area if summary.interactive else None, 3), _number(summary.hd95, 1)]
        row += [_number(summary.nsd1, 3), _number(summary.nsd2, 3)]
        row += [_prompts_to(summary, target) for target in TARGETS]
        row.append(_number(summary.seconds_first, 2))
        row += [_number(value if summary.interactive else None, 2) for value in (summary.seconds, summary.seconds_p95)]
        rows.append(row)
    return _table(header, rows)


def _absent(summaries: Sequence[Summary]) -> str:
    """What is found in cases that lack the region, before any prompt; "" when there are none."""
    rows = []
    for summary in _by_region(summaries):
        if summary.empty_cases:
            found = f"{summary.false_cases} ({summary.false_cases / summary.empty_cases:.0%})"
            volume = _number(summary.false_ml, 2)
            rows.append([summary.region, summary.method, str(summary.empty_cases), found, volume])
    return _table(["region", "method", "cases without it", "found in", "mean mL"], rows) if rows else ""


def _gains(summaries: Sequence[Summary]) -> str:
    count = min(5, max((len(summary.gains) for summary in summaries), default=0))
    if not count:
        return ""
    header = ["region", "method", "variant", *[f"gain of prompt {number + 1}" for number in range(count)]]
    header += ["promises broken", "undo not exact"]
    rows = []
    for summary in _by_region(summaries):
        gains = [f"{gain:+.3f}" for gain in summary.gains[:count]]
        gains += [""] * (count - len(gains))
        counts = [str(summary.promises_broken), str(summary.undo_broken)]
        rows.append([summary.region, summary.method, summary.variant, *gains, *counts])
    return _table(header, rows)


def _variants(summaries: Sequence[Summary]) -> str:
    """Dice after 1, 3, 5 prompts in each variant, and the difference to the main variant after 3."""
    main = {(summary.method, summary.region): summary for summary in summaries if summary.variant == MAIN_VARIANT}
    rows = []
    for summary in _by_region(summaries):
        reference = main.get((summary.method, summary.region))
        if not summary.interactive or (reference and reference is summary):
            continue
        values = [_number(summary.dice.get(column), 3) for column in (0, 1, 3, 5)]
        known = reference is not None and 3 in summary.dice and 3 in reference.dice
        change = f"{summary.dice[3] - reference.dice[3]:+.3f}" if known and reference else ""
        rows.append([summary.region, summary.method, summary.variant, str(summary.cases), *values, change])
        rows[-1] += _clicks(summary)
    header = ["region", "method", "variant", "cases", "Dice 0", "Dice 1", "Dice 3", "Dice 5", "Dice 3 against all"]
    header += CLICK_HEADER
    return _table(header, rows) if rows else ""


def _notes(summaries: Sequence[Summary]) -> str:
    lines = [
        "Dice N: mean Dice after N prompts. Area: under the Dice curve over the prompts, divided by their number. "
        "HD95 and NSD after five prompts (or the only mask). Prompts to: mean, with the most that were given where a "
        "case never got there; in brackets the cases that did. Cases without the region are left out of the means. "
        "First s: the median of the first mask; of a case it includes the encoding, which the regions after it share.",
        f"Of the clicks {CLICKS[0]} to {CLICKS[-1]}, on the region itself: mended, the mean share that is right just "
        "after the click of the clicked error (the largest 26-connected one) within 10 mm of the click; broken per "
        "mended, the voxels anywhere that became wrong over those that became right, each summed over all clicks; and "
        f"the share after which the Dice of the case is lower by more than {LOWERED}.",
    ]
    for summary in summaries:
        where = f"{summary.method}, {summary.variant}, {summary.region}"
        if summary.failed:
            lines.append(f"**{where}: {summary.failed} cases failed.**")
    return "\n\n".join(lines)


def _clicks(summary: Summary) -> list[str]:
    """The columns of `CLICK_HEADER`."""
    share = "" if summary.lowered != summary.lowered else f"{summary.lowered:.0%}"
    return [_number(summary.mended, 2), _number(summary.broken_per_mended, 2), share]


def _by_region(summaries: Sequence[Summary]) -> list[Summary]:
    regions = list(dict.fromkeys(summary.region for summary in summaries))
    order = {region: place for place, region in enumerate(sorted(regions, key=["WT", "TC", "ET"].index))}
    return sorted(summaries, key=lambda summary: order[summary.region])


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _prompts_to(summary: Summary, target: float) -> str:
    if not summary.interactive:
        return ""
    mean, reached = summary.prompts_to[target]
    return f"{_number(mean, 1)} ({reached}/{summary.cases})"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"


def _flat(summary: Summary) -> dict[str, object]:
    row = asdict(summary)
    dice, gains, targets = row.pop("dice"), row.pop("gains"), row.pop("prompts_to")
    del row["case_dice"], row["case_false_ml"]
    row |= {f"dice_{column}": value for column, value in dice.items()}
    row |= {f"gain_{number}": value for number, value in enumerate(gains, 1)}
    for target, (mean, reached) in targets.items():
        row |= {f"prompts_to_{target:.2f}": mean, f"reached_{target:.2f}": reached}
    return row


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _without_nan(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value
