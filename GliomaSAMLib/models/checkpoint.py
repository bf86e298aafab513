"""Checked reading of the base models' `.pth` checkpoints (LiteMedSAM, SAM, MedSAM)."""

import hashlib
import pickle
from pathlib import Path

import torch
from torch import Tensor

from ..errors import WeightsError


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        WeightsError: the file is absent, is a folder or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise WeightsError(f"there is no weights file {path}: check the path, or download the file first") from error
    except OSError as error:
        raise WeightsError(f"the weights file {path} cannot be read: {error.strerror or error}") from error


def check_sha256(path: Path, expected: str | None) -> str:
    """Return the SHA-256 of a weights file after comparing it with the expected one, when there is one.

    Raises:
        WeightsError: the file is absent, or its SHA-256 is another; names the file, the expected and the found one.
    """
    found = file_sha256(path)
    if expected is not None and found != expected.lower():
        raise WeightsError(
            f"the weights file {path} is damaged or another file: expected SHA-256 {expected.lower()}, found {found}. "
            "Get the file again."
        )
    return found


def read_checkpoint(path: Path, expected_sha256: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Read the tensors of a PyTorch checkpoint without running any code that it may carry.

    A checkpoint is a dictionary of tensors by name, or a dictionary that holds such a one under `model` or
    `state_dict` (training checkpoints of MedSAM).

    Returns:
        The tensors by name, on the CPU, and the file's SHA-256.

    Raises:
        WeightsError: the file is absent, damaged, has another SHA-256, or holds no tensors by name.
    """
    found = check_sha256(path, expected_sha256)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError, KeyError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"the weights file {path} is damaged, or no PyTorch checkpoint that is safe to open "
            f"(expected tensors by name; found a file of {path.stat().st_size} bytes, SHA-256 {found}). "
            "Get the file again."
        ) from error
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(
            f"the weights file {path} is no checkpoint of a model: expected a dictionary of tensors by name, "
            f"found {type(content).__name__} (SHA-256 {found})"
        )
    return {str(name): tensor for name, tensor in content.items()}, found


def select_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name starts with `prefix`, named without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
