"""Results of many cases put together: one `Summary` for each method, variant and region."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..regions import REGIONS
from .metrics import area_under_curve, prompts_to_reach
from .protocol import CaseResult

COLUMNS = (0, 1, 2, 3, 4, 5, 10)
"""Numbers of prompts after which Dice is reported."""

TARGETS = (0.85, 0.90)
"""Dice for which the prompts needed are counted."""

LOWERED, LOWERED_MUCH = 1e-4, 0.005
"""A prompt lowers the Dice of its case when it falls by more than the first; it does so visibly beyond the second."""

SURFACE_AT = 5
"""Prompts after which HD95 and NSD are reported."""


@dataclass(frozen=True)
class Summary:
    """Means over the cases that have the region, unless said otherwise.

    Attributes:
        cases: How many have the region and did not fail.
        failed: How many ended in an error.
        empty_cases: How many lack the region, and `empty_right`: in how many of these the first mask is empty too.
        dice: Mean after each of `COLUMNS` prompts; of a method that is not interactive only the first entry.
        gains: Mean change of Dice by prompt 1, 2, ... N.
        area: Mean area under the Dice curve over 0..N prompts, divided by N.
        hd95, nsd1, nsd2: Mean after 5 prompts, or the last if fewer were given. mm; shares.
        prompts_to: For each of `TARGETS` the mean prompts needed (N where it was never reached), and in how many
            cases it was reached.
        prompts_given: All prompts; `lowered` and `lowered_much`: how many of them lowered the Dice of their case.
        seconds_first: Median of the first mask (with all that is computed once a case).
        seconds, seconds_p95: Median and 95th percentile of an update after a prompt (of the only mask if not
            interactive).
        promises_broken: Rounds in which a click was on the wrong side; `undo_broken`: undone masks that differ.
    """

    method: str
    variant: str
    region: str
    effort: str
    interactive: bool
    cases: int
    failed: int
    empty_cases: int
    empty_right: int
    dice: dict[int, float]
    gains: tuple[float, ...]
    area: float
    hd95: float
    nsd1: float
    nsd2: float
    prompts_to: dict[float, tuple[float, int]]
    prompts_given: int
    lowered: int
    lowered_much: int
    seconds_first: float
    seconds: float
    seconds_p95: float
    promises_broken: int
    undo_broken: int

    @property
    def lowered_share(self) -> float:
        """Share of the prompts that lowered the Dice of their case."""
        return self.lowered / self.prompts_given if self.prompts_given else 0.0


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
    steps = [_changes(result) for result in whole]
    changes = np.concatenate([np.empty(0), *steps])
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
        empty_right=sum(result.rounds[0].dice == 1.0 for result in empty),
        dice={column: _mean(curves[:, column]) for column in COLUMNS if column <= last},
        gains=tuple(_mean(gain) for gain in np.diff(curves, axis=1).T),
        area=_mean([area_under_curve(list(curve)) for curve in curves]),
        hd95=_mean([end.hd95 for end in ends]),
        nsd1=_mean([end.nsd1 for end in ends]),
        nsd2=_mean([end.nsd2 for end in ends]),
        prompts_to={target: _reached(curves, target) for target in TARGETS},
        prompts_given=len(changes),
        lowered=int(np.count_nonzero(changes < -LOWERED)),
        lowered_much=int(np.count_nonzero(changes < -LOWERED_MUCH)),
        seconds_first=_median([result.rounds[0].seconds for result in done]),
        seconds=_median(later),
        seconds_p95=float(np.percentile(later, 95)) if later else float("nan"),
        promises_broken=sum(not entry.promises_kept for result in done for entry in result.rounds),
        undo_broken=sum(not exact for result in done for exact in result.undo_exact),
    )


def _changes(result: CaseResult) -> np.ndarray:
    """The change of Dice by each prompt that was really given."""
    return np.diff([entry.dice for entry in result.rounds])


def _reached(curves: np.ndarray, target: float) -> tuple[float, int]:
    """Mean prompts to a Dice, with N where it was never reached, and the number of cases that reached it."""
    needed = [prompts_to_reach(list(curve), target) for curve in curves]
    most = curves.shape[1] - 1
    return _mean([most if count is None else count for count in needed]), sum(count is not None for count in needed)


def _mean(values: "np.ndarray | list[float] | list[int]") -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
