"""Text from outside (names of files, headers, weights) shown as it is: nothing in it acts on what shows it."""

import unicodedata

_KEPT = "\n\t"

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of control and format characters, halves of pairs (bytes that are not UTF-8), and separators of lines."""


def printable(text: str) -> str:
    """The text with every character that a terminal may act on, or that cannot be encoded, written as an escape: a
    backslash, x and its number. Line feeds and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _acts(char) else char for char in text)


def _acts(char: str) -> bool:
    return char not in _KEPT and unicodedata.category(char) in _UNSAFE


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
