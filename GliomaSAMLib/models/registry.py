"""The methods that can be trained, loaded and used, each a frozen config and what it builds.

A new method is one file with its config and network, and one line in `METHODS`.
"""

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from ..errors import ModelError, WeightsError
from ..files import current_name
from .encoders.base import SliceEncoder
from .encoders.lite_medsam import LiteMedSAMEncoder
from .encoders.sam_vit import SamViTEncoder
from .methods.base import VolumeDecoder
from .methods.cmaa import Cmaa, CmaaConfig
from .methods.csad import CsadConfig, CsadUNet
from .methods.gliomasam import GliomaSam, GliomaSamConfig
from .methods.ma_sam import MaSam, MaSamConfig
from .methods.medsam3d import MedSam3d, MedSam3dConfig
from .methods.segresnet import PromptableSegResNet, SegResNetConfig
from .sizes import check_sizes
from .slice_stack import StackLayout

PROMPTS = ("point", "scribble", "box", "mask")
"""All kinds of prompts."""

Previous = Literal["proposal", "answer"]
"""What the last channels of the prompt maps hold."""


LARGEST_MULTIPLE = 128
"""The largest edge in mm of whose multiples the sides of a box may have to be."""

FIELDS_IN_FILES = {"first_adapted_block": "first"}
"""Names of fields of a decoder's config in weights files, where they differ from the names in the code."""


def current_fields(sizes: Any) -> Any:
    """The fields of a decoder's config under their names in the code; what is no mapping is returned as it is."""
    if not isinstance(sizes, Mapping):
        return sizes
    current = {in_file: name for name, in_file in FIELDS_IN_FILES.items()}
    return {current.get(name, name): value for name, value in sizes.items()}


@dataclass(frozen=True)
class MethodConfig:
    """What a method is made of; saved beside its weights.

    Args:
        method: Name in `METHODS`.
        encoder: Name of the frozen slice encoder, or None.
        layout: Which slices are embedded.
        decoder: Sizes of the decoder, a config of the method's own class.
        previous: What the last three channels of the prompt maps hold: "proposal" for what the network finds without
            prompts, "answer" for its answer to all prompts but the last.
    """

    method: str
    encoder: str | None
    layout: StackLayout = field(default_factory=StackLayout)
    decoder: Any = field(default_factory=GliomaSamConfig)
    previous: Previous = "proposal"

    def to_json(self) -> dict[str, Any]:
        """The config as plain JSON values, with the field names of weights files (`FIELDS_IN_FILES`)."""
        content = asdict(self)
        sizes = content["decoder"]
        return {**content, "decoder": {FIELDS_IN_FILES.get(name, name): value for name, value in sizes.items()}}


@dataclass(frozen=True)
class Cost:
    """What a method costs with its default config; tests compute it anew.

    Args:
        trained: Millions of trained parameters.
        total: Millions of parameters, frozen ones included.
        encode: GFLOP to read four slices, one a modality, of 192 x 160 mm, once for a study.
        answer: GFLOP for such a slice each time the prompts change.
    """

    trained: float
    total: float
    encode: float
    answer: float


@dataclass(frozen=True)
class Method:
    """A line of the registry.

    Args:
        summary: One sentence for `gliomasam models`.
        config: Default config.
        build: Makes the network to be trained from the decoder's config, and from the split encoder where `encoder` is
            "split".
        cost: Its size and what it computes.
        encoder: What the network reads besides the images: "none", or the tokens of a "split" encoder, whose trunk it
            holds and adapts.
        prompts: Kinds of prompts that the network reads.
        baseline: Whether it is only there for comparison.
    """

    summary: str
    config: MethodConfig
    build: Callable[..., VolumeDecoder]
    cost: Cost
    encoder: Literal["none", "split"]
    prompts: tuple[str, ...] = PROMPTS
    baseline: bool = False


