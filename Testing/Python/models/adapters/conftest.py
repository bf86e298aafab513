"""Small frozen blocks of both kinds of encoder, for adapters to be put before."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from GliomaSAMLib.models.encoders.tiny_vit import TinyViTBlock

CHANNELS, HEADS, WINDOW = 64, 2, 3


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
            self.block = TinyViTBlock(CHANNELS, HEADS, WINDOW)
        for parameter in self.block.parameters():
            nn.init.normal_(parameter, std=0.2)
        self.block.load_state_dict(self.block.state_dict())  # upon which TinyViT's attention lays out its biases
        self.requires_grad_(False).eval()

    @property
    def attention(self) -> Any:
        return self.block.attn if self.kind == "vit" else self.block.attention

    def forward(self, tokens: Tensor) -> Tensor:
        return self.block(tokens)


@pytest.fixture(params=["vit", "tiny_vit"])
def new_block(request: pytest.FixtureRequest) -> Callable[[], FrozenBlock]:
    """Makes frozen blocks of one kind of encoder."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return lambda: FrozenBlock(request.param)
