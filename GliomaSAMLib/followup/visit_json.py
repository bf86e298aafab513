"""`visit.json` in the folder of a visit: what masks cannot tell, in the reader's words. All of it is optional."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import StudyError
from ..files import parse_json
from .dates import parse_date
from .visit import ROLES, VisitFields

FILE = "visit.json"

WORDS: Mapping[str, tuple[str, ...]] = {
    "role": ROLES,
    "steroids": ("none", "physiological", "stable", "decreased", "increased"),
    "clinical": ("improved", "stable", "worse"),
    "pathology": ("tumour", "treatment effect"),
    "surgery": ("resection", "biopsy"),
}
"""The fields that are one of some words."""

NUMBERS = ("weeks_since_radiotherapy", "steroid_mg_per_day", "hours_since_surgery")
"""The fields that are numbers of at least 0."""

LARGEST = 1e6
"""No field holds a larger number."""

LARGEST_FILE = 1 << 20
"""In bytes."""

LONGEST_TEXT = 2000

MOST_LISTED = 8
"""Of the fields that are not known."""

LONGEST_NAME = 60

MOST_POINTS = 100


@dataclass(frozen=True)
class VisitJson:
    """What the file says.

    Args:
        fields: What the reader says.
        date: The day, as written; None where it is not there.
        notes: What the user should know, such as keys that mean nothing.
    """

    fields: VisitFields = field(default_factory=VisitFields)
    date: str | None = None
    notes: tuple[str, ...] = ()


def read_visit_json(folder: Path, today: date | None = None) -> VisitJson:
    """Read `visit.json`, if it is there.

    Args:
        folder: Of the visit.
        today: As for `parse_date`.

    Raises:
        StudyError: The file is no JSON object, or a value is not among those allowed; the text names the field.
    """
    path = folder / FILE
    if not path.exists():
        return VisitJson()
    what = f"{folder.name}/{FILE}"
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"no file of at most {LARGEST_FILE >> 20} MB")
        content = parse_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{what} cannot be read as JSON ({error}): correct it, or remove it") from error
    if not isinstance(content, dict):
        raise StudyError(f'{what} holds no fields by name: write an object such as {{"role": "baseline"}}')
    return visit_json(content, what, today)


def visit_json(content: Mapping[str, Any], what: str, today: date | None = None) -> VisitJson:
    """Check the fields of one visit; null is as if the field were absent.

    Args:
        content: The fields by name.
        what: Where they stand, for messages.
        today: As for `parse_date`.

    Raises:
        StudyError: A value is not among those allowed.
    """
    given = {key: value for key, value in content.items() if value is not None}
    unknown = sorted(key for key in given if key not in _READERS and key != "date")
    fields = {key: _READERS[key](given[key], f"{what}, field {key}") for key in given if key in _READERS}
    if "radiotherapy_end" in fields:
        fields["radiotherapy_end"] = parse_date(fields["radiotherapy_end"], f"{what}, field radiotherapy_end", today)
    day = _text(given["date"], f"{what}, field date") if "date" in given else None
    listed = ", ".join(key[:LONGEST_NAME] for key in unknown[:MOST_LISTED]) + ", ..." * (len(unknown) > MOST_LISTED)
    notes = (f"{FILE} has fields that are not known and are left out: {listed}",) if unknown else ()
    return VisitJson(VisitFields(**fields), day, notes)


def _word(words: tuple[str, ...]) -> Callable[[Any, str], str]:
    def read(value: Any, what: str) -> str:
        if value not in words:
            raise StudyError(f"{what}: {_short(value)} is not allowed: choose {', '.join(words)}")
        return str(value)

    return read


def _number(value: Any, what: str) -> float:
    if not _is_number(value) or value < 0:
        raise StudyError(f"{what}: {_short(value)} is not allowed: write a number of at least 0")
    return float(value)


def _thickness(value: Any, what: str) -> float:
    number = _number(value, what)
    if not 0 < number <= 50:
        raise StudyError(f"{what}: {_short(value)} is not allowed: write mm, above 0 and at most 50")
    return number


def _yes_or_no(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise StudyError(f"{what}: {_short(value)} is not allowed: write true or false")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise StudyError(f"{what}: {_short(value)} is not allowed: write a text of at most {LONGEST_TEXT} letters")
    return value


def _points(value: Any, what: str) -> tuple[tuple[float, float, float], ...]:
    advice = "write a list of points [R, A, S] in mm"
    if not isinstance(value, list) or len(value) > MOST_POINTS:
        raise StudyError(f"{what}: {_short(value)} is not allowed: {advice}")
    points = []
    for point in value:
        numbers = point if isinstance(point, list) else []
        if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
            raise StudyError(f"{what}: {_short(point)} is not allowed: {advice}")
        r, a, s = map(float, numbers)
        points.append((r, a, s))
    return tuple(points)


def _is_number(value: Any) -> bool:
    """Whether a value is a number of a size that can mean something; NaN is none."""
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) <= LARGEST


def _short(value: Any) -> str:
    try:
        text = json.dumps(value, default=str)
    except RecursionError:
        return "what is nested so deeply"
    return text if len(text) <= 60 else f"{text[:57]}..."


_READERS: dict[str, Callable[[Any, str], Any]] = {
    **{name: _word(words) for name, words in WORDS.items()},
    **dict.fromkeys(NUMBERS, _number),
    "slice_thickness_mm": _thickness,
    "radiotherapy_end": _text,
    "outside_radiation_field": _yes_or_no,
    "unequivocal_new_lesions": _points,
    "bt_rads": _text,
    "note": _text,
}
"""By field, what reads it."""
