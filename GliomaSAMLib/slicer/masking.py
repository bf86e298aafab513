"""Where a segment may be changed: the masking settings of a segment editor node, and segments that are finished."""

from collections.abc import Collection
from typing import Any

import numpy as np
import slicer

from .geometry import image_array, image_start, local_to_world, sample, shifted, volume_matrix
from .segment_voxels import Block, read_segment


def is_finished(segment: Any) -> bool:
    """Whether the user has marked a segment as completed: nothing changes it any more."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    return bool(logic.GetSegmentStatus(segment) == logic.Completed)


def visible_segments(segmentation_node: Any) -> tuple[str, ...]:
    """The ids of the segments that are shown."""
    display_node = segmentation_node.GetDisplayNode()
    ids = segmentation_node.GetSegmentation().GetSegmentIDs()
    return tuple(name for name in ids if display_node is None or display_node.GetSegmentVisibility(name))


def editable(segmentation_node: Any, editor_node: Any, block: Block, own: Collection[str]) -> np.ndarray | None:
    """Bool (K, J, I) on `block`: where the masking of Segment Editor allows a change; None where it allows all.

    Args:
        segmentation_node: The segmentation to change.
        editor_node: vtkMRMLSegmentEditorNode; its masking counts only while it edits this segmentation. Or None.
        block: The box to change.
        own: Ids of the segments that are changed together: they do not mask each other, unless one of them is chosen
            as the mask.
    """
    if editor_node is None or editor_node.GetSegmentationNode() is not segmentation_node:
        return None
    allowed = _by_segments(segmentation_node, editor_node, block, own)
    by_intensity = _by_intensity(segmentation_node, editor_node, block)
    if allowed is None or by_intensity is None:
        return allowed if by_intensity is None else by_intensity
    return np.asarray(allowed & by_intensity)


def _by_segments(segmentation_node: Any, editor_node: Any, block: Block, own: Collection[str]) -> np.ndarray | None:
    modes = slicer.vtkMRMLSegmentationNode
    mode = editor_node.GetMaskMode()
    if mode == modes.EditAllowedEverywhere:
        return None
    if mode == modes.EditAllowedInsideSingleSegment:
        masking = [editor_node.GetMaskSegmentID() or ""]
    else:
        visible_only = mode in (modes.EditAllowedInsideVisibleSegments, modes.EditAllowedOutsideVisibleSegments)
        segmentation = segmentation_node.GetSegmentation()
        shown = visible_segments(segmentation_node) if visible_only else segmentation.GetSegmentIDs()
        masking = [segment_id for segment_id in shown if segment_id not in own]
    held = np.zeros(block.shape, bool)
    for segment_id in masking:
        if segmentation_node.GetSegmentation().GetSegment(segment_id) is not None:
            held |= read_segment(segmentation_node, segment_id, block.place, block.shape) > 0
    return ~held if mode in (modes.EditAllowedOutsideAllSegments, modes.EditAllowedOutsideVisibleSegments) else held


def _by_intensity(segmentation_node: Any, editor_node: Any, block: Block) -> np.ndarray | None:
    volume_node = editor_node.GetSourceVolumeNode()
    if not editor_node.GetSourceVolumeIntensityMask() or volume_node is None or volume_node.GetImageData() is None:
        return None
    lowest, highest = editor_node.GetSourceVolumeIntensityMaskRange()
    image = volume_node.GetImageData()
    where = shifted(volume_matrix(volume_node), image_start(image))
    place = local_to_world(segmentation_node) @ block.place
    values = sample(image_array(image), where, place, block.shape, float("nan"))
    return np.asarray((values >= lowest) & (values <= highest))
