"""GELU for images whose channels lie last in memory.

Torch's own takes twice the time for them on a CPU: the same numbers seen as a dense array take the fast path. In the
first stages of LiteMedSAM that is a fifth of all. `Testing/benchmarks/encoder_kernels.py` measures it.
(Folding the normalisation into the convolutions would save as much again, but what is rounded then differs from what
the weights were trained with: on six cases the tumour core lost .006 of Dice.)
"""

from torch import Tensor, nn


class DenseGELU(nn.Module):
    """The exact GELU, of any tensor."""

    def forward(self, x: Tensor) -> Tensor:
        """GELU of each number."""
        if x.ndim != 4 or x.is_contiguous():
            return nn.functional.gelu(x)
        return nn.functional.gelu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
