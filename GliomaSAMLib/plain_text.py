"""Text from outside (names of files, headers, weights) shown as it is: nothing in it acts on what shows it."""

import json
import unicodedata

_KEPT = "\n\t"

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of control and format characters, halves of pairs (bytes that are not UTF-8), and separators of lines."""

_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What the cells begin with that spreadsheets compute, some of them also by the full-width sign."""

_MARKDOWN = {char: f"\\{char}" for char in "\\|`*[]!"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def printable(text: str) -> str:
    """The text with every character that a terminal may act on, or that cannot be encoded, written as an escape: a
    backslash, x and its number. Line feeds and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _acts(char) else char for char in text)


def plain_json(value: object) -> str:
    """A value as JSON of several lines, in which characters that a terminal may act on are JSON's own escapes, so that
    the texts in it are read back as they were. Raises ValueError or TypeError for what JSON cannot hold.
    """
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(_json_escape(char) if _acts(char) else char for char in text)


def _json_escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if char.isascii() else json.dumps(char)[1:-1]


def spreadsheet_cell(text: str) -> str:
    """A name for a cell of a table that spreadsheets read: an apostrophe stands before what they would compute, as
    OWASP advises against injected formulas; and it is one line. Not for numbers, which may begin with a sign.
    """
    shown = printable(" ".join(text.splitlines()))
    return f"'{shown}" if text.lstrip(" ").startswith(_FORMULA) else shown


def markdown_cell(text: str) -> str:
    """A name for a cell of a table in Markdown: one line, of which nothing is a column, a link, or HTML."""
    return "".join(_MARKDOWN.get(char, char) for char in printable(" ".join(text.split())))


def _acts(char: str) -> bool:
    return char not in _KEPT and unicodedata.category(char) in _UNSAFE


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
