"""Results of many cases put together: one `Summary` for each method, variant and region."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..regions import REGIONS
from ..training.click_effect import LOWERED
from .metrics import area_under_curve, prompts_to_reach
from .protocol import CaseResult, Round

COLUMNS = (0, 1, 2, 3, 4, 5, 10)
"""Numbers of prompts after which Dice is reported."""

TARGETS = (0.85, 0.90)
"""Dice for which the prompts needed are counted."""

CLICKS = range(2, 6)
"""The prompts of which it is said what they mend and break. The first is not among them: where the robot starts in the
centre of the truth, it need not lie in an error."""

SURFACE_AT = 5
"""Prompts after which HD95 and NSD are reported."""


@dataclass(frozen=True)
class Summary:
    """Means over the cases that have the region, unless said otherwise.

    Attributes:
        cases: How many have the region and did not fail.
        failed: How many ended in an error.
        empty_cases: How many lack the region; in `false_cases` of these the first mask is not empty, and `false_ml` is
            its mean volume over all of these, in mL.
        dice: Mean after each of `COLUMNS` prompts; of a method that is not interactive only the first entry.
        gains: Mean change of Dice by prompt 1, 2, ... N.
        area: Mean area under the Dice curve over 0..N prompts, divided by N.
        hd95, nsd1, nsd2: Mean after 5 prompts, or the last if fewer were given. mm; shares.
        prompts_to: For each of `TARGETS` the mean prompts needed (N where it was never reached), and in how many
            cases it was reached.
        clicks: How many of `CLICKS` were given; the robot stops when nothing is wrong.
        mended: Mean over these of the share that is right, just after the click, of the clicked error within 10 mm.
        broken_per_mended: Voxels that these made wrong, over voxels that they made right, each summed over all.
        lowered: Share of these that lowered the Dice of their case by more than `LOWERED`.
        seconds_first: Median of the first mask (with all that is computed once a case).
        seconds, seconds_p95: Median and 95th percentile of an update after a prompt (of the only mask if not
            interactive).
        promises_broken: Rounds in which a click was on the wrong side; `undo_broken`: undone masks that differ.
        case_dice: Dice after 0..N prompts of each case that has the region, by its name.
        case_false_ml: Volume of the mask in mL after 0..N prompts of each case that lacks it.
    """

    method: str
    variant: str
    region: str
    effort: str
    interactive: bool
    cases: int
    failed: int
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
    promises_broken: int
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
    last = prompts if interactive else 0
    curves = np.array([result.curve(last) for result in whole]).reshape(len(whole), last + 1)
    changes = [entry.dice - before.dice for result in whole for before, entry in _clicks(result)]
    effects = [entry.effect for result in whole for _, entry in _clicks(result) if entry.effect is not None]
    shares = [effect.mended_share for effect in effects if effect.mended_share is not None]
    mended = sum(effect.mended for effect in effects)
    later = [entry.seconds for result in done for entry in result.rounds[1 if interactive else 0 :]]
    ends = [result.at(SURFACE_AT) for result in whole]
    return Summary(
        method=first.method,
        variant=first.variant,
        region=first.region,
        effort=first.effort,
        interactive=interactive,
        cases=len(whole),
        failed=len(group) - len(done),
        empty_cases=len(empty),
        false_cases=sum(result.rounds[0].volume_ml > 0 for result in empty),
        false_ml=_mean([result.rounds[0].volume_ml for result in empty]),
        dice={column: _mean(curves[:, column]) for column in COLUMNS if column <= last},
        gains=tuple(_mean(gain) for gain in np.diff(curves, axis=1).T),
        area=_mean([area_under_curve(list(curve)) for curve in curves]),
        hd95=_mean([end.hd95 for end in ends]),
        nsd1=_mean([end.nsd1 for end in ends]),
        nsd2=_mean([end.nsd2 for end in ends]),
        prompts_to={target: _reached(curves, target) for target in TARGETS},
        clicks=len(changes),
        mended=_mean(shares),
        broken_per_mended=sum(effect.broken for effect in effects) / mended if mended else float("nan"),
        lowered=_mean([change < -LOWERED for change in changes]),
        seconds_first=_median([result.rounds[0].seconds for result in done]),
        seconds=_median(later),
        seconds_p95=float(np.percentile(later, 95)) if later else float("nan"),
        promises_broken=sum(not entry.promises_kept for result in done for entry in result.rounds),
        undo_broken=sum(not exact for result in done for exact in result.undo_exact),
        case_dice={result.case: tuple(result.curve(last)) for result in whole},
        case_false_ml={result.case: tuple(result.at(n).volume_ml for n in range(last + 1)) for result in empty},
    )


def _clicks(result: CaseResult) -> list[tuple[Round, Round]]:
    """The rounds before and after each of `CLICKS` that was really given."""
    return [(result.rounds[n - 1], result.rounds[n]) for n in CLICKS if n < len(result.rounds)]


def _reached(curves: np.ndarray, target: float) -> tuple[float, int]:
    """Mean prompts to a Dice, with N where it was never reached, and the number of cases that reached it."""
    needed = [prompts_to_reach(list(curve), target) for curve in curves]
    most = curves.shape[1] - 1
    return _mean([most if count is None else count for count in needed]), sum(count is not None for count in needed)


def _mean(values: "np.ndarray | list[float] | list[int] | list[bool]") -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
