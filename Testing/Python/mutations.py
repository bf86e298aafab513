"""Chance mistakes in headers and in JSON files, always the same for one seed."""

import json
import random
import struct
from typing import Any

WORDS = [
    *(b"nan", b"inf", b"-1", b"0", b"99999999999", b"1e308", b"x" * 1500, b"\xff\xfe", b"(", b")", b"none", b'""'),
    *(b"%s%n", b"../../elsewhere", b"float", b"gzip", b"block", b"ascii", b"hex", b"LIST", b"True", b"15"),
]

NUMBERS = [0, -1, float("nan"), float("inf"), 1e30, 1e-30]

DEEP = 3000
"""Lists in lists, more than Python's parser takes."""

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 1e308, 10**400, 2**63, float("nan"), float("inf"), float("-inf"), 0.5),
    *("", "x", "WT", "../../elsewhere", "/", "\0", "\ud800", "é" * 300, "0x10", "nan", "x" * 70_000),
    *([], {}, [[]], [None], {"": None}, [0, 0, 0], [1e30, 0, 0], [2**20, 2**20, 2**20], [2**31, 2**31, 1]),
]


def change_words(chance: random.Random, header: bytes) -> bytes:
    """A header of lines with one to three mistakes."""
    lines = header.split(b"\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        words = lines[at].split(b" ")
        words[chance.randrange(len(words))] = chance.choice(WORDS)
        spoiled = bytearray(lines[at] or b" ")
        spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        new = [[b" ".join(words)], [lines[at]] * 2, [], [bytes(spoiled)], [lines[at] + chance.choice(WORDS)]]
        lines[at : at + 1] = chance.choice(new)
        lines = lines or [b""]
    return b"\n".join(lines)


def change_numbers(chance: random.Random, header: bytes) -> bytes:
    """A header of binary numbers with one to six mistakes."""
    content = bytearray(header)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content) - 8)
        kind = chance.randrange(3)
        if kind == 0:
            content[at] = chance.randrange(256)
        elif kind == 1:
            struct.pack_into("<f", content, at & ~3, chance.choice(NUMBERS))
        else:
            struct.pack_into("<h", content, at & ~1, chance.choice([0, -1, 32767, -32768, 1, 8, 5]))
    return bytes(content)


def cut(chance: random.Random, content: bytes) -> bytes:
    """The beginning of a file."""
    return content[: chance.randrange(len(content))]


def change_json(chance: random.Random, value: Any) -> bytes:
    """A JSON file with one to three values or names changed, left out or doubled; one in six is spoiled as text."""
    for _ in range(chance.randint(1, 3)):
        value = _with_one_change(chance, json.loads(json.dumps(value)))
    text = json.dumps(value).encode()
    kind = chance.randrange(18)
    if kind == 0:
        return cut(chance, text)
    if kind == 1:
        spoiled = bytearray(text)
        for _ in range(chance.randint(1, 4)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        return bytes(spoiled)
    if kind == 2:
        at = chance.randrange(len(text))
        return text[:at] + b"[" * DEEP + b"]" * DEEP + text[at:]
    return text


def _with_one_change(chance: random.Random, value: Any) -> Any:
    """The value with one place in it changed."""
    places: list[tuple[Any, Any]] = list(_places(value))
    if not places or chance.random() < 0.02:
        return chance.choice(ODD_VALUES)
    holder, key = chance.choice(places)
    kind = chance.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif kind == 1:
        holder[chance.choice(["", "x", "__class__", key.upper(), f"{key} "])] = holder.pop(key)
    elif kind == 2:
        holder[key] = chance.choice(places)[0]  # perhaps itself, which the copy makes finite
        holder[key] = json.loads(json.dumps(holder[key])) if not _holds(holder[key], holder) else None
    elif kind == 3 and isinstance(holder[key], int | float):
        holder[key] = chance.choice([-1, 1e-9, 1e9, 0.5]) * holder[key]
    else:
        holder[key] = chance.choice(ODD_VALUES)
    return value


def _places(value: Any) -> Any:
    """All places in lists and dictionaries: who holds a value, and its key there."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _holds(value: Any, other: Any) -> bool:
    """Whether `other` is `value` or lies within it."""
    return value is other or any(_holds(holder[key], other) for holder, key in _places(value) if holder[key] is other)
