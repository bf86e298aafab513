"""Paths as they are typed: the shell leaves `~` alone after `=`, as in `--output=~/result.nii.gz`."""

import os
from pathlib import Path
from typing import Any

from typer.core import TyperCommand


class PathCommand(TyperCommand):
    """A command whose paths may begin with `~`, the home folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, and put the home folder in the place of `~` in all paths."""
        rest: list[str] = super().parse_args(ctx, args)
        ctx.params |= {name: _expanded(value) for name, value in ctx.params.items()}
        return rest


def _expanded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_expanded, value))
    return expand(value) if isinstance(value, Path) else value


def expand(path: Path) -> Path:
    """The path without `~`. A name that begins with it and is of no user's home folder becomes absolute, so that
    nobody takes it for one.
    """
    found = os.path.expanduser(path)
    return Path(os.path.abspath(found) if found.startswith("~") else found)
