"""One examination of a patient: its outlines, date, volumes and what the reader says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from ..study import Study
from .lesions import VisitMasks

ROLES = ("preoperative", "postoperative", "baseline", "follow-up")


@dataclass(frozen=True)
class VisitFields:
    """What masks cannot tell, as `visit.json` says it. None: not known, never a default.

    Args:
        role: One of `ROLES`.
        slice_thickness_mm: Thickness of the slices as they were acquired.
        radiotherapy_end: The last day of radiotherapy.
        weeks_since_radiotherapy: Weeks from then to this visit.
        steroids: "none", "physiological", "stable", "decreased" or "increased", against the visit before.
        steroid_mg_per_day: Dexamethasone equivalent, from which `steroids` follows.
        clinical: "improved", "stable" or "worse", a decline that is due to the tumour.
        outside_radiation_field: Whether what progresses lies outside the field of radiation.
        pathology: "tumour" or "treatment effect".
        surgery: "resection" or "biopsy".
        hours_since_surgery: Hours from surgery to this visit.
        unequivocal_new_lesions: Points in RAS mm that lie in what the reader calls new tumour.
        bt_rads: Repeated in the report, not used.
        note: Repeated in the report.
    """

    role: str | None = None
    slice_thickness_mm: float | None = None
    radiotherapy_end: date | None = None
    weeks_since_radiotherapy: float | None = None
    steroids: str | None = None
    steroid_mg_per_day: float | None = None
    clinical: str | None = None
    outside_radiation_field: bool | None = None
    pathology: str | None = None
    surgery: str | None = None
    hours_since_surgery: float | None = None
    unequivocal_new_lesions: tuple[tuple[float, float, float], ...] = ()
    bt_rads: str | None = None
    note: str | None = None

    def end_of_radiotherapy(self, day: date) -> date | None:
        """The last day of radiotherapy, as it is said or by the weeks since, at a visit of `day`; None: not known."""
        if self.radiotherapy_end is not None or self.weeks_since_radiotherapy is None:
            return self.radiotherapy_end
        return day - timedelta(days=round(self.weeks_since_radiotherapy * 7))


@dataclass(frozen=True, eq=False)
class Alignment:
    """How a visit lies against the first one.

    Args:
        method: "reference" (the first visit), "rigid" or "identity".
        to_first: 4 x 4, from RAS mm of the visit to RAS mm of the first visit.
        modality: The modality that was compared.
        translation_mm: How far the middle of the head moves.
        rotation_degrees: By how much it turns.
        head_dice: Dice of the two heads after alignment; None where it was not measured.
    """

    method: str = "reference"
    to_first: np.ndarray = field(default_factory=lambda: np.eye(4))
    modality: str | None = None
    translation_mm: float = 0.0
    rotation_degrees: float = 0.0
    head_dice: float | None = None


@dataclass(frozen=True, eq=False)
class Visit:
    """One examination.

    Args:
        folder: The last part of the path of its folder, or the name by which the module calls it.
        date: The day of the examination.
        masks: Outlines on their own grid.
        source: "given", "model" or "model with the mask of V1".
        file: The name of the segmentation's file; None where the model outlined.
        labels: The order of the labels of a label map, such as "brats2023".
        alignment: Against the first visit by date.
        fields: What the reader says.
        study: The volumes; None where there are none.
        volumes: Name of the file of each modality.
        inputs: By modality, "segmentation" or "visit.json" the number of `files` and the `sha256` of their bytes.
        weights_sha256: Of the model that outlined; None where none did, or it has no file.
        notes: What the user should know of this visit.
    """

    folder: str
    date: date
    masks: VisitMasks
    source: str = "given"
    file: str | None = None
    labels: str | None = None
    alignment: Alignment = field(default_factory=Alignment)
    fields: VisitFields = field(default_factory=VisitFields)
    study: Study | None = None
    volumes: dict[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights_sha256: str | None = None
    notes: tuple[str, ...] = ()
