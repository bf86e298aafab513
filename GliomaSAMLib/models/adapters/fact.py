"""Factor tuning (FacT): the correction of all blocks' queries and values as one tensor train of low rank.

MA-SAM (Chen et al., arXiv 2309.08842), after FacT (Jie and Deng, AAAI 2023).
[code] With U: C -> 32 and V: 32 -> C, shared by all blocks, and two cores of 32 x 32 in each block,

    dq = V(drop(core_q(U x)))        dv = V(drop(core_v(U x)))

are added to q and v; no biases, dropout 0.1, V begins at zero, so that nothing changes at first. k stays as it is.
[ours] TinyViT lays out q, k and v head by head, so the corrections are added per head; its stages differ in channels,
and each channel count has shared factors of its own.

Parameters: 2 * 32 * C for the shared factors, 2048 for each block. ViT-B, 12 blocks of C = 768: 73,728.
LiteMedSAM, 6 blocks of C = 160 and 2 of C = 320: 47,104.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...errors import ModelError


@dataclass(frozen=True)
class QKVSlots:
    """Where q, k and v lie in the output of an attention's `qkv` layer: (..., heads * (2 * key + value)).

    The output falls into equal parts, one a head, and each part is [q | k | v].

    Args:
        heads: Number of parts.
        key: Channels of q, and of k, in a part.
        value: Channels of v in a part.
    """

    heads: int
    key: int
    value: int

    @classmethod
    def of_vit(cls, attention: Any) -> Self:
        """Slots of segment_anything's attention: q, k and v of all heads together, each C channels wide."""
        channels = attention.qkv.in_features
        return cls(heads=1, key=channels, value=channels)

    @classmethod
    def of_tiny_vit(cls, attention: Any) -> Self:
        """Slots of TinyViT's attention: q, k and v of each head side by side."""
        return cls(heads=attention.num_heads, key=attention.key_dim, value=attention.d)

    @property
    def channels(self) -> int:
        """Channels of the whole output."""
        return self.heads * (2 * self.key + self.value)

    def add(self, output: Tensor, queries: Tensor, values: Tensor) -> Tensor:
        """Add corrections of q (..., heads * key) and v (..., heads * value) to an output (..., channels)."""
        q, k, v = output.unflatten(-1, (self.heads, -1)).split([self.key, self.key, self.value], dim=-1)
        q = q + queries.unflatten(-1, (self.heads, self.key))
        v = v + values.unflatten(-1, (self.heads, self.value))
        return torch.cat([q, k, v], dim=-1).flatten(-2)


class SharedFactors(nn.Module):
    """The factors U and V of all blocks of one channel count. The network registers them once.

    Args:
        channels_in: Channels of the tokens.
        channels_out: Channels of q, and of v, over all heads.
        rank: Channels between U and V.
    """

    def __init__(self, channels_in: int, channels_out: int, rank: int = 32) -> None:
        super().__init__()
        self.rank = rank
        self.u = nn.Linear(channels_in, rank, bias=False)
        self.v = nn.Linear(rank, channels_out, bias=False)
        nn.init.zeros_(self.v.weight)


class FactorisedQKV(nn.Module):
    """Takes the place of an attention's `qkv` layer and adds the factorised corrections to its q and v.

    The factors belong to the network, which registers them once; here they are only referred to, inside a tuple,
    where a module does not look for children. So they appear once among the network's parameters and once in its
    state, they move with the network, and a deep copy of the whole network refers to its own copy of them. Move or copy
    the network that owns the factors, never this layer alone.

    Args:
        qkv: The layer to correct, (..., C) to (..., slots.channels). It is frozen.
        factors: U and V, shared with other blocks.
        slots: Where q and v lie in the layer's output.
        dropout: Share of the core's outputs that are dropped in training.

    Raises:
        ModelError: The factors or the slots do not fit the layer.
    """

    def __init__(self, qkv: nn.Linear, factors: SharedFactors, slots: QKVSlots, dropout: float = 0.1) -> None:
        super().__init__()
        taken, given = factors.u.in_features, factors.v.out_features
        if (taken, slots.channels) != (qkv.in_features, qkv.out_features) or not (
            given == slots.heads * slots.key == slots.heads * slots.value
        ):
            raise ModelError(
                f"factors {taken} -> {given} and {slots} do not fit a qkv layer {qkv.in_features} -> {qkv.out_features}"
            )
        self.qkv = qkv.requires_grad_(False)
        self.slots = slots
        self.core_q = nn.Linear(factors.rank, factors.rank, bias=False)
        self.core_v = nn.Linear(factors.rank, factors.rank, bias=False)
        self.dropout = nn.Dropout(dropout)
        self._factors = (factors,)

    @property
    def factors(self) -> SharedFactors:
        """The shared factors, as the network owns them."""
        return self._factors[0]

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., C) to q, k and v (..., slots.channels), in the layer's own order."""
        inner = self.factors.u(tokens)
        queries, values = (self.factors.v(self.dropout(core(inner))) for core in (self.core_q, self.core_v))
        return self.slots.add(self.qkv(tokens), queries, values)
