"""The masks of a session in the file that the user named."""

import os
from collections.abc import Mapping

import numpy as np

from ..study.geometry import Geometry
from .destination import SEGMENTATION_SUFFIX, output_suffix
from .label_map import write_label_map
from .slicer_segmentation import write_slicer_segmentation


def write_segmentation(
    path: str | os.PathLike[str], masks: Mapping[str, np.ndarray], geometry: Geometry, et_label: int = 3
) -> None:
    """Write nested masks, uint8 (K, J, I) by region, in the format that the suffix names.

    Args:
        path: Ending in .seg.nrrd, a Slicer segmentation; in .nii.gz, .nii, .nrrd or .mha, a BraTS label map.
        masks: WT, TC and ET.
        geometry: Their grid.
        et_label: The label of enhancing tumour in a label map, 3 or 4.

    Raises:
        OutputError: See `write_label_map` and `check_output_path`. A file that was there before is then unchanged.
    """
    if output_suffix(path) == SEGMENTATION_SUFFIX:
        write_slicer_segmentation(path, masks, geometry)
    else:
        write_label_map(path, masks, geometry, et_label)
