"""What the folder of one visit holds: its date, its volumes, its segmentation if there is one, and `visit.json`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from ..data.labels import LabelMap, read_label_map
from ..errors import StudyError
from ..files import seen_in, sha256_of
from ..geometry import box_corners
from ..listing import first_of
from ..output.overwriting import files_of_image, files_of_source
from ..progress import Cancel, Progress
from ..study import Study
from ..study.dicom import DicomSeries, find_series
from ..study.modalities import DEPTH, is_segmentation, search_folder
from ..study.nifti import ORIENTATIONS
from ..study.patients import Origin
from ..study.volume import image_suffix
from .dates import date_of_visit, dicom_dates
from .lesions import VisitMasks
from .outline_file import segmentation_file
from .timeline import check_weeks, weeks_between
from .visit import VisitFields
from .visit_json import FILE, read_visit_json

LARGEST_SHARE = 0.5
"""No tumour fills more of the brain; a mask of the brain, or labels of its tissues, do."""

MOST_LEFT_OUT = 8
"""Files that a note names as left out."""


@dataclass(frozen=True, eq=False)
class Examination:
    """One visit as it was read; where there is no segmentation it has still to be outlined.

    Args:
        folder: The last part of its path.
        date: The day.
        fields: What the reader says.
        study: The volumes; None where there are none.
        volumes: What each modality is, for the report.
        outlines: The segmentation; None where there is none.
        file: Its name.
        inputs: What was read, with SHA-256, for the report: see `Visit`.
        origins: Where the volumes come from, to compare patients; never shown.
        notes: What the user should know.
    """

    folder: str
    date: date
    fields: VisitFields
    study: Study | None
    volumes: Mapping[str, str]
    outlines: LabelMap | None
    file: str | None
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def masks(self) -> VisitMasks | None:
        """The outlines as they are measured, on their own grid; None where there are none."""
        if self.outlines is None:
            return None
        found, told = self.outlines.masks, self.outlines
        return VisitMasks(told.geometry, found["WT"], found["TC"], found["ET"], told.cavity, told.known)


def read_examination(
    folder: Path | str,
    *,
    said_date: str | None = None,
    segmentation: Path | str | None = None,
    labels: str | None = None,
    skull: str = "auto",
    orientation: str = ORIENTATIONS[0],
    same_patient: bool = False,
    today: date | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Examination:
    """Read the folder of a visit.

    Args:
        folder: With volumes as `Study.read_folder` takes them, a segmentation, or both.
        said_date: The day, YYYY-MM-DD; it counts before what files say.
        segmentation: The file to take; "-" for none, whatever lies in the folder. Default as `segmentation_file`
            finds it.
        labels: What the labels mean, of `ORDERS`; a map with label 4 needs it.
        skull, orientation, same_patient, progress, cancel: As for `Study.read`.
        today: As for `parse_date`.

    Raises:
        StudyError: Nothing is there, or something in it cannot be used; the text names the visit or the file.
        Cancelled: `cancel` returned True.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"{folder}: the visit is no folder; give the folder with its volumes")
    folder = Path(os.path.abspath(folder))  # "." has no name; that of a link counts, not of what it leads to
    file, file_notes = segmentation_file(folder, segmentation)
    sources, left_out = _volumes(folder, file)
    said = read_visit_json(folder, today)
    series = [source for source in sources.values() if isinstance(source, DicomSeries)]
    found_dates = dicom_dates(one.files[0] for one in series)
    day, date_notes = date_of_visit(folder, said_date, said.date, found_dates, today)
    check_weeks(said.fields, day, f"{folder.name}/{FILE}")
    fields, field_notes = _with_weeks(said.fields, day)
    outlines = None
    if file is not None:
        outlines = read_label_map(file, labels, four_is_enhancing=False, orientation=orientation, error=StudyError)
    study = None
    if sources:
        study = Study.read_folder(
            folder,
            skull=skull,
            orientation=orientation,
            same_patient=same_patient,
            progress=progress,
            cancel=cancel,
        )
    if file is not None and outlines is not None and study is not None:
        _check_overlap(outlines, study, folder.name)
        _check_share(outlines, study, f"The visit {folder.name}: {file.name}")
    origins = tuple(Origin.of(*one) for one in sources.items())
    notes = [*date_notes, *said.notes, *field_notes, *file_notes, *_outline_notes(outlines)]
    notes += [*_study_notes(study, origins, folder), *_left_out_notes(left_out)]
    return Examination(
        folder=folder.name,
        date=day,
        fields=fields,
        study=study,
        volumes={modality: _name(source) for modality, source in sources.items()},
        outlines=outlines,
        file=file.name if file is not None else None,
        inputs=_inputs(folder, sources, file),
        origins=origins,
        notes=tuple(notes),
    )


def _files(folder: Path) -> list[Path]:
    return [path for path in seen_in(folder) if path.is_file()]


def _stem(path: Path) -> str:
    return path.name[: -len(image_suffix(path) or "")] if image_suffix(path) else path.name


