"""A trained method on a device: what a session asks for embeddings and logits."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from ..errors import GliomaSAMError, ModelError, is_out_of_memory
from ..files import current_name
from ..study import MODALITIES
from .blocks import move
from .catalogue import find_base, find_weights
from .device import (
    ProgressCallback,
    autocast,
    choose_device,
    no_progress,
    number_format,
    thread_map,
    with_fallback,
)
from .encoders.base import SliceEncoder
from .prompt_maps import PromptSet
from .registry import MethodConfig, VolumeDecoder, build, config_from_json, find_method
from .slice_stack import embed_slice
from .weights import load_trainable, load_weights, trainable_names

Features = list[torch.Tensor]
T = TypeVar("T")

LONGEST_REASON = 200


def is_finite(values: np.ndarray) -> bool:
    """Whether there is neither NaN nor infinity; of float32 without a copy of the array."""
    if values.dtype == np.float16:  # of which numpy finds the largest number by number; all bits of the exponent: none
        return bool((values.view(np.uint16) & _EXPONENT).max(initial=0) < _EXPONENT)
    return bool(np.isfinite(values.min(initial=0)) and np.isfinite(values.max(initial=0)))


_EXPONENT = np.uint16(0x7C00)
"""Bits of the exponent of a float16."""


class Model:
    """A frozen encoder and a trained decoder, in evaluation mode.

    Args:
        name: What the user calls it.
        config: What it is made of.
        encoder: The frozen slice encoder, or None.
        decoder: The trained network.
        device: Where it runs. A CUDA device that is full is left for the CPU, see `on_fallback`.
        on_fallback: Told in one sentence when the device changes.
        weights_sha256: SHA-256 of the weights file; None when it was built without one.
        folder: Name of the folder of the weights file; "" for one of the catalogue.
    """

    def __init__(
        self,
        name: str,
        config: MethodConfig,
        encoder: SliceEncoder | None,
        decoder: VolumeDecoder,
        device: torch.device,
        on_fallback: Callable[[str], None] | None = None,
        weights_sha256: str | None = None,
        folder: str = "",
    ) -> None:
        self.name = name
        self.folder = folder
        self.weights_sha256 = weights_sha256
        self.config = config
        self.prompts = find_method(config.method).prompts
        """Kinds of prompts that the network reads; the others are answered without it."""
        self.device = device
        self.on_fallback = on_fallback or (lambda text: None)
        self.encoder = encoder
        self._trained = sum(p.numel() for p in decoder.parameters() if p.requires_grad)
        self.decoder = decoder.eval().requires_grad_(False)
        self._lock = threading.RLock()
        self._move(device)

    @property
    def multiple(self) -> int:
        """Edge in voxels of 1 mm of which the sides of a box to decode must be multiples."""
        return int(self.config.decoder.multiple)

    @property
    def trained_parameters(self) -> int:
        """Number of trained parameters."""
        return self._trained

    @property
    def adapts(self) -> bool:
        """Whether the network holds the latter part of the encoder, so that it takes long to read a box."""
        return find_method(self.config.method).encoder == "split"

    @property
    def embedding_key(self) -> str:
        """Names everything about the model that an embedding depends on, also the number format of the device that it
        is on now; "" without an encoder.
        """
        if self.encoder is None:
            return ""
        form = number_format(self.device)
        content = [4, self.encoder.name, self.encoder.base_sha256, asdict(self.config.layout), form]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def embed(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Embed padded axial slices, float32 (J, I) in [0, 1] each, as float16 (C, y, x) each. Raises `ModelError`
        where the network gives NaN or infinity.
        """
        assert self.encoder is not None

        def work(device: torch.device) -> list[np.ndarray]:
            def one(image: np.ndarray) -> np.ndarray:
                tensor = torch.from_numpy(np.ascontiguousarray(image)).to(device)
                found = embed_slice(self.encoder, self.config.layout, tensor)  # type: ignore[arg-type]
                with np.errstate(over="ignore"):  # infinity is told below
                    return found.float().cpu().numpy().astype(np.float16)

            with autocast(device):
                return thread_map(one, images, device)

        found = self._run(work)
        for array in found:
            self._check(is_finite(array))
        return found

    def encode(
        self,
        images: dict[str, np.ndarray],
        embeddings: np.ndarray | None,
        progress_callback: ProgressCallback = no_progress,
    ) -> Features:
        """Features of a box of a study, for `decode`.

        Args:
            images: For each modality present float32 (K, J, I) in [0, 1], 1 mm, sides multiples of `multiple`.
            embeddings: float16 (M, C, z, y, x) over the same box, M in the order of `MODALITIES`; None without encoder.
            progress_callback: Called repeatedly during a long computation; an exception that it raises ends it.

        Raises:
            ModelError: The network gives NaN or infinity.
        """
        shape = next(iter(images.values())).shape
        stacked = np.stack([images.get(name, np.zeros(shape, np.float32)) for name in MODALITIES])
        present = torch.tensor([[name in images for name in MODALITIES]])

        @torch.inference_mode()
        def work(device: torch.device) -> Features:
            coarse = None if embeddings is None else torch.from_numpy(embeddings)[None].to(device).float()
            with autocast(device):
                box = torch.from_numpy(stacked)[None].to(device)
                return self.decoder.encode(box, present.to(device), coarse, progress_callback)

        features = self._run(work)
        self._check(all(bool(torch.isfinite(feature).all()) for feature in features))
        return features

    def decode(self, features: Features, maps: np.ndarray, prompts: PromptSet) -> np.ndarray:
        """Logits float32 (3, K, J, I) of WT, TC, ET.

        Args:
            features: What `encode` gave.
            maps: Prompt maps (CHANNELS, K/2, J/2, I/2).
            prompts: What the maps were drawn from, in their voxels.

        Raises:
            ModelError: The network gives NaN or infinity.
        """

        @torch.inference_mode()
        def work(device: torch.device) -> np.ndarray:
            with autocast(device):
                inputs = torch.from_numpy(maps)[None].to(device)
                if device.type == "cpu":
                    inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
                found = self.decoder.decode([f.to(device) for f in features], inputs, [prompts])
                return found[0].float().cpu().numpy()

        logits = self._run(work)
        self._check(is_finite(logits))
        return logits

    def _check(self, finite: bool) -> None:
        """Raise `ModelError` where the network gave NaN or infinity, which would look like "no tumour"."""
        if not finite:
            advice = "get its weights again" if self.device.type == "cpu" else "choose the device cpu"
            raise ModelError(
                f"The model {self.name} gave numbers that are not finite on the device {self.device.type}, so there is "
                f"no result: {advice}, or choose another model"
            )

    def _move(self, device: torch.device) -> None:
        self.device = device
        for part in (self.decoder, self.encoder):
            if part is not None:
                move(part, device)

    def _run(self, work: Callable[[torch.device], T]) -> T:
        """Run `work` on the model's device; when its memory does not suffice, move to the CPU for good."""

        def leave(text: str) -> None:
            self._move(torch.device("cpu"))
            self.on_fallback(text)

        with self._lock:
            try:
                return with_fallback(self.device, work, leave)
            except (RuntimeError, IndexError) as error:
                if is_out_of_memory(error) or self.device.type != "cpu":
                    raise
                reason = " ".join(str(error).split())[:LONGEST_REASON]
                raise ModelError(
                    f"The model {self.name} cannot compute an answer ({type(error).__name__}: {reason}): its weights "
                    "file may be damaged or of another version; get it again, or choose another model"
                ) from error


