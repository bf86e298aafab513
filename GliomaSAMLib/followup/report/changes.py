"""How a value changes over the visits: against the baseline, the nadir and the visit before."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A value against that of an earlier visit.

    Args:
        absolute: Value minus reference.
        percent: (value / reference - 1) x 100; None where the reference is 0.
        visit: Index of the earlier visit.
    """

    absolute: float
    percent: float | None
    visit: int


@dataclass(frozen=True)
class Change:
    """A value at a visit against the baseline, the nadir and the visit before; None where there is no such visit."""

    baseline: Difference | None
    nadir: Difference | None
    previous: Difference | None


def changes(values: Sequence[float | None], baseline: int) -> list[Change]:
    """The change at each visit.

    The nadir is the smallest value from the baseline to the visit before, both included; of equal ones the first.

    Args:
        values: One a visit; None where there is none to compare, such as a sum before the baseline.
        baseline: Index of the visit that response is counted from.
    """
    return [_change(values, baseline, visit) for visit in range(len(values))]


def _change(values: Sequence[float | None], baseline: int, visit: int) -> Change:
    if values[visit] is None:
        return Change(None, None, None)
    known = [(value, index) for index, value in enumerate(values[:visit]) if value is not None]
    counted = [(value, index) for value, index in known if index >= baseline]
    before = known[-1][1] if known else None
    return Change(
        _difference(values, visit, baseline if visit > baseline and values[baseline] is not None else None),
        _difference(values, visit, min(counted)[1] if counted else None),
        _difference(values, visit, before),
    )


def _difference(values: Sequence[float | None], visit: int, reference: int | None) -> Difference | None:
    if reference is None:
        return None
    value, before = values[visit], values[reference]
    assert value is not None and before is not None
    return Difference(value - before, 100.0 * (value / before - 1.0) if before > 0 else None, reference)
