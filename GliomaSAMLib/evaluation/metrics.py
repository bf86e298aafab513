"""How near the surfaces of a mask and the truth are, and how fast clicks get there.

Conventions (those of BraTS): with an empty reference NSD is 1 when the prediction is empty too, else 0;
the 95th-percentile Hausdorff distance of one empty mask is 373 mm (the diagonal of a BraTS volume), of two 0.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.metrics.utils import get_edge_surface_distance

from ..geometry import bounding_box

HD95_OF_EMPTY = 373.0
"""HD95 in mm when exactly one of the two masks is empty."""


@dataclass(frozen=True)
class SurfaceAgreement:
    """How near two surfaces are: HD95 in mm (the worse of both directions), NSD in [0, 1] at 1 and 2 mm."""

    hd95: float
    nsd1: float
    nsd2: float


def surface_agreement(prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float]) -> SurfaceAgreement:
    """HD95 and normalised surface Dice of two masks (K, J, I), from one distance transform in each direction.

    Args:
        prediction: Non-zero inside.
        truth: Non-zero inside, same shape.
        spacing: mm between voxels along K, J, I, the order of the array's axes.

    Edges and distances are MONAI's, as are the definitions: HD95 is the larger of the two directed 95th percentiles,
    NSD the share of edge voxels of both masks that lie within the tolerance of the other's edge.
    """
    if not prediction.any() or not truth.any():
        both_empty = not prediction.any() and not truth.any()
        share = 1.0 if both_empty else 0.0
        return SurfaceAgreement(0.0 if both_empty else HD95_OF_EMPTY, share, share)
    box = bounding_box((prediction > 0) | (truth > 0), margin=1)
    masks = [torch.from_numpy(np.ascontiguousarray(np.pad(mask[box] > 0, 1))) for mask in (prediction, truth)]
    with warnings.catch_warnings():  # MONAI 1.6 calls itself with an argument that it deprecates
        warnings.simplefilter("ignore", FutureWarning)
        _, distances, _ = get_edge_surface_distance(*masks, spacing=list(spacing), symmetric=True)
    there, back = (distance.numpy() for distance in distances)
    both = np.concatenate([there, back])
    hd95 = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return SurfaceAgreement(hd95, float(np.mean(both <= 1.0)), float(np.mean(both <= 2.0)))


def prompts_to_reach(curve: Sequence[float], target: float) -> int | None:
    """Prompts after which Dice first is at least `target`; `curve[n]` is the Dice after n. None: never."""
    return next((prompts for prompts, value in enumerate(curve) if value >= target), None)


def area_under_curve(curve: Sequence[float]) -> float:
    """Mean height of the Dice curve over prompts 0..N (trapezoids, divided by N): 1 is perfect from the start."""
    if len(curve) < 2:
        return float(curve[0])
    return float(np.trapezoid(curve)) / (len(curve) - 1)
