"""The mean of the weights of several trainings, such as those of several seeds from the same start.

The mean is a good network only where the trainings began from the same weights and stayed near each other: from
chance, units of one network mean something else than those of the other. Measure before you use it.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import WeightsError
from ..models.registry import config_from_json
from ..models.weights import load_weights, save_weights


def average_weights(paths: Sequence[Path], output: Path) -> None:
    """Write the mean of weights files of one method and size.

    Args:
        paths: Two files or more.
        output: The file to be written.

    Raises:
        WeightsError: A file cannot be read, or is of another method, size or base model than the first.
        OutputError: The mean cannot be written.
    """
    if len(paths) < 2:
        raise WeightsError("One weights file has no mean with others: name two or more")
    states, metadata = zip(*(load_weights(path) for path in paths), strict=True)
    first = metadata[0]
    for state, other in zip(states, metadata, strict=True):
        same = config_from_json(other.config) == config_from_json(first.config)
        if not same or other.base_sha256 != first.base_sha256 or state.keys() != states[0].keys():
            raise WeightsError(
                f"{other.path} is of another method, size or base model than {first.path}: their mean makes no network"
            )
    mean = {name: torch.stack([state[name].float() for state in states]).mean(dim=0) for name in states[0]}
    notes = {"mean_of": ", ".join(path.name for path in paths)}
    save_weights(output, mean, first.config, first.base_sha256, notes)