METHODS: Mapping[str, Method] = {
    "gliomasam": Method(
        "adapters across slices and modalities in the encoder, and a multi-scale 3D decoder",
        MethodConfig("gliomasam", "lite_medsam", decoder=GliomaSamConfig(), previous="answer"),
        GliomaSam,
        Cost(1.93, 7.65, 48.3, 4.3),
        "split",
    ),
    "cmaa": Method(
        "cross-modality attention adapters in the encoder, and SAM's mask decoder slice by slice (Shi et al. 2023)",
        MethodConfig("cmaa", "lite_medsam", decoder=CmaaConfig()),
        Cmaa,
        Cost(0.77, 9.79, 66.0, 0.8),
        "split",
    ),
    "csad": Method(
        "a 2.5D U-Net with an encoder a modality, attention distillation and correlated fusion (Zhang et al. 2020)",
        MethodConfig("csad", None, decoder=CsadConfig()),
        CsadUNet,
        Cost(2.27, 2.27, 9.2, 0.0),
        "none",
        prompts=(),
    ),
    "ma_sam": Method(
        "factor tuning and depth adapters in the encoder, and a decoder as fine as the pixels (Chen et al. 2023)",
        MethodConfig("ma_sam", "lite_medsam", decoder=MaSamConfig()),
        MaSam,
        Cost(1.04, 10.06, 69.1, 0.8),
        "split",
        prompts=("box",),
    ),
    "3dmedsam": Method(
        "3D patches and 3D adapters in the encoder, and a multi-scale 3D mask decoder (Lin et al. 2025)",
        MethodConfig("3dmedsam", "lite_medsam", decoder=MedSam3dConfig()),
        MedSam3d,
        Cost(1.35, 7.07, 46.1, 2.1),
        "split",
    ),
    "segresnet": Method(
        "a plain promptable 3D SegResNet without an encoder, for comparison",
        MethodConfig("segresnet", None, decoder=SegResNetConfig()),
        PromptableSegResNet,
        Cost(6.63, 6.63, 0.0, 5.6),
        "none",
        baseline=True,
    ),
}

ENCODERS: Mapping[str, Callable[[Path | None], SliceEncoder]] = {
    "lite_medsam": LiteMedSAMEncoder,
    "sam_vit": lambda checkpoint: SamViTEncoder(_required(checkpoint, "SAM"), pixels="sam", enlarge=4),
    "sam_vit_256": lambda checkpoint: SamViTEncoder(_required(checkpoint, "SAM"), pixels="sam", enlarge=1),
    "medsam_vit": lambda checkpoint: SamViTEncoder(_required(checkpoint, "MedSAM"), pixels="medsam", enlarge=4),
    "medsam_vit_256": lambda checkpoint: SamViTEncoder(_required(checkpoint, "MedSAM"), pixels="medsam", enlarge=1),
}
"""Frozen slice encoders by name; each is made from a checkpoint, LiteMedSAM's also from the one it ships. The ViTs see
256 pixels as the 1024 of their training, or as they are, at a fourteenth of the cost and a quarter of the cells."""


def find_method(name: str) -> Method:
    """The registry's line. Raises `ModelError` that lists the names."""
    if name not in METHODS:
        raise ModelError(f"there is no method {reprlib.repr(name)}: choose one of {', '.join(METHODS)}")
    return METHODS[name]


def config_from_json(content: Mapping[str, Any]) -> MethodConfig:
    """Read a saved config, also of earlier versions, whose methods may have had other names and fewer fields.

    Raises:
        ModelError: An unknown method, field or value, or a method that there is no longer.
    """
    name, sizes = str(content.get("method")), content.get("decoder")
    pair = name == "gliomasam" and isinstance(sizes, Mapping) and bool({"frozen", "adapted"} & set(sizes))
    if pair or name == "gliomasam_frozen":
        raise ModelError(
            f"these weights of the method {name!r} belong to an earlier version of GliomaSAM, whose pair of networks "
            "there is no longer: choose the model gliomasam, or train anew with `gliomasam train CASES --output FOLDER`"
        )
    method = find_method(current_name(name))
    previous = content.get("previous", "proposal")
    if previous not in get_args(Previous):
        raise ModelError(
            f"the field 'previous' of a config is one of {', '.join(get_args(Previous))}, not {reprlib.repr(previous)}"
        )
    try:
        for given, usual in ((content["layout"], StackLayout()), (current_fields(sizes), method.config.decoder)):
            if not isinstance(given, Mapping):
                raise TypeError("its layout and its decoder have to be fields by name")
            check_sizes(given, asdict(usual))
        layout = StackLayout(**content["layout"])
        decoder = _made(type(method.config.decoder), current_fields(sizes))
        if type(decoder.multiple) is not int or not 1 <= decoder.multiple <= LARGEST_MULTIPLE:
            shown = reprlib.repr(decoder.multiple)
            raise TypeError(f"its multiple is no whole number from 1 to {LARGEST_MULTIPLE} but {shown}")
        if not isinstance(content["encoder"], str | None):
            raise TypeError("its encoder is no name")
        return MethodConfig(method.config.method, content["encoder"], layout, decoder, previous)
    except (KeyError, TypeError) as error:
        raise ModelError(f"the config of {name!r} does not fit this version: {str(error)[:300]}") from error