def load_model(
    name: str | Path = "gliomasam",
    device: str = "auto",
    on_fallback: Callable[[str], None] | None = None,
    encoder_weights: Path | None = None,
) -> Model:
    """Load a model of the catalogue, or a weights file.

    Args:
        name: Name in the catalogue, or the path of a `.safetensors` file that `gliomasam train` wrote.
        device: "auto", "cuda", "cuda:1", "mps" or "cpu".
        on_fallback: Told in one sentence when the device has too little memory and the CPU takes over.
        encoder_weights: Checkpoint of the frozen encoder, for encoders whose weights do not ship (SAM, MedSAM); not
            needed for one of the catalogue that was downloaded or imported.

    Raises:
        WeightsError: The file is absent, damaged, or made for another base model; or the model's weights do not ship.
        ModelError: There is no such model or device, or the file is of a method that there is no longer.
    """
    chosen = choose_device(device)
    path, listed = find_weights(name)
    state, metadata = load_weights(path, listed)
    config = config_from_json(metadata.config)
    try:
        parts = build(config, encoder_weights or find_base(metadata.base_sha256))
    except (GliomaSAMError, ImportError, OSError):
        raise
    except Exception as error:  # whatever the numbers of a config can cause
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"The config of the weights file {metadata.path} makes no network ({type(error).__name__}: {error}): "
            "get the file again"
        ) from error
    metadata.check_base(parts.embedder.base_sha256 if parts.embedder is not None else None)
    load_trainable(parts.network, state, trainable_names(parts.network), str(metadata.path))
    label = Path(current_name(str(name))).stem
    folder = "" if listed else path.resolve().parent.name
    return Model(label, config, parts.embedder, parts.network, chosen, on_fallback, metadata.sha256, folder)
