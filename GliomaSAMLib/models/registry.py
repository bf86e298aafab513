"""The methods that can be trained, loaded and used, each a frozen config and what it builds.

A new method is one file with its config and network, and one line in `METHODS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ..errors import ModelError, WeightsError
from ..prompts.maps import PromptVoxels
from .decoder3d import DecoderConfig, PromptableDecoder3d
from .encoder import SliceEncoder
from .lite_medsam import LiteMedSAMEncoder
from .sam_vit import SamViTEncoder
from .segresnet import PromptableSegResNet, SegResNetConfig
from .slices import StackLayout


class VolumeDecoder(Protocol):
    """The interface of the trained part: see `PromptableDecoder3d`."""

    def encode(
        self, images: torch.Tensor, present: torch.Tensor, embeddings: torch.Tensor | None = None
    ) -> list[torch.Tensor]: ...

    def decode(
        self, features: list[torch.Tensor], maps: torch.Tensor, prompts: Sequence[PromptVoxels] | None = None
    ) -> torch.Tensor: ...


@dataclass(frozen=True)
class MethodConfig:
    """What a method is made of; saved beside its weights.

    Args:
        method: Name in `METHODS`.
        encoder: Name of the frozen slice encoder, or None.
        layout: Which slices are embedded.
        decoder: Sizes of the decoder, a config of the method's own class.
    """

    method: str
    encoder: str | None
    layout: StackLayout = field(default_factory=StackLayout)
    decoder: Any = field(default_factory=DecoderConfig)

    def to_json(self) -> dict[str, Any]:
        """The config as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Method:
    """A line of the registry.

    Args:
        summary: One sentence for `gliomasam models`.
        config: Default config.
        build: Makes the network to be trained from the decoder's config.
        baseline: Whether it is only there for comparison.
    """

    summary: str
    config: MethodConfig
    build: Callable[[Any], nn.Module]
    baseline: bool = False


METHODS: Mapping[str, Method] = {
    "gliomasam": Method(
        "frozen LiteMedSAM slices of each modality, fused, and a 3D decoder with clicks, boxes and masks",
        MethodConfig("gliomasam", "lite_medsam"),
        PromptableDecoder3d,
    ),
    "segresnet": Method(
        "a plain promptable 3D SegResNet without an encoder, for comparison",
        MethodConfig("segresnet", None, decoder=SegResNetConfig()),
        PromptableSegResNet,
        baseline=True,
    ),
}

ENCODERS: Mapping[str, Callable[[Path | None], SliceEncoder]] = {
    "lite_medsam": LiteMedSAMEncoder,
    "sam_vit": lambda checkpoint: SamViTEncoder(_required(checkpoint, "SAM"), pixels="sam", enlarge=4),
    "medsam_vit": lambda checkpoint: SamViTEncoder(_required(checkpoint, "MedSAM"), pixels="medsam", enlarge=4),
}
"""Frozen slice encoders by name; each is made from a checkpoint, LiteMedSAM's also from the one it ships."""


def find_method(name: str) -> Method:
    """The registry's line. Raises `ModelError` that lists the names."""
    if name not in METHODS:
        raise ModelError(f"there is no method {name!r}: choose one of {', '.join(METHODS)}")
    return METHODS[name]


def config_from_json(content: Mapping[str, Any]) -> MethodConfig:
    """Read a saved config. Raises `ModelError` on an unknown method or field."""
    method = find_method(str(content.get("method")))
    try:
        layout = StackLayout(**content["layout"])
        decoder_class = type(method.config.decoder)
        names = {f.name for f in fields(decoder_class)}
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in content["decoder"].items()}
        if unknown := set(values) - names:
            raise TypeError(f"unknown fields {sorted(unknown)}")
        return MethodConfig(content["method"], content["encoder"], layout, decoder_class(**values))
    except (KeyError, TypeError) as error:
        raise ModelError(f"the config of {content.get('method')!r} does not fit this version: {error}") from error


def build_encoder(config: MethodConfig, checkpoint: Path | None = None) -> SliceEncoder | None:
    """The frozen slice encoder of a method, or None.

    Args:
        config: Names the encoder.
        checkpoint: Its weights; None for those that ship with it.

    Raises:
        WeightsError: The checkpoint is needed and not given, absent, damaged or of another model.
        ModelError: There is no such encoder, or a checkpoint is given for a method without one.
    """
    if config.encoder is None:
        if checkpoint is not None:
            raise ModelError(f"the method {config.method!r} has no encoder: leave the encoder's weights out")
        return None
    if config.encoder not in ENCODERS:
        raise ModelError(f"there is no encoder {config.encoder!r}: choose one of {', '.join(ENCODERS)}")
    return ENCODERS[config.encoder](checkpoint)


def _required(checkpoint: Path | None, model: str) -> Path:
    if checkpoint is None:
        raise WeightsError(f"the weights of {model}'s ViT do not come with GliomaSAM: name its .pth file")
    return checkpoint
