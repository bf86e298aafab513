"""Clicks and boxes as they are written on the command line."""

from pathlib import Path

import pytest

from GliomaSAMLib.cli.prompt_options import parse_box, parse_point, read_prompts
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


def test_prompts_of_a_file_come_first(tmp_path: Path) -> None:
    PromptHistory((point((1, 2, 3), False, "TC"),)).save(tmp_path / "prompts.json")
    found = read_prompts(["4,5,6"], ["0,0,0,9,9,9"], tmp_path / "prompts.json")
    assert [prompt.kind for prompt in found] == ["point", "box", "point"]
    assert found[0].points == ((1.0, 2.0, 3.0),)
    assert not found[0].positive
