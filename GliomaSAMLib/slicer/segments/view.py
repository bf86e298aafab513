"""The segments of one segmentation node: masks written into them, and what somebody else made of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...geometry import Geometry
from ...regions import REGIONS
from ...session.masks import Boxes, PackedMask, PackedMasks
from ..geometry import local_to_world
from .cavity import cavity_version
from .edits import SegmentChangeDetector, meant_by_hand, regions_of
from .node import PARTS_OF_REGION, STYLES, read_segment, segment_mask
from .writer import SegmentWriter, is_finished

Masks = dict[str, np.ndarray]
"""By region, uint8 (K, J, I) of 0 and 1."""


@dataclass(frozen=True)
class SegmentStyle:
    """How results become segments; see `SegmentWriter` for each.

    Args:
        style: "nested", "disjoint" or "lesion".
        overwrite: "none", "visible" or "all".
        lesion_segment: The user's segment for the style "lesion"; None for a new one, whose id it is once it is made.
        editor_node: vtkMRMLSegmentEditorNode whose masking is respected.
        save_state: Called before segments change.
    """

    style: str = "nested"
    overwrite: str = "none"
    lesion_segment: str | None = None
    editor_node: Any = None
    save_state: Callable[[], Any] | None = None


class SegmentView:
    """Writes masks into segments, and notices what others did to them. Main thread only.

    Args:
        segmentation_node: The vtkMRMLSegmentationNode.
    """

    def __init__(self, segmentation_node: Any) -> None:
        self._node = segmentation_node
        self._writer: SegmentWriter | None = None
        self._volume_node: Any = None
        self._found: dict[str, PackedMask] = {}
        self._edited: Masks = {}
        self._versions: dict[str, tuple[object, ...]] = {}
        self._last_versions: dict[str, tuple[object, ...]] = {}
        self._cavity: object = ()
        self._last_cavity: object = ()
        self._needs_full_write = False
        self._left_style: SegmentStyle | None = None
        self.style = SegmentStyle()
        self.geometry: Geometry | None = None
        self.held: PackedMasks | None = None
        """What the segments hold; None as long as that is not known."""

    @property
    def is_read(self) -> bool:
        """Whether what the segments hold is known."""
        return self.held is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the last `write` left as it was."""
        return self._writer.notes if self._writer is not None else ()

    def segment_ids(self) -> dict[str, str]:
        """By part (WT, TC, ET; ED, NC, ET; lesion): the id of its segment, where there is one."""
        return self._writer.segment_ids() if self._writer is not None and self._node.GetScene() is not None else {}

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that segments of the style hold."""
        return tuple(PARTS_OF_REGION[self.style.style])

    @property
    def is_empty(self) -> bool:
        """Whether the segments of the style hold nothing, or are not there."""
        return not any(segment_mask(self._node, name)[0].any() for name in self.segment_ids().values())

    def open(self, geometry: Geometry, volume_node: Any) -> bool:
        """Take masks on this grid from now on. Returns whether it is another one than before: then what the segments
        hold has to be read by `read_next`.
        """
        self._volume_node = volume_node
        if self.geometry is not None and self.geometry.matches(geometry):
            return False
        self.geometry = geometry
        self._restart(self.style)
        self.forget()
        return True

    def forget(self) -> None:
        """Know no more what the segments hold: `read_next` finds out."""
        self.held = None
        self._found, self._edited = {}, {}
        self._needs_full_write = False

    def close(self) -> None:
        """Know no grid any more."""
        self._writer = self.geometry = self.held = None
        self._found, self._edited = {}, {}

    def set_style(self, style: SegmentStyle, is_copy: bool = False) -> bool:
        """Write in another way from now on. Segments that were made for another style of a tumour go with the next
        `write`, if they hold the same; others stay as they are, as a lesion and a tumour beside it do.

        Args:
            style: How.
            is_copy: Whether the lesion that is left is the tumour, in another style for a while.

        Returns:
            Whether all is to be written again.

        Raises:
            OutputError: There is no such way; all stays as it was.
        """
        if self.geometry is None:
            SegmentWriter(self._node, _NOWHERE, style.style, style.overwrite)  # raises where it does not exist
            self.style = style
            return False
        again = (style.style, style.lesion_segment) != (self.style.style, self.style.lesion_segment)
        if style.style != self.style.style:
            apart = "lesion" in (style.style, self.style.style) and not is_copy
            self._left_style = None if apart else self.style
        self._restart(style)
        self._needs_full_write = self._needs_full_write or again
        return again

    def _restart(self, style: SegmentStyle) -> None:
        assert self.geometry is not None
        before = self._writer
        self._writer = SegmentWriter(
            self._node,
            self.geometry,
            style.style,
            style.overwrite,
            volume_node=self._volume_node,
            lesion_segment=style.lesion_segment,
            editor_node=style.editor_node,
            save_state=style.save_state,
        )
        if before is not None:
            self._writer.neighbours = before.neighbours
        self.style = style
        self._found, self._edited = {}, {}
        self._versions = self._writer.versions() if self.is_read else {}

    def read_next(self) -> tuple[PackedMasks, Masks] | None:
        """Read one segment more, so that each call is short.

        Returns:
            Once all are read, the masks, and those of regions that somebody else has changed; None before that.
        """
        if self._writer is None or self.geometry is None or self.is_read:
            return None
        region = next(region for region in REGIONS if region not in self._found)
        mask = self._writer.read(region)
        if mask is None:
            self._found[region] = PackedMask.empty()
        else:
            self._found[region] = PackedMask.of(mask)
            if self._writer.edited(region):
                self._edited[region] = mask
        if len(self._found) < len(REGIONS):
            return None
        self.held, edited = PackedMasks(self.geometry.shape, self._found), self._edited
        self._found, self._edited = {}, {}
        self._versions = self._writer.versions()
        return self.held, edited

    def write(self, masks: PackedMasks, changed: Boxes | None) -> None:
        """Write masks into the segments, which then hold them, but where the user's masking, or a segment that is
        marked as completed, left something as it was.

        Args:
            masks: The masks.
            changed: Where they may differ from what was written before; None for everywhere.

        Raises:
            OutputError, StudyError: They cannot be written; nothing has changed.
        """
        if self._writer is None or self.held is None:
            return
        whole = self._needs_full_write or changed is None
        self._needs_full_write = True  # should it fail
        self._writer.write(masks.masks(), None if whole else changed)
        if self._left_style is not None and not self._writer.is_limited:
            self._remove_segments_of(self._left_style, masks)
        self._left_style = None
        if self.style.style == "lesion":
            self.style = replace(self.style, lesion_segment=self.segment_ids().get("lesion"))
        self._versions = self._writer.versions()
        self._needs_full_write = bool(self._writer.notes)  # what was not written must be made up for
        self.held = masks
        if self._writer.is_limited:
            read = {region: self._writer.read(region) for region in REGIONS}
            self.held = masks.replaced({region: mask for region, mask in read.items() if mask is not None})

    def _remove_segments_of(self, left: SegmentStyle, masks: PackedMasks) -> None:
        """Remove what was made for another style and would be made again just so: segments of the id and the name that
        they were given, not marked as completed, that hold what was written, which is still the result.
        """
        assert self.geometry is not None and self._writer is not None
        segmentation, watch = self._node.GetSegmentation(), SegmentChangeDetector()
        kept = self.segment_ids().values()
        ids = SegmentWriter(self._node, self.geometry, left.style, lesion_segment=left.lesion_segment).segment_ids()
        place = np.linalg.inv(local_to_world(self._node)) @ self.geometry.ijk_to_ras
        for plan in (plan for plan in STYLES[left.style] if plan.part in ids and ids[plan.part] not in kept):
            name = ids[plan.part]
            segment = segmentation.GetSegment(name)
            as_made = name.startswith(plan.segment_id) and segment.GetName() == plan.looks.name
            if not as_made or is_finished(segment) or watch.is_edited(self._node, name):
                continue
            held = read_segment(self._node, name, place, self.geometry.shape)
            if np.array_equal(held, plan.mask({region: masks.mask(region) for region in plan.needs})):
                segmentation.RemoveSegment(name)

    def take_changes(self, settled: bool = False) -> tuple[Masks, Masks]:
        """What others did to the segments since the last call or `write`.

        Args:
            settled: Leave alone what is still changing from one call to the next, such as a stroke of the brush.

        Returns:
            The regions that somebody edited, and those that changed without that: of a segment that was removed, and of
            one that was brought back.
        """
        if self._writer is None or self.held is None:
            return {}, {}
        self._leave_cavity(settled)
        last, now = self._last_versions, self._writer.versions()
        self._last_versions = now
        if now == self._versions or (settled and now != last):  # a stroke may change several segments
            return {}, {}
        changed = {part for part in {*now, *self._versions} if now.get(part) != self._versions.get(part)}
        masks, drawn = self._meant(self._writer, self.held.masks(), changed)
        edited: Masks = {}
        others: Masks = {}
        for region, mask in masks.items():
            if PackedMask.of(mask).equals(self.held.regions[region]):
                continue
            if region in drawn and self._writer.edited(region):
                edited[region] = mask
            else:
                others[region] = mask
                self._needs_full_write = True
        if edited:
            self._writer.mark_lesion()
        self._versions = self._writer.versions()
        self.held = self.held.replaced({**edited, **others})
        return edited, others

    def _meant(self, writer: SegmentWriter, held: Masks, changed: set[str]) -> tuple[Masks, tuple[str, ...]]:
        """Read the segments that were changed, and let the others follow, see `meant_by_hand`. Returns the masks of the
        regions, and which of them somebody drew.
        """
        shape = writer.reference.shape
        before = {part: mask.view(bool) for part, mask in writer.parts(held, ()).items()}
        parts = {part: mask.view(bool) for part, mask in writer.parts(held, changed).items()}
        meant, drawn = meant_by_hand(writer.style, before, parts)
        if self._cavity:
            writer.take_from_cavity(np.logical_or.reduce([mask & ~before[part] for part, mask in parts.items()]))
            self._cavity = self._last_cavity = cavity_version(self._node)
        apart = [part for part, mask in parts.items() if not np.array_equal(mask, meant[part])]
        if not apart:
            return regions_of(writer.style, parts, shape), drawn
        box = PackedMask.of(np.logical_or.reduce([parts[part] != meant[part] for part in apart])).box
        assert box is not None
        writer.amend(regions_of(writer.style, meant, shape), box)
        if writer.is_limited:  # by the user's masking, or a segment that is marked as completed
            meant = {part: mask.view(bool) for part, mask in writer.parts(held, set(parts)).items()}
        return regions_of(writer.style, meant, shape), drawn

    def _leave_cavity(self, settled: bool) -> None:
        """Take what was painted as resection cavity out of the tumour: the edits that `take_changes` then finds."""
        before, self._last_cavity = self._last_cavity, cavity_version(self._node)
        if self._last_cavity == self._cavity or (settled and self._last_cavity != before):
            return
        self._cavity = self._last_cavity
        assert self._writer is not None
        self._writer.leave_cavity()


_NOWHERE = Geometry((1, 1, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
