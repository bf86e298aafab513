"""Weights files: trained tensors, the method's config and the base checkpoint's hash; base checkpoints, checked."""

import hashlib
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import WeightsError
from ..files import parse_json, replacing
from .encoders.base import load_strictly
from .encoders.frozen_blocks import FrozenBlocks


def trainable_names(network: nn.Module) -> set[str]:
    """Names in the network's state of what is trained; call it before gradients are switched off."""
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    for prefix, module in network.named_modules():
        if isinstance(module, FrozenBlocks):
            frozen |= {f"{prefix}.{name}" if prefix else name for name, _ in module.named_buffers()}
    return set(network.state_dict()) - frozen


def trainable_state_dict(network: nn.Module, names: set[str]) -> dict[str, Tensor]:
    """The tensors of those names."""
    return {name: tensor for name, tensor in network.state_dict().items() if name in names}


def load_trainable(network: nn.Module, state: Mapping[str, Tensor], names: set[str], source: str) -> None:
    """Fill in the trained tensors; all of them must be there with their shapes, and none besides.

    Args:
        network: The network.
        state: Tensors by name.
        names: What `trainable_names` gives.
        source: Where the tensors come from, for the message.

    Raises:
        WeightsError: Names the tensors that are missing, unexpected or of another shape.
    """
    whole = network.state_dict()
    rest = {name: tensor for name, tensor in whole.items() if name not in names}
    clash = {f"{name} (frozen)": tensor for name, tensor in state.items() if name in rest}
    given = {name: tensor for name, tensor in state.items() if name not in rest}
    load_strictly(network, {**rest, **given, **clash}, source)


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
        WeightsError: the file is absent, damaged, has another SHA-256, holds no tensors by name, or holds NaN or
            infinity.
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
    tensors = {str(name): tensor for name, tensor in content.items()}
    _check_kinds(tensors, path, found)
    _check_finite(tensors, path, found)
    return tensors, found


FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

NUMBERS = (*FLOATS, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
"""Kinds of numbers that are read."""


def _check_kinds(tensors: Mapping[str, Tensor], path: Path, sha256: str) -> None:
    """Refuse tensors of numbers that networks do not have. Raises `WeightsError`."""
    for name, tensor in tensors.items():
        if tensor.dtype not in NUMBERS or tensor.layout != torch.strided:
            kind = str(tensor.dtype if tensor.layout == torch.strided else tensor.layout).removeprefix("torch.")
            raise WeightsError(
                f"The weights file {path} cannot be used: its tensor {name} is of the kind {kind} (SHA-256 {sha256}). "
                "Get the file again, or save it with float32"
            )


def _check_finite(tensors: Mapping[str, Tensor], path: Path, sha256: str) -> None:
    """Refuse tensors with NaN or infinity, whose network would find no tumour anywhere. Raises `WeightsError`."""
    for name, tensor in tensors.items():
        if (tensor.is_floating_point() or tensor.is_complex()) and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"The weights file {path} is damaged: its tensor {name} holds NaN or infinity (SHA-256 {sha256}). "
                "Get the file again, or train anew"
            )


def select_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name starts with `prefix`, named without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


KEYS_IN_FILES = {
    "encoder.pre_adapters": "encoder.before",
    "encoder.mid_adapters": "encoder.middle",
    "blocks.#.downsample": "blocks.#.leave",
    "tokens.region_tokens": "tokens.always",
    "tokens.feature_proj": "tokens.look",
    "tokens.pos_proj": "tokens.place",
    "attention.norm_self": "attention.norm_own",
    "attention.norm_mlp": "attention.norm_mix",
    "attention.norm_keys": "attention.norm_said",
    "attention.self_attn": "attention.own",
    "attention.token_to_grid_attn": "attention.to_grid",
    "attention.grid_to_token_attn": "attention.to_tokens",
    "attention.mlp": "attention.mix",
    "levels.#.aux_head": "levels.#.judge",
    "head.dense_prompt_conv": "head.drawing",
    "head.no_mask_embed": "head.no_drawing",
    "head.output_hypernetworks_mlps": "head.hyper",
    "head.mask_tokens": "head.regions",
    "head.prompts.not_a_point_embed": "head.prompts.nothing",
    "head.prompts.point_embeddings": "head.prompts.labels",
    "head.prompts.region_embed": "head.prompts.region",
    "head.prompts.distance_proj": "head.prompts.distance",
}
"""Parts of tensor names in weights files and checkpoints, by their names in the networks; # is a number. Files keep the
names that they were first written with, so that each version of the program reads the files of the others."""


