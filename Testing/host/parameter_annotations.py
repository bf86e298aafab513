"""The annotations of fields of a parameter node that the stand-in knows, under Slicer's names."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Default:
    value: Any


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Minimum:
    minimum: float


@dataclass(frozen=True)
class Maximum:
    maximum: float


@dataclass(frozen=True)
class Choice:
    choices: tuple[Any, ...] | list[Any]


@dataclass(frozen=True)
class Decimals:
    value: int


@dataclass(frozen=True)
class SingleStep:
    value: float


ANNOTATIONS = (Default, WithinRange, Minimum, Maximum, Choice, Decimals, SingleStep)


def validate(annotation: Any, name: str, value: Any) -> None:
    """Raise ValueError for a value that an annotation forbids."""
    low = getattr(annotation, "minimum", None)
    high = getattr(annotation, "maximum", None)
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{name} must lie within {low} and {high}, not {value}")
    if isinstance(annotation, Choice) and value not in annotation.choices:
        raise ValueError(f"{name} must be one of {list(annotation.choices)}, not {value!r}")
