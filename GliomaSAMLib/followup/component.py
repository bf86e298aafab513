"""What is reported of one component over all visits, and what a reader may change."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..output.diameters import Diameters
from .lesions import Measured
from .response import Response
from .tracks import Track


@dataclass(frozen=True)
class ReaderChoices:
    """What a reader changed by hand, after a first assessment of the same visits.

    Args:
        targets: For a component, the tracks that are its targets in place of those chosen by the program.
        diameters: Calliper lines that were dragged, by component, track and visit (index by date). They replace those
            of the track's lesion with the largest product.
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
        new: The tracks that are seen after the baseline and have no lesion at it.
        near: Of new tracks within 10 mm of another: that track and the distance in mm.
        sums: None before the baseline, and where outlines do not tell the component there or at the visit.
        responses: By visit and dimension.
        new_lesions: By visit, the tracks that are new there.
        vanished: By visit, the tracks that vanished there.
        non_target_progression: By visit, the non-target tracks that progress there, in either dimension.
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

    def values(self, track: str) -> tuple[list[float | None], list[float | None]]:
        """Volumes in mL and products in mm² of a track, one a visit: 0 where it is not seen, None where outlines do not
        tell whether it is there.
        """
        unseen = [0.0 if here.told else None for here in self.measured]
        at = list(zip(self.at[track], unseen, strict=True))
        return [one.volume_ml if one else none for one, none in at], [
            one.product_mm2 if one else none for one, none in at
        ]