def _made(kind: type, content: Any) -> Any:
    """A value of this type from JSON: configs from objects, those within them likewise, tuples from lists."""
    if is_dataclass(kind):
        if not isinstance(content, Mapping):
            raise TypeError(f"expected fields by name, not {reprlib.repr(content)}")
        types = get_type_hints(kind)
        if unknown := set(content) - {f.name for f in fields(kind)}:
            raise TypeError(f"unknown fields {reprlib.repr(sorted(unknown))}")
        return kind(**{name: _made(types[name], value) for name, value in content.items()})
    return tuple(content) if isinstance(content, list) else content


def chosen_config(method: str, encoder: str | None = None, changes: Mapping[str, Any] | None = None) -> MethodConfig:
    """A method's config with what a user has changed.

    Args:
        method: Name in `METHODS`.
        encoder: Name of another encoder; None for the method's own.
        changes: Fields of the config by name, those of its parts in dictionaries: `{"decoder": {"width": 48}}`.

    Raises:
        ModelError: There is no such method, encoder or field, or they make no sense together.
    """
    content = asdict(find_method(method).config)
    if encoder is not None:
        content["encoder"] = encoder
    for key, value in (changes or {}).items():
        if key not in content or key == "method":
            raise ModelError(f"a config has no field {reprlib.repr(key)}: choose layout, decoder, encoder or previous")
        parts = isinstance(content[key], Mapping)
        if parts and not isinstance(value, Mapping):
            raise ModelError(f"the field {key!r} of a config holds fields by name, not {reprlib.repr(value)}")
        content[key] = {**content[key], **current_fields(value)} if parts else value
    config = config_from_json(content)
    check_encoder(config)
    return config


@dataclass(frozen=True)
class Parts:
    """What a method consists of.

    Args:
        embedder: The frozen part, computed once for each slice; None without an encoder.
        network: The part that is trained; it may hold frozen blocks as well.
    """

    embedder: SliceEncoder | None
    network: VolumeDecoder


def build(config: MethodConfig, checkpoint: Path | None = None) -> Parts:
    """Build a method, its network not yet trained.

    Args:
        config: What it is made of.
        checkpoint: Weights of the encoder; None for those that ship with it.

    Raises:
        WeightsError: The checkpoint is needed and not given, absent, damaged or of another model.
        ModelError: There is no such encoder, or it makes no sense with the method.
    """
    method = find_method(config.method)
    check_encoder(config, checkpoint)
    if config.encoder is None:
        return Parts(None, method.build(config.decoder))
    encoder = ENCODERS[config.encoder](checkpoint)
    split = encoder.split(config.decoder.first_adapted_block)
    return Parts(split.stem, method.build(config.decoder, split))


def check_encoder(config: MethodConfig, checkpoint: Path | None = None) -> None:
    """Check that a method and its encoder make sense together. Raises `ModelError` that says why they do not."""
    method = find_method(config.method)
    if method.encoder == "none" and (config.encoder is not None or checkpoint is not None):
        raise ModelError(
            f"the method {config.method!r} reads the images themselves and has no place for an encoder: "
            "leave the encoder and its weights out"
        )
    if config.encoder is None and method.encoder == "split":
        raise ModelError(f"the method {config.method!r} adapts an encoder: choose one of {', '.join(ENCODERS)}")
    if config.encoder is not None and config.encoder not in ENCODERS:
        raise ModelError(f"there is no encoder {reprlib.repr(config.encoder)}: choose one of {', '.join(ENCODERS)}")


def _required(checkpoint: Path | None, model: str) -> Path:
    if checkpoint is None:
        raise WeightsError(f"the weights of {model}'s ViT do not come with GliomaSAM: name its .pth file")
    return checkpoint