def _volumes(folder: Path, segmentation: Path | None) -> tuple[Mapping[str, Path | DicomSeries], tuple[str, ...]]:
    """The sources of the volumes, none where a segmentation is all that the folder holds; and what is left out."""
    try:
        found = search_folder(folder)
    except StudyError as error:
        if segmentation is not None and not _has_images(folder, segmentation):
            return {}, ()
        raise StudyError(f"The visit {folder.name} cannot be used: {error}") from error
    for modality, source in found.volumes.items():
        if segmentation is not None and isinstance(source, Path) and source.samefile(segmentation):
            raise StudyError(
                f"The visit {folder.name}: {segmentation.name} is given as the segmentation, but by its name it is "
                f"the {modality} volume: give it a name such as seg.nii.gz"
            )
    own = segmentation and segmentation.resolve()
    return found.volumes, tuple(name for name in found.left_out if (folder / name).resolve() != own)


def _has_images(folder: Path, segmentation: Path) -> bool:
    """Whether there is an image other than segmentations, three levels deep at most."""
    level = [folder]
    for _ in range(DEPTH):
        for place in level:
            files = [path for path in _files(place) if path.resolve() != segmentation.resolve()]
            if any(image_suffix(path) and not is_segmentation(_stem(path)) for path in files):
                return True
            if any(image_suffix(path) is None for path in files) and find_series(place):
                return True
        level = [path for place in level for path in place.iterdir() if path.is_dir()]
    return False


def _name(source: Path | DicomSeries) -> str:
    """What a report calls a volume: of a series no text of the header, which may hold a name."""
    return source.name if isinstance(source, Path) else f"DICOM series of {len(source.files)} files"


def _inputs(folder: Path, sources: Mapping[str, Path | DicomSeries], file: Path | None) -> dict[str, dict[str, Any]]:
    """What was read: of each volume, the segmentation and `visit.json` how many files, and the SHA-256 of all bytes."""
    read: dict[str, Sequence[Path]] = {modality: files_of_source(source) for modality, source in sources.items()}
    if file is not None:
        read["segmentation"] = files_of_image(file)
    if (folder / FILE).is_file():
        read[FILE] = [folder / FILE]
    return {name: {"files": len(files), "sha256": sha256_of(files)} for name, files in read.items()}


def _with_weeks(fields: VisitFields, day: date) -> tuple[VisitFields, tuple[str, ...]]:
    """The fields with the weeks since radiotherapy from its end."""
    if fields.radiotherapy_end is None or fields.weeks_since_radiotherapy is not None:
        return fields, ()
    weeks = weeks_between(fields.radiotherapy_end, day)
    if weeks < 0:
        return fields, ("radiotherapy ended after this visit",)
    return replace(fields, weeks_since_radiotherapy=weeks), ()


def _study_notes(study: Study | None, origins: Sequence[Origin], folder: Path) -> list[str]:
    """What reading the volumes had to say, but for what each is and what was left out: descriptions of series in DICOM
    headers may hold a name, and reports show these notes. Nor do they show what folders above the visit are called.
    """
    if study is None:
        return []
    spoken = [f"{modality} is " for modality in study.modalities]
    notes = [note for note in study.notes if not note.startswith((*spoken, "left out: "))]
    for origin in origins:
        if origin.place is not None and not origin.place.is_relative_to(folder.resolve()):
            notes = [note.replace(str(origin), origin.modality) for note in notes]
    return notes


def _left_out_notes(left_out: Sequence[str]) -> list[str]:
    """The volumes that were not taken: files by their names, of series only how many."""
    files = [Path(text).name for text in left_out if image_suffix(Path(text))]
    series = len(left_out) - len(files)
    shown = [first_of(files, MOST_LEFT_OUT)] if files else []
    shown += [f"{series} DICOM series"] if series else []
    return [f"volumes left out: {', '.join(shown)}"] if shown else []


def _outline_notes(outlines: LabelMap | None) -> tuple[str, ...]:
    if outlines is None:
        return ()
    empty = () if outlines.labels.any() else ("its segmentation is empty: no lesion",)
    place = (outlines.place_note,) if outlines.place_note else ()
    return (*outlines.notes, *place, *empty)


def _check_overlap(outlines: LabelMap, study: Study, folder: str) -> None:
    """Raise `StudyError` where nothing of the segmentation lies within the volumes, or one of the two does not say
    where it lies; if they have one grid, they belong together all the same.
    """
    told = study.volume(study.modalities[0]).placed
    if outlines.placed != told and not outlines.geometry.matches(study.reference):
        what, other = ("volumes", "segmentation") if outlines.placed else ("segmentation", "volumes")
        raise StudyError(
            f"The visit {folder}: the file of the {what} carries no place in the patient, so that the {other} cannot "
            "be laid over it; export it again as NIfTI, with its place"
        )
    places = np.argwhere(outlines.labels)[:, ::-1].astype(float)
    if not len(places):
        size = np.asarray(outlines.geometry.size)
        places = np.vstack([box_corners(np.zeros(3), size - 1.0), (size - 1) / 2])
    if not study.reference.contains(outlines.geometry.to_ras(places)).any():
        raise StudyError(
            f"The visit {folder}: segmentation and volumes do not overlap in space; check that they are of one patient "
            "and one examination"
        )


def _check_share(outlines: LabelMap, study: Study, what: str) -> None:
    """Raise `StudyError` where outlines are too large for those of a tumour."""
    brain_ml = np.count_nonzero(study.brain) * study.reference.voxel_ml
    share = np.count_nonzero(outlines.labels) * outlines.geometry.voxel_ml / brain_ml
    if share > LARGEST_SHARE:
        raise StudyError(
            f"{what} fills {100 * share:.0f} % of the brain, as a mask of the brain does: give the outlines of the "
            "tumour with --segmentation, or - where there are none"
        )