def keys_in_files(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a network's state under their names in files."""
    return _renamed(state, KEYS_IN_FILES)


def keys_in_networks(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file under their names in the network; names that are current already stay."""
    return _renamed(state, {in_file: name for name, in_file in KEYS_IN_FILES.items()})


def _renamed(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Rename whole parts of dotted tensor names."""
    rules = [
        (re.compile(rf"(?<![^.]){re.escape(old)}(?![^.])".replace(r"\#", r"(\d+)")), new.replace("#", r"\1"))
        for old, new in names.items()
    ]

    def renamed(name: str) -> str:
        for pattern, replacement in rules:
            name = pattern.sub(replacement, name)
        return name

    return {renamed(name): tensor for name, tensor in state.items()}


FORMAT = "gliomasam-weights-1"
"""Value of `format` in the metadata; a layout that old readers cannot read gets another number."""

FORMAT_WITH_INTEGERS = "gliomasam-weights-2"
"""The same for a file with tensors of whole numbers, each with its scales beside it."""

SCALE = ":scale"
"""What the name of a tensor's scales ends in."""

LEVELS = 127
"""Largest whole number that is written: the most that a byte holds with its sign. Whoever reads need not know it, as
the scales say it all: files of before have numbers up to 31."""

LEAST_INTEGERS = 4096
"""Smaller tensors stay floating-point numbers."""

_RESERVED = ("format", "config", "base_sha256")


@dataclass(frozen=True)
class WeightsMetadata:
    """The metadata of a weights file.

    Args:
        path: The file.
        sha256: Its SHA-256.
        config: The method's config as JSON values.
        base_sha256: SHA-256 of the base checkpoint that the weights were trained on; None when there is none.
        extra: Whatever else was noted at training, text by name.
    """

    path: Path
    sha256: str
    config: dict[str, Any]
    base_sha256: str | None
    extra: dict[str, str] = field(default_factory=dict)

    def check_base(self, found: str | None) -> None:
        """Compare the base checkpoint at hand with the one that the weights were trained on.

        Args:
            found: SHA-256 of the base checkpoint that is loaded, None without a base model.

        Raises:
            WeightsError: It is another one; names the file, the expected and the found SHA-256.
        """
        if found != self.base_sha256:
            raise WeightsError(
                f"the weights file {self.path} was trained on another base model: expected a base checkpoint "
                f"with SHA-256 {self.base_sha256 or 'none'}, found {found or 'none'}. "
                "Choose the base model it was trained on, or weights made for this one."
            )


def save_weights(
    path: Path,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    base_sha256: str | None,
    extra: Mapping[str, str] | None = None,
    *,
    half: bool = False,
    integers: bool = False,
) -> None:
    """Write trained weights whole or not at all: after a failure the file that was there before is unchanged.

    Args:
        path: The file to write, ending `.safetensors`.
        state: Tensors by their names in the network, on any device; see `keys_in_files`.
        config: The method's config; plain JSON values.
        base_sha256: SHA-256 of the base checkpoint the method was trained on, None without one.
        extra: Further notes, text by name (steps, measured accuracy).
        half: Store floating-point tensors as float16, which halves the file.
        integers: Store matrices and kernels as whole numbers with a scale for each row, which halves it again; the rest
            as float16.

    Raises:
        WeightsError: The suffix is another, a name ends as those of scales, or a tensor holds NaN or infinity (or
            would, as float16).
        OutputError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise WeightsError(f"weights are written as .safetensors, not as {path.name}: choose a name that ends so")
    clash = sorted(set(_RESERVED) & set(extra or {}))
    if clash:
        raise WeightsError(f"the note {clash[0]!r} of {path.name} has a reserved name: choose another")
    if taken := next((name for name in state if name.endswith(SCALE)), None):
        raise WeightsError(f"the tensor {taken!r} for {path.name} has a reserved name: choose another")
    tensors = {name: _stored(name, tensor, half or integers, path) for name, tensor in keys_in_files(state).items()}
    if integers:
        tensors = _with_integers(tensors)
    layout = FORMAT_WITH_INTEGERS if any(name.endswith(SCALE) for name in tensors) else FORMAT
    metadata = {**(extra or {}), "format": layout, "config": json.dumps(config, sort_keys=True)}
    if base_sha256 is not None:
        metadata["base_sha256"] = base_sha256
    content = safetensors.torch.save(tensors, metadata)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load_weights(path: Path, expected_sha256: str | None = None) -> tuple[dict[str, Tensor], WeightsMetadata]:
    """Read a weights file; nothing in it is run.

    Args:
        path: The file.
        expected_sha256: SHA-256 it must have, None when any will do.

    Returns:
        Tensors by their names in the network, on the CPU (float16 and whole numbers read as float32), and the metadata.
        Whether the base model fits is for the caller to ask with `WeightsMetadata.check_base`, once it is loaded.

    Raises:
        WeightsError: The file is absent, truncated, of another SHA-256, not one of GliomaSAM's, or holds NaN or
            infinity.
    """
    path = Path(path)
    found = check_sha256(path, expected_sha256)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            notes = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError) as error:
        if zipfile.is_zipfile(path):
            raise WeightsError(
                f"{path} is a PyTorch checkpoint, not the weights of a model: give the .safetensors file that the "
                "training has written beside it; a base model such as SAM is no model by itself"
            ) from error
        raise WeightsError(
            f"the weights file {path} is damaged or no .safetensors file: expected a whole one"
            f"{f' with SHA-256 {expected_sha256}' if expected_sha256 else ''}, "
            f"found {path.stat().st_size} bytes with SHA-256 {found} ({error}). Get the file again."
        ) from error
    metadata = _read_metadata(path, found, notes)
    _check_kinds(state, path, found)
    scales = {name.removesuffix(SCALE): state.pop(name) for name in list(state) if name.endswith(SCALE)}
    if stray := sorted(scales.keys() - state.keys()):
        raise WeightsError(f"the weights file {path} has scales of {stray[0]} but not the tensor: get the file again")
    for name, scale in scales.items():
        expected = (*state[name].shape[:1], *(1,) * (state[name].ndim - 1))
        if tuple(scale.shape) != expected:
            raise WeightsError(
                f"the weights file {path} has scales of {name} of the shape {tuple(scale.shape)}, not {expected}: "
                "get the file again"
            )
    tensors = {name: _read(tensor, scales.get(name)) for name, tensor in state.items()}
    _check_finite(tensors, path, found)
    return keys_in_networks(tensors), metadata


def _read_metadata(path: Path, sha256: str, notes: dict[str, str]) -> WeightsMetadata:
    """Make sense of the text notes of a file."""
    if notes.get("format") not in (FORMAT, FORMAT_WITH_INTEGERS):
        raise WeightsError(
            f"{path} is no weights file of this version of GliomaSAM: expected the format {FORMAT}, "
            f"found {notes.get('format', 'none')} (SHA-256 {sha256})"
        )
    try:
        config = parse_json(notes.get("config", ""))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise WeightsError(
            f"the weights file {path} has no readable config: expected a JSON object, "
            f"found {notes.get('config', 'none')[:40]!r} (SHA-256 {sha256})"
        )
    extra = {name: text for name, text in notes.items() if name not in _RESERVED}
    return WeightsMetadata(path, sha256, config, notes.get("base_sha256"), extra)


def _stored(name: str, tensor: Tensor, half: bool, path: Path) -> Tensor:
    """Return the tensor as it is written: on the CPU, in its own memory, float16 when asked for."""
    tensor = tensor.detach().cpu()
    if half and tensor.is_floating_point():
        tensor = tensor.half()
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        kind = " as float16" if half else ""
        raise WeightsError(f"the tensor {name} for {path.name} holds NaN or infinity{kind}: it was not written")
    return tensor.clone(memory_format=torch.contiguous_format)


def _with_integers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as they are written, matrices and kernels as whole numbers with their scales (rows, 1, ...)."""
    stored = {}
    for name, tensor in tensors.items():
        stored[name] = tensor
        if tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel() >= LEAST_INTEGERS:
            largest = tensor.float().abs().amax(dim=tuple(range(1, tensor.ndim)), keepdim=True)
            scale = (largest / LEVELS).clamp(min=1e-30).bfloat16()
            stored[name] = (tensor.float() / scale.float()).round().clamp(-LEVELS, LEVELS).to(torch.int8)
            stored[name + SCALE] = scale
    return stored


def _read(tensor: Tensor, scale: Tensor | None) -> Tensor:
    """The tensor as networks take it."""
    if scale is not None:
        return tensor.float() * scale.float()
    return tensor.float() if tensor.dtype == torch.float16 else tensor
