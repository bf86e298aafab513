"""Results out: label maps, Slicer segmentations, JSON reports and pictures, each written whole or not at all.

`check_output_path` tells before the work whether the result can be written; `write_segmentation` writes it by its
suffix. Pictures (`GliomaSAMLib.output.picture`) are imported on their own, as they need matplotlib.
"""

from .colours import CAVITY_ID, CAVITY_STYLE, REGION_STYLES, RegionStyle
from .report import DISCLAIMER, segmentation_report, write_report
from .segmentation import (
    KNOWN_SUFFIXES,
    Segment,
    check_output_path,
    output_suffix,
    region_segments,
    terminology_entry,
    twin_notes,
    write_label_map,
    write_segmentation,
    write_segments,
    write_slicer_segmentation,
)

__all__ = [
    "CAVITY_ID",
    "CAVITY_STYLE",
    "DISCLAIMER",
    "KNOWN_SUFFIXES",
    "REGION_STYLES",
    "RegionStyle",
    "Segment",
    "check_output_path",
    "output_suffix",
    "region_segments",
    "segmentation_report",
    "terminology_entry",
    "twin_notes",
    "write_label_map",
    "write_report",
    "write_segmentation",
    "write_segments",
    "write_slicer_segmentation",
]
