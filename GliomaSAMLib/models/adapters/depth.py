"""Depth adapter: each token learns from the same place in the slice before and the slice after.

MA-SAM (Chen et al., arXiv 2309.08842).
[code] `x + Up(GELU(Conv3d_{3x1x1}(Down(LN x))))`, Down and Up without bias, width 384 on ViT-B, L and H, two in each
block: before norm1 and attention, and between attention and norm2.
[ours] Up begins at zero, so that nothing changes at first; the width is C / 4 by default; and the stack of each
modality is convolved by itself, with the same weights.

Parameters: 2 C + 2 C w + 3 w² + w for C channels and width w. ViT-B (C = 768), two in each of 12 blocks: 24.8 M with
w = 384, 9.8 M with w = 192. LiteMedSAM, C = 160: 17,960; C = 320: 71,120.
"""

from torch import Tensor, nn

from .context import StackContext


class DepthAdapter(nn.Module):
    """See the file's text.

    Args:
        channels: Channels C of the tokens.
        width: Channels between Down and Up; None for C / 4.
    """

    def __init__(self, channels: int, width: int | None = None) -> None:
        super().__init__()
        width = channels // 4 if width is None else width
        self.norm = nn.LayerNorm(channels)
        self.down = nn.Linear(channels, width, bias=False)
        self.conv = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0))
        self.act = nn.GELU()
        self.up = nn.Linear(width, channels, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, tokens: Tensor, context: StackContext) -> Tensor:
        """Tokens (N, h, w, C), N = batch * modalities * depth, to tokens of the same shape."""
        stacks = self.down(self.norm(tokens)).unflatten(0, (-1, context.depth))  # B*M x D x h x w x width
        mixed = self.conv(stacks.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
        return tokens + self.up(self.act(mixed)).flatten(0, 1)
