"""What the worker's thread does for follow-up: reading volumes, aligning visits, comparing them. No MRML here."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import StudyError
from ...followup.assessment import Assessment, ReaderChoices
from ...followup.lesions import VisitMasks
from ...followup.one_patient import equal_notes
from ...followup.options import FollowUpOptions
from ...followup.visit import Alignment, Visit, VisitFields
from ...progress import Reporter
from ..jobs import Prepared
from ..volumes import VolumeCopy

if TYPE_CHECKING:
    from ...followup.outlining import Outlined

ReadStudy = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class VisitCopy:
    """A visit as it was taken out of the scene.

    Args:
        name: What it is called.
        date: The day.
        masks: Its outlines.
        source: Who made them: "given" or "model", or "model with the mask of V1".
        fields: What the reader says.
        volumes: The names of its volumes by modality.
        copies: Their voxels; empty where `study` is known.
        prints: A text that changes when a volume changes, by which `Studies` knows it.
        notes: What the user should know.
    """

    name: str
    date: date
    masks: VisitMasks
    source: str
    fields: VisitFields
    volumes: Mapping[str, str]
    copies: Mapping[str, VolumeCopy] = field(default_factory=dict)
    prints: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """A text that is the same for the same day and the same outlines."""
        found = hashlib.blake2b(f"{self.date} {self.masks.geometry}".encode(), digest_size=8)
        for mask in (self.masks.wt, self.masks.tc, self.masks.et):
            found.update(np.packbits(mask > 0).tobytes())
        return found.hexdigest()


class Studies:
    """Studies that were read and visits that were aligned, so that a second comparison is fast. For the worker's thread
    only.

    Args:
        read_study: Called as `Study.read`.
    """

    def __init__(self, read_study: ReadStudy) -> None:
        self._read_study = read_study
        self._studies: dict[str, Any] = {}
        self._alignments: dict[tuple[str, ...], Alignment] = {}

    def has(self, prints: str) -> bool:
        """Whether a study was read; any thread may ask."""
        return any(name.startswith(prints) for name in self._studies)

    def study(self, copy: VisitCopy, report: Reporter, skull: str = "off") -> Any:
        """The volumes of a visit; None where there are none. The skull is taken off only when it is asked for: to
        measure and to compare heads it may stay.
        """
        if not copy.prints:
            return None
        name = f"{copy.prints} {skull}"
        if name not in self._studies:
            report.check()
            if not copy.copies:  # not copied again, as it was known with the skull on
                self.keep([known for known in self._studies if not known.startswith(copy.prints)])
                raise StudyError(f"The volumes of {copy.date} have to be read again: press Compare visits once more")
            images = {modality: volume.image() for modality, volume in copy.copies.items()}
            self._studies[name] = self._read_study(
                **images, register=False, skull=skull, progress=report.report, cancel=report.cancelled
            )
        return self._studies[name]

    def alignment(
        self, first: VisitCopy, visit: VisitCopy, first_study: Any, visit_study: Any, report: Reporter
    ) -> Alignment:
        """How a visit lies against another one. Their outlines do not count where heads are compared."""
        from ...followup.registration import align

        key = (first.prints, first.digest, visit.prints, visit.digest)
        if key not in self._alignments:
            name = f"The visit of {visit.date}"
            self._alignments[key] = align(first_study, visit_study, first.masks, visit.masks, name, report)
        return self._alignments[key]

    def keep(self, prints: Sequence[str]) -> None:
        """Forget all studies but these: memory is dear."""
        wanted = tuple(name for name in prints if name)
        self._studies = {name: study for name, study in self._studies.items() if name.startswith(wanted)}


def compare(
    copies: Sequence[VisitCopy],
    studies: Studies,
    options: FollowUpOptions,
    choices: ReaderChoices,
    aligned: bool,
    report: Reporter,
) -> Assessment:
    """Read, align, measure and judge visits.

    Args:
        copies: By date.
        studies: What is known from before.
        options: As chosen.
        choices: What the reader changed.
        aligned: The visits lie in the same space already.
        report: Progress.

    Raises:
        StudyError: They cannot be compared.
        Cancelled: The user stopped the work.
    """
    found = []
    for number, copy in enumerate(copies):
        part = report.part(0.5 * number / len(copies), 0.5 * (number + 1) / len(copies))
        part.report(0.0, f"reading the visit of {copy.date}")
        found.append(studies.study(copy, part))
        _check_overlap(copy, found[-1])
    alignments = [Alignment()]
    for number, copy in enumerate(copies[1:], start=1):
        part = report.part(0.5 + 0.2 * (number - 1) / len(copies), 0.5 + 0.2 * number / len(copies))
        alignments.append(Alignment("identity") if aligned else _aligned(copies[0], copy, studies, part))
    visits = [
        Visit(
            copy.name,
            copy.date,
            copy.masks,
            source=copy.source,
            alignment=alignment,
            fields=copy.fields,
            study=study,
            volumes=dict(copy.volumes),
            notes=(*copy.notes, *_alignment_notes(alignment)),
        )
        for copy, alignment, study in zip(copies, alignments, found, strict=True)
    ]
    equal = equal_notes(found, [copy.masks for copy in copies])
    visits[-1] = replace(visits[-1], notes=(*visits[-1].notes, *equal))
    studies.keep([copy.prints for copy in copies])
    return judge(visits, options, choices, None, report.part(0.7, 1.0))


def judge(
    visits: Sequence[Visit],
    options: FollowUpOptions,
    choices: ReaderChoices,
    earlier: Assessment | None,
    report: Reporter,
) -> Assessment:
    """Measure and judge visits that are aligned; what `earlier` measured is not measured again.

    Raises:
        StudyError: They cannot be judged.
        Cancelled: The user stopped the work.
    """
    from ...followup.assessment import assess

    return assess(visits, options, choices=choices, earlier=earlier, progress=report.report, cancel=report.cancelled)


def outline(
    prepared: Prepared,
    before: VisitCopy | None,
    number: int,
    studies: Studies,
    aligned: bool,
    cache: str | Path | None,
    report: Reporter,
) -> "Outlined":
    """Outline a visit; the masks are on the grid of its study.

    Args:
        prepared: Its study and the predictor.
        before: The last outlined visit before it; None outlines without one.
        number: Of that visit, 1 for the first.
        studies: What is known from before.
        aligned: The two visits lie in the same space already.
        cache: Where embeddings are kept.
        report: Progress.
    """
    from ...followup.outlining import Earlier
    from ...followup.outlining import outline as outline_visit

    study, model = prepared.study, prepared.predictor.model  # type: ignore[attr-defined]
    earlier, to_first = None, np.eye(4)
    if before is not None:
        earlier = Earlier(before.masks, np.eye(4), f"V{number}")
        if not aligned:
            report.report(0.0, f"aligning with the visit of {before.date}")
            first = studies.study(before, report.part(0, 0.2))
            if first is None:
                raise StudyError(f"The visit of {before.date} has no volumes to align: say that they are aligned")
            from ...followup.registration import align

            to_first = align(first, study, before.masks, None, "The visit", report.part(0.2, 0.4)).to_first
    part = report.part(0.4, 1.0)
    return outline_visit(study, model, earlier, to_first, cache, part.report, part.cancelled)


def _check_overlap(copy: VisitCopy, study: Any) -> None:
    """Raise `StudyError` where nothing of the outlines lies within the volumes."""
    places = np.argwhere(copy.masks.wt)[:, ::-1].astype(float)
    if study is None or not len(places) or study.reference.contains(copy.masks.geometry.to_ras(places)).any():
        return
    raise StudyError(
        f"The visit of {copy.date} ({copy.name}): outlines and volumes do not overlap in space; check that they are of "
        "one examination, and the transforms above them"
    )


def _aligned(first: VisitCopy, visit: VisitCopy, studies: Studies, report: Reporter) -> Alignment:
    """How a visit lies against the first one. Raises `StudyError`."""
    if not first.prints or not visit.prints:
        raise StudyError(
            f"{first.name} and {visit.name} cannot be aligned, as one has no volumes: load them, or say that the "
            "visits are aligned already"
        )
    report.report(0.0, f"aligning the visit of {visit.date}")
    one, two = (studies.study(copy, report) for copy in (first, visit))
    if _is_stripped(one) != _is_stripped(two):  # the brains are compared then
        one, two = (studies.study(copy, report, "auto") for copy in (first, visit))
    return studies.alignment(first, visit, one, two, report)


def _is_stripped(study: Any) -> bool:
    return all(study.volume(modality).skull_stripped for modality in study.modalities)


def _alignment_notes(alignment: Alignment) -> list[str]:
    if alignment.method != "rigid":
        return []
    from ...followup.registration import alignment_notes

    return alignment_notes(alignment)
