"""Results of many cases put together, as Markdown for people, CSV for spreadsheets, JSON for programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..plain_text import markdown_cell, spreadsheet_cell
from ..prompts.voxelise import AIR_MM
from ..regions import REGIONS
from ..training.validate import LOWERED
from .metrics import area_under_curve, prompts_to_reach
from .protocol import CaseResult, Round

COLUMNS = (0, 1, 2, 3, 4, 5, 10)
"""Numbers of prompts after which Dice is reported."""

TARGETS = (0.85, 0.90)
"""Dice for which the prompts needed are counted."""

CLICKS = range(2, 6)
"""The prompts whose effect is reported. The first is left out: where the robot starts in the centre of the truth, its
click may not lie in an error."""

SURFACE_AT = 5
"""Prompts after which HD95 and NSD are reported."""

CLICK_HEADER = ("mended", "broken per mended", "clicks that lower Dice")

TABLES = ("table.md", "table.csv", "table.json")

MAIN_VARIANT = "all"
"""The variant with all modalities and exact clicks."""


@dataclass(frozen=True)
class Summary:
    """Means over the cases that have the region, unless stated otherwise.

    Attributes:
        cases: How many have the region and did not fail.
        failed: How many ended in an error.
        refused: In how many a prompt of the robot was refused, which ended the prompts.
        settings: From how many different weights or settings the results come; the means of several mix them.
        prompts: How many prompts were asked for, the fewest of any case; None for a method that is not interactive, or
            where nobody knows. What would need more, up to what others in the same table were given, is not defined.
        start: Where the first prompt went, of `STARTS`, or several with commas; "" likewise.
        empty_cases: How many lack the region; in `false_cases` of these the first mask is not empty, and `false_ml` is
            its mean volume over all of these, in mL.
        dice: Mean after each of `COLUMNS` prompts; of a method that is not interactive only the first entry.
        gains: Mean change of Dice by prompt 1, 2, ... N.
        area: Mean area under the Dice curve over 0..N prompts, divided by N.
        hd95, nsd1, nsd2: Mean after 5 prompts, or N if fewer. mm; shares.
        prompts_to: For each of `TARGETS` the mean prompts needed (N where it was never reached), and in how many
            cases it was reached.
        clicks: How many of `CLICKS` were given and count; the robot stops when nothing is wrong.
        mended: Mean over these of the share that is right, just after the click, of the clicked error within 10 mm.
        broken_per_mended: Voxels that these made wrong, over voxels that they made right, each summed over all.
        lowered: Share of these that lowered the Dice of their case by more than `LOWERED`.
        seconds_first: Median of the first mask (with all that is computed once a case).
        seconds, seconds_p95: Median and 95th percentile of an update after a prompt (of the only mask if not
            interactive). Neither these nor `seconds_first` are defined of masks that existed already.
        violations: Rounds with a click on the wrong side of the mask; `undo_broken`: undone masks that differ.
        case_dice: Dice after 0..N prompts of each case that has the region, by its name.
        case_false_ml: Volume of the mask in mL after 0..N prompts of each case that lacks it.
    """

    method: str
    variant: str
    region: str
    initial_input: str
    interactive: bool
    cases: int
    failed: int
    refused: int
    settings: int
    prompts: int | None
    start: str
    empty_cases: int
    false_cases: int
    false_ml: float
    dice: dict[int, float]
    gains: tuple[float, ...]
    area: float
    hd95: float
    nsd1: float
    nsd2: float
    prompts_to: dict[float, tuple[float, int]]
    clicks: int
    mended: float
    broken_per_mended: float
    lowered: float
    seconds_first: float
    seconds: float
    seconds_p95: float
    violations: int
    undo_broken: int
    case_dice: dict[str, tuple[float, ...]]
    case_false_ml: dict[str, tuple[float, ...]]


def summarise(results: Iterable[CaseResult], prompts: int | None = None) -> list[Summary]:
    """One summary for each method, variant and region, in the order in which they first appear; regions WT, TC, ET.

    Args:
        results: Of any methods, cases, regions and variants.
        prompts: N; None for the most that any result has.
    """
    groups: dict[tuple[str, str, str], list[CaseResult]] = {}
    for result in results:
        groups.setdefault((result.method, result.variant, result.region), []).append(result)
    if prompts is None:
        prompts = max((len(result.rounds) - 1 for group in groups.values() for result in group), default=0)
    names = list(dict.fromkeys((method, variant) for method, variant, _ in groups))
    ordered = [(*name, region) for name in names for region in REGIONS if (*name, region) in groups]
    return [_summary(groups[key], max(prompts, 0)) for key in ordered]


def _summary(group: list[CaseResult], prompts: int) -> Summary:
    first = group[0]
    done = [result for result in group if not result.error]
    whole = [result for result in done if result.reference_ml > 0]
    empty = [result for result in done if result.reference_ml == 0]
    interactive = any(result.interactive for result in done)
    asked = min((result.prompts for result in done if result.prompts is not None), default=None)
    most = prompts if interactive else 0
    last = most if asked is None else min(asked, most)
    curves = np.array([result.curve(last) for result in whole]).reshape(len(whole), last + 1)
    enough = whole if last >= min(SURFACE_AT, most) else []
    changes = [entry.dice - before.dice for result in enough for before, entry in _clicks(result)]
    effects = [entry.effect for result in enough for _, entry in _clicks(result) if entry.effect is not None]
    shares = [effect.mended_share for effect in effects if effect.mended_share is not None]
    mended = sum(effect.mended for effect in effects)
    timed = [result for result in done if result.is_timed]
    later = [entry.seconds for result in timed for entry in result.rounds[1 if interactive else 0 :]]
    ends = [result.at(SURFACE_AT) for result in enough]
    return Summary(
        method=first.method,
        variant=first.variant,
        region=first.region,
        initial_input=first.initial_input,
        interactive=interactive,
        cases=len(whole),
        failed=len(group) - len(done),
        refused=sum(bool(result.refused) for result in done),
        settings=len({result.settings for result in done}),
        prompts=asked,
        start=", ".join(sorted({result.start for result in done if result.start})),
        empty_cases=len(empty),
        false_cases=sum(result.rounds[0].volume_ml > 0 for result in empty),
        false_ml=_mean([result.rounds[0].volume_ml for result in empty]),
        dice={column: _mean(curves[:, column]) for column in COLUMNS if column <= last},
        gains=tuple(_mean(gain) for gain in np.diff(curves, axis=1).T),
        area=_mean([area_under_curve(list(curve)) for curve in curves if last == most]),
        hd95=_mean([end.hd95 for end in ends]),
        nsd1=_mean([end.nsd1 for end in ends]),
        nsd2=_mean([end.nsd2 for end in ends]),
        prompts_to={target: _reached(curves, target, most) for target in TARGETS},
        clicks=len(changes),
        mended=_mean(shares),
        broken_per_mended=sum(effect.broken for effect in effects) / mended if mended else float("nan"),
        lowered=_mean([change < -LOWERED for change in changes]),
        seconds_first=_median([result.rounds[0].seconds for result in timed]),
        seconds=_median(later),
        seconds_p95=float(np.percentile(later, 95)) if later else float("nan"),
        violations=sum(not entry.clicks_satisfied for result in done for entry in result.rounds),
        undo_broken=sum(not exact for result in done for exact in result.undo_exact),
        case_dice={result.case: tuple(result.curve(last)) for result in whole},
        case_false_ml={result.case: tuple(result.at(n).volume_ml for n in range(last + 1)) for result in empty},
    )


def _clicks(result: CaseResult) -> list[tuple[Round, Round]]:
    """The rounds before and after each of `CLICKS` that was really given."""
    return [(result.rounds[n - 1], result.rounds[n]) for n in CLICKS if n < len(result.rounds)]


def _reached(curves: np.ndarray, target: float, most: int) -> tuple[float, int]:
    """Mean prompts to a Dice, with `most` where it was never reached, and the number of cases that reached it. No mean
    where it was not reached, and fewer prompts than `most` were asked for.
    """
    needed = [prompts_to_reach(list(curve), target) for curve in curves]
    never = most if curves.shape[1] > most else float("nan")
    return _mean([never if count is None else count for count in needed]), sum(count is not None for count in needed)


def _mean(values: "np.ndarray | list[float] | list[int] | list[bool]") -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def table_texts(summaries: Sequence[Summary]) -> tuple[str, ...]:
    """What is in each of `TABLES`."""
    return to_markdown(summaries), to_csv(summaries), to_json(summaries)


def to_markdown(summaries: Sequence[Summary]) -> str:
    """Four tables: accuracy; cases without the region; gain of each prompt; cost of missing modalities and jitter."""
    main = [summary for summary in summaries if summary.variant == MAIN_VARIANT]
    parts = [_accuracy(main), _absent(main), _gains([summary for summary in summaries if summary.interactive])]
    if len(main) < len(summaries):
        parts.append(_variants(summaries))
    parts.append(_notes(summaries))
    return "\n\n".join(part for part in parts if part) + "\n"


def to_csv(summaries: Sequence[Summary]) -> str:
    """One line a method, variant and region, with a header; names that a spreadsheet would compute are quoted."""
    rows = [{name: _cell(value) for name, value in _flat(summary).items()} for summary in summaries]
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
        row = [summary.region, summary.method, summary.initial_input, str(summary.cases)]
        row += [_number(summary.dice.get(column), 3) for column in COLUMNS]
        row += _click_columns(summary)
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
    header += ["violations", "undo not exact"]
    rows = []
    for summary in _by_region(summaries):
        gains = [f"{gain:+.3f}" for gain in summary.gains[:count]]
        gains += [""] * (count - len(gains))
        counts = [str(summary.violations), str(summary.undo_broken)]
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
        rows[-1] += _click_columns(summary)
    header = ["region", "method", "variant", "cases", "Dice 0", "Dice 1", "Dice 3", "Dice 5", "Dice 3 against all"]
    header += CLICK_HEADER
    return _table(header, rows) if rows else ""


def _notes(summaries: Sequence[Summary]) -> str:
    most = max((len(summary.gains) for summary in summaries), default=0)
    lines = [
        "Dice N: mean Dice after N prompts. Area: under the Dice curve over the prompts, divided by their number. "
        f"HD95 and NSD after {min(SURFACE_AT, most)} prompts (or the only mask). Prompts to: mean, with the most that "
        "were given where a case never got there; in brackets the cases that did. Cases without the region are left "
        "out of the means. First s: the median of the first mask; of a case it includes the encoding, which the "
        "regions after it share.",
        f"Of the clicks {CLICKS[0]} to {CLICKS[-1]}, on the region itself: mended, the mean share that is right just "
        "after the click of the clicked error (the largest 26-connected one) within 10 mm of the click; broken per "
        "mended, the voxels anywhere that became wrong over those that became right, each summed over all clicks; and "
        f"the share after which the Dice of the case is lower by more than {LOWERED}.",
    ]
    asked = _asked(summaries)
    if len(asked) > 1:
        ways = "; ".join(f"{how} for {', '.join(map(markdown_cell, methods))}" for how, methods in asked.items())
        lines.append(f"**Not all were prompted alike: {ways}. What was not asked for is left empty.**")
    for summary in summaries:
        where = markdown_cell(f"{summary.method}, {summary.variant}, {summary.region}")
        if summary.failed:
            lines.append(f"**{where}: {summary.failed} cases failed.**")
        if summary.refused:
            lines.append(
                f"**{where}: cases in which the prompts ended early, as one was refused (such as a click more than "
                f"{AIR_MM:g} mm outside the brain): {summary.refused}.**"
            )
        if summary.settings > 1:
            lines.append(f"**{where}: these results are of {summary.settings} different weights or settings.**")
    return "\n\n".join(lines)


def _asked(summaries: Sequence[Summary]) -> dict[str, list[str]]:
    """By the options with which methods were prompted, which these are."""
    found: dict[str, list[str]] = {}
    for summary in summaries:
        if summary.prompts is not None:
            how = f"--prompts {summary.prompts} --start {summary.start}"
            found.setdefault(how, []).append(summary.method)
    return {how: list(dict.fromkeys(methods)) for how, methods in found.items()}


def _click_columns(summary: Summary) -> list[str]:
    """The columns of `CLICK_HEADER`."""
    share = "" if summary.lowered != summary.lowered else f"{summary.lowered:.0%}"
    return [_number(summary.mended, 2), _number(summary.broken_per_mended, 2), share]


def _by_region(summaries: Sequence[Summary]) -> list[Summary]:
    return sorted(summaries, key=lambda summary: REGIONS.index(summary.region))


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(map(markdown_cell, row)) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _prompts_to(summary: Summary, target: float) -> str:
    if not summary.interactive:
        return ""
    mean, reached = summary.prompts_to[target]
    return f"{_number(mean, 1)} ({reached}/{summary.cases})".lstrip()


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


def _cell(value: object) -> object:
    return spreadsheet_cell(value) if isinstance(value, str) else value


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _without_nan(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value
