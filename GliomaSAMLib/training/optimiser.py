"""AdamW over what a network trains, with a learning rate of its own for each part, and the schedules of a training."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import nn

from ..errors import ModelError
from ..models.registry import VolumeDecoder

FACTOR = "factor"
"""Key of a parameter group: its learning rate as a share of the highest."""

LONGEST_WARMUP = 0.1
"""Share of a training after which its learning rate is held back no longer, however few steps it has."""


def make_optimiser(
    network: VolumeDecoder, learning_rate: float, weight_decay: float, one_rate: bool = False
) -> torch.optim.AdamW:
    """Make AdamW for the parameters of `network` that have gradients; frozen ones are given to no optimiser.

    `network.learning_rate_factors()` gives the factor of the learning rate by prefix of the parameter name. Of several
    prefixes that match the longest counts; the factor is 1 where none matches. Mind the dot: "blocks.1" also matches
    "blocks.10", "blocks.1." does not.

    Args:
        network: What is trained.
        learning_rate: Of parameters with the factor 1.
        weight_decay: Of all parameters alike.
        one_rate: Whether all parameters have the factor 1, whatever the network says.

    Returns:
        The optimiser, with one group of parameters for each factor, the highest first; see `set_learning_rate`.

    Raises:
        ModelError: Nothing is to be trained, or a factor makes no sense; the text says which.
    """
    factors = {} if one_rate else network.learning_rate_factors()
    _check(factors, [name for name, _ in network.named_parameters()])
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in _trained(network):
        groups.setdefault(_factor(name, factors), []).append(parameter)
    if not groups:
        raise ModelError(f"{type(network).__name__} has no parameter to be trained: all of them are frozen")
    return torch.optim.AdamW(
        [
            {"params": groups[factor], "lr": learning_rate * factor, FACTOR: factor}
            for factor in sorted(groups, reverse=True)
        ],
        lr=learning_rate,
        weight_decay=weight_decay,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, learning_rate: float) -> None:
    """Give every group of parameters its share of `learning_rate`."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate * group.get(FACTOR, 1.0)


def scheduled(step: int, warmup: int, fraction: float, power: float | None = None) -> float:
    """Return the share of the highest learning rate: it grows linearly over the first steps, and falls.

    Args:
        step: Steps done.
        warmup: Steps until nothing is held back; in a short training `LONGEST_WARMUP` of it.
        fraction: Share of the training that is over.
        power: After the warm-up it falls as the share that is left, the warm-up not counted, to this power. None: as a
            cosine, from the first step on, down to a hundredth.
    """
    warm = min(1.0, max((step + 1) / max(1, warmup), fraction / LONGEST_WARMUP))
    over = min(1.0, fraction)
    if power is not None:
        begun = min(step, warmup, LONGEST_WARMUP * step / fraction) if fraction else step
        return warm * (1 - over * (1 - begun / max(1, step))) ** power
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * over)))


def averaging_decay(steps: int, most: float) -> float:
    """Return how much of the average of the weights is kept at a step after so many: little at first, so that the
    weights that a training began with are soon forgotten (as in TensorFlow's ExponentialMovingAverage).
    """
    return min(most, (1 + steps) / (10 + steps))


def _trained(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad)


def _factor(name: str, factors: Mapping[str, float]) -> float:
    longest = max((prefix for prefix in factors if name.startswith(prefix)), key=len, default=None)
    return 1.0 if longest is None else float(factors[longest])


def _check(factors: Mapping[str, float], names: list[str]) -> None:
    for prefix, factor in factors.items():
        if not (math.isfinite(factor) and factor > 0):
            raise ModelError(f"the learning rate of {prefix!r} has the factor {factor}: it must be a number above 0")
        if not any(name.startswith(prefix) for name in names):
            raise ModelError(f"the learning rate of {prefix!r} has a factor, but no parameter's name begins so")
