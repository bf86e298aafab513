"""Names in a sentence are all there where they are few; of many it is told how many are not named."""

import pytest

from GliomaSAMLib.listing import first_of


@pytest.mark.parametrize(
    ("count", "told"), [(1, "a"), (3, "a, b, c"), (4, "a, b, c and 1 more"), (26, "a, b, c and 23 more")]
)
def test_no_name_is_lost_without_a_word(count: int, told: str) -> None:
    assert first_of("abcdefghijklmnopqrstuvwxyz"[:count], 3) == told


def test_names_of_several_words_are_told_apart() -> None:
    assert first_of(["a, b", "c, d", "e, f"], 2, between="; ") == "a, b; c, d and 1 more"
