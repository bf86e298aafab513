"""One visit as the panel lists it: what the scene holds of it, and what a person said of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ...errors import StudyError
from ...followup.lesions import VisitMasks
from ...followup.visit import VisitFields
from ..persistence import ATTRIBUTE as STATE_ATTRIBUTE
from ..volumes import Inputs, volume_fingerprint
from .jobs import VisitCopy
from .outlines import read_outlines
from .persistence import SavedVisit
from .visits import SceneVisit

CARRIED_FROM = "GliomaSAM.carriedFrom"
"""Node reference from a segmentation to that of the visit whose outlines took the place of the model's proposal."""


@dataclass(eq=False)
class VisitEntry:
    """One visit of the list.

    Args:
        visit: What the scene holds.
        included: Whether it is compared; None where nobody said: then it is when it is outlined.
        typed_date: The date that a person typed.
        fields: What masks cannot tell.
        digest: Of its day and outlines in the comparison that it is in, see `VisitCopy`; "" where it is in none.
    """

    visit: SceneVisit
    included: bool | None = None
    typed_date: date | None = None
    fields: VisitFields = field(default_factory=VisitFields)
    digest: str = ""

    @property
    def date(self) -> date | None:
        """The day of the visit; None where it is not known."""
        return self.typed_date or self.visit.date

    @property
    def is_included(self) -> bool:
        """Whether it is compared."""
        return self.visit.is_outlined if self.included is None else self.included

    @property
    def all_fields(self) -> VisitFields:
        """What was said, with the thickness of the slices that DICOM tells."""
        if self.fields.slice_thickness_mm is None and self.visit.slice_thickness_mm is not None:
            return replace(self.fields, slice_thickness_mm=self.visit.slice_thickness_mm)
        return self.fields

    def saved(self) -> SavedVisit:
        """What is saved with the scene."""
        return SavedVisit(self.visit.nodes, self.included, self.typed_date, self.fields, self.digest)

    @property
    def reference(self) -> Any:
        """The volume node to show: that of the outlines' grid, else one of the volumes."""
        node = self.visit.segmentation
        found = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) if node is not None else None
        order = (self.visit.volumes.get(modality) for modality in ("t1c", "flair", "t2", "t1"))
        return next((volume for volume in order if volume is not None), found)


class VisitReading:
    """Takes a visit out of the scene a piece a call, so that the panel stays fluent.

    Args:
        entry: The visit.
        known: Whether a study with these fingerprints of volumes is known already, so that no voxel is copied.

    Raises:
        StudyError: The date is not known, there are no outlines, or a volume cannot be used.
    """

    def __init__(self, entry: VisitEntry, known: Callable[[str], bool]) -> None:
        self.entry = entry
        day = entry.date
        if day is None:
            raise StudyError(f"The date of {entry.visit.name} is not known: type it into the table of visits")
        if not entry.visit.has_segments:
            raise StudyError(f"The visit of {day} ({entry.visit.name}) has no outlines: outline it, or leave it out")
        self._day = day
        self._inputs = Inputs(dict(entry.visit.volumes)) if entry.visit.volumes else None
        self.prints = " ".join(f"{name} {volume_fingerprint(node)}" for name, node in entry.visit.volumes.items())
        if self._inputs is not None and known(self.prints):
            self._inputs = None
        self._masks: VisitMasks | None = None

    @property
    def done(self) -> bool:
        """Whether all was taken."""
        return self._masks is not None and (self._inputs is None or self._inputs.copied)

    @property
    def copies(self) -> Mapping[str, Any]:
        """The volumes by modality."""
        return dict(self._inputs.copies) if self._inputs is not None else {}

    def read_next(self) -> None:
        """Take a piece more. Raises `StudyError`."""
        if self._masks is None:
            self._masks = read_outlines(self.entry.visit.segmentation)
        elif self._inputs is not None and not self._inputs.copied:
            self._inputs.copy_next()

    def result(self, source: str) -> VisitCopy:
        """All that was taken."""
        assert self._masks is not None, "read_next until done"
        visit = self.entry.visit
        doubts = self._inputs.doubts if self._inputs is not None else ()
        notes = (*visit.notes, *doubts)
        if not self._masks.wt.any():
            notes = (*notes, f"the outlines of {self._day} are empty: no tumour")
        return VisitCopy(
            visit.name,
            self._day,
            self._masks,
            source,
            self.entry.all_fields,
            {modality: str(node.GetName()) for modality, node in visit.volumes.items()},
            self.copies,
            self.prints,
            notes,
        )


def source_of(segmentation_node: Any, earlier: list[Any]) -> str:
    """Who made outlines: "given", "model", or "model with the mask of V1".

    Args:
        segmentation_node: Holds them.
        earlier: The segmentation nodes of the visits before, V1 first.
    """
    carried = segmentation_node.GetNodeReference(CARRIED_FROM)
    for index, node in enumerate(earlier):
        if node is carried and carried is not None:
            return f"model with the mask of V{index + 1}"
    return "model" if segmentation_node.GetAttribute(STATE_ATTRIBUTE) else "given"
