"""Segments of others that give way to the tumour: what is taken from them, and given back when the tumour goes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..geometry import sample
from .node import (
    REGION_TAG,
    Block,
    add_voxels,
    covering_block,
    is_finished,
    read_segment,
    remove_voxels,
    segment_digest,
    segment_grid,
    visible_segments,
)
from .ownership import segment_tag

OVERWRITE_MODES = ("none", "visible", "all")


@dataclass
class _Taken:
    """Voxels, bool (K, J, I) on `block`, that were taken from a segment and not given back."""

    block: Block
    voxels: np.ndarray


class Neighbours:
    """Takes voxels from other segments where the tumour comes, and gives them back where it is no more, as after an
    undo. A segment that somebody else has changed since keeps what was made of it.

    Args:
        segmentation_node: The segmentation that holds them, and the segments of the tumour.
    """

    def __init__(self, segmentation_node: Any) -> None:
        self._node = segmentation_node
        self._taken: dict[str, list[_Taken]] = {}
        self._digests: dict[str, str] = {}

    def give_way(self, block: Block, added: np.ndarray, mode: str) -> None:
        """Take voxels, bool (K, J, I) on `block`, from the segments that a mode of `OVERWRITE_MODES` names; not from
        those of GliomaSAM, nor from those marked as completed.
        """
        node = self._node
        segmentation = node.GetSegmentation()
        choices: dict[str, tuple[str, ...]] = {"none": (), "visible": visible_segments(node)}
        for name in choices.get(mode, segmentation.GetSegmentIDs()):
            segment = segmentation.GetSegment(name)
            if segment_tag(segment, REGION_TAG) or is_finished(segment):
                continue
            there = covering_block(segment_grid(node, name), block.place, block.shape)
            wanted = sample(added.view(np.uint8), block.place, there.place, there.shape, 0)
            voxels = (wanted & read_segment(node, name, there.place, there.shape)) > 0
            if voxels.any():
                self._forget_edited(name)
                remove_voxels(node, name, there, voxels)
                self._taken.setdefault(name, []).append(_Taken(there, voxels))
                self._digests[name] = segment_digest(node, name)

    def give_back(self) -> None:
        """Give back what was taken where no segment of GliomaSAM holds it any more."""
        node = self._node
        segmentation = node.GetSegmentation()
        own = [name for name in segmentation.GetSegmentIDs() if segment_tag(segmentation.GetSegment(name), REGION_TAG)]
        for name in list(self._taken):
            self._forget_edited(name)
            for taken in self._taken.get(name, []):
                place, shape = taken.block.place, taken.block.shape
                held = np.logical_or.reduce([read_segment(node, one, place, shape) > 0 for one in own])
                add_voxels(node, name, taken.block, taken.voxels & ~held)
                taken.voxels &= held
            if name in self._taken:
                self._taken[name] = [taken for taken in self._taken[name] if taken.voxels.any()]
                self._digests[name] = segment_digest(node, name)

    def _forget_edited(self, name: str) -> None:
        """Forget what was taken from a segment that is not as it was left, is gone, completed, or one of GliomaSAM."""
        segment = self._node.GetSegmentation().GetSegment(name)
        same = segment is not None and self._digests.get(name) == segment_digest(self._node, name)
        if not same or is_finished(segment) or segment_tag(segment, REGION_TAG):
            self._taken.pop(name, None)
