"""Whether an outline ends where the images end: the tumour may go on, and its volume is a lower bound."""

import numpy as np

from ..geometry import Geometry
from .masks import PackedMasks

ENDS = (("right", "left"), ("front", "back"), ("top", "bottom"))
"""Of the patient, along R, A and S: where the axis grows, where it falls."""


def cut_off_notes(masks: PackedMasks, grid: Geometry) -> list[str]:
    """A sentence where masks touch the end of their grid; none otherwise.

    Args:
        masks: Of the regions, on `grid`.
        grid: The study's reference grid.
    """
    ends: dict[str, None] = {}
    cut = []
    for region, mask in masks.regions.items():
        found = _ends(mask.box, grid) if mask.box is not None else []
        if found:
            cut.append(region)
            ends.update(dict.fromkeys(found))
    if not cut:
        return []
    verb, volume = (
        ("ends", "its volume is a lower bound") if len(cut) == 1 else ("end", "their volumes are lower bounds")
    )
    return [
        f"{' and '.join(cut)} {verb} with the field of view ({', '.join(ends)}): the tumour may go on beyond its edge, "
        f"so {volume}"
    ]


def _ends(box: tuple[int, int, int, int, int, int], grid: Geometry) -> list[str]:
    """The sides of the patient at which a box (k0, k1, j0, j1, i0, i1) touches the end of the grid."""
    found = []
    for axis, size in enumerate(grid.size):
        first, stop = box[4 - 2 * axis], box[5 - 2 * axis]
        along = np.asarray(grid.direction)[:, axis]
        main = int(np.abs(along).argmax())
        grows, falls = ENDS[main] if along[main] > 0 else ENDS[main][::-1]
        if first == 0:
            found.append(falls)
        if stop == size:
            found.append(grows)
    return found
