"""The page on troubleshooting quotes messages as the code has them, so that a search for a message finds it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "docs" / "troubleshooting.md"
HOLE = "\0"
"""In a message of the code where a value stands, as `...` does on the page."""

NO_MESSAGE = "a crash"
"""Begins what is seen without a message."""


def quotes() -> list[str]:
    rows = re.findall(r"^\| (.+?) \| .+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [cell for cell in rows if not cell.startswith(("what you read", "---", NO_MESSAGE))]
    return [quote.strip() for cell in cells for quote in cell.split("; ")]


@cache
def messages() -> tuple[str, ...]:
    """The texts in the code of the library and the module."""
    folders = (PROJECT / "GliomaSAM", PROJECT / "GliomaSAMLib")
    return tuple(text for folder in folders for path in sorted(folder.rglob("*.py")) for text in texts_of(path))


def texts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else HOLE for part in node.values]
            yield "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{\w*(:[^}]*)?\}", HOLE, node.value)


def test_messages_are_found() -> None:
    assert len(quotes()) >= 20


@pytest.mark.parametrize("quote", quotes())
def test_a_quoted_message_is_one_of_the_code(quote: str) -> None:
    pattern = re.compile(".*".join(re.escape(part.strip()) for part in quote.split("...")), re.DOTALL | re.IGNORECASE)
    assert any(pattern.search(message) for message in messages())
