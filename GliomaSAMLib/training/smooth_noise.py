"""Smooth random fields, by which borders are shifted."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def smooth_noise(shape: Sequence[int], grain: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of mean 0 and variance about 1 that changes over distances of `grain` voxels, float32 (k, j, i).

    It is interpolated from a coarse grid, which takes a hundredth of the time of a filter.
    """
    coarse = [max(2, int(np.ceil(side / grain)) + 1) for side in shape]
    factors = [side / cells for side, cells in zip(shape, coarse, strict=True)]
    values = rng.normal(size=coarse).astype(np.float32)
    field = ndimage.zoom(values, factors, order=1, mode="nearest", grid_mode=True)
    return np.asarray(field / (values.std() + 1e-6), np.float32)
