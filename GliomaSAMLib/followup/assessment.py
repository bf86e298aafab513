"""The whole of a follow-up: every visit measured, lesions followed, the response judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..output.diameters import Diameters
from .growth import Growth
from .lesions import Measured
from .options import FollowUpOptions
from .resection import Resection
from .response import Response
from .status import Overall
from .tracks import Track
from .visit import Visit


@dataclass(frozen=True)
class ReaderChoices:
    """What a reader changed by hand.

    Args:
        targets: For a component, the tracks that are its targets in place of those chosen by the program.
        diameters: Calliper lines that were dragged, by component, track and visit (index).
    """

    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    diameters: Mapping[tuple[str, str, int], Diameters] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackAtVisit:
    """A track at one visit: sums over its lesions, and the lesion with the largest product.

    Args:
        lesions: How many lesions it has.
        volume_ml: Their volume.
        product_mm2: The sum of their products.
        largest: Index in `Measured.lesions` of the one with the largest product.
        diameters: Of that one.
        set_by: "program", or "reader" where a calliper line was dragged.
        why_not: Why it is not measurable; None where it is.
    """

    lesions: int
    volume_ml: float
    product_mm2: float
    largest: int
    diameters: Diameters
    set_by: str = "program"
    why_not: str | None = None


@dataclass(frozen=True)
class Sums:
    """The targets of a component at one visit: sum of products, sum of volumes, and whether one is measurable now."""

    products_mm2: float
    volumes_ml: float
    targets_measurable: bool


@dataclass(frozen=True, eq=False)
class ComponentAssessment:
    """One component over all visits. Sequences over visits are in their order.

    Args:
        measured: Lesions and specks of each visit.
        tracks: Lesions over the visits.
        at: For each track, what it is at each visit; None where it is not seen.
        targets: The tracks that are targets.
        new: The tracks without a lesion at the baseline or before.
        near: Of new tracks within 10 mm of another: that track and the distance in mm.
        sums: None before the baseline.
        responses: By visit and dimension.
        new_lesions: By visit, the tracks that are new there.
        vanished: By visit, the tracks that vanished there.
        non_target_progression: By visit, the non-target tracks that progress there.
    """

    measured: tuple[Measured, ...]
    tracks: tuple[Track, ...]
    at: Mapping[str, tuple[TrackAtVisit | None, ...]]
    targets: tuple[str, ...]
    new: tuple[str, ...]
    near: Mapping[str, tuple[str, float]]
    sums: tuple[Sums | None, ...]
    responses: tuple[Mapping[str, Response], ...]
    new_lesions: tuple[tuple[str, ...], ...]
    vanished: tuple[tuple[str, ...], ...]
    non_target_progression: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class Assessment:
    """What is reported.

    Args:
        visits: By date; the first is day 0.
        options: As used.
        baseline: Index of the visit that response is counted from.
        components: By name, "CE" and "nonCE".
        responses: Of the tumour as a whole, by visit and dimension.
        overall: By visit.
        resection: With the indices of the visits before and after; None where there was no surgery.
        growth: Of WT, TC, ET and each track ("CE L1").
        notes: For the whole report.
    """

    visits: tuple[Visit, ...]
    options: FollowUpOptions
    baseline: int
    components: Mapping[str, ComponentAssessment]
    responses: tuple[Mapping[str, Response], ...]
    overall: tuple[Overall, ...]
    resection: tuple[int, int, Resection] | None
    growth: Mapping[str, Growth]
    notes: tuple[str, ...]

    def day(self, visit: int) -> int:
        """Whole days from the first visit."""
        return (self.visits[visit].date - self.visits[0].date).days
