"""The 3D adapter of `3dmedsam`: a depthwise convolution over the stack between the frozen blocks.

[paper] Lin et al., Biocybernetics and Biomedical Engineering 45(1), 2025: 3D adapters, while most weights stay frozen.
[ours] What is in one: the paper's body could not be had, so it is rebuilt with 3DSAM-adapter's layout (768 -> 384 ->
depthwise 3³ -> 768) as orientation, after a layer norm and with a zero-initialised output. With C channels and width w
it has 2Cw + 3C + 29w parameters; for 320 and 80 that is 54,480.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from .context import StackContext


class VolumetricAdapter(nn.Module):
    """Let each token see its 26 neighbours in the stack of its own modality. It begins as the identity.

    Args:
        channels: Channels of the tokens.
        width: Channels of the convolution.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.down = nn.Linear(channels, width)
        self.mix = nn.Conv3d(width, width, 3, padding=1, groups=width)
        self.up = nn.Linear(width, channels)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor, context: StackContext) -> Tensor:
        """Correct tokens (N, h, w, C), N = batch * modalities * depth."""
        x = context.split(self.down(self.norm(tokens)))  # B x M x D x h x w x width
        x = x.flatten(0, 1).permute(0, 4, 1, 2, 3)  # BM x width x D x h x w
        x = F.gelu(self.mix(x)).permute(0, 2, 3, 4, 1).flatten(0, 1)  # N x h x w x width
        return tokens + self.up(x).to(tokens.dtype)
