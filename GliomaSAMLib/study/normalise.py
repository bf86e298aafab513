"""One robust normalisation for every scanner, number type and contrast."""

import numpy as np

LOW_PERCENT, HIGH_PERCENT = 0.5, 99.5


def normalise(values: np.ndarray, brain: np.ndarray, measured: np.ndarray | None = None) -> np.ndarray | None:
    """Map the grey values inside the brain to [0, 1].

    The 0.5 and 99.5 percentiles become 0 and 1, so outliers (a FLAIR maximum of 32767) and negative values do no harm.

    Args:
        values: float32 (K, J, I); NaN where the volume does not reach.
        brain: bool (K, J, I).
        measured: bool (K, J, I), voxels that the percentiles are taken over besides being in the brain; default all.

    Returns:
        float32 (K, J, I) in [0, 1], 0 outside the brain and where `values` is NaN; None when there is no contrast.
    """
    inside = brain & np.isfinite(values)
    sample = values[inside & measured] if measured is not None else values[inside]
    if sample.size == 0:
        return None
    low, high = np.percentile(sample, (LOW_PERCENT, HIGH_PERCENT))
    if not high > low:
        low, high = float(sample.min()), float(sample.max())
    if not high > low:
        return None
    result = np.zeros(values.shape, np.float32)
    result[inside] = np.clip((values[inside] - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return result
