"""The outlines that a segmentation node holds, whoever made them: which segments are the tumour, and their masks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import slicer

from ...data.segment_names import is_told, part_of
from ...errors import StudyError
from ...followup.lesions import VisitMasks
from ...geometry import Geometry
from ...regions import REGIONS
from ..geometry import (
    covering_grid,
    image_array,
    image_matrix,
    image_start,
    local_to_world,
    perpendicular_grid,
    shifted,
)
from ..persistence import saved_style
from ..segments.cavity import read_cavity
from ..segments.node import REGION_TAG, STYLES, read_segment, segment_image, segment_mask
from ..segments.ownership import is_own, segment_tag

PARTS_OF_REGION: Mapping[str, tuple[str, ...]] = {"WT": ("WT", "ED", "lesion"), "TC": ("TC", "NC"), "ET": ("ET",)}
"""By region the parts of which it consists, beside the regions inside it; a segmentation holds some of them."""

PARTS = tuple(part for parts in PARTS_OF_REGION.values() for part in parts)


def tumour_segments(segmentation_node: Any) -> dict[str, tuple[str, ...]]:
    """By part (WT, TC, ET; ED, NC, ET; lesion): the ids of its segments, of which only lesions have several. Segments
    are known by the tag that GliomaSAM gives them, and are those of the style that it writes now, with the one that is
    chosen for a lesion; else by their id or name.
    """
    segmentation = segmentation_node.GetSegmentation()
    style, chosen = saved_style(segmentation_node)
    tagged: dict[str, list[str]] = {}
    named: dict[str, tuple[str, ...]] = {}
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        part = segment_tag(segment, REGION_TAG) or ("lesion" if (style, segment_id) == ("lesion", chosen) else "")
        if part in PARTS:
            tagged.setdefault(part, []).append(str(segment_id))
            continue
        spoken = part_of(segment_id) or part_of(segment.GetName())
        if not part and spoken in PARTS:
            named.setdefault(spoken, (str(segment_id),))
    written = {plan.part for plan in STYLES.get(style or "", ())} & tagged.keys()
    found = {}
    for part in written if written & set(PARTS_OF_REGION["WT"]) else tagged:
        own = [name for name in tagged[part] if name == chosen or is_own(segmentation_node, name)] or tagged[part]
        found[part] = tuple(own if part == "lesion" else own[:1])
    return found or named


def is_tumour_segmentation(segmentation_node: Any) -> bool:
    """Whether a node holds segments of a tumour, or was made by GliomaSAM for some."""
    return bool(segmentation_node.GetAttribute("GliomaSAM.id")) or bool(tumour_segments(segmentation_node))


def has_outline(segmentation_node: Any) -> bool:
    """Whether the tumour was outlined here: some segment of it holds voxels."""
    return any(
        segment_mask(segmentation_node, segment_id)[0].any()
        for segment_ids in tumour_segments(segmentation_node).values()
        for segment_id in segment_ids
    )


def outline_geometry(segmentation_node: Any) -> Geometry:
    """The grid of a segmentation in the world, RAS mm.

    Raises:
        StudyError: It is not known, has one slice, or a transform above the node is not linear.
    """
    matrix, size = _grid(segmentation_node)
    matrix = local_to_world(segmentation_node) @ matrix
    geometry = perpendicular_grid(matrix, size) or covering_grid(matrix, size)
    if min(geometry.size) < 2:
        raise StudyError(f"{segmentation_node.GetName()} has one slice: choose a segmentation of a whole volume")
    return geometry


def read_outlines(segmentation_node: Any) -> VisitMasks:
    """The masks of a segmentation on its own grid, nested, with what is cavity in no region.

    Raises:
        StudyError: There is no segment of a tumour; see `outline_geometry` too.
    """
    parts = tumour_segments(segmentation_node)
    if not parts:
        names = ", ".join(_segment_names(segmentation_node)) or "none"
        raise StudyError(
            f"{segmentation_node.GetName()} has no segments WT, TC and ET, but {names}: choose another segmentation, "
            "or outline the tumour"
        )
    geometry = outline_geometry(segmentation_node)
    place = np.linalg.inv(local_to_world(segmentation_node)) @ geometry.ijk_to_ras
    masks = {region: np.zeros(geometry.shape, np.uint8) for region in REGIONS}
    for region, needed in PARTS_OF_REGION.items():
        for segment_id in (segment_id for part in needed for segment_id in parts.get(part, ())):
            masks[region] |= read_segment(segmentation_node, segment_id, place, geometry.shape)
    masks["TC"] |= masks["ET"]
    masks["WT"] |= masks["TC"]
    cavity = read_cavity(segmentation_node, geometry)
    if cavity is not None:
        for mask in masks.values():
            mask[cavity > 0] = 0
    known = tuple(region for region in REGIONS if is_told(region, parts) or (region == "WT" and "lesion" in parts))
    return VisitMasks(geometry, masks["WT"], masks["TC"], masks["ET"], cavity, known)


def outlines_version(segmentation_node: Any) -> tuple[object, ...]:
    """Another value each time somebody may have changed what `read_outlines` gives, or lets it raise `StudyError`."""
    segmentation = segmentation_node.GetSegmentation()
    images = [segment_image(segmentation_node, name) for name in segmentation.GetSegmentIDs()]
    times = tuple(image.GetMTime() if image is not None else 0 for image in images)
    try:
        place = local_to_world(segmentation_node).tobytes()
    except StudyError:
        place = b"not linear"
    return (*segmentation.GetSegmentIDs(), *times, place, *tumour_segments(segmentation_node).items())


def _segment_names(segmentation_node: Any) -> list[str]:
    segmentation = segmentation_node.GetSegmentation()
    return [str(segmentation.GetSegment(name).GetName()) for name in segmentation.GetSegmentIDs()]


def _grid(segmentation_node: Any) -> tuple[np.ndarray, tuple[int, int, int]]:
    """From voxel indices to the node's own coordinates, and the size, as the reference geometry says; else of the label
    map that reaches farthest.
    """
    converter = slicer.vtkSegmentationConverter
    segmentation = segmentation_node.GetSegmentation()
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    if text and converter.DeserializeImageGeometry(text, image, False):
        i0, i1, j0, j1, k0, k1 = image.GetExtent()
        if i1 >= i0 and j1 >= j0 and k1 >= k0:
            return shifted(image_matrix(image), (i0, j0, k0)), (i1 - i0 + 1, j1 - j0 + 1, k1 - k0 + 1)
    names = [name for found in tumour_segments(segmentation_node).values() for name in found]
    images = [segment_image(segmentation_node, name) for name in names]
    held = [image for image in images if image is not None and image_array(image).size]
    if not held:
        raise StudyError(
            f"The grid of {segmentation_node.GetName()} is not known: choose its source volume in the Segment Editor"
        )
    image = max(held, key=lambda one: image_array(one).size)
    k, j, i = image_array(image).shape
    return shifted(image_matrix(image), image_start(image)), (i, j, k)
