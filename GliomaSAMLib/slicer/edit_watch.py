"""Whether somebody else changed a segment since it was last written, also across saving and loading the scene."""

from typing import Any

import slicer

from .segment_voxels import segment_digest, segment_image, segment_tag

WRITTEN_TAG = "GliomaSAM.written"
"""The tag that holds the digest of a segment as it was last written."""


class EditWatch:
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
        self._seen[segment_id] = _version(segmentation_node, segment_id)

    def is_edited(self, segmentation_node: Any, segment_id: str) -> bool:
        """Whether a segment holds something else than when it was written; never written, whether it holds anything."""
        version = _version(segmentation_node, segment_id)
        if self._seen.get(segment_id) == version:
            return False
        segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
        written = self._digests.get(segment_id) or segment_tag(segment, WRITTEN_TAG) or "empty"
        if segment_digest(segmentation_node, segment_id) != written:
            return True
        self._seen[segment_id] = version
        return False


def _version(segmentation_node: Any, segment_id: str) -> tuple[Any, int]:
    """The label map that holds a segment, and when it was changed."""
    image = segment_image(segmentation_node, segment_id)
    return image, image.GetMTime() if image is not None else 0
