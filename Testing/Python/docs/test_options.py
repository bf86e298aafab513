"""The pages name options that the commands have, and the page of `gliomasam segment` has all of them."""

import re
from pathlib import Path

import pytest
import typer

from GliomaSAMLib.cli import app

PROJECT = Path(__file__).resolve().parents[3]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^(?:\$ | {4})?gliomasam ([a-z-]+)((?:.*\\\n)*.*)$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
COMMON = {"--help", "--version"}


def options() -> dict[str, set[str]]:
    """By the name of a command its options."""
    group = typer.main.get_command(app)
    return {
        name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_on_a_page_has_the_options_that_it_is_given(page: Path) -> None:
    known = options()
    commands = COMMAND.findall(page.read_text(encoding="utf-8"))
    wrong = [
        (command, option)
        for command, rest in commands
        for option in OPTION.findall(rest)
        if option not in known.get(command, set()) | COMMON
    ]
    assert wrong == []


@pytest.mark.parametrize("page", ["README.md", "docs/command_line.md", "docs/follow_up.md", "docs/training.md"])
def test_an_option_in_the_text_is_one_of_the_commands(page: Path) -> None:
    every = set().union(*options().values()) | COMMON
    told = re.findall(r"`([^`\n]+)`", (PROJECT / page).read_text(encoding="utf-8"))
    assert {option for text in told for option in OPTION.findall(text)} - every == set()


def test_the_page_of_the_command_line_has_all_options_of_segment() -> None:
    page = (PROJECT / "docs" / "command_line.md").read_text(encoding="utf-8")
    assert options()["segment"] - set(OPTION.findall(page)) - COMMON - {"-o"} == set()
