"""Checkpoints that survive a kill at any moment, and the log beside them."""

import json
from pathlib import Path
from typing import Any

import torch

from ..errors import CaseError, ModelError, OutputError
from ..files import parse_json, replacing
from ..models.registry import MethodConfig, config_from_json
from ..models.weights import keys_in_files, keys_in_networks

CHECKPOINT = "last.ckpt"
LOG = "log.jsonl"
KEYS = {"config", "decoder", "average", "optimizer", "step", "elapsed", "best"}
"""What every checkpoint holds."""


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` beside the old checkpoint, then put it in its place; a full disk leaves the old one. Tensors have
    the names of weights files.

    Raises:
        OutputError: It cannot be written.
    """
    named = {part: keys_in_files(state[part]) for part in ("decoder", "average")}
    try:
        with replacing(folder / CHECKPOINT) as temporary:
            torch.save({**state, **named}, temporary)
    except (OutputError, RuntimeError) as error:  # torch says RuntimeError when a disk fills
        raise OutputError(
            f"the checkpoint could not be written: {error}. The last good one is kept; "
            "free some space and start the same command again, it goes on from there"
        ) from error


def load_checkpoint(folder: Path, config: MethodConfig) -> dict[str, Any] | None:
    """The last checkpoint in `folder`, or None.

    Raises:
        CaseError: It is damaged, of another method, or of a network of other sizes than `config`.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        method = state["config"]["method"]
        if missing := KEYS - state.keys():
            raise KeyError(f"without {', '.join(sorted(missing))}")
    except Exception as error:  # of many kinds, from zip, pickle and what the content is not
        raise CaseError(f"the checkpoint {path} is damaged ({error}): remove it to start afresh") from error
    if method != config.method:
        raise CaseError(
            f"the checkpoint {path} is of the method {method!r}, not {config.method!r}: choose another folder"
        )
    try:
        same = config_from_json(state["config"]) == config
    except ModelError as error:
        raise CaseError(
            f"the checkpoint {path} cannot be used: {error}. Choose another folder, or remove it to start afresh"
        ) from error
    if not same:
        raise CaseError(
            f"the checkpoint {path} is of a network of other sizes: choose another folder, or remove it to start afresh"
        )
    for part in ("decoder", "average"):
        state[part] = keys_in_networks(state[part])
    state.setdefault("validations_without_improvement", state.pop("stale", 0))  # the name in earlier checkpoints
    return state


def make_run_folder(folder: Path) -> None:
    """Make the folder of a run where it is not there. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"The folder {folder} of the run cannot be made: {reason}: choose another folder") from error


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed training had half written, by the names that `replacing` gives; other files stay."""
    for path in folder.glob(f".{'[0-9a-f]' * 16}.part.*"):
        path.unlink(missing_ok=True)


class TrainingLog:
    """Lines of JSON, one an event, each with the step. On resume what came after the checkpoint is dropped.

    Args:
        folder: Folder of the run.
        step: Step of the checkpoint that the training goes on from, 0 at the start.

    Raises:
        OutputError: It cannot be written.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / LOG
        kept = [line for line in read_log(folder) if line["step"] <= step]
        with replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def write(self, **values: Any) -> None:
        """Append a line. Raises `OutputError`."""
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(
                f"{self.path} cannot be written: {reason}: free some space and start the same command again"
            ) from error


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a log; a last line cut off by a kill is left out."""
    path = folder / LOG
    lines = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            line = parse_json(text)
        except ValueError:
            continue
        if isinstance(line, dict) and "step" in line:
            lines.append(line)
    return lines
