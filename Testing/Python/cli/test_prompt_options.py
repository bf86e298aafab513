"""Clicks and boxes as they are written on the command line."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from GliomaSAMLib.cli.prompt_options import PromptCommand, TypedText, parse_box, parse_point, read_prompts
from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.prompts import PromptHistory, point


@pytest.mark.parametrize(
    ("text", "ras", "positive", "region"),
    [
        ("-32.5,18,40", (-32.5, 18.0, 40.0), True, "WT"),
        ("1,2,3,-", (1.0, 2.0, 3.0), False, "WT"),
        ("1,2,3,ET", (1.0, 2.0, 3.0), True, "ET"),
        ("1, 2, -3e1, -, tc", (1.0, 2.0, -30.0), False, "TC"),
        ("1,2,3,TC,+", (1.0, 2.0, 3.0), True, "TC"),
    ],
)
def test_a_point(text: str, ras: tuple[float, float, float], positive: bool, region: str) -> None:
    prompt = parse_point(text)
    assert (prompt.kind, prompt.points, prompt.positive, prompt.region) == ("point", (ras,), positive, region)


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,x", "1,2,nan", "1,2,inf", "1,2,3,4", "1,2,3,XX", "1,2,3,+,-", "1,2,3,WT,TC", "1;2;3"]
)
def test_a_point_that_is_none(text: str) -> None:
    with pytest.raises(PromptError):
        parse_point(text)


def test_a_box_with_and_without_a_region() -> None:
    assert parse_box("-50,0,20,-10,40,20").points == ((-50.0, 0.0, 20.0), (-10.0, 40.0, 20.0))
    assert parse_box("-50,0,20,-10,40,60,ET").region == "ET"


@pytest.mark.parametrize("text", ["1,2,3,4,5", "1,2,3,4,5,x", "1,2,3,4,5,6,XX", "1,2,3,4,5,6,WT,+", "1,2,3,1,2,3"])
def test_a_box_that_is_none(text: str) -> None:
    with pytest.raises(PromptError):
        parse_box(text)


def test_prompts_of_a_file_come_first_then_the_others_as_they_were_typed(tmp_path: Path) -> None:
    PromptHistory((point((1, 2, 3), False, "TC"),)).save(tmp_path / "prompts.json")
    points = [TypedText.at(place, text) for place, text in ((5, "4,5,6,-"), (9, "7,8,9"))]
    found = read_prompts(points, [TypedText.at(7, "0,0,0,9,9,9")], tmp_path / "prompts.json")
    assert [prompt.kind for prompt in found] == ["point", "point", "box", "point"]
    assert [prompt.points[0] for prompt in found] == [(1, 2, 3), (4, 5, 6), (0, 0, 0), (7, 8, 9)]
    assert [prompt.positive for prompt in found] == [False, False, True, True]


def test_texts_of_a_caller_in_python_have_no_place_and_boxes_come_first() -> None:
    found = read_prompts(["4,5,6", "7,8,9"], ["0,0,0,9,9,9"], None)
    assert [prompt.points[0] for prompt in found] == [(0, 0, 0), (4, 5, 6), (7, 8, 9)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--box=B", "--point=P"], ["B", "P"]),
        (["--point=P", "--box=B"], ["P", "B"]),
        (["--point=P", "--point=Q", "--box=B", "--point=R", "--box=C"], ["P", "Q", "B", "R", "C"]),
        (["--point", "P", "--box", "B", "--point=Q"], ["P", "B", "Q"]),
        (["--box", "B", "--device=cpu", "--point", "P", "-o", "--box", "--box=C"], ["B", "P", "C"]),
        (["--point=P", "--point", "P", "--box=B", "--point=P"], ["P", "P", "B", "P"]),
        (["--point=P"], ["P"]),
        ([], []),
    ],
)
def test_the_order_of_a_command_line(arguments: list[str], expected: list[str]) -> None:
    """In `-o --box` the word `--box` is the name of a file, not an option."""
    seen: list[str] = []
    app = typer.Typer()

    @app.command(cls=PromptCommand)
    def command(
        points: Annotated[list[str] | None, typer.Option("--point")] = None,
        boxes: Annotated[list[str] | None, typer.Option("--box")] = None,
        device: str = "",
        out: Annotated[str, typer.Option("-o")] = "",
    ) -> None:
        typed = [*(points or []), *(boxes or [])]
        assert all(isinstance(text, TypedText) for text in typed)
        seen.extend(sorted(typed, key=lambda text: text.place))

    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.exception) == (0, None)
    assert seen == expected
