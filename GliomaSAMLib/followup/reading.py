"""Folders in, visits out: read, sorted by date, aligned with the first, and outlined where they were not yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.labels import check_order
from ..errors import StudyError
from ..progress import Cancel, Progress, Reporter
from ..study.nifti import ORIENTATIONS
from ..study.patients import PATIENT_ID, SAME_PATIENT_HINT, STUDY_UID, TAGS, differing_tags
from .dates import STUDY_DATE
from .examination import Examination, read_examination
from .lesions import VisitMasks
from .one_patient import equal_notes, folder_notes
from .options import FollowUpOptions
from .outline_file import NO_SEGMENTATION
from .outlining import Earlier, outline
from .registration import align, alignment_notes
from .timeline import called, check_regions, steroids_by_dose
from .visit import Alignment, Visit

if TYPE_CHECKING:
    from ..models import Model

READING, ALIGNING = 0.25, 0.5
"""Where in the work reading and aligning end."""


@dataclass(frozen=True)
class ReadingOptions:
    """How visits are read.

    Args:
        dates: A day for each folder, YYYY-MM-DD; empty: as the files say.
        segmentations: A file for each folder, "-" for none; empty: as the folders hold.
        labels: What the labels of all visits mean, of `ORDERS`.
        registered: The visits lie in one space: not aligned.
        carry: Visits without a segmentation are outlined from that of an earlier one.
        same_patient: The visits are of one patient, whatever their headers say.
        skull, orientation: As for `Study.read`.
        cache: As for `Session`.
        today: No examination is later; default the day of the computer's clock.
        judged: What is to be judged, so that outlines that do not tell it are refused before the long work.
    """

    dates: Sequence[str] = ()
    segmentations: Sequence[Path | str] = ()
    labels: str | None = None
    registered: bool = False
    carry: bool = True
    same_patient: bool = False
    skull: str = "auto"
    orientation: str = ORIENTATIONS[0]
    cache: str | Path | None = "default"
    today: date | None = None
    judged: FollowUpOptions | None = None


def read_visits(
    folders: Sequence[Path | str],
    options: ReadingOptions | None = None,
    load: "Callable[[], Model] | None" = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> list[Visit]:
    """Read the visits of a patient, in the order of their dates.

    Args:
        folders: One a visit, at least two.
        options: How.
        load: Gives the model that outlines visits without a segmentation; called at most once, where there are such.
        progress, cancel: As for `Study.read`.

    Raises:
        StudyError: A visit cannot be used, or the visits do not fit together; the text says which and why.
        Cancelled: `cancel` returned True.
    """
    options = options or ReadingOptions()
    report = Reporter(progress, cancel)
    found = read_examinations(folders, options, report.part(0.0, READING))
    if options.judged is not None:
        told = [(called(n, one.date), one.outlines.known) for n, one in enumerate(found) if one.outlines is not None]
        check_regions(told, options.judged)
    model = _model(found, load)
    alignments = _alignments(found, options, report.part(READING, ALIGNING))
    visits = _outlined(found, alignments, options, model, report.part(ALIGNING, 1.0))
    report.report(1.0, "the visits are read")
    return visits


def read_examinations(
    folders: Sequence[Path | str], options: ReadingOptions, report: Reporter | None = None
) -> list[Examination]:
    """Read the folders alone: sorted by date, checked against each other, neither aligned nor outlined.

    Raises:
        StudyError, Cancelled: As `read_visits`.
    """
    report = report or Reporter(None, None)
    _check_given(folders, options)
    found = []
    for number, folder in enumerate(folders):
        part = report.part(number / len(folders), (number + 1) / len(folders))
        found.append(
            read_examination(
                folder,
                said_date=options.dates[number] if options.dates else None,
                segmentation=options.segmentations[number] if options.segmentations else None,
                labels=options.labels,
                skull=options.skull,
                orientation=options.orientation,
                same_patient=options.same_patient,
                today=options.today,
                progress=_of_visit(part, number + 1),
                cancel=report.cancelled,
            )
        )
    _check_volumes(found, options)
    ordered = sorted(range(len(found)), key=lambda number: found[number].date)
    if ordered != sorted(ordered):
        found = [
            one if place == ordered[place] else _noted(one, f"given as visit {ordered[place] + 1}; sorted by date")
            for place, one in enumerate(found[number] for number in ordered)
        ]
    doubts = [] if options.same_patient else folder_notes(folders)
    found[-1] = _noted(found[-1], *_check_patient(found, options), *doubts)
    return _with_steroids(found)


def _of_visit(report: Reporter, number: int) -> Progress:
    return lambda done, text: report.report(done, f"visit {number}: {text}")


def _check_given(folders: Sequence[Path | str], options: ReadingOptions) -> None:
    check_order(options.labels, StudyError)
    if len(folders) < 2:
        raise StudyError(f"{len(folders)} visit given: follow-up needs at least two folders")
    places = [Path(folder).resolve() for folder in folders]
    if twice := [place.name for n, place in enumerate(places) if place in places[:n]]:
        raise StudyError(f"The visit {twice[0]} is given twice: give each folder once")
    for option, given in (("--date", options.dates), ("--segmentation", options.segmentations)):
        if given and len(given) != len(folders):
            raise StudyError(
                f"{option} is given {len(given)} times for {len(folders)} visits: give it for each of them"
            )
    files = [Path(file).resolve() for file in options.segmentations if str(file) != NO_SEGMENTATION]
    if twice := [file.name for n, file in enumerate(files) if file in files[:n]]:
        raise StudyError(f"The segmentation {twice[0]} is given for two visits: give each visit its own, or - for none")


def _check_patient(found: Sequence[Examination], options: ReadingOptions) -> list[str]:
    """Raise `StudyError` where headers name several patients, without a word of what they say. Returns what else speaks
    against one patient, for the user to read.
    """
    tags = differing_tags([origin for one in found for origin in one.origins])
    if PATIENT_ID in tags and not options.same_patient:
        raise StudyError(
            "The visits are of different patients: the DICOM tag PatientID differs between them. Give the visits of "
            f"one patient; {SAME_PATIENT_HINT}"
        )
    differ = [TAGS[tag] for tag in tags if tag not in (STUDY_UID, STUDY_DATE)]
    said = "taken as one patient's, as you said" if options.same_patient else "check that they are of one patient"
    notes = [f"the visits differ in DICOM tags of the patient ({', '.join(differ)}): {said}"] if differ else []
    return notes + equal_notes([one.study for one in found], [one.masks for one in found])


def _check_volumes(found: Sequence[Examination], options: ReadingOptions) -> None:
    """Raise `StudyError` where a visit has neither volumes nor a way to do without."""
    for one in found:
        if one.study is None and not options.registered:
            raise StudyError(
                f"The visit {one.folder} has no volumes to align it by: add some, or say that the visits are aligned "
                "already (--registered)"
            )
        if one.study is None and one.outlines is None:
            raise StudyError(f"The visit {one.folder} has no volumes and no segmentation: add one of them")


def _noted(one: Examination, *notes: str) -> Examination:
    return replace(one, notes=(*one.notes, *notes))


def _with_steroids(found: Sequence[Examination]) -> list[Examination]:
    """The visits with what doses of steroids say against the visit before, where nothing else is said of it."""
    done: list[Examination] = []
    for one in found:
        fields = one.fields
        word = fields.steroids or steroids_by_dose(fields, done[-1].fields if done else None)
        done.append(replace(one, fields=replace(fields, steroids=word)))
    return done


def _alignments(found: Sequence[Examination], options: ReadingOptions, report: Reporter) -> list[Alignment]:
    first = found[0]
    alignments = [Alignment()]
    for number, one in enumerate(found[1:], start=1):
        if options.registered:
            alignments.append(Alignment("identity"))
            continue
        assert first.study is not None and one.study is not None
        part = report.part((number - 1) / (len(found) - 1), number / (len(found) - 1))
        name = f"The visit {one.folder}"
        try:
            alignments.append(align(first.study, one.study, first.masks, one.masks, name, part))
        except StudyError as error:
            told = [f"{visit.folder}: {note}" for visit in (first, one) if (note := _place_note(visit))]
            raise StudyError(". ".join([str(error), *told])) from error
    return alignments


def _place_note(one: Examination) -> str:
    return one.outlines.place_note if one.outlines is not None else ""


def _model(found: Sequence[Examination], load: "Callable[[], Model] | None") -> "Model | None":
    """The model, where a visit has to be outlined: loaded before the long work, as it may not be there."""
    missing = [one.folder for one in found if one.outlines is None]
    if not missing:
        return None
    if load is None:
        raise StudyError(f"The visit {missing[0]} has no segmentation, and no model was given to outline it")
    return load()


def _outlined(
    found: Sequence[Examination],
    alignments: Sequence[Alignment],
    options: ReadingOptions,
    model: "Model | None",
    report: Reporter,
) -> list[Visit]:
    visits: list[Visit] = []
    for number, (one, alignment) in enumerate(zip(found, alignments, strict=True)):
        masks, source, weights, notes = one.masks, "given", None, list(one.notes) + alignment_notes(alignment)
        if masks is None:
            assert one.study is not None and model is not None
            part = report.part(number / len(found), (number + 1) / len(found))
            result = outline(
                one.study,
                model,
                _earlier(visits, options),
                alignment.to_first,
                options.cache,
                part.report,
                part.cancelled,
            )
            masks, source, weights = result.masks, result.source, model.weights_sha256
            notes += result.notes
        labels = one.outlines.order if one.outlines is not None else None
        visits.append(
            Visit(
                folder=one.folder,
                date=one.date,
                masks=masks,
                source=source,
                file=one.file,
                labels=labels,
                alignment=alignment,
                fields=one.fields,
                study=one.study,
                volumes=dict(one.volumes),
                inputs=one.inputs,
                weights_sha256=weights,
                notes=tuple(notes),
            )
        )
    return visits


def _earlier(visits: Sequence[Visit], options: ReadingOptions) -> Earlier | None:
    """The outlines of the last visit that has some; None where there are none, or none are to be carried."""
    if not options.carry or not visits:
        return None
    last: VisitMasks = visits[-1].masks
    return Earlier(last, np.asarray(visits[-1].alignment.to_first), f"V{len(visits)}")
