"""The upsampling path of MA-SAM's mask decoder: from the grid of the embedding to the grid of the pixels.

MA-SAM (Chen et al., arXiv 2309.08842).
[code] Four transposed convolutions (256 -> 64 -> 32 -> 16 -> 8), each of which doubles the grid, instead of SAM's two
(256 -> 64 -> 32): the 32² embedding of a 512² slice (stride 16) becomes 512² without interpolation.
[ours] The number of doublings is free: a LiteMedSAM embedding (stride 4) needs two, which are then SAM's own, with
SAM's names, so that a SAM mask decoder's `output_upscaling` can be loaded.

Parameters at 256 channels: 73,952 with two doublings, 76,632 with four.
"""

from itertools import pairwise

from segment_anything.modeling.common import LayerNorm2d
from torch import nn

from ..errors import ModelError


class Upsampling(nn.Sequential):
    """Double the grid `doublings` times: (N, channels, h, w) to (N, channels_out, h * 2^doublings, w * 2^doublings).

    The first step quarters the channels, each further one halves them. A GELU follows each step, and a layer norm over
    the channels comes before it, except after the last.

    Args:
        channels: Channels of the embedding.
        doublings: How many times the grid doubles, at least once.

    Raises:
        ModelError: There is no doubling, or the channels cannot be divided so often.
    """

    def __init__(self, channels: int, doublings: int) -> None:
        if doublings < 1 or channels % (2 << doublings):
            raise ModelError(f"{channels} channels cannot be upsampled by {doublings} doublings")
        widths = [channels, *(channels >> step for step in range(2, doublings + 2))]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 2, stride=2), LayerNorm2d(after), nn.GELU()]
        del layers[-2]
        super().__init__(*layers)
        self.channels_out = widths[-1]
