"""Edits of segments by somebody else: noticing them, and what an edit of one segment means for the others."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import slicer

from ...regions import REGIONS
from .node import PARTS_OF_REGION, segment_digest, segment_image
from .ownership import segment_tag

WRITTEN_TAG = "GliomaSAM.written"
"""The tag that holds the digest of a segment as it was last written."""


class SegmentChangeDetector:
    """Remembers what segments held when they were written. The digest goes into the segment and is saved with it; the
    time of the last change of the label map spares computing it while nothing happens.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, int]] = {}
        self._digests: dict[str, str] = {}  # a segment's tag goes back with it when the user undoes in Segment Editor

    def remember(self, segmentation_node: Any, segment_id: str) -> None:
        """Take what a segment holds now as written. One that was not started is then in progress."""
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
        if logic.GetSegmentStatus(segment) == logic.NotStarted:
            logic.SetSegmentStatus(segment, logic.InProgress)
        self._digests[segment_id] = segment_digest(segmentation_node, segment_id)
        segment.SetTag(WRITTEN_TAG, self._digests[segment_id])
        self._seen[segment_id] = segment_version(segmentation_node, segment_id)

    def is_edited(self, segmentation_node: Any, segment_id: str) -> bool:
        """Whether a segment holds something else than when it was written; never written, whether it holds anything."""
        version = segment_version(segmentation_node, segment_id)
        if self._seen.get(segment_id) == version:
            return False
        segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
        written = self._digests.get(segment_id) or segment_tag(segment, WRITTEN_TAG) or "empty"
        if segment_digest(segmentation_node, segment_id) != written:
            return True
        self._seen[segment_id] = version
        return False


def segment_version(segmentation_node: Any, segment_id: str) -> tuple[Any, int]:
    """The label map that holds a segment, and when it was changed."""
    image = segment_image(segmentation_node, segment_id)
    return image, image.GetMTime() if image is not None else 0


Parts = dict[str, np.ndarray]
"""By part of a style, bool (K, J, I)."""


def meant_by_hand(style: str, before: Parts, parts: Parts) -> tuple[Parts, tuple[str, ...]]:
    """What segments are to hold after an edit by hand. Slicer either lets segments overlap, or takes what is painted
    into one out of all others; neither keeps regions nested.

    Nested, what is painted into a region is in all round it as well, so what they lost there is no edit of theirs; and
    what is erased from one is in none inside it. Side by side, what is painted into one leaves the others.

    Args:
        style: "nested", "disjoint" or "lesion".
        before: What the segments held before the edit, as far as they are in `parts`.
        parts: What they hold now; those that are not there are left out.

    Returns:
        What they are to hold, and the regions that somebody drew; the others follow.
    """
    return (_nested if style == "nested" else _side_by_side)(before, parts)


def _nested(before: Parts, parts: Parts) -> tuple[Parts, tuple[str, ...]]:
    there = [region for region in REGIONS if region in parts]
    painted = [region for region in there if (parts[region] & ~before[region]).any()]
    meant: Parts = {}
    drawn = []
    for region in there:
        inner = [parts[other] for other in painted if REGIONS.index(other) > REGIONS.index(region)]
        inside = np.logical_or.reduce(inner) if inner else np.False_
        meant[region] = parts[region] | inside
        if not np.array_equal(meant[region], before[region] | inside):
            drawn.append(region)
    for outer, inner_region in pairwise(there):
        meant[inner_region] = meant[inner_region] & meant[outer]
    return meant, tuple(drawn)


def _side_by_side(before: Parts, parts: Parts) -> tuple[Parts, tuple[str, ...]]:
    painted = {part: mask & ~before[part] for part, mask in parts.items()}
    meant: Parts = {}
    for part, mask in parts.items():
        others = [new for other, new in painted.items() if other != part]
        meant[part] = mask & ~(np.logical_or.reduce(others) & ~painted[part]) if others else mask
    return meant, REGIONS


def regions_of(style: str, parts: Mapping[str, np.ndarray], shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """The masks, uint8 (K, J, I), of the regions that a style has, from those of its segments that are there."""
    masks = {}
    for region, needed in PARTS_OF_REGION[style].items():
        mask = np.zeros(shape, bool)
        for part in needed:
            if part in parts:
                mask |= parts[part]
        masks[region] = mask.view(np.uint8)
    return masks
