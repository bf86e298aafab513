"""The voxels of one segment: read on any grid, and changed in a box without touching its neighbours.

Segments that do not overlap share a label map (a layer) in Slicer, each with a value of its own. Label maps are kept
as small as what they hold, and may begin at any voxel.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk

from ..errors import OutputError
from .geometry import fill_image, image_array, image_matrix, image_start, matrix_from_array, sample, shifted


@dataclass(frozen=True)
class Block:
    """A box of voxels on the grid of a segment.

    Args:
        matrix: From voxel indices (I, J, K) of the whole grid to the segmentation node's coordinates (RAS mm).
        start: First voxel of the box (I, J, K), may be negative.
        shape: Number of voxels (K, J, I).
    """

    matrix: np.ndarray
    start: tuple[int, int, int]
    shape: tuple[int, int, int]

    @property
    def place(self) -> np.ndarray:
        """From voxel indices in the box to the node's coordinates."""
        return shifted(self.matrix, self.start)

    def part(self, first: np.ndarray, last: np.ndarray) -> "Block":
        """The smaller block from voxel `first` to `last` (K, J, I) of this one, both included."""
        start = tuple(int(a + b) for a, b in zip(self.start, first[::-1], strict=True))
        shape = tuple(int(b - a + 1) for a, b in zip(first, last, strict=True))
        return Block(self.matrix, start, shape)  # type: ignore[arg-type]


def segment_tag(segment: Any, name: str) -> str:
    """The value of a segment's tag, empty where it has none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def segment_image(segmentation_node: Any, segment_id: str) -> Any:
    """The label map (vtkOrientedImageData) that holds a segment, perhaps with others; None where there is none."""
    return segmentation_node.GetBinaryLabelmapInternalRepresentation(segment_id)


def segment_mask(segmentation_node: Any, segment_id: str) -> tuple[np.ndarray, Block | None]:
    """A segment's voxels as bool (K, J, I) and where they lie; (empty, None) where its label map holds nothing."""
    image = segment_image(segmentation_node, segment_id)
    array = image_array(image) if image is not None else np.zeros((0, 0, 0), np.uint8)
    if array.size == 0:
        return array.astype(bool), None
    value = segmentation_node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    return array == value, Block(image_matrix(image), image_start(image), array.shape)


def read_segment(segmentation_node: Any, segment_id: str, place: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A segment on another grid by its nearest voxels: uint8 (K, J, I) of 0 and 1.

    Args:
        segmentation_node: The node.
        segment_id: One of its segments.
        place: From voxel indices (I, J, K) wanted to the node's coordinates.
        shape: How many voxels (K, J, I).
    """
    mask, block = segment_mask(segmentation_node, segment_id)
    if block is None:
        return np.zeros(shape, np.uint8)
    return sample(mask.view(np.uint8), block.place, place, shape, 0)


def add_voxels(segmentation_node: Any, segment_id: str, block: Block, added: np.ndarray) -> None:
    """Make voxels, bool (K, J, I) on `block`, part of a segment. A neighbour in the same layer that lies there keeps
    them too: Slicer then moves the segment to a layer of its own.
    """
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    _modify(segmentation_node, segment_id, block, added, added.astype(np.uint8), logic.MODE_MERGE_MASK)


def remove_voxels(segmentation_node: Any, segment_id: str, block: Block, removed: np.ndarray) -> None:
    """Take voxels, bool (K, J, I) on `block`, out of a segment."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    kept = np.where(removed, 0, 255).astype(np.uint8)
    _modify(segmentation_node, segment_id, block, removed, kept, logic.MODE_MERGE_MIN)


def _modify(
    segmentation_node: Any, segment_id: str, block: Block, where: np.ndarray, modifier: np.ndarray, mode: int
) -> None:
    """Hand Slicer the smallest box of `modifier` that holds all of `where`."""
    found = np.nonzero(where)
    if found[0].size == 0:
        return
    first, last = np.array([(axis.min(), axis.max()) for axis in found]).T
    small = block.part(first, last)
    image = slicer.vtkOrientedImageData()
    fill_image(image, modifier[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))], small.start)
    image.SetGeometryFromImageToWorldMatrix(matrix_from_array(block.matrix))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if not logic.SetBinaryLabelmapToSegment(image, segmentation_node, segment_id, mode):
        raise OutputError(
            f"the segment {segment_id} of {segmentation_node.GetName()} could not be changed: "
            "choose another segmentation, or make a new one"
        )


def segment_digest(segmentation_node: Any, segment_id: str) -> str:
    """A text that is the same exactly for the same voxels of a segment, however its label map is stored."""
    mask, block = segment_mask(segmentation_node, segment_id)
    if block is None:
        return "empty"
    ranges = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if held.size == 0:
            return "empty"
        ranges.append(slice(int(held[0]), int(held[-1]) + 1))
    cut = mask[tuple(ranges)]
    first = tuple(start + part.start for start, part in zip(block.start, ranges[::-1], strict=True))
    digest = hashlib.blake2b(f"{first} {cut.shape}".encode(), digest_size=8)
    digest.update(np.packbits(cut).tobytes())
    return digest.hexdigest()
