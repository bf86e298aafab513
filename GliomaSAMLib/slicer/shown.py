"""The segments of one segmentation node: what they show, and what somebody painted into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..geometry import Geometry
from ..kept_masks import Box, KeptMask, KeptMasks
from ..regions import REGIONS
from .segments import SegmentWriter


@dataclass(frozen=True)
class Output:
    """How results become segments; see `SegmentWriter` for each.

    Args:
        style: "nested", "disjoint" or "lesion".
        overwrite: "none", "visible" or "all".
        lesion_segment: The user's segment for the style "lesion".
        editor_node: vtkMRMLSegmentEditorNode whose masking is respected.
        save_state: Called before segments change.
    """

    style: str = "nested"
    overwrite: str = "none"
    lesion_segment: str | None = None
    editor_node: Any = None
    save_state: Callable[[], Any] | None = None


class ShownSegments:
    """Writes masks into segments, and notices edits made by others. Main thread only.

    Args:
        segmentation_node: The vtkMRMLSegmentationNode.
    """

    def __init__(self, segmentation_node: Any) -> None:
        self._node = segmentation_node
        self._writer: SegmentWriter | None = None
        self._volume_node: Any = None
        self._found: dict[str, KeptMask] = {}
        self._edited: dict[str, np.ndarray] = {}
        self._behind = False
        self.output = Output()
        self.geometry: Geometry | None = None
        self.masks: KeptMasks | None = None
        """What the segments hold; None as long as that is not known."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the last `show` left as it was."""
        return self._writer.notes if self._writer is not None else ()

    def segment_ids(self) -> dict[str, str]:
        """By part (WT, TC, ET; ED, NC, ET; lesion): the id of its segment, where there is one."""
        return self._writer.segment_ids() if self._writer is not None and self._node.GetScene() is not None else {}

    def open(self, geometry: Geometry, volume_node: Any) -> bool:
        """Take masks on this grid from now on. Returns whether it is another one than before: then what the segments
        hold has to be read by `read_next`.
        """
        self._volume_node = volume_node
        if self.geometry is not None and self.geometry.matches(geometry):
            return False
        self.geometry = geometry
        self._restart(self.output)
        return True

    def close(self) -> None:
        """Know no grid any more."""
        self._writer = self.geometry = self.masks = None
        self._found, self._edited = {}, {}

    def set_output(self, output: Output) -> bool:
        """Write in another way from now on; segments written before stay as they are.

        Returns:
            Whether all is to be shown again.

        Raises:
            OutputError: There is no such way; all stays as it was.
        """
        if self.geometry is None:
            SegmentWriter(self._node, _NOWHERE, output.style, output.overwrite)  # raises where it does not exist
            self.output = output
            return False
        again = (output.style, output.lesion_segment) != (self.output.style, self.output.lesion_segment)
        masks = self.masks
        self._restart(output)
        self.masks, self._behind = masks, again
        return again

    def _restart(self, output: Output) -> None:
        assert self.geometry is not None
        self._writer = SegmentWriter(
            self._node,
            self.geometry,
            output.style,
            output.overwrite,
            volume_node=self._volume_node,
            lesion_segment=output.lesion_segment,
            editor_node=output.editor_node,
            save_state=output.save_state,
        )
        self.output = output
        self._found, self._edited = {}, {}
        self.masks = None

    def read_next(self) -> Mapping[str, np.ndarray] | None:
        """Read one segment more, so that each call is short.

        Returns:
            Once all are read, for each region somebody else has changed its mask uint8 (K, J, I); None before that.
        """
        if self._writer is None or self.geometry is None or self.masks is not None:
            return None
        region = next(region for region in REGIONS if region not in self._found)
        mask = self._writer.read(region)
        if mask is None:
            self._found[region] = KeptMask.empty()
        else:
            self._found[region] = KeptMask.of(mask)
            if self._writer.edited(region):
                self._edited[region] = mask
        if len(self._found) < len(REGIONS):
            return None
        self.masks = KeptMasks(self.geometry.shape, self._found)
        edited = self._edited
        self._found, self._edited = {}, {}
        return edited

    def show(self, masks: KeptMasks) -> "Mapping[str, Box | None]":
        """Write masks into the segments, where they differ from what is there, and return the boxes that changed.

        Raises:
            OutputError, StudyError: They cannot be written; nothing has changed.
        """
        if self._writer is None or self.masks is None:
            return {}
        changes = masks.changes(self.masks)
        self._writer.write(masks.masks(), None if self._behind else changes)
        self._behind = bool(self._writer.notes)  # what was not written must be made up for
        self.masks = masks
        return changes

    def take_edits(self) -> Mapping[str, np.ndarray]:
        """For each region that somebody else has changed since the last call or `show`, its mask uint8 (K, J, I)."""
        if self._writer is None or self.masks is None:
            return {}
        edits = {}
        for region in REGIONS:
            mask = self._writer.read(region) if self._writer.edited(region) else None
            if mask is None:  # unchanged; or the whole segment was removed, which is not an edit
                continue
            taken = self.masks.replaced({region: mask})
            if taken.digests()[region] != self.masks.digests()[region]:
                edits[region] = mask
                self.masks = taken
        return edits


_NOWHERE = Geometry((1, 1, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
