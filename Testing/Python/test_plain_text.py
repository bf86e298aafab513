"""Text from outside cannot act on a terminal, a spreadsheet, or a page made of Markdown."""

import json
import os

import pytest

from GliomaSAMLib.plain_text import markdown_cell, plain_json, printable, spreadsheet_cell

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


@pytest.mark.parametrize("name", [*ACTING, "of a high number", "plain"])
def test_json_shows_what_it_gives_back(name: str) -> None:
    text = {"of a high number": "a\U000e0041", "plain": "Łódź 脳"}.get(name) or ACTING[name]
    written = plain_json({"path": [text, 1.5, None]})
    assert json.loads(written) == {"path": [text, 1.5, None]}
    assert all(line.isprintable() for line in written.splitlines())
    assert "Łódź 脳" in written or name != "plain"


@pytest.mark.parametrize("text", ["", "t1c.nii.gz", "Łódź, Müller, 脳腫瘍", "a b", "[bold]", "2.5 µm → 3", "a\nb\tc"])
def test_other_text_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", " =1", "=cmd|' /C calc'!A0", "\uff1d1"])
def test_what_a_spreadsheet_computes_is_quoted(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["\r=1", "\n=1", "a\r=1", "a\r\n=1", "=1\x0b=1"])
def test_a_cell_is_one_line(text: str) -> None:
    shown = spreadsheet_cell(text)
    assert len(shown.splitlines()) == 1 and shown[0] in "'a"


@pytest.mark.parametrize("text", ["", "ours", "a=b", "t1-t2", "3D", "1.5", " a"])
def test_other_cells_stay(text: str) -> None:
    assert spreadsheet_cell(text) == text == markdown_cell(text) or text == " a"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a | b", r"a \| b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[a](http://b)", r"\[a\](http://b)"),
        ("a\n\n# b", "a # b"),
        ("\x1b[2J", r"\\x1b\[2J"),
        ("gliomasam_frozen", "gliomasam_frozen"),
    ],
)
def test_what_markdown_acts_on_is_escaped(text: str, shown: str) -> None:
    assert markdown_cell(text) == shown
