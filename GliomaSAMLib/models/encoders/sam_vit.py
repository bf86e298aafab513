"""SAM's and MedSAM's ViT-B, L and H as slice encoders, from the user's own `.pth` files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import ModelError, WeightsError
from ..weights import read_checkpoint, select_prefix
from .base import SliceEncoder, load_strictly
from .frozen_blocks import EncoderStem, FrozenBlock, FrozenBlocks, SplitEncoder
from .windows import from_windows, to_windows

_VARIANTS = {(768, 12): "b", (1024, 24): "l", (1280, 32): "h"}

_PIXEL_MEAN = (123.675, 116.28, 103.53)

_PIXEL_STD = (58.395, 57.12, 57.375)


class SamViTEncoder(SliceEncoder):
    """The image encoder of SAM or MedSAM (ViT-B, L or H) on slices of any size, rectangular ones included.

    The variant is recognised from the shapes in the file. Absolute positions are resized to the input (bicubic), the
    tables of relative positions by segment_anything itself (linear); at the size of training, 1024 x 1024, the result
    is that of the original encoder. Grey is repeated to three channels.

    Args:
        checkpoint: A checkpoint of the whole model, as SAM and MedSAM publish it (`image_encoder.` before the names).
        expected_sha256: Its SHA-256; None takes any file.
        pixels: Intensities that the encoder was trained on; the files do not record it. "sam": 0 to 255, standardised
            with SAM's mean and deviation; "medsam": 0 to 1.
        enlarge: Slices are enlarged this many times before they are embedded (bilinear), so that a cell of the
            embedding covers 16 / enlarge pixels; 4 turns 256 pixels into the 1024 of the training. Must divide 16.

    Raises:
        WeightsError: The checkpoint is absent, damaged or of another layout.
        ModelError: `pixels` or `enlarge` is none of those above.

    Source: Kirillov et al., Segment Anything, ICCV 2023; Ma et al., MedSAM, Nature Communications 15, 654, 2024.
    """

    def __init__(
        self,
        checkpoint: Path,
        expected_sha256: str | None = None,
        *,
        pixels: Literal["sam", "medsam"] = "sam",
        enlarge: int = 1,
    ) -> None:
        super().__init__()
        if pixels not in ("sam", "medsam"):
            raise ModelError(f"there is no pixel scale {pixels!r}: choose sam or medsam")
        state, self.base_sha256 = read_checkpoint(checkpoint, expected_sha256)
        self._head = {name: tensor for name, tensor in state.items() if not name.startswith("image_encoder.")}
        state = select_prefix(state, "image_encoder.")
        shape = ViTShape.of_state(state, str(checkpoint))
        if enlarge < 1 or shape.patch % enlarge:
            raise ModelError(f"slices cannot be enlarged {enlarge} times: choose a divisor of {shape.patch}")
        self.network: Any = shape.build()
        load_strictly(self.network, state, str(checkpoint))
        self.name = f"{pixels}_vit_{shape.variant}"
        self.channels = shape.channels
        self.enlarge = enlarge
        self.stride = self.pixel_multiple = shape.patch // enlarge
        mean, std = (_PIXEL_MEAN, _PIXEL_STD) if pixels == "sam" else ((0.0,) * 3, (255.0,) * 3)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1) / 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1) / 255, persistent=False)
        self.freeze()

    def embed(self, slices: Tensor) -> Tensor:
        """Embed slices (N, 1, H, W) with sides that are multiples of `stride` as (N, 256, H / stride, W / stride)."""
        tokens = self._enter(self.network, slices)
        for block in self.network.blocks:
            tokens = block(tokens)
        return self.network.neck(tokens.permute(0, 3, 1, 2))

    def split(self, first_adapted_block: int) -> SplitEncoder:
        """Split the network before a block; this encoder is used up by it.

        Args:
            first_adapted_block: Index of the block; 0 leaves only the embedding of patches in the stem.

        Raises:
            ModelError: There is no such block.
        """
        blocks = self.network.blocks
        if not 0 <= first_adapted_block < len(blocks):
            raise ModelError(f"a ViT of {len(blocks)} blocks cannot be adapted from block {first_adapted_block}")
        parts = nn.Module()
        parts.patch_embed, parts.pos_embed, parts.blocks = (
            self.network.patch_embed,
            self.network.pos_embed,
            blocks[:first_adapted_block],
        )

        def run(stem: Any, slices: Tensor) -> Tensor:
            tokens = self._enter(stem, slices)
            for each in stem.blocks:
                tokens = each(tokens)
            return tokens.permute(0, 3, 1, 2)

        stem = EncoderStem(
            self,
            first_adapted_block,
            channels=self.network.pos_embed.shape[-1],
            stride=self.stride,
            parts=parts,
            run=run,
        )
        trunk = FrozenBlocks(
            [ViTBlock(each) for each in blocks[first_adapted_block:]],
            self.network.neck,
            channels=self.channels,
            cross_modality_place="mid_adapters",
            stride=self.stride,
        )
        return SplitEncoder(stem, trunk, self._head)

    def _enter(self, network: Any, slices: Tensor) -> Tensor:
        """Tokens (N, h, w, C) of slices, with their positions, before the first block."""
        if self.enlarge > 1:
            slices = functional.interpolate(slices, scale_factor=float(self.enlarge), mode="bilinear")
        mean, std = self.mean.to(slices.device), self.std.to(slices.device)
        tokens = network.patch_embed((slices - mean) / std)
        return tokens + resized_positions(network.pos_embed, tokens.shape[1], tokens.shape[2])


class ViTBlock(FrozenBlock):
    """A block of SAM's ViT: attention, in windows or over all; then the MLP.

    Args:
        block: The block of segment-anything.
    """

    def __init__(self, block: Any) -> None:
        super().__init__(block.norm1.normalized_shape[0])
        self.attention = block.attn
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.mlp = block.mlp
        self.window = int(block.window_size)

    def attention_half(self, grid: Tensor) -> Tensor:
        """Attention; windows that reach beyond the grid are filled up with zeros."""
        x = self.norm1(grid)
        if not self.window:
            return grid + self.attention(x)
        return grid + from_windows(self.attention(to_windows(x, self.window)), *grid.shape[1:3])

    def mlp_half(self, grid: Tensor) -> Tensor:
        """The MLP and its shortcut."""
        return grid + self.mlp(self.norm2(grid))


def resized_positions(positions: Tensor, height: int, width: int) -> Tensor:
    """The absolute positions for a grid of height x width cells, (1, height, width, C)."""
    if positions.shape[1:3] == (height, width):
        return positions
    grid = functional.interpolate(positions.permute(0, 3, 1, 2), size=(height, width), mode="bicubic")
    return grid.permute(0, 2, 3, 1)


@dataclass(frozen=True)
class ViTShape:
    """The sizes of an image encoder, as its checkpoint shows them.

    Args:
        width: Channels of the tokens.
        depth: Blocks.
        heads: Attention heads.
        mlp_ratio: Hidden channels of a block's MLP by its channels.
        patch: Side of a patch in pixels.
        grid: Cells along a side at the size of training.
        channels: Channels of the embedding.
        window: Side of the attention windows in cells, 0 when every block sees all.
        global_blocks: Indices of the blocks that see all.
    """

    width: int
    depth: int
    heads: int
    mlp_ratio: float
    patch: int
    grid: int
    channels: int
    window: int
    global_blocks: tuple[int, ...]

    @property
    def variant(self) -> str:
        """The official variant, "b", "l" or "h"; "custom" for other sizes."""
        return _VARIANTS.get((self.width, self.depth), "custom")

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor], source: str) -> "ViTShape":
        """Read the sizes from the tensors of an image encoder.

        Args:
            state: Tensors by name, without the prefix `image_encoder.`.
            source: The file, for the message.

        Raises:
            WeightsError: They are not those of SAM's image encoder.
        """
        try:
            depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
            _, grid, _, width = state["pos_embed"].shape
            reaches = [(state[f"blocks.{i}.attn.rel_pos_h"].shape[0] + 1) // 2 for i in range(depth)]
            windows = {reach for reach in reaches if reach != grid}
            (window,) = windows or {0}
            return cls(
                width=width,
                depth=depth,
                heads=width // state["blocks.0.attn.rel_pos_h"].shape[1],
                mlp_ratio=state["blocks.0.mlp.lin1.weight"].shape[0] / width,
                patch=state["patch_embed.proj.weight"].shape[-1],
                grid=grid,
                channels=state["neck.0.weight"].shape[0],
                window=window,
                global_blocks=tuple(i for i, reach in enumerate(reaches) if reach == grid),
            )
        except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
            missing = f": {error} is missing" if isinstance(error, KeyError) else ""
            raise WeightsError(
                f"{source} is no checkpoint of SAM or MedSAM with a ViT: expected the tensors of image_encoder, found "
                f"{len(state)} tensors under that name{missing}. Choose sam_vit_b, l or h, or medsam_vit_b (.pth)."
            ) from error

    def build(self) -> nn.Module:
        """Make an image encoder of these sizes, not yet filled."""
        from segment_anything.modeling import ImageEncoderViT  # takes seconds, which other encoders need not wait for

        network: nn.Module = ImageEncoderViT(
            img_size=self.grid * self.patch,
            patch_size=self.patch,
            embed_dim=self.width,
            depth=self.depth,
            num_heads=self.heads,
            mlp_ratio=self.mlp_ratio,
            out_chans=self.channels,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=self.window,
            global_attn_indexes=self.global_blocks,
        )
        return network
