"""Train a method on labelled cases: `gliomasam train`. One device or many, resumable after a kill at any moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import CaseError, OutputError
from .cases import Case, find_cases, read_split
from .checkpoint import load_checkpoint, remove_leftovers
from .launch import disband, launch, memory_errors, stop_on_signal
from .options import TrainOptions
from .run import Progress, Run


def fit(options: TrainOptions, progress: Progress | None = None, cancel: Callable[[], bool] | None = None) -> Path:
    """Train, or go on with a training that was stopped, and return the path of the weights file.

    With several devices a process each runs the whole calling program up to here; only the first reports.

    Args:
        options: What to do.
        progress: Called with the fraction done and a line that tells loss, Dice and time left.
        cancel: Asked between steps; when it returns true a checkpoint is written and `Cancelled` raised.

    Raises:
        CaseError: No case, a damaged case or split, a damaged checkpoint or one of another method.
        StudyError: A volume of a case cannot be used.
        ModelError: The options make no sense, a device is not there, or its memory does not suffice.
        WeightsError: The weights of the frozen encoder, or those to begin from, are absent, damaged or do not fit.
        OutputError: The checkpoint or weights cannot be written.
        Cancelled: The user stopped; the same command goes on from there.
    """
    config = options.method_config()
    train, val = _cases(options)
    _make_folder(options.output)
    saved = load_checkpoint(options.output, config)
    if saved is not None and _is_done(options, saved):
        return options.weights
    fabric = launch(options, config)
    if fabric.is_global_zero:
        remove_leftovers(options.output)
    with stop_on_signal(cancel) as cancelled, memory_errors(options):
        run = Run(options, config, fabric, progress, cancelled)
        features = run.read_features([*train, *val], live=0 if options.cache_features else len(train))
        run.prepare(features[: len(train)], features[len(train) :], saved)
        weights = run.train()
        disband(fabric)
        return weights


def _cases(options: TrainOptions) -> tuple[list[Case], list[Case]]:
    if options.split is None:
        return find_cases(options.folder), []
    split = read_split(options.split)
    if not split.train:
        raise CaseError(f"{options.split} names no case for training: add some to its list 'train'")
    if options.patience is not None and not split.val:
        raise CaseError(f"{options.split} names no case for validation, which patience needs: add some to 'val'")
    train = find_cases(options.folder, list(split.train))
    train += [case.without_enhancement() for case in train if case.name in split.without_enhancement]
    return train, find_cases(options.folder, list(split.val))


def _is_done(options: TrainOptions, saved: dict[str, Any]) -> bool:
    """Whether a checkpoint is that of a finished training, to whose budget and patience `options` add nothing."""
    by_time = options.minutes is not None and saved["elapsed"] >= 60 * options.minutes
    settled = options.patience is not None and saved.get("stale", 0) >= options.patience
    over = by_time or settled or saved["step"] >= options.steps
    return bool(saved.get("finished")) and options.weights.exists() and over


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"the folder {folder} of the run cannot be made: {reason}: choose another folder") from error
