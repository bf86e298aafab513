"""Follows one component over visits: its tracks, its targets, and what is judged at each visit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..errors import StudyError
from ..output.diameters import Diameters
from .component import ComponentAssessment, ReaderChoices, Sums, TrackAtVisit
from .course import Course, NewLesion, NonTarget
from .distances import nearest_mm, surface_of
from .lesions import Lesion, Measured, choose_targets, measurable_by_reader, order
from .options import DIMENSIONS, MOST_TARGETS, FollowUpOptions
from .response import Response, respond
from .tracks import Links, Track, link, tracks_of
from .visit import Visit

PART_OF = "a part of "
"""Before the name of a track that a later visit joined."""

NEAR_MM = 10.0
"""A new lesion so near another one may be its satellite."""

BEFORE = Response(None, "before-baseline", "This visit is before the one that response is counted from.")
NOT_JUDGED = Response(
    None, "not-judged", "This component is shown; the kind of tumour that was chosen does not judge it."
)


class Follower:
    """Follows one component over visits in order of date and says what is judged at each of them.

    What was known at a visit decides its category: tracks that a later visit joins change no earlier category.

    Args:
        name: "CE" or "nonCE".
        visits: By date.
        measured: The lesions of the component at each visit.
        baseline: Index of the visit that response is counted from.
        options: How lesions are measured, matched and judged.
        choices: What the reader changed.

    Raises:
        StudyError: A choice names what is not there.
    """

    def __init__(
        self,
        name: str,
        visits: Sequence[Visit],
        measured: Sequence[Measured],
        baseline: int,
        options: FollowUpOptions,
        choices: ReaderChoices,
    ) -> None:
        self.name, self.visits, self.baseline, self.options = name, visits, baseline, options
        self.measured = tuple(measured)
        self.told = [found.told for found in measured]
        grids = [visit.masks.geometry for visit in visits]
        self.links: Links = link(self.measured, grids, [visit.alignment.to_first for visit in visits], options)
        self.tracks = tracks_of(self.links, len(visits))
        self.lesions: list[list[Lesion]] = [list(found.lesions) for found in self.measured]
        self.by_reader: set[tuple[int, int]] = set()
        for (component, track, visit), diameters in choices.diameters.items():
            if component == name:
                self._take_line(track, visit, diameters)
        self.targets, self.target_note = self._choose_targets(choices.targets.get(name))
        self.unequivocal: set[tuple[int, int]] = set()  # visit and index of lesions that the reader calls new tumour
        self.outside: dict[int, int] = {}  # by visit, how many points of new tumour count but lie in no lesion

    def _take_line(self, track_id: str, visit: int, diameters: Diameters) -> None:
        """Put the reader's line in place of the program's."""
        track = self._track(track_id)
        if not (0 <= visit < len(self.visits) and track.lesions[visit]):
            raise StudyError(
                f"{self.name} {track_id} is not seen at visit {visit + 1}: its diameters cannot be set there"
            )
        index = self.largest(track, visit)
        lesion = self.lesions[visit][index]
        why_not = measurable_by_reader(lesion, diameters, self.visits[visit].masks.geometry)
        self.lesions[visit][index] = replace(lesion, diameters=diameters, why_not=why_not, note="")
        self.by_reader.add((visit, index))

    def _track(self, track_id: str) -> Track:
        found = next((track for track in self.tracks if track.id == track_id), None)
        if found is None:
            known = ", ".join(track.id for track in self.tracks) or "none"
            raise StudyError(f"{self.name} has no lesion {track_id}: choose one of {known}")
        return found

    def _choose_targets(self, chosen: Sequence[str] | None) -> tuple[frozenset[int], str]:
        """Indices of the lesions at the baseline that are targets, and a note on them."""
        here = self.lesions[self.baseline]
        if chosen is None:
            ranked = sorted(range(len(here)), key=lambda index: order(here[index]))
            targets = choose_targets([here[index].measurable for index in ranked], self.options.targets)
            return frozenset(ranked[position] for position in targets), ""
        if len(set(chosen)) > MOST_TARGETS:
            raise StudyError(f"{len(set(chosen))} targets of {self.name}: choose at most {MOST_TARGETS}")
        tracks = [self._track(track_id) for track_id in chosen]
        for track in tracks:
            if not track.lesions[self.baseline]:
                raise StudyError(f"{self.name} {track.id} is not seen at the baseline: it cannot be a target")
        note = f"The targets of {self.name} were chosen by the reader: {', '.join(chosen) or 'none'}"
        small = [track.id for track in tracks if not self.measurable(track, self.baseline)]
        if small:
            note += f"; not measurable at the baseline: {', '.join(small)}"
        return frozenset(index for track in tracks for index in track.lesions[self.baseline]), note

    def largest(self, track: Track, visit: int) -> int:
        """The lesion of a track with the largest product as the program measured it."""
        return min(track.lesions[visit], key=lambda index: order(self.measured[visit].lesions[index]))

    def lesion_at(self, visit: int, ras: tuple[float, float, float]) -> int | None:
        """The lesion of a visit that holds a point in RAS mm of that visit."""
        voxel = np.floor(self.visits[visit].masks.geometry.to_ijk(np.array(ras))[::-1] + 0.5).astype(int)
        holds = (bool((lesion.voxels == voxel).all(axis=1).any()) for lesion in self.measured[visit].lesions)
        return next((index for index, here in enumerate(holds) if here), None)

    def track_of(self, visit: int, index: int) -> Track:
        """The track of a lesion."""
        return _holding(self.tracks, visit, index)

    def was_new(self, visit: int, index: int) -> bool:
        """Whether a lesion belonged to a new track by what was known at its visit."""
        return self.is_new(_holding(self.known(visit), visit, index))

    def known(self, visit: int) -> tuple[Track, ...]:
        """The tracks as they were known at a visit."""
        return tracks_of(self.links.until(visit + 1), visit + 1)

    def value(self, track: Track, visit: int, dimension: str) -> float:
        """Product in mm² or volume in mL of a track at a visit; 0 where it is not seen."""
        here = [self.lesions[visit][index] for index in track.lesions[visit]]
        return sum((one.diameters.product_mm2 if dimension == "2D" else one.volume_ml) for one in here)

    def measurable(self, track: Track, visit: int) -> bool:
        """Whether a lesion of a track is measurable at a visit."""
        return any(self.lesions[visit][index].measurable for index in track.lesions[visit])

    def is_target(self, track: Track) -> bool:
        """Whether a track holds a target lesion; it is a target as a whole."""
        return not self.targets.isdisjoint(track.lesions[self.baseline])

    def is_new(self, track: Track) -> bool:
        """Whether a track is seen after the baseline and has no lesion at it, as far as that is told."""
        return self.told[self.baseline] and not track.lesions[self.baseline] and any(track.lesions[self.baseline + 1 :])

    def course(self, visit: int, dimension: str) -> Course:
        """What is judged at a visit, with the tracks that were known then."""
        tracks = self.known(visit)
        span = [one for one in range(self.baseline, visit + 1) if self.told[one]]
        targets = [track for track in tracks if self.is_target(track)]
        others = [track for track in tracks if track.lesions[self.baseline] and not self.is_target(track)]
        new = [track for track in tracks if self.is_new(track) and track.lesions[visit]]
        return Course(
            dimension,
            tuple(sum(self.value(track, one, dimension) for track in targets) for one in span),
            self.name,
            any(self.measurable(track, visit) for track in targets),
            tuple(
                NonTarget(
                    tuple(self.value(track, one, dimension) for one in span),
                    tuple(self.measurable(track, one) for one in span),
                    self.name_of(track),
                )
                for track in others
            ),
            tuple(
                NewLesion(
                    self.value(track, visit, dimension),
                    self.measurable(track, visit),
                    any((one, index) in self.unequivocal for one in span for index in track.lesions[one]),
                    self.name_of(track),
                )
                for track in new
            )
            + (NewLesion(0.0, False, True, "a lesion that is not outlined"),) * self.outside.get(visit, 0),
            tuple(self.visits[one].date.isoformat() for one in span),
        )

    def name_of(self, known: Track) -> str:
        """The name in the end of a track as it was known at an earlier visit."""
        visit = next(visit for visit, here in enumerate(known.lesions) if here)
        track = self.track_of(visit, known.lesions[visit][0])
        whole = track.lesions[: len(known.lesions)] == known.lesions
        return track.id if whole else f"{PART_OF}{track.id}"

    def respond(self, visit: int) -> dict[str, Response]:
        """The category at a visit, by dimension."""
        if visit < self.baseline:
            return dict.fromkeys(DIMENSIONS, BEFORE)
        return {dimension: respond(self.course(visit, dimension), self.options) for dimension in DIMENSIONS}

    def assessment(self, judged: bool) -> ComponentAssessment:
        """All that is reported of the component; categories only where it is `judged`."""
        count = len(self.visits)
        after = self._comparable()
        new = [track for track in self.tracks if self.is_new(track)]
        first_seen = {
            track.id: next(visit for visit in range(self.baseline + 1, count) if track.lesions[visit]) for track in new
        }
        growing = [
            {
                lesion.name.removeprefix(PART_OF)
                for dimension in DIMENSIONS
                for lesion in self.course(visit, dimension).progressing()
            }
            if visit in after and visit > self.baseline
            else set()
            for visit in range(count)
        ]
        return ComponentAssessment(
            measured=self.measured,
            tracks=self.tracks,
            at={track.id: tuple(self._at(track, visit) for visit in range(count)) for track in self.tracks},
            targets=tuple(track.id for track in self.tracks if self.is_target(track)),
            new=tuple(first_seen),
            near=self._near(new, first_seen),
            sums=tuple(self._sums(visit) if visit in after else None for visit in range(count)),
            responses=tuple(
                self.respond(visit) if judged else dict.fromkeys(DIMENSIONS, NOT_JUDGED) for visit in range(count)
            ),
            new_lesions=tuple(
                tuple(one for one, seen in first_seen.items() if seen == visit) for visit in range(count)
            ),
            vanished=tuple(
                tuple(track.id for track in self.tracks if track.events[visit] == "vanished") for visit in range(count)
            ),
            non_target_progression=tuple(
                tuple(track.id for track in self.tracks if track.id in names) for names in growing
            ),
        )

    def _at(self, track: Track, visit: int) -> TrackAtVisit | None:
        if not track.lesions[visit]:
            return None
        largest = self.largest(track, visit)
        here = [self.lesions[visit][index] for index in track.lesions[visit]]
        return TrackAtVisit(
            lesions=len(here),
            volume_ml=self.value(track, visit, "3D"),
            product_mm2=self.value(track, visit, "2D"),
            largest=largest,
            diameters=self.lesions[visit][largest].diameters,
            set_by="reader" if (visit, largest) in self.by_reader else "program",
            why_not=None if self.measurable(track, visit) else self.lesions[visit][largest].why_not,
        )

    def _comparable(self) -> list[int]:
        """The visits from the baseline on that can be compared with it; none where it does not tell the component."""
        after = range(self.baseline, len(self.visits)) if self.told[self.baseline] else ()
        return [visit for visit in after if self.told[visit]]

    def _sums(self, visit: int) -> Sums:
        targets = [track for track in self.tracks if self.is_target(track)]
        products, volumes = (sum(self.value(track, visit, one) for track in targets) for one in DIMENSIONS)
        return Sums(products, volumes, any(self.measurable(track, visit) for track in targets))

    def _near(self, new: Sequence[Track], first_seen: Mapping[str, int]) -> dict[str, tuple[str, float]]:
        """Of new tracks within `NEAR_MM` of another where they are first seen: the nearest one and its distance."""
        near = {}
        for track in new:
            visit = first_seen[track.id]
            points = {other.id: self._surface(other, visit) for other in self.tracks if other.lesions[visit]}
            distances = {
                other: nearest_mm(points[track.id], there) for other, there in points.items() if other != track.id
            }
            nearest = min(distances, key=lambda other: distances[other], default=None)
            if nearest is not None and distances[nearest] <= NEAR_MM:
                near[track.id] = (nearest, distances[nearest])
        return near

    def _surface(self, track: Track, visit: int) -> np.ndarray:
        """The voxels at the surface of a track at a visit, RAS mm of that visit."""
        voxels = np.concatenate(
            [surface_of(self.measured[visit].lesions[index].voxels) for index in track.lesions[visit]]
        )
        return self.visits[visit].masks.geometry.to_ras(voxels[:, ::-1])

    def notes(self) -> list[str]:
        """What the reader should know of the component."""
        notes = [self.target_note] if self.target_note else []
        for visit in self._comparable():
            seen = self.course(visit, "3D").sums[-1]
            known = self._sums(visit).volumes_ml
            if abs(seen - known) > 1e-9:
                notes.append(
                    f"{self.name}: a later visit joins lesions that were apart on {self.visits[visit].date}; "
                    "the category of that visit counts them as they were known then"
                )
        for track in self.tracks:
            for visit, here in enumerate(track.lesions):
                notes += [
                    f"V{visit + 1}, {self.name} {track.id}: {self.lesions[visit][index].note}"
                    for index in here
                    if self.lesions[visit][index].note
                ]
        return notes


def _holding(tracks: Sequence[Track], visit: int, index: int) -> Track:
    return next(track for track in tracks if index in track.lesions[visit])
