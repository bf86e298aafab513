"""Prompts as the command line writes them: `R,A,S[,+|-][,WT|TC|ET]` and `R0,A0,S0,R1,A1,S1[,REGION]`, in RAS mm."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from ..errors import PromptError
from ..prompts import Prompt, PromptHistory, box, point
from ..regions import REGIONS

POINT_FORM = "R,A,S[,+|-][,WT|TC|ET], for example --point=-32.5,18,40,+,WT"
BOX_FORM = "R0,A0,S0,R1,A1,S1[,WT|TC|ET], for example --box=-50,0,20,-10,40,60"

PROMPT_OPTIONS = ("points", "boxes")
"""The repeatable options whose order counts, by the name of their parameter."""


class TypedText(str):
    """What was typed after an option, with its place among all options of the command line."""

    place: int

    @classmethod
    def at(cls, place: int, text: str) -> "TypedText":
        """The text with its place."""
        typed = cls(text)
        typed.place = place
        return typed


class PromptCommand(TyperCommand):
    """A command whose prompts know in which order they were typed; the parser alone collects each option apart."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, and make the prompts `TypedText`."""
        _, _, typed = self.make_parser(ctx).parse_args(list(args))  # options as they come, one for each time
        rest = super().parse_args(ctx, args)
        for name in PROMPT_OPTIONS:
            places = [place for place, option in enumerate(typed) if option.name == name]
            if places:
                ctx.params[name] = list(map(TypedText.at, places, ctx.params[name]))
        return rest


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
    """All prompts of a command line: those of the file, then points and boxes in the order in which they were typed.
    Texts that are no `TypedText` do not know it: of these, boxes come before points. Raises `PromptError`.
    """
    saved = PromptHistory.load(file).prompts if file else ()
    texts = [(text, parse_box) for text in boxes] + [(text, parse_point) for text in points]
    texts.sort(key=lambda typed: getattr(typed[0], "place", 0))
    return (*saved, *(parse(text) for text, parse in texts))


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
