"""Segmentation nodes: which segments a style has and how they look, the grid they are stored on, and their voxels."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from ...errors import OutputError
from ...geometry import Geometry
from ...output.colours import ANATOMY_CODE, CATEGORY_CODE, REGION_STYLES, RegionStyle
from ..geometry import (
    covering_grid,
    fill_image,
    image_array,
    image_matrix,
    image_start,
    local_to_world,
    matrix_from_array,
    perpendicular_grid,
    same_grid,
    sample,
    shifted,
)
from .ownership import identify

if TYPE_CHECKING:
    from ...session.masks import Box

REGION_TAG = "GliomaSAM.region"
"""The tag by which a segment of ours is found again; its value is the `part` of a `SegmentPlan`."""

# Codes are those of DICOM: context group 7169 (brain lesions, necrosis not told from other non-enhancing tumour) for
# oedema, enhancing and non-enhancing tumour; Slicer's list for the category, the core and the anatomy.
CATEGORY_CONTEXT = "Segmentation category and type - DICOM master list"

ANATOMY_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class SegmentPlan:
    """One segment of a style.

    Args:
        part: What it holds: a region (WT, TC, ET), oedema (ED), non-enhancing core (NC), or "lesion".
        looks: Name, colour and code.
        region: The region whose mask it holds,
        without: less this one; None for all of it.
    """

    part: str
    looks: RegionStyle
    region: str
    without: str | None = None

    @property
    def segment_id(self) -> str:
        """The id that a new segment is given."""
        return f"GliomaSAM_{self.part}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The regions from whose masks it is made."""
        return (self.region,) if self.without is None else (self.region, self.without)

    def mask(self, region_masks: Mapping[str, np.ndarray]) -> np.ndarray:
        """uint8 (K, J, I) of 0 and 1 from the masks of `needs`."""
        mask = region_masks[self.region] > 0
        if self.without is not None:
            mask &= region_masks[self.without] == 0
        return mask.astype(np.uint8)


_OEDEMA = RegionStyle("Oedema", REGION_STYLES["WT"].colour, ("SCT", "79654002", "Edema"))

_CORE = RegionStyle("Non-enhancing core", REGION_STYLES["TC"].colour, ("NCIt", "C81175", "Non-Enhancing Lesion"))

_LESION = RegionStyle("Lesion", REGION_STYLES["WT"].colour, ("SCT", "52988006", "Lesion"))

STYLES: Mapping[str, tuple[SegmentPlan, ...]] = {
    "nested": tuple(SegmentPlan(region, looks, region) for region, looks in REGION_STYLES.items()),
    "disjoint": (
        SegmentPlan("ED", _OEDEMA, "WT", "TC"),
        SegmentPlan("NC", _CORE, "TC", "ET"),
        SegmentPlan("ET", REGION_STYLES["ET"], "ET"),
    ),
    "lesion": (SegmentPlan("lesion", _LESION, "WT"),),
}
"""By style: whole tumour, tumour core and enhancing tumour in each other; oedema, non-enhancing core and enhancing
tumour side by side (the labels of BraTS); any lesion, which takes the answer for the whole tumour."""

PARTS_OF_REGION: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nested": {region: (region,) for region in REGION_STYLES},
    "disjoint": {"WT": ("ED", "NC", "ET"), "TC": ("NC", "ET"), "ET": ("ET",)},
    "lesion": {"WT": ("lesion",)},
}
"""By style and region: the segments that together hold the region."""


def terminology(looks: RegionStyle) -> str:
    """The terminology of a segment as Slicer stores it: category, type, anatomic region."""
    scheme, value, meaning = looks.code
    category_scheme, category_value, category_meaning = CATEGORY_CODE
    anatomy_scheme, anatomy_value, anatomy_meaning = ANATOMY_CODE
    return str(
        slicer.vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
            CATEGORY_CONTEXT, category_value, category_scheme, category_meaning, value, scheme, meaning, "", "", "",
            ANATOMY_CONTEXT, anatomy_value, anatomy_scheme, anatomy_meaning, "", "", "",
        )
    )  # fmt: skip


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


