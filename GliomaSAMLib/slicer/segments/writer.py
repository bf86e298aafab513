"""Masks into segments and back: only what changed is written, other segments are left alone unless the user said so."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from ...errors import OutputError
from ...geometry import Geometry
from ..geometry import image_array, image_matrix, image_start, local_to_world, sample, shifted, volume_matrix
from .cavity import cavity_id, cavity_on
from .edits import SegmentChangeDetector, segment_version
from .neighbours import OVERWRITE_MODES, Neighbours
from .node import (
    OPACITY_3D,
    PARTS_OF_REGION,
    REGION_TAG,
    STYLES,
    Block,
    SegmentPlan,
    add_voxels,
    check_segmentation_node,
    covering_block,
    is_finished,
    new_segmentation,
    place_empty_layers,
    read_segment,
    remove_voxels,
    segment_grid,
    segment_image,
    segment_mask,
    set_reference,
    terminology,
    trimmed,
    union,
    visible_segments,
    whole_box,
)
from .ownership import own_segments, segment_tag, settle, take

if TYPE_CHECKING:
    from ...session.masks import Box


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


__all__ = ["OVERWRITE_MODES", "SegmentWriter", "new_segmentation"]

OUTSIDE = 2
"""On a segment's grid: no voxel of the changed box lies here."""


@dataclass(frozen=True)
class _Edit:
    """What is to change in one segment: voxels, bool (K, J, I) on `block`."""

    segment_id: str
    block: Block
    added: np.ndarray
    removed: np.ndarray


