"""Prompts as the command line writes them: `R,A,S[,+|-][,WT|TC|ET]` and `R0,A0,S0,R1,A1,S1[,REGION]`, in RAS mm."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import PromptError
from ..prompts import Prompt, PromptHistory, box, point
from ..regions import REGIONS

POINT_FORM = "R,A,S[,+|-][,WT|TC|ET], for example --point=-32.5,18,40,+,WT"
BOX_FORM = "R0,A0,S0,R1,A1,S1[,WT|TC|ET], for example --box=-50,0,20,-10,40,60"


def parse_point(text: str) -> Prompt:
    """A click from text. Raises `PromptError` that quotes the text and says how it is written."""
    numbers, extras = _split(text, 3, "point", POINT_FORM)
    signs = [extra for extra in extras if extra in ("+", "-")]
    regions = [extra.upper() for extra in extras if extra not in ("+", "-")]
    if len(signs) > 1 or len(regions) > 1:
        raise PromptError(f"--point={text} says more than a sign and a region: write {POINT_FORM}")
    return point(numbers, signs != ["-"], regions[0] if regions else REGIONS[0])


def parse_box(text: str) -> Prompt:
    """A box from text. Raises `PromptError` that quotes the text and says how it is written."""
    numbers, extras = _split(text, 6, "box", BOX_FORM)
    if len(extras) > 1:
        raise PromptError(f"--box={text} says more than a region: write {BOX_FORM}")
    return box(numbers[:3], numbers[3:], extras[0].upper() if extras else REGIONS[0])


def read_prompts(points: Sequence[str], boxes: Sequence[str], file: Path | None) -> tuple[Prompt, ...]:
    """All prompts of a command line: those of the file, then boxes, then points. Raises `PromptError`."""
    saved = PromptHistory.load(file).prompts if file else ()
    return (*saved, *map(parse_box, boxes), *map(parse_point, points))


def _split(text: str, count: int, option: str, form: str) -> tuple[list[float], list[str]]:
    """The first `count` numbers and what follows them."""
    words = [word.strip() for word in text.split(",")]
    try:
        numbers = [float(word) for word in words[:count]]
    except ValueError:
        raise PromptError(f"--{option}={text} has a coordinate that is not a number: write {form}") from None
    if len(numbers) < count:
        raise PromptError(f"--{option}={text} has {len(numbers)} coordinates instead of {count}: write {form}")
    return numbers, words[count:]
