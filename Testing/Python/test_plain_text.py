"""Text from outside cannot act on a terminal."""

import os

import pytest

from GliomaSAMLib.plain_text import printable

ACTING = {
    "clear": "a\x1b[2Jb",
    "title": "\x1b]0;title\x07",
    "one-byte escape": "\x9b2J",
    "back": "done\rnot done",
    "rubbed out": "a\b\x7f",
    "from right to left": "gpj.\u202exe",
    "isolate": "\u2066a\u2069",
    "line": "a\u2028b\x85c",
    "zero": "a\x00b",
    "not UTF-8": os.fsdecode(b"M\xfcller"),
}


@pytest.mark.parametrize("name", ACTING)
def test_what_a_terminal_acts_on_is_escaped(name: str) -> None:
    shown = printable(ACTING[name])
    shown.encode("utf-8")
    assert shown.isprintable()
    assert "\\" in shown


@pytest.mark.parametrize("text", ["", "t1c.nii.gz", "Łódź, Müller, 脳腫瘍", "a b", "[bold]", "2.5 µm → 3", "a\nb\tc"])
def test_other_text_stays(text: str) -> None:
    assert printable(text) == text
