"""The multi-scale 3D mask decoder of `3dmedsam`, with points and boxes as labelled tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...regions import REGIONS
from ..blocks import InstanceNorm, ResidualBlock, only_present, pool_maps
from ..device import one_thread
from ..prompt_maps import CHANNELS, POINT_CHANNELS, PromptSet
from ..shuffle import channels_to_voxels, voxels_to_channels
from .point_tokens import PointTokens, Relations, place_prompts


@dataclass(frozen=True)
class MultiscaleDecoderConfig:
    """Sizes of the decoder.

    Args:
        channels_in: Channels of the levels, from the shallowest to the deepest.
        width: Channels on the coarse grid, a multiple of 8 and of `heads`.
        skip_widths: Channels at 2 and 4 mm.
        heads: Heads of the attention.
        modalities: Number of modalities.
        auxiliary_weights: Weights of the levels' own losses, in the order of `channels_in`.
        image_skips: Whether the images themselves are read, besides the levels.
        point_maps: Whether points are read as maps at 2 and 4 mm too, besides the tokens on the coarse grid.
        fine_blocks: Residual blocks at 2 mm on the way up; 0 for a single convolution.
    """

    channels_in: tuple[int, ...] = (160, 320, 320, 256)
    width: int = 64
    skip_widths: tuple[int, int] = (24, 48)
    heads: int = 4
    modalities: int = 4
    auxiliary_weights: tuple[float, ...] = (0.2, 0.15, 0.1, 0.05)
    image_skips: bool = True
    point_maps: bool = False
    fine_blocks: int = 0


class Attention(nn.Module):
    """Attention with a bias on its logits. Keys have no offset: the softmax over the keys would cancel it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """Queries (B, q, C), keys and values (B, k, C), bias that broadcasts to (B, heads, q, k) -> (B, q, C)."""
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(queries), self.key(keys), self.value(values))
        )
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype)).transpose(1, 2).flatten(2))


class TwoWayAttention(nn.Module):
    """Tokens attend to each other, then to the grid; then the grid attends to the tokens.

    Args:
        width: Channels.
        heads: Heads of the attention; their reaches begin at 4, 8, 16, ... cells.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_self, self.norm_tokens, self.norm_mlp = (nn.LayerNorm(width) for _ in range(3))
        self.norm_grid, self.norm_keys = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attn, self.token_to_grid_attn, self.grid_to_token_attn = (Attention(width, heads) for _ in range(3))
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.log_reach = nn.Parameter(torch.tensor([4.0 * 2**head for head in range(heads)]).log())

    def forward(
        self, tokens: Tensor, grid: Tensor, place: Tensor, distance: Tensor, absent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """New tokens and grid.

        Args:
            tokens: (B, t, C).
            grid: (B, g, C).
            place: Position encoding of the grid, (g, C).
            distance: Squared distance of tokens and grid in cells, (B, t, g); 0 for a token without a position.
            absent: Tokens without influence, (B, t) bool.
        """
        key_padding_bias = torch.zeros_like(absent, dtype=torch.float32).masked_fill(absent, -torch.inf)[:, None, None]
        far = distance[:, None] * (-0.5 * torch.exp(-2 * self.log_reach.float()))[:, None, None]  # B x heads x t x g
        x = self.norm_self(tokens)
        tokens = tokens + self.self_attn(x, x, x, key_padding_bias)
        x = self.norm_grid(grid)
        keys = x + place.to(x.dtype)
        tokens = tokens + self.token_to_grid_attn(self.norm_tokens(tokens), keys, x, far)
        tokens = tokens + self.mlp(self.norm_mlp(tokens))
        values = self.norm_keys(tokens)
        return tokens, grid + self.grid_to_token_attn(keys, values, values, far.transpose(2, 3) + key_padding_bias)


class Level(nn.Module):
    """One level of the way down from the deepest: attention, then a convolution, and auxiliary logits."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.tokens = PointTokens(width)
        self.attention = TwoWayAttention(width, heads)
        self.conv = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.norm = InstanceNorm(width)
        self.aux_head = nn.Conv3d(width, len(REGIONS), 1)
        nn.init.constant_(self.aux_head.bias, -2.0)  # type: ignore[arg-type]

    def forward(
        self, level: Tensor, deeper: tuple[Tensor, Tensor] | None, relations: Relations
    ) -> tuple[Tensor, Tensor]:
        """Tokens (B, 3 + n, C) and fused features (B, C, z, y, x).

        Args:
            level: Features of this level, (B, C, z, y, x).
            deeper: What the level below gave, tokens and features; None for the deepest.
            relations: Of the prompts to the grid.
        """
        tokens = self.tokens(level, relations.placed, relations.shape)
        if deeper is not None:
            tokens = tokens + deeper[0]
        place = self.tokens.pos_proj(relations.encoding)
        flat = level.flatten(2).transpose(1, 2)
        tokens, grid = self.attention(tokens, flat, place, relations.distance, relations.absent)
        x = grid.transpose(1, 2).unflatten(2, level.shape[2:]).to(level.dtype)
        if deeper is not None:
            x = x + deeper[1]
        return tokens, x + F.leaky_relu(self.norm(self.conv(x)), 0.01)


