"""Attention distillation between the encoders of modalities and between their layers.

After Zhang et al., "Cross-Modal Self-Attention Distillation for Prostate Cancer Segmentation" (arXiv 2011.03908).
[paper] Attention maps are taken from intermediate layers of each modality's encoder and distilled across modalities.
[ours] The formulas. With `G_m = sum_c |F_m,c|^2` at a layer and `psi(G)` its normalised map:

    L_cross = mean over layers and ordered pairs m != n of || psi_m - stop_grad(psi_n) ||^2
    L_self  = mean over layers l but the last           of || psi_m(l) - stop_grad(psi_m(l + 1)) ||^2

Each study is averaged over its own modalities, absent ones left out, then studies are averaged. Two forms of psi:
`norm` divides G by its L2 norm, so a squared distance lies between 0 and 2 whatever the size of the map. `softmax` is
the softmax over the cells, times their number, so a flat map is 1 everywhere; there G is the mean over the channels,
which keeps wide layers from peaking, and the squared distance is the mean over the cells. Layers of different sizes
meet on the smaller grid, onto which G is averaged before it is normalised. There are no parameters.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F

FORMS = ("norm", "softmax")
"""How an attention map is normalised."""

_POOL: dict[int, Callable[..., torch.Tensor]] = {2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def distillation_losses(
    features: Sequence[torch.Tensor], present: torch.Tensor, form: str = "norm"
) -> tuple[torch.Tensor, torch.Tensor]:
    """L_cross and L_self, two scalars in float32.

    Args:
        features: For each layer (B, M, C, h, w) or (B, M, C, z, y, x), from shallow to deep; C and the grid may differ
            from layer to layer.
        present: (B, M) bool. The content of an absent modality has no influence and gets no gradient. L_cross of a
            study with one modality is 0, and so is L_self of a single layer.
        form: One of `FORMS`.

    Raises:
        ValueError: There is no layer, the form is unknown, or the shapes do not fit.
    """
    if form not in FORMS:
        raise ValueError(f"there is no form {form!r} of an attention map: choose one of {', '.join(FORMS)}")
    if not features:
        raise ValueError("distillation needs the features of at least one layer")
    for layer in features:
        if layer.ndim - 3 not in _POOL or layer.shape[:2] != present.shape:
            raise ValueError(
                f"features are (B, M, C, h, w) or (B, M, C, z, y, x) with (B, M) {tuple(present.shape)}, "
                f"found {tuple(layer.shape)}"
            )
    energies = [_energy(layer, present, form) for layer in features]
    cross = [_cross(_normalise(energy, form), present, form) for energy in energies]
    own = [_own(shallow, deep, present, form) for shallow, deep in pairwise(energies)]
    return torch.stack(cross).mean(), torch.stack(own).mean() if own else cross[0].new_zeros(())


def weighted_distillation(
    features: Sequence[torch.Tensor], present: torch.Tensor, weight: float, training_progress: float
) -> torch.Tensor:
    """The sum of both losses, with a weight that grows linearly over the first third of the training.

    Args:
        features, present: See `distillation_losses`.
        weight: Final weight of the sum; 0 switches the distillation off.
        training_progress: Fraction of the training that is done, 0 to 1.
    """
    if weight == 0:
        return torch.zeros((), device=present.device)
    return weight * min(1.0, 3 * training_progress) * torch.stack(distillation_losses(features, present)).sum()


def _energy(features: torch.Tensor, present: torch.Tensor, form: str) -> torch.Tensor:
    """G of (B, M, C, ...) as (B, M, ...); zero where a modality is absent."""
    absent = ~present.reshape(*present.shape, *[1] * (features.ndim - 2))
    squares = features.float().masked_fill(absent, 0).square()
    return squares.mean(dim=2) if form == "softmax" else squares.sum(dim=2)


def _normalise(energy: torch.Tensor, form: str) -> torch.Tensor:
    """Psi of G (B, M, ...), its cells in one axis: (B, M, cells)."""
    cells = energy.flatten(2)
    return cells.softmax(dim=2) * cells.shape[2] if form == "softmax" else F.normalize(cells, dim=2, eps=1e-6)


def _distance(one: torch.Tensor, other: torch.Tensor, form: str) -> torch.Tensor:
    squares = (one - other.detach()).square()
    return squares.mean(dim=-1) if form == "softmax" else squares.sum(dim=-1)


def _cross(maps: torch.Tensor, present: torch.Tensor, form: str) -> torch.Tensor:
    total = maps.new_zeros(maps.shape[0])
    count = maps.new_zeros(maps.shape[0])
    for shift in range(1, maps.shape[1]):  # each modality meets the one `shift` places before it
        both = (present & present.roll(shift, dims=1)).to(maps.dtype)
        total = total + (_distance(maps, maps.roll(shift, dims=1), form) * both).sum(dim=1)
        count = count + both.sum(dim=1)
    return (total / count.clamp(min=1)).mean()


def _own(shallow: torch.Tensor, deep: torch.Tensor, present: torch.Tensor, form: str) -> torch.Tensor:
    size = tuple(min(a, b) for a, b in zip(shallow.shape[2:], deep.shape[2:], strict=True))
    one, other = (_normalise(_POOL[len(size)](energy, size), form) for energy in (shallow, deep))
    there = present.to(one.dtype)
    return ((_distance(one, other, form) * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)).mean()