def is_finished(segment: Any) -> bool:
    """Whether the user has marked a segment as completed: nothing changes it any more."""
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    return bool(logic.GetSegmentStatus(segment) == logic.Completed)


def visible_segments(segmentation_node: Any) -> tuple[str, ...]:
    """The ids of the segments that are shown."""
    display_node = segmentation_node.GetDisplayNode()
    ids = segmentation_node.GetSegmentation().GetSegmentIDs()
    return tuple(name for name in ids if display_node is None or display_node.GetSegmentVisibility(name))


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
            f"The segment {segment_id} of {segmentation_node.GetName()} could not be changed: "
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


def whole_box(shape: tuple[int, int, int]) -> "Box":
    """All of a grid of `shape` (K, J, I)."""
    return 0, shape[0], 0, shape[1], 0, shape[2]


def union(boxes: "list[Box | None]") -> "Box | None":
    """The smallest box round those given; None round none."""
    ends = np.array([box for box in boxes if box is not None])
    if ends.size == 0:
        return None
    lowest, highest = ends[:, ::2].min(axis=0), ends[:, 1::2].max(axis=0)
    return tuple(int(end) for pair in zip(lowest, highest, strict=True) for end in pair)  # type: ignore[return-value]


def trimmed(mask: np.ndarray, box: "Box") -> "tuple[np.ndarray, Box]":
    """The smallest part of a mask, which lies in `box`, that holds all it holds; one voxel where it is empty."""
    ranges = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        ranges.append((int(held[0]), int(held[-1]) + 1) if held.size else (0, 1))
    ends = [box[2 * axis] + end for axis, pair in enumerate(ranges) for end in pair]
    return mask[tuple(slice(*pair) for pair in ranges)], tuple(ends)  # type: ignore[return-value]


def covering_block(matrix: np.ndarray, place: np.ndarray, shape: tuple[int, ...]) -> Block:
    """The box of a grid that covers another box of voxels, given by `place` and `shape` in the same coordinates."""
    step = np.linalg.inv(matrix) @ place
    corners = np.stack(np.meshgrid(*[(-0.5, count - 0.5) for count in shape[::-1]], indexing="ij"), -1).reshape(-1, 3)
    reached = corners @ step[:3, :3].T + step[:3, 3]
    first = np.ceil(reached.min(axis=0) - 1e-3).astype(int)
    last = np.floor(reached.max(axis=0) + 1e-3).astype(int)
    size = np.maximum(last - first + 1, 1)
    return Block(matrix, tuple(int(n) for n in first), tuple(int(n) for n in size[::-1]))  # type: ignore[arg-type]


FILL_OPACITY, OUTLINE_OPACITY = 0.25, 1.0

OPACITY_3D: Mapping[str, float] = {"WT": 0.3, "ED": 0.3, "TC": 0.6, "NC": 0.6}
"""Of the surfaces of parts that others lie in, which would else be hidden."""


def new_segmentation(scene: Any, name: str, volume_node: Any = None) -> Any:
    """Add a segmentation node, shown as outlines with a light filling, to a scene.

    Args:
        scene: The scene.
        name: A name for people.
        volume_node: Whose grid it takes, and beside which it lies in the subject hierarchy, so that DICOM export finds
            its study; or None.
    """
    segmentation_node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    identify(segmentation_node)
    segmentation_node.CreateDefaultDisplayNodes()
    display_node = segmentation_node.GetDisplayNode()
    display_node.SetOpacity2DFill(FILL_OPACITY)
    display_node.SetOpacity2DOutline(OUTLINE_OPACITY)
    if volume_node is not None:
        segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        place = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volume_node))
        item = hierarchy.GetItemByDataNode(segmentation_node)
        if place and item:
            hierarchy.SetItemParent(item, place)
    return segmentation_node


