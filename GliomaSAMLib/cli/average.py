"""`gliomasam average`: the mean of the weights of several trainings."""

from pathlib import Path
from typing import Annotated

import typer

from .console import output


def average(
    files: Annotated[list[Path], typer.Argument(help="Two weights files or more, of one method.", show_default=False)],
    out: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors to be written.", show_default=False)],
) -> None:
    """Write the mean of weights, of trainings with several seeds that began from the same weights.

    Example: gliomasam average runs/0/gliomasam.safetensors runs/1/gliomasam.safetensors --output mean.safetensors

    Each training averages over its own steps already. Measure the mean with `gliomasam evaluate` before you use it.
    """
    from ..output.overwriting import refuse_inputs
    from ..training.averaging import average_weights

    refuse_inputs([out], {"FILES": tuple(files)})
    average_weights(files, out)
    output().print(f"{out} written")
