"""How large the numbers of a config may be: a file from a stranger may not ask for all of the memory."""

import math
import reprlib
from collections.abc import Mapping
from typing import Any

from ..errors import ModelError

TIMES = 8
"""How many times the default a number may be."""

LEAST = 64
"""Whole numbers up to here are allowed whatever the default."""

LONGEST = 64
"""The most items of a list, and letters of a text."""


def check_sizes(given: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Compare the fields of a config with their defaults before a network is built from them.

    Args:
        given: Values by name; those of parts in dictionaries.
        usual: The defaults, likewise.

    Raises:
        ModelError: One is negative, not finite, too large or too long; names the field, its value and the limit.
    """
    for name, value in given.items():
        default = usual.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            check_sizes(value, default)
        elif isinstance(value, tuple | list):
            if len(value) > LONGEST:
                raise ModelError(
                    f"The field {reprlib.repr(name)} of a config has {len(value)} items: {LONGEST} are the most"
                )
            for item in value:
                _check_number(name, item, default)
        else:
            _check_number(name, value, default)


def _check_number(name: str, value: Any, default: Any) -> None:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and len(value) <= LONGEST):
        return
    if not isinstance(value, int | float):
        raise ModelError(
            f"The field {reprlib.repr(name)} of a config is no number and no short text: get the file again"
        )
    most = _most(default)
    if isinstance(value, int) and not 0 <= value <= most:
        shown = f"{value}" if abs(value) < 10**15 else "huge"
        raise ModelError(f"The field {reprlib.repr(name)} of a config is {shown}: it has to lie between 0 and {most}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelError(f"The field {reprlib.repr(name)} of a config is not finite: get the file again")


def _most(default: Any) -> int:
    """The largest whole number allowed where this is the default, 4096 where there is none."""
    numbers = default if isinstance(default, tuple | list) else (default,)
    sizes = [abs(number) for number in numbers if isinstance(number, int | float)]
    return max(LEAST, math.ceil(TIMES * max(sizes))) if sizes else 4096