def check_segmentation_node(segmentation_node: Any) -> None:
    """Raise where segments cannot be written into a node.

    Raises:
        OutputError: There is none, it is of another kind, was removed, or holds surfaces.
        StudyError: It lies under a transform that is not linear.
    """
    if segmentation_node is None or not segmentation_node.IsA("vtkMRMLSegmentationNode"):
        raise OutputError("No segmentation is chosen: choose one, or make a new one")
    name = segmentation_node.GetName()
    if segmentation_node.GetScene() is None:
        raise OutputError(f"The segmentation {name} was removed from the scene: choose another, or make a new one")
    segmentation = segmentation_node.GetSegmentation()
    if segmentation.GetNumberOfSegments() and not segmentation.IsSourceRepresentationImageData():
        raise OutputError(
            f"The segments of {name} are surfaces, not label maps: choose another segmentation, "
            "or convert it in the module Segmentations (Binary labelmap, Make source)"
        )
    local_to_world(segmentation_node)


def set_reference(segmentation_node: Any, reference: Geometry, volume_node: Any = None) -> None:
    """Give a segmentation that has neither grid nor voxels the grid `reference` (world, RAS mm), and remember the
    volume it stands for. One that has a grid keeps it.
    """
    role = segmentation_node.GetReferenceImageGeometryReferenceRole()
    if stored_grid(segmentation_node) is None:
        if volume_node is not None:
            segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
        matrix, size = _wanted_grid(segmentation_node, reference)
        stored = stored_grid(segmentation_node)
        if stored is None or not same_grid(stored, matrix, size):
            _store_grid(segmentation_node, matrix, size)
    elif volume_node is not None and segmentation_node.GetNodeReference(role) is None:
        segmentation_node.SetNodeReferenceID(role, volume_node.GetID())


def stored_grid(segmentation_node: Any) -> np.ndarray | None:
    """From voxel indices (I, J, K) of a segmentation to its own coordinates: as its reference geometry says, else as
    the first label map that holds anything; None where there is neither.
    """
    converter = slicer.vtkSegmentationConverter
    segmentation = segmentation_node.GetSegmentation()
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    if text and converter.DeserializeImageGeometry(text, image, False):
        return image_matrix(image)
    for segment_id in segmentation.GetSegmentIDs():
        held = segment_image(segmentation_node, segment_id)
        if held is not None and image_array(held).size:
            return image_matrix(held)
    return None


def place_empty_layers(segmentation_node: Any) -> None:
    """Give label maps that hold nothing the segmentation's grid. Slicer leaves them at voxels of 1 mm from the origin,
    and when it saves it merges segments that do not overlap into the first label map: those would be resampled.
    """
    matrix = stored_grid(segmentation_node)
    if matrix is None:
        return
    for segment_id in segmentation_node.GetSegmentation().GetSegmentIDs():
        image = segment_image(segmentation_node, segment_id)
        if image is not None and not np.allclose(image_matrix(image), matrix) and not image_array(image).any():
            image.SetGeometryFromImageToWorldMatrix(matrix_from_array(matrix))


def segment_grid(segmentation_node: Any, segment_id: str) -> np.ndarray:
    """From voxel indices (I, J, K) of a segment to the node's coordinates: of the label map that holds it, else as
    `stored_grid`. Raises `OutputError` where nothing is known.
    """
    image = segment_image(segmentation_node, segment_id)
    if image is not None and image_array(image).size:
        return image_matrix(image)
    matrix = stored_grid(segmentation_node)
    if matrix is None:
        raise OutputError(f"The grid of {segmentation_node.GetName()} is not known: make a new segmentation")
    return matrix


def _wanted_grid(segmentation_node: Any, reference: Geometry) -> tuple[np.ndarray, tuple[int, int, int]]:
    """`reference` in the node's coordinates, with perpendicular axes as label maps need them."""
    matrix = np.linalg.inv(local_to_world(segmentation_node)) @ reference.ijk_to_ras
    grid = perpendicular_grid(matrix, reference.size) or covering_grid(matrix, reference.size)
    return grid.ijk_to_ras, grid.size


def _store_grid(segmentation_node: Any, matrix: np.ndarray, size: tuple[int, int, int]) -> None:
    converter = slicer.vtkSegmentationConverter
    extent = [end for count in size for end in (0, count - 1)]
    text = converter.SerializeImageGeometry(matrix_from_array(matrix), extent)
    name = converter.GetReferenceImageGeometryParameterName()
    segmentation_node.GetSegmentation().SetConversionParameter(name, text)
