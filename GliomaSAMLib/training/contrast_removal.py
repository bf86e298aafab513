"""A glioma as it would look without enhancement: its t1c without the uptake of contrast agent. [ours]

Most gliomas of the public collections enhance; few that do not are there to learn from. Round the enhancing part t1c is
predicted from the other modalities by least squares, and takes the prediction's place inside it. The enhancing part
becomes part of the core that does not enhance, which BraTS calls NCR.
"""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from ..errors import CaseError

NCR, ET_LABELS = 1, (3, 4)

HALO_MM = 2.5
"""Uptake seen beyond the label is taken out as well."""

NEAR_MM = (4.0, 25.0)
"""The tissue to learn from lies between these distances from the enhancing part."""

SOFT_MM = 1.0
"""Standard deviation of the transition."""

ROUNDS, OUTLIER = 4, 2.5
"""What lies beyond so many standard deviations, such as vessels, is left out of the next fit."""


def without_enhancement(
    images: Mapping[str, np.ndarray], labels: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The images and labels of the same tumour without enhancement; neither is changed.

    Args:
        images: For each modality present float32 (K, J, I), 1 mm, in [0, 1], 0 outside the brain.
        labels: BraTS labels, uint8 (K, J, I).

    Raises:
        CaseError: There is no t1c, nothing to predict it from, or no enhancing tumour.
    """
    enhancing = np.isin(labels, ET_LABELS)
    others = [image for modality, image in images.items() if modality != "t1c"]
    if "t1c" not in images or not others:
        raise CaseError("enhancement can be taken out of a case with t1c and another volume only")
    if not enhancing.any():
        raise CaseError("there is no enhancing tumour to be taken out")
    t1c = images["t1c"]
    distance = ndimage.distance_transform_edt(~enhancing)
    halo = (distance <= HALO_MM) & (t1c > 0)
    share = ndimage.gaussian_filter(halo.astype(np.float32), SOFT_MM)
    share[enhancing] = 1
    share[t1c == 0] = 0
    near = (distance > NEAR_MM[0]) & (distance <= NEAR_MM[1]) & (t1c > 0)
    inside = share > 0.01
    predicted, spread = _predict(_terms(others, near), t1c[near], _terms(others, inside))
    darker = np.minimum(np.clip(predicted, 1 / 255, 1), t1c[inside] + spread)
    changed = t1c.copy()
    changed[inside] += (share[inside] * (darker - t1c[inside])).astype(t1c.dtype)
    return {**images, "t1c": changed}, np.where(enhancing, NCR, labels).astype(labels.dtype)


def _terms(others: list[np.ndarray], where: np.ndarray) -> np.ndarray:
    """Constant, values, squares and products of the other modalities, (N, terms)."""
    values = [image[where] for image in others]
    products = [a * b for n, a in enumerate(values) for b in values[n:]]
    return np.stack([np.ones_like(values[0]), *values, *products], axis=1)


def _predict(known: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, float]:
    """Values for the rows `wanted`, from those of the rows `known`, and the standard deviation of what is not told."""
    kept = np.ones(len(values), bool)
    spread = 0.0
    weights = np.zeros(known.shape[1])
    for _ in range(ROUNDS):
        weights, *_ = np.linalg.lstsq(known[kept], values[kept], rcond=None)
        residual = np.abs(values - known @ weights)
        spread = 1.48 * float(np.median(residual[kept]))
        kept = residual < OUTLIER * max(spread, 1e-6)
    return wanted @ weights, spread
