"""What a run is made of, and whether it is over. A training goes on from the checkpoint of the same run only."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..data.cases import Case
from ..errors import CaseError
from ..listing import first_of
from ..models.catalogue import find_weights
from ..models.weights import file_sha256
from .options import TrainOptions

NOT_OF_THE_RUN = {
    *("folder", "output", "split", "extra", "validation", "cache"),  # the names of the cases count
    *("batch", "accumulate", "devices", "nodes"),  # the crops of a step count
    *("method", "config"),  # which the checkpoint tells besides
    *("start", "encoder_weights"),  # the content of the files counts
    *("steps", "minutes", "patience", "validate_minutes", "checkpoint_minutes"),
    *("accelerator", "precision", "checkpointing"),
}
"""Options that may be others when a training goes on; all others make a run what it is."""

NAMES_SHOWN = 3
"""So many of the cases that differ are named."""


def run_identity(options: TrainOptions, train: Sequence[Case], val: Sequence[Case]) -> dict[str, Any]:
    """What makes a run what it is, by names that users understand; of plain values, for the checkpoint.

    Raises:
        WeightsError: The weights to begin from, or those of the encoder, cannot be read.
        ModelError: There is no model of the name to begin from.
    """
    chosen = {name: value for name, value in asdict(options).items() if name not in NOT_OF_THE_RUN}
    return {
        "cases for training": sorted(case.name for case in train),
        "cases for validation": sorted(case.name for case in val),
        "crops of a step": math.prod((options.batch, options.accumulate, options.devices, options.nodes)),
        "weights to begin from": file_sha256(find_weights(options.start)[0]) if options.start else None,
        "weights of the encoder": file_sha256(options.encoder_weights) if options.encoder_weights else None,
        **_flat(chosen),
    }


def check_same_run(saved: dict[str, Any], now: dict[str, Any], options: TrainOptions) -> str | None:
    """Compare what a checkpoint is of with what is to be trained; returns a note where that cannot be known.

    Raises:
        CaseError: The checkpoint is of another run; the text says what differs.
    """
    before = saved.get("identity")
    if before is None:
        return (
            f"The checkpoint in {options.output} is of an earlier version, which did not keep what it was trained on: "
            "it goes on with what is asked for now"
        )
    other = [_difference(name, before[name], now[name]) for name in before.keys() & now.keys()]
    if differences := "; ".join(sorted(filter(None, other))):
        raise CaseError(
            f"{options.output} holds another training ({differences}): choose another folder for this one, where "
            f"--start {options.weights} would begin from the weights of that one; or ask for the same to go on"
        )
    return None


def is_done(saved: dict[str, Any], options: TrainOptions) -> str | None:
    """A line for the user where a checkpoint is that of a finished training, to whose budget and patience `options` add
    nothing; else None.
    """
    by_time = options.minutes is not None and saved["elapsed"] >= 60 * options.minutes
    settled = options.patience is not None and saved["validations_without_improvement"] >= options.patience
    over = by_time or settled or saved["step"] >= options.most_steps
    if not (over and saved.get("finished") and options.weights.exists()):
        return None
    return (
        f"{options.weights} was trained already ({saved['step']} steps) and nothing was done: more steps or minutes go "
        "on with it, another training needs another folder"
    )


def _difference(name: str, before: Any, now: Any) -> str | None:
    """What differs, in words; None where nothing does."""
    if before == now:
        return None
    if name.startswith("cases"):
        more, fewer = sorted(set(now) - set(before)), sorted(set(before) - set(now))
        told = [
            f"{first_of(names, NAMES_SHOWN)} {verb}" for names, verb in ((fewer, "missing"), (more, "new")) if names
        ]
        return f"{name}: {', '.join(told) or 'other numbers of the same names'}"
    if name.startswith("weights"):
        return f"{name}: {'another file' if before and now else 'a file now' if now else 'none now'}"
    return f"{name} {_shown(before)}, now {_shown(now)}"


def _shown(value: Any) -> str:
    return " ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested fields by their names in words; tuples as lists."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        words = f"{before}{name.replace('_', ' ')}"
        flat |= _flat(value, f"{words}: ") if isinstance(value, dict) else {words: _plain(value)}
    return flat


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