class ImageSkips(nn.Module):
    """Convolutional features of the images at 2 mm and at 4 mm, for skip connections.

    Args:
        modalities: Number of modalities.
        fine: Channels at 2 mm.
        middle: Channels at 4 mm.
    """

    def __init__(self, modalities: int, fine: int, middle: int) -> None:
        super().__init__()
        self.stem = nn.Conv3d(modalities * 8, fine, 3, padding=1, bias=False)
        self.presence = nn.Parameter(torch.zeros(modalities, fine))
        self.fine = ResidualBlock(fine)
        self.down = nn.Conv3d(fine, middle, 2, stride=2, bias=False)
        self.middle = ResidualBlock(middle)

    def forward(self, images: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Features at 2 and 4 mm of images (B, M, K, J, I) with `present` (B, M) bool; what is absent is ignored."""
        x = self.stem(voxels_to_channels(only_present(images, present)))
        fine = self.fine(x + (present.to(x.dtype) @ self.presence.to(x.dtype))[:, :, None, None, None])
        return fine, self.middle(self.down(fine))


class Smoothing(nn.Module):
    """A 3 x 3 x 3 convolution with instance norm, and a shortcut: (B, C, K, J, I) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm = InstanceNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add the convolved input to the input."""
        return x + F.leaky_relu(self.norm(self.conv(x)), 0.01)


class MultiscaleMaskDecoder(nn.Module):
    """Mask decoder that fuses the levels of an encoder from deep to shallow, with the prompts as tokens. [ours]

    On each level, tokens of regions and prompts and the grid attend to each other (`TwoWayAttention`). The result is
    upsampled to 4 mm and 2 mm, where skip connections from the images and the prompt maps are added, and pixel
    shuffle gives the logits at 1 mm. `encode` needs no prompts; `decode` runs for each set of prompts.

    Args:
        config: The sizes.
    """

    def __init__(self, config: MultiscaleDecoderConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle = config.skip_widths
        self.project = nn.ModuleList(
            nn.Sequential(nn.Conv3d(n, config.width, 1), nn.GroupNorm(8, config.width)) for n in config.channels_in
        )
        self.skips = ImageSkips(config.modalities, fine, middle) if config.image_skips else None
        self.levels = nn.ModuleList(Level(config.width, config.heads) for _ in config.channels_in)
        self.to_middle = nn.Conv3d(config.width, middle, 1, bias=False)
        self.middle = ResidualBlock(middle)
        self.to_fine = nn.Conv3d(middle, fine, 1, bias=False)
        self.first_map_channel = 0 if config.point_maps else POINT_CHANNELS
        self.maps = zero_conv(CHANNELS - self.first_map_channel, fine)
        self.maps_middle = zero_conv(CHANNELS, middle) if config.point_maps else None
        self.fine = (
            nn.Sequential(*(ResidualBlock(fine) for _ in range(config.fine_blocks)))
            if config.fine_blocks
            else Smoothing(fine)
        )
        self.head = nn.Conv3d(fine, len(REGIONS) * 8, 3, padding=1)
        nn.init.constant_(self.head.bias, -2.0)  # type: ignore[arg-type]

    def encode(self, levels: Sequence[Tensor], images: Tensor, present: Tensor) -> list[Tensor]:
        """Features of a study, which no prompt changes.

        Args:
            levels: (B, C_l, z, y, x) each, over the same box, from the shallowest to the deepest.
            images: (B, M, K, J, I), 1 mm, in [0, 1]; sides multiples of 4.
            present: (B, M) bool. The content of an absent modality is ignored.

        Returns:
            The levels, (B, width, z, y, x) each, and the skips at 2 mm and 4 mm.
        """
        with one_thread(images.device):
            features = [project(level) for project, level in zip(self.project, levels, strict=True)]
        if self.skips is not None:
            return [*features, *self.skips(images, present)]
        batch, sides = images.shape[0], images.shape[2:]
        widths = zip(self.config.skip_widths, (2, 4), strict=True)
        return [*features, *(features[0].new_zeros((batch, n, *(side // mm for side in sides))) for n, mm in widths)]

    def decode(
        self, features: Sequence[Tensor], prompts: Sequence[PromptSet] | None = None, maps: Tensor | None = None
    ) -> Tensor:
        """Logits (B, 3, K, J, I) of WT, TC, ET on the 1 mm grid.

        Args:
            features: Output of `encode`.
            prompts: One for each study, in cells of 2 mm; None for none.
            maps: (B, CHANNELS, K/2, J/2, I/2), see `prompt_maps`. Only boxes, masks by hand and the proposal are
                read from it: points are tokens. None is the same as all zero.
        """
        return self._decode(features, prompts, maps)[0]

    def decode_with_auxiliary(
        self, features: Sequence[Tensor], prompts: Sequence[PromptSet] | None = None, maps: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits as `decode`, and auxiliary logits (B, 3, z, y, x) of each level, in the order of the levels."""
        logits, grids = self._decode(features, prompts, maps)
        return logits, [block.aux_head(grid) for block, grid in zip(self.levels, grids, strict=True)]  # type: ignore[operator]

    def _decode(
        self, features: Sequence[Tensor], prompts: Sequence[PromptSet] | None, maps: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits, and the features of each level after its prompts, (B, width, z, y, x)."""
        *levels, fine, middle = features
        shape, batch = fine.shape[2:], fine.shape[0]
        placed = place_prompts(prompts if prompts is not None else [PromptSet()] * batch, fine.device)
        relations = Relations.of(placed, shape, levels[0].shape[2:])
        found: tuple[Tensor, Tensor] | None = None
        grids: list[Tensor] = []
        for block, level in zip(reversed(self.levels), reversed(levels), strict=True):
            found = block(level, found, relations)
            grids.append(found[1])
        assert found is not None
        x = self.to_middle(found[1]).float()  # B x width_4mm x z x y x x
        x = F.interpolate(x, size=middle.shape[2:], mode="trilinear", align_corners=False).to(middle.dtype)  # at 4 mm
        x = x + middle
        if maps is not None and self.maps_middle is not None:
            x = x + self.maps_middle(pool_maps(maps).to(x.dtype))
        x = self.middle(x)
        x = F.interpolate(self.to_fine(x), size=shape, mode="nearest") + fine  # B x width_2mm x K/2 x J/2 x I/2
        if maps is not None:
            x = x + self.maps(maps[:, self.first_map_channel :].to(fine.dtype))
        return channels_to_voxels(self.head(self.fine(x))), grids[::-1]  # B x 24 at 2 mm to B x 3 at 1 mm

    def auxiliary_loss(self, aux_logits: Sequence[Tensor], regions: Tensor) -> Tensor:
        """Weighted sum over the levels of Dice loss and cross entropy. The truth of a coarse cell is the fraction of it
        that belongs to a region.

        Args:
            aux_logits: Auxiliary logits of the levels, (B, 3, z, y, x) each.
            regions: WT, TC, ET as 0 or 1, (B, 3, K, J, I).
        """
        from monai.losses import DiceLoss  # takes seconds, which only a training need wait for

        dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)
        truth = F.adaptive_avg_pool3d(regions.float(), tuple(aux_logits[0].shape[2:]))  # type: ignore[arg-type]
        loss = torch.zeros((), device=regions.device)
        for weight, logits in zip(self.config.auxiliary_weights, aux_logits, strict=True):
            logits = logits.float()
            loss = loss + weight * (dice(logits, truth) + F.binary_cross_entropy_with_logits(logits, truth))
        return loss


def zero_conv(channels_in: int, channels: int) -> nn.Conv3d:
    """A convolution whose weights and bias are initialised to zero."""
    conv = nn.Conv3d(channels_in, channels, 3, padding=1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