class SegmentWriter:
    """Writes the regions of one study into one segmentation node, and reads them back.

    Args:
        segmentation_node: Where to. Its own grid and the transform above it are respected.
        reference: The grid of the masks, in the world (RAS mm).
        style: "nested": WT, TC and ET; "disjoint": oedema, non-enhancing core and ET; "lesion": one segment of the
            user's own, which takes the mask of WT.
        overwrite: Which other segments lose the voxels that are added: "none", "visible" or "all". Segments marked as
            completed never do.
        volume_node: The volume that the results are given on, for DICOM export; or None.
        lesion_segment: The id of the user's segment for the style "lesion"; None for a new one, which the first `write`
            of a mask that is not empty adds.
        editor_node: vtkMRMLSegmentEditorNode whose masking settings are respected; or None.
        save_state: Called once before a `write` changes anything, to keep an undo state.

    Attributes:
        neighbours: What other segments gave way with; a writer that takes this one's place goes on with it.
        notes: What the last `write` left as it was, for the user to read.
        is_limited: Whether the last `write` left something as it was, for whatever reason.
    """

    def __init__(
        self,
        segmentation_node: Any,
        reference: Geometry,
        style: str = "nested",
        overwrite: str = "none",
        *,
        volume_node: Any = None,
        lesion_segment: str | None = None,
        editor_node: Any = None,
        save_state: Callable[[], Any] | None = None,
    ) -> None:
        if style not in STYLES:
            raise OutputError(f"Unknown style of segments {style!r}. Choose {', '.join(STYLES)}")
        if overwrite not in OVERWRITE_MODES:
            raise OutputError(f"Unknown way to overwrite {overwrite!r}. Choose {', '.join(OVERWRITE_MODES)}")
        self.segmentation_node = segmentation_node
        self.reference = reference
        self.style = style
        self.overwrite = overwrite
        self.volume_node = volume_node
        self.editor_node = editor_node
        self.save_state = save_state
        self.neighbours = Neighbours(segmentation_node)
        self.notes: tuple[str, ...] = ()
        self.is_limited = False
        self._plans = STYLES[style]
        self._lesion_segment = lesion_segment
        self._made_lesion: str | None = None
        self._new: set[str] = set()
        self._watch = SegmentChangeDetector()

    # segments

    def prepare(self, lesion: bool = True) -> None:
        """Add the segments that are missing, with name, colour, terminology and tag, and the grid where there is none;
        one for a new lesion only with `lesion`.

        Raises:
            OutputError, StudyError: The node cannot take segments (see `check_segmentation_node`), or the user's own
                segment is gone.
        """
        check_segmentation_node(self.segmentation_node)
        segmentation = self.segmentation_node.GetSegmentation()
        if self._lesion_segment is not None and segmentation.GetSegment(self._lesion_segment) is None:
            raise OutputError("The segment chosen for the lesion was removed: choose or add another one")
        set_reference(self.segmentation_node, self.reference, self.volume_node)
        settle(self.segmentation_node, REGION_TAG)
        present = self.segment_ids()
        for plan in self._plans:
            if plan.part not in present and (lesion or plan.part != "lesion"):
                self._add_segment(plan)
        place_empty_layers(self.segmentation_node)

    def mark_lesion(self) -> None:
        """Let the user's own segment count as a lesion from now on, as one in which something was done does."""
        segment_id = self._lesion_segment
        if segment_id is None:
            return
        segment = self.segmentation_node.GetSegmentation().GetSegment(segment_id)
        if segment_tag(segment, REGION_TAG) != "lesion":
            segment.SetTag(REGION_TAG, "lesion")
        take(self.segmentation_node, segment_id)

    def segment_ids(self) -> dict[str, str]:
        """By part (WT, TC, ET; ED, NC, ET; or lesion): the id of its segment, where there is one."""
        if self.style == "lesion":
            wanted = self._lesion_segment or self._made_lesion
            there = wanted and self.segmentation_node.GetSegmentation().GetSegment(wanted) is not None
            return {"lesion": wanted} if wanted and there else {}
        own = own_segments(self.segmentation_node, REGION_TAG)
        return {plan.part: own[plan.part] for plan in self._plans if plan.part in own}

    def _add_segment(self, plan: SegmentPlan) -> None:
        segmentation = self.segmentation_node.GetSegmentation()
        name = segmentation.GenerateUniqueSegmentID(plan.segment_id)
        segment_id = segmentation.AddEmptySegment(name, plan.looks.name, plan.looks.colour)
        segment = segmentation.GetSegment(segment_id)
        segment.SetNameAutoGenerated(False)
        segment.SetColorAutoGenerated(False)
        segment.SetTag(segment.GetTerminologyEntryTagName(), terminology(plan.looks))
        segment.SetTag(REGION_TAG, plan.part)
        take(self.segmentation_node, segment_id)
        display_node = self.segmentation_node.GetDisplayNode()
        if display_node is not None:
            display_node.SetSegmentOpacity3D(segment_id, OPACITY_3D.get(plan.part, 1.0))
        segmentation.SeparateSegmentLabelmap(segment_id)  # a layer of its own: a small one is changed fast
        self._new.add(segment_id)
        if plan.part == "lesion":
            self._made_lesion = segment_id

    # writing

    def write(
        self, region_masks: Mapping[str, np.ndarray], changed: "Mapping[str, Box | None] | None" = None
    ) -> tuple[str, ...]:
        """Bring the segments up to date.

        Args:
            region_masks: uint8 of 0 and 1, (K, J, I) on `reference`: WT, TC and ET; WT alone for a lesion.
            changed: For each region the box (k0, k1, j0, j1, i0, i1) that may differ from what was written before,
                ends excluded; None where nothing does. None for everything. New segments are written whole.

        Returns:
            The ids of the segments that changed. `notes` says which were left as they were.

        Raises:
            OutputError, StudyError: Nothing was changed; the text says what to do.
        """
        masks = self._checked(region_masks)
        self.prepare(lesion=bool(masks["WT"].any()))
        ids = self.segment_ids()
        edits = self._edits(ids, masks, changed)
        if edits:
            self.mark_lesion()
            self._apply(edits)
        self._new.difference_update(ids.values())
        return tuple(edit.segment_id for edit in edits)

    def amend(self, region_masks: Mapping[str, np.ndarray], box: "Box") -> None:
        """Let the segments that are there hold masks, as for `write`, inside a box, as if somebody had painted them so:
        it is part of an edit by hand, for which Segment Editor has kept its undo state.
        """
        edits = self._edits(self.segment_ids(), self._checked(region_masks), dict.fromkeys(region_masks, box))
        for edit in edits:
            remove_voxels(self.segmentation_node, edit.segment_id, edit.block, edit.removed)
        for edit in edits:
            add_voxels(self.segmentation_node, edit.segment_id, edit.block, edit.added)

    def _checked(self, region_masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The masks that the style needs, in the shape of the reference."""
        needed = {region for plan in self._plans for region in plan.needs}
        for region in sorted(needed):
            if region not in region_masks:
                raise OutputError(f"The mask of {region} is missing, so the segments cannot be written")
            if region_masks[region].shape != self.reference.shape:
                raise OutputError(
                    f"The mask of {region} has the shape {region_masks[region].shape}, "
                    f"the study's grid {self.reference.shape} (K, J, I): read the volumes again"
                )
        return {region: np.asarray(region_masks[region]) for region in needed}

    def _edits(
        self, ids: Mapping[str, str], masks: Mapping[str, np.ndarray], changed: "Mapping[str, Box | None] | None"
    ) -> list[_Edit]:
        """What is to change in the segments of these ids, by part; `notes` then say what is left as it is."""
        self.notes = ()
        self.is_limited = False
        own = tuple(ids.values())
        found = [self._edit(plan, ids[plan.part], masks, changed, own) for plan in self._plans if plan.part in ids]
        return [edit for edit in found if edit is not None]

    def _edit(
        self,
        plan: SegmentPlan,
        segment_id: str,
        masks: Mapping[str, np.ndarray],
        changed: "Mapping[str, Box | None] | None",
        own: tuple[str, ...],
    ) -> _Edit | None:
        """What is to change in one segment; None for nothing."""
        whole = changed is None or segment_id in self._new
        box = whole_box(self.reference.shape) if whole else union([(changed or {}).get(r) for r in plan.needs])
        if box is None:
            return None
        cut = tuple(slice(box[2 * axis], box[2 * axis + 1]) for axis in range(3))
        wanted = plan.mask({region: mask[cut] for region, mask in masks.items()})
        if segment_id in self._new:  # as small as what there is to write, since it holds nothing yet
            wanted, box = trimmed(wanted, box)
        node = self.segmentation_node
        from_box = shifted(self.reference.ijk_to_ras, (box[4], box[2], box[0]))
        to_world = local_to_world(node)
        block = covering_block(segment_grid(node, segment_id), np.linalg.inv(to_world) @ from_box, wanted.shape)
        target = sample(wanted, from_box, to_world @ block.place, block.shape, OUTSIDE)
        current = read_segment(node, segment_id, block.place, block.shape)
        added, removed = (target == 1) & (current == 0), (target == 0) & (current == 1)
        allowed = editable(node, self.editor_node, block, own)
        if allowed is not None:
            self.is_limited = self.is_limited or bool(((added | removed) & ~allowed).any())
            added, removed = added & allowed, removed & allowed
        cavity = cavity_on(node, block)
        if cavity is not None:
            self.is_limited = self.is_limited or bool((added & cavity).any())
            added = added & ~cavity
        if not added.any() and not removed.any():
            return None
        segment = node.GetSegmentation().GetSegment(segment_id)
        if is_finished(segment):
            self.is_limited = True
            self.notes += (
                f"{segment.GetName()} is marked as completed and was left as it is: "
                "set its status to In progress to let it change",
            )
            return None
        return _Edit(segment_id, block, added, removed)

    def _apply(self, edits: list[_Edit]) -> None:
        """Take voxels out of all segments before any is given some, so that disjoint ones never overlap."""
        if self.save_state is not None:
            self.save_state()
        node = self.segmentation_node
        modified = node.StartModify()
        try:
            for edit in edits:
                remove_voxels(node, edit.segment_id, edit.block, edit.removed)
            for edit in edits:
                self.neighbours.give_way(edit.block, edit.added, self.overwrite)
            for edit in edits:
                add_voxels(node, edit.segment_id, edit.block, edit.added)
                self._watch.remember(node, edit.segment_id)
            self.neighbours.give_back()
        finally:
            node.EndModify(modified)

    def leave_cavity(self) -> None:
        """Take the resection cavity out of the regions, as if somebody had erased it there."""
        node = self.segmentation_node
        for segment_id in self.segment_ids().values():
            image = segment_image(node, segment_id)
            if image is None or not image_array(image).size:
                continue
            block = Block(image_matrix(image), image_start(image), image_array(image).shape)
            cavity = cavity_on(node, block)
            if cavity is not None and not is_finished(node.GetSegmentation().GetSegment(segment_id)):
                held = read_segment(node, segment_id, block.place, block.shape) > 0
                remove_voxels(node, segment_id, block, held & cavity)

    def take_from_cavity(self, painted: np.ndarray) -> None:
        """Let the resection cavity give way where somebody painted a segment over it: bool (K, J, I) on `reference`."""
        node = self.segmentation_node
        segment_id = cavity_id(node)
        if segment_id is None or is_finished(node.GetSegmentation().GetSegment(segment_id)):
            return
        mask, block = segment_mask(node, segment_id)
        if block is None:
            return
        to_local = np.linalg.inv(local_to_world(node))
        there = sample(painted.view(np.uint8), to_local @ self.reference.ijk_to_ras, block.place, block.shape, 0)
        for own in self.segment_ids().values():
            held = read_segment(node, own, block.place, block.shape)
            remove_voxels(node, segment_id, block, mask & ((there & held) > 0))

    # reading

    def read(self, region: str) -> np.ndarray | None:
        """A region as its segments hold it now: uint8 of 0 and 1, (K, J, I) on `reference`, by the nearest voxel.

        None where the style has no such region, or a segment of it is not there.
        """
        found = self._ids_of(region)
        if not found:
            return None
        place = np.linalg.inv(local_to_world(self.segmentation_node)) @ self.reference.ijk_to_ras
        mask = np.zeros(self.reference.shape, np.uint8)
        for segment_id in found:
            mask |= read_segment(self.segmentation_node, segment_id, place, self.reference.shape)
        return mask

    def edited(self, region: str) -> bool:
        """Whether somebody else changed what a region's segments hold since they were last written, by this writer or
        before the scene was saved. A segment that was never written counts when it holds anything.
        """
        return any(self._watch.is_edited(self.segmentation_node, segment_id) for segment_id in self._ids_of(region))

    def versions(self) -> dict[str, tuple[object, ...]]:
        """By part another value each time somebody may have changed its segment; none where no segment is there."""
        return {part: (name, *segment_version(self.segmentation_node, name)) for part, name in self._ids().items()}

    def parts(self, region_masks: Mapping[str, np.ndarray], changed: Collection[str]) -> dict[str, np.ndarray]:
        """What the segments that are there hold, uint8 of 0 and 1 by part: those `changed` as they are now, the others
        as masks of the regions say.
        """
        ids = self._ids()
        if not ids:
            return {}
        place = np.linalg.inv(local_to_world(self.segmentation_node)) @ self.reference.ijk_to_ras
        return {
            plan.part: read_segment(self.segmentation_node, ids[plan.part], place, self.reference.shape)
            if plan.part in changed
            else plan.mask(region_masks)
            for plan in self._plans
            if plan.part in ids
        }

    def _ids(self) -> dict[str, str]:
        """`segment_ids`; none where the node has left the scene."""
        node = self.segmentation_node
        return self.segment_ids() if node is not None and node.GetScene() is not None else {}

    def _ids_of(self, region: str) -> tuple[str, ...]:
        """The ids of the segments that hold a region; empty where one of them is not there."""
        ids = self._ids()
        parts = PARTS_OF_REGION[self.style].get(region, ())
        return tuple(ids[part] for part in parts) if all(part in ids for part in parts) else ()
