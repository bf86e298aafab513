"""Label maps in which oedema and the core that does not enhance have changed places."""

import numpy as np

from ..geometry import bounding_box

CORE, OEDEMA = 1, 2
"""Labels of BraTS; the Medical Segmentation Decathlon and some converters have them the other way round."""

_FEWEST_VOXELS = 30

_MOSTLY_OUTSIDE = 0.5

_CLEARLY_MORE = 0.1


def core_and_oedema_exchanged(labels: np.ndarray) -> bool:
    """Whether what should be the core lies outside, around what should be the oedema.

    Oedema borders on healthy tissue wherever it is: of its faces to other labels 58 to 96 % are to label 0 in BraTS
    cases, of the core's 0 to 48 %, and in each case at least 23 % less.

    Args:
        labels: BraTS label map (K, J, I).
    """
    if min(np.count_nonzero(labels == label) for label in (CORE, OEDEMA)) < _FEWEST_VOXELS:
        return False
    inside = np.pad(labels[bounding_box(labels > 0)], 1)
    core, oedema = (_share_to_background(inside, label) for label in (CORE, OEDEMA))
    return core > _MOSTLY_OUTSIDE and core > oedema + _CLEARLY_MORE


def _share_to_background(labels: np.ndarray, label: int) -> float:
    """The share of the faces between a label and others that are to label 0."""
    to_others = to_background = 0
    for axis in range(labels.ndim):
        moved = np.moveaxis(labels, axis, 0)
        for one, other in ((moved[:-1], moved[1:]), (moved[1:], moved[:-1])):
            beyond = other[(one == label) & (other != label)]
            to_others += beyond.size
            to_background += int(np.count_nonzero(beyond == 0))
    return to_background / max(to_others, 1)
