"""Whether what was read from a file has the types that its dataclass declares."""

import types
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints


def check_types(values: Any) -> None:
    """Compare the fields of a dataclass with their annotations: texts, numbers, truth values, tuples, other
    dataclasses, and None where it is allowed. Raises TypeError that names a field of another type.
    """
    kinds = get_type_hints(type(values))
    for one in fields(values):
        if not _fits(getattr(values, one.name), kinds[one.name]):
            raise TypeError(f"the field {one.name} is no {kinds[one.name]}")


def _fits(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        each = [parts[0]] * len(value) if isinstance(value, tuple) and parts[-1] is ... else parts
        fits = isinstance(value, tuple) and len(value) == len(each)
        return fits and all(_fits(item, part) for item, part in zip(value, each, strict=True))
    if is_dataclass(kind) and type(value) is kind:
        check_types(value)
        return True
    if kind is float and type(value) is int:
        return abs(value) < 10**300
    return type(value) is kind
