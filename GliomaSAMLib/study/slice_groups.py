"""The volumes that slices of one series or frames of one file belong to: by echo, b-value, stack, orientation, time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .slices import ONE_ONLY, SAME_DIRECTION, Slice, believable, rounded

WHERE_DOUBLED = ("time", "acquisition", "type")
"""What tells volumes apart only where several slices lie at one place; it may change within a volume too."""

MOST_LISTED = 12

_NEARLY_ONE = 0.01
"""Numbers that differ by less than this share are one."""

_LONGEST_WORD = 40


@dataclass(frozen=True)
class Part:
    """One of the volumes that slices belong to.

    Args:
        label: What it is, such as `echo time 90 (24 slices)`.
        numbers: Of its slices, in the order in which they came.
    """

    label: str
    numbers: tuple[int, ...]


def parts_of(slices: Sequence[Slice]) -> list[Part]:
    """The volumes that slices belong to, sorted by what tells them apart; one where nothing does.

    Whether a part is an even stack is for `stack_of` to say.
    """
    everyone = tuple(range(len(slices)))
    groups: dict[tuple[str, ...], tuple[int, ...]] = {(): everyone}
    groups = _divided(groups, _planes(slices).__getitem__, "orientation ")
    for name in ONE_ONLY:
        groups = _divided(groups, _words(slices, name).__getitem__, f"{name} ")
    for name in WHERE_DOUBLED:
        if any(doubled(slices, numbers) for numbers in groups.values()):
            divided = _divided(groups, _words(slices, name).__getitem__, f"{name} ")
            before, after = (sum(doubled(slices, n) for n in found.values()) for found in (groups, divided))
            groups = divided if after < before else groups
    ordered = sorted(groups.items(), key=lambda group: [_sortable(word) for word in group[0]])
    return [
        Part(f"{', '.join(words)} ({len(numbers)} slices)" if words else f"{len(numbers)} slices", numbers)
        for words, numbers in ordered
    ]


def listed(labels: Iterable[str]) -> str:
    """Labels with their numbers, by which one is chosen: `#1 echo time 20; #2 echo time 90`."""
    numbered = [f"#{number} {label}" for number, label in enumerate(labels, 1)]
    more = f"; ... #{len(numbered)}" if len(numbered) > MOST_LISTED else ""
    return "; ".join(numbered[:MOST_LISTED]) + more


def _divided(
    groups: dict[tuple[str, ...], tuple[int, ...]], word_of: Callable[[int], str], prefix: str
) -> dict[tuple[str, ...], tuple[int, ...]]:
    """The groups divided by a word of each slice; named by it where it has several values over all of them."""
    if len({word_of(number) for numbers in groups.values() for number in numbers}) < 2:
        return groups
    divided: dict[tuple[str, ...], list[int]] = {}
    for words, numbers in groups.items():
        for number in numbers:
            divided.setdefault((*words, f"{prefix}{word_of(number)}"), []).append(number)
    return {words: tuple(numbers) for words, numbers in divided.items()}


def _words(slices: Sequence[Slice], name: str) -> list[str]:
    """What each slice says, numbers that are nearly one by the first of them."""
    found: list[str] = []
    words = []
    for one in slices:
        word = one.what.get(name, "none")[:_LONGEST_WORD]
        same = next((other for other in found if other == word or _nearly_one(other, word)), None)
        if same is None:
            found.append(word)
        words.append(word if same is None else same)
    return words


def _nearly_one(one: str, other: str) -> bool:
    try:
        first, second = float(one), float(other)
    except ValueError:
        return False
    return abs(first - second) <= _NEARLY_ONE * max(abs(first), abs(second))


def _planes(slices: Sequence[Slice]) -> list[str]:
    """The plane of each slice, such as `axial`, with a number where several orientations are of one plane."""
    found: list[np.ndarray] = []
    names: list[str] = []
    planes = []
    for one in slices:
        axes = np.array(one.orientation, float)
        if axes.shape != (6,) or not believable(one.orientation):
            planes.append("not told")
            continue
        same = next((n for n, other in enumerate(found) if np.abs(other - axes).max() <= SAME_DIRECTION), None)
        if same is None:
            same = len(found)
            found.append(axes)
            plane = ("sagittal", "coronal", "axial")[int(np.abs(np.cross(axes[:3], axes[3:])).argmax())]
            count = sum(name.startswith(plane) for name in names) + 1
            names.append(plane if count == 1 else f"{plane} {count}")
        planes.append(names[same])
    return planes


def doubled(slices: Sequence[Slice], numbers: Sequence[int]) -> int:
    """How many slices lie at the place of another."""
    return len(numbers) - len({rounded(slices[number].position) for number in numbers})


def _sortable(word: str) -> tuple[str, float, str]:
    """For sorting by words, numbers at their ends by their value."""
    head, _, last = word.rpartition(" ")
    try:
        return head, float(last), ""
    except ValueError:
        return head, 0.0, last
