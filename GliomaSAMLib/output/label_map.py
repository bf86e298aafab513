"""A BraTS label map on the reference grid."""

import os
from collections.abc import Mapping

import numpy as np

from ..errors import OutputError
from ..regions import labels_from_regions
from ..study.geometry import Geometry
from .image_file import write_image

ET_LABELS = (3, 4)
"""Enhancing tumour since 2023, and before."""


def write_label_map(
    path: str | os.PathLike[str], masks: Mapping[str, np.ndarray], geometry: Geometry, et_label: int = 3
) -> None:
    """Write nested masks, uint8 (K, J, I), as one label map: NCR 1, ED 2, ET `et_label`. NIfTI, NRRD or MHA by the
    suffix.

    Raises:
        OutputError: `et_label` is not 3 or 4; the masks do not fit the grid; the file cannot be written (an old one
            stays).
    """
    if et_label not in ET_LABELS:
        raise OutputError(f"{et_label} is no label of enhancing tumour: use 3 (BraTS 2023 and later) or 4 (before)")
    write_image(path, geometry.to_image(labels_from_regions(check_masks(masks, geometry), et_label)))


def check_masks(masks: Mapping[str, np.ndarray], geometry: Geometry) -> dict[str, np.ndarray]:
    """Masks of all regions as uint8 0 and 1, in nested order. Raises `OutputError` when one is absent or of another
    shape.
    """
    for region in ("WT", "TC", "ET"):
        if region not in masks:
            raise OutputError(f"the mask of {region} is missing: give WT, TC and ET")
        if masks[region].shape != geometry.shape:
            raise OutputError(
                f"the mask of {region} has the shape {masks[region].shape}, the grid {geometry.shape} (K, J, I)"
            )
    return {region: (np.asarray(masks[region]) > 0).astype(np.uint8) for region in ("WT", "TC", "ET")}
