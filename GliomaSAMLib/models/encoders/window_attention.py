"""TinyViT's window attention through torch's fused kernel.

Written out, attention writes the whole table of every window, head and pair of tokens to memory, adds the biases and
reads it again. The fused kernel takes the biases as its mask and keeps no table: on two cores a forward pass takes half
to four fifths of the time, and with gradients large windows in float32 take four fifths. With gradients small windows
take a little longer on a CPU, and any in bfloat16 up to two thirds longer: these are written out.
`Testing/benchmarks/encoder_kernels.py` measures both.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEWEST = 100
"""Windows of fewer tokens are not fused on a CPU where gradients are kept, nor are any in bfloat16."""


class WindowAttention(nn.Module):
    """Attention of the tokens of a window to each other, with a learned bias for each distance along both axes.

    The biases are frozen: the table of all pairs is made when they are loaded, and stays.

    Args:
        channels: Channels C of a token.
        heads: Attention heads, which divide the channels.
        window: Side of a window in cells.

    Attributes:
        key_dim, d: Channels of a head's keys, and of its values.
    """

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.num_heads = heads
        self.key_dim = self.d = channels // heads
        self.scale = self.key_dim**-0.5
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window**2))
        self.table: Tensor
        self.register_buffer("table", torch.zeros(heads, window**2, window**2), persistent=False)
        self.register_load_state_dict_post_hook(_fill_table)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (N, n, C) of N windows of n tokens each, to the same shape."""
        parts = self.qkv(self.norm(tokens)).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        query, key, value = parts.split([self.key_dim, self.key_dim, self.d], dim=3)  # N x heads x n x width
        slower = tokens.shape[1] < FEWEST or query.dtype == torch.bfloat16
        if tokens.device.type == "cpu" and query.requires_grad and slower:
            answer = ((query @ key.transpose(2, 3)) * self.scale + self.table).softmax(dim=3).to(value.dtype) @ value
        else:
            answer = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=self.table.to(query.dtype)[None], scale=self.scale
            )
        return self.proj(answer.transpose(1, 2).flatten(2))


def _fill_table(attention: Any, keys: object) -> None:
    """Make the table (heads, n, n) of the biases, which lie by the rows and columns that two tokens are apart."""
    side = round(attention.attention_biases.shape[1] ** 0.5)
    apart = (torch.arange(side)[:, None] - torch.arange(side)).abs()
    index = apart[:, None, :, None] * side + apart[None, :, None, :]
    attention.table = attention.attention_biases.detach()[:, index.reshape(side**2, side**2)]
