"""What the worker's thread does for follow-up: reading volumes, aligning visits, comparing them. No MRML here."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np

from ...errors import StudyError
from ...followup.assessment import Assessment, ReaderChoices
from ...followup.lesions import VisitMasks
from ...followup.options import FollowUpOptions
from ...followup.visit import Alignment, Visit, VisitFields
from ...progress import Reporter
from ..jobs import Prepared
from ..volumes import VolumeCopy

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

    @property
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
        return prints in self._studies

    def study(self, copy: VisitCopy, report: Reporter) -> Any:
        """The volumes of a visit; None where there are none."""
        if not copy.prints:
            return None
        if copy.prints not in self._studies:
            report.check()
            images = {modality: volume.image() for modality, volume in copy.copies.items()}
            self._studies[copy.prints] = self._read_study(
                **images, register=False, skull="off", progress=report.report, cancel=report.cancelled
            )
        return self._studies[copy.prints]

    def alignment(self, first: Visit, visit: Visit, key: tuple[str, ...], report: Reporter) -> Alignment:
        """How a visit lies against the first one."""
        from ...followup.registration import align

        if key not in self._alignments:
            self._alignments[key] = align(visit, first, report)
        return self._alignments[key]

    def keep(self, prints: Sequence[str]) -> None:
        """Forget all studies but these: memory is dear."""
        self._studies = {name: study for name, study in self._studies.items() if name in prints}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Visits that were compared.

    Args:
        assessment: What was found.
        digests: A text for each visit that changes with its outlines and its day.
    """

    assessment: Assessment
    digests: tuple[str, ...]


def compare(
    copies: Sequence[VisitCopy],
    studies: Studies,
    options: FollowUpOptions,
    choices: ReaderChoices,
    aligned: bool,
    report: Reporter,
) -> Comparison:
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
    visits: list[Visit] = []
    for number, copy in enumerate(copies):
        part = report.part(0.7 * number / len(copies), 0.7 * (number + 1) / len(copies))
        part.report(0.0, f"reading the visit of {copy.date}")
        study = studies.study(copy, part.part(0, 0.4))
        visit = Visit(
            copy.name,
            copy.date,
            copy.masks,
            source=copy.source,
            fields=copy.fields,
            study=study,
            volumes=dict(copy.volumes),
            notes=copy.notes,
        )
        if number and aligned:
            visit = replace(visit, alignment=Alignment("identity"))
        elif number:
            if study is None or visits[0].study is None:
                raise StudyError(
                    f"{copies[0].name} and {copy.name} cannot be aligned, as one has no volumes: load them, or say "
                    "that the visits are aligned already"
                )
            part.report(0.4, f"aligning the visit of {copy.date}")
            # the outlines are part of the key: tumour does not count where heads are compared
            key = (copies[0].prints, copies[0].digest, copy.prints, copy.digest)
            alignment = studies.alignment(visits[0], visit, key, part.part(0.4, 1.0))
            visit = replace(visit, alignment=alignment)
        visits.append(visit)
    studies.keep([copy.prints for copy in copies])
    report.report(0.7, "measuring the lesions")
    assessment = judge(visits, options, choices)
    report.report(1.0, "measuring the lesions")
    return Comparison(assessment, tuple(copy.digest for copy in copies))


def judge(visits: Sequence[Visit], options: FollowUpOptions, choices: ReaderChoices) -> Assessment:
    """Measure and judge visits that are aligned. Raises `StudyError`."""
    from ...followup.assessment import assess

    return assess(visits, options, choices=choices)


def outline(
    prepared: Prepared, before: VisitCopy | None, studies: Studies, aligned: bool, report: Reporter
) -> dict[str, np.ndarray]:
    """Outline a visit: masks, uint8 (K, J, I), by region on the grid of its study.

    Args:
        prepared: Its study and the predictor.
        before: The last outlined visit before it; None outlines without one.
        studies: What is known from before.
        aligned: The two visits lie in the same space already.
        report: Progress.
    """
    raise NotImplementedError
