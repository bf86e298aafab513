"""What the user should check of many cases: one line a kind of doubt."""

import re
from collections.abc import Mapping, Sequence

from ..study import Study
from .labels import LabelMap

_ASKS = re.compile(r"\b(check|choose)\b")
"""Notes of a study that ask for something, unlike those that say what was done."""

_OWN = re.compile(r"\([^)]*\)|\d+(\.\d+)?")
"""What differs between cases with the same doubt."""


def doubts_of(study: Study, labels: LabelMap) -> tuple[str, ...]:
    """What is not certain of the volumes and labels of a case."""
    return (*(note for note in study.notes if _ASKS.search(note)), *labels.notes)


def told_by_doubt(doubts: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each kind of doubt, by the names of the cases; one of them stands for all."""
    kinds: dict[str, dict[str, str]] = {}
    for name, notes in doubts.items():
        for note in notes:
            kinds.setdefault(_OWN.sub("", note), {}).setdefault(name, note)
    return [_line(cases) for cases in kinds.values()]


def _line(cases: Mapping[str, str]) -> str:
    name, note = next(iter(cases.items()))
    return f"note: {name}{f' and {len(cases) - 1} other cases' if len(cases) > 1 else ''}: {note}"
