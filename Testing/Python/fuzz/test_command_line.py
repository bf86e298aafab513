"""Spoiled files of every kind that the commands read: done or refused in one line, and the program lives."""

from collections.abc import Callable

import pytest
from fuzz.images import IMAGES
from fuzz.texts import TEXTS

pytestmark = pytest.mark.slow

KINDS = {**IMAGES, **TEXTS}

BLOCK = 50
"""Inputs a test."""

THROUGH_THE_SHELL = 3
"""Inputs of each kind that go through the real command line."""

REFUSED = 2


def test_there_are_enough() -> None:
    assert sum(count for count, _ in KINDS.values()) >= 2000
    assert THROUGH_THE_SHELL * len(KINDS) >= 50


@pytest.mark.parametrize(
    ("kind", "start"), [(kind, start) for kind, (count, _) in KINDS.items() for start in range(0, count, BLOCK)]
)
def test_mistakes_by_chance(kind: str, start: int, attack: Callable[..., list[int]]) -> None:
    assert REFUSED in attack(KINDS[kind][1], range(start, start + BLOCK))


@pytest.mark.parametrize("kind", KINDS)
def test_mistakes_by_chance_through_the_shell(kind: str, attack: Callable[..., list[int]]) -> None:
    attack(KINDS[kind][1], range(1000, 1000 + THROUGH_THE_SHELL), True)
