"""A glioma as it would look without enhancement: its t1c without the uptake of contrast agent. [ours]

Most gliomas of the public collections enhance; few that do not are there to learn from. Round the enhancing part t1c is
predicted from the other modalities by least squares, and takes the prediction's place inside it. The enhancing part
becomes part of the core that does not enhance.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .masks import grown

HALO_MM = 2.5
"""Uptake seen beyond the label is taken out as well."""

NEAR_MM = (4.0, 25.0)
"""The tissue to learn from lies between these distances from the enhancing part."""

ROUNDS, OUTLIER = 4, 2.5
"""What lies beyond so many standard deviations, such as vessels, is left out of the next fit."""

FEWEST = 200
"""With fewer enhancing voxels, or fewer to learn from, nothing is changed."""

RIDGE = 1e-4
"""Keeps the fit from failing where modalities say the same; small beside the variance of any."""


def without_enhancement(images: Tensor, levels: Tensor, others: list[int], t1c: int) -> tuple[Tensor, Tensor]:
    """The images and levels of the same tumour without enhancement; nothing is changed in place.

    All is computed on the device of the images: where there is too little enhancing tumour, or too little tissue to
    learn from, the result equals what was given.

    Args:
        images: float32 (M, K, J, I), 1 mm, in [0, 1], 0 outside the brain.
        levels: The number of nested regions that hold a voxel, uint8 (K, J, I).
        others: The modalities that t1c is predicted from, at least one.
        t1c: Which modality it is.
    """
    enhancing, image = levels == 3, images[t1c]
    brain = image > 0
    close = grown(enhancing, NEAR_MM[0])
    near = _far_round(enhancing, NEAR_MM[1]) & ~close & brain
    possible = (enhancing.sum() >= FEWEST) & (near.sum() >= FEWEST)
    terms = _terms([images[n] for n in others])
    predicted, spread = _predict(terms, image, near.float())
    darker = torch.minimum(predicted.clamp(1 / 255, 1), image + spread)
    halo = (grown(enhancing, HALO_MM) & brain).float()
    share = F.avg_pool3d(halo[None, None], 3, 1, 1)[0, 0]
    share = torch.where(brain, torch.where(enhancing, 1.0, share), 0.0) * possible
    changed = images.clone()
    changed[t1c] = image + share * (darker - image)
    return changed, torch.where(enhancing & possible, 2, levels).to(levels.dtype)


def _far_round(mask: Tensor, radius: float) -> Tensor:
    """What lies within `radius` voxels of a mask, to 2 voxels: computed on cells, in an eighth of the time."""
    cells = F.max_pool3d(mask.float()[None, None], 2)[0, 0] > 0
    wide = grown(cells, radius / 2).float()[None, None]
    return F.interpolate(wide, size=mask.shape, mode="nearest")[0, 0] > 0


def _terms(others: list[Tensor]) -> Tensor:
    """Constant, values, squares and products of the other modalities, (terms, K, J, I)."""
    products = [a * b for n, a in enumerate(others) for b in others[n:]]
    return torch.stack([torch.ones_like(others[0]), *others, *products])


def _predict(terms: Tensor, values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Values everywhere, from those where `known` is 1; and the standard deviation of the rest."""
    exact = torch.float32 if values.device.type == "mps" else torch.float64  # squares of products lie far apart
    flat, target, weight = (one.to(exact) for one in (terms.flatten(1), values.flatten(), known.flatten()))
    kept = weight
    predicted, spread = target, target.new_zeros(())
    for _ in range(ROUNDS):
        weighed = flat * kept
        normal = weighed @ flat.T + RIDGE * torch.eye(len(flat), dtype=exact, device=flat.device)
        solution, _ = torch.linalg.solve_ex(normal, weighed @ target)
        predicted = solution @ flat
        residual = (predicted - target).abs()
        spread = 1.48 * torch.where(kept > 0, residual, torch.nan).nanmedian().nan_to_num().clamp(min=1e-6)
        kept = weight * (residual <= OUTLIER * spread)
    return predicted.view_as(values).to(values.dtype), spread.to(values.dtype)
