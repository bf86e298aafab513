"""Names in a sentence: all of a few, the first of many."""

from collections.abc import Sequence


def first_of(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first `most` names and how many are left: `a, b, c and 4 more`; all of them where there are no more.

    Args:
        names: At least one.
        most: How many are shown.
        between: What stands between two names.
    """
    left = len(names) - most
    return between.join(names[:most]) + (f" and {left} more" if left > 0 else "")
