"""Whether volumes are of one patient and one examination: by DICOM headers, by folders and names, by their voxels.

Messages name a tag and the last part of a folder, never the value of a tag.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..files import check_name
from .canonical import canonical_axes, reorient
from .dicom import DicomSeries, find_series, split_choice, volumes_in
from .dicom_elements import is_dicom, read_elements
from .naming import speaks_of_sequence
from .reasons import no_warnings
from .volume import Source, Volume, image_suffix

PATIENT_ID, PATIENT_NAME, STUDY_UID = "0010|0020", "0010|0010", "0020|000d"

TAGS = {
    PATIENT_ID: "PatientID",
    PATIENT_NAME: "PatientName",
    "0010|0030": "PatientBirthDate",
    "0010|0040": "PatientSex",
    STUDY_UID: "StudyInstanceUID",
    "0008|0020": "StudyDate",
}
"""What must be the same in volumes of one patient and one examination."""

FRAME_UID = "0020|0052"
"""FrameOfReferenceUID: volumes with one of it lie in one space of the scanner."""

_READ = (*TAGS, FRAME_UID)

SCALED = 0.99999
"""Correlation of the voxels from which two volumes are one under two scales."""

SAME_PATIENT_HINT = "if they are of one patient all the same, say so (--same-patient, or same_patient=True)"

_NOBODY = {"", "anon", "anonymous", "anonymized", "anonymised", "unknown", "none", "patient", "0"}
"""PatientIDs, in small letters, that many patients share."""

_SERIES_FOLDER = re.compile(
    r"(anat|dicoms?|dcm|nifti|nii|nrrd|images?|raw|mri?)|((series|ser|se|scan|sc|sr|im|img|image|acq|run)[-_ ]?\d+)"
)

_PATIENT_WORD = re.compile(
    r"(?:^|[^a-z0-9])((?:sub|subj|subject|pat|patient|patientid|case|"
    r"ses|session|visit|timepoint)[-_ ]?(?:\d[a-z0-9]*|[a-z]))"
    r"(?![a-z0-9])|(?:^|[^a-z0-9])((?:sub|ses)-[a-z0-9]+)"
)

_TIME_OF_DAY = re.compile(r"(\d{8})-?\d{6}\b")

_SERIES_NUMBER = re.compile(r"(-\d{1,2})+$")

_NUMBERED_WITHIN = ("brats", "upenn")
"""Data sets whose cases differ in short numbers at the end."""

_FIVE_DIGITS = re.compile(r"\d{5,}")

_FOUR_DIGITS_AND_WORD = re.compile(r"^(?!series|scan|ser|se|img|im|image|acq|run)[a-z]+.*\d{3}")


@dataclass(frozen=True)
class Origin:
    """Where a volume comes from.

    Args:
        modality: One of `MODALITIES`.
        place: The folder of the case that it lies in, as far as the path tells; None for an image in memory.
        names: Of the file and of the folders between it and that of the case.
        tags: Those of `TAGS` and `FRAME_UID` that a DICOM header fills, the first one of a series.
        mixed: Those of PatientID and PatientName that have several values within the series.
    """

    modality: str
    place: Path | None
    names: tuple[str, ...]
    tags: Mapping[str, str]
    mixed: tuple[str, ...] = ()

    @classmethod
    def of(cls, modality: str, source: Source) -> "Origin":
        """The origin of a volume that has not been read yet; a source that cannot be read tells no tags."""
        if isinstance(source, sitk.Image):
            return cls(modality, None, (), _filled({key: _text(source, key) for key in _READ}))
        if isinstance(source, DicomSeries):
            return cls(modality, *_case_folder(source.folder), *_tags(source.files))
        if not isinstance(source, str | Path):
            return cls(modality, None, (), {})
        path, number = split_choice(source)
        if path.is_dir():
            return cls(modality, *_case_folder(path), *_tags(_files(path, number)))
        place, names = _case_folder(path.parent)
        return cls(modality, place, (path.name, *names), *(({}, ()) if image_suffix(path) else _tags([str(path)])))

    def __str__(self) -> str:
        where = self.place.name if self.place is not None else ""
        return f"{self.modality} in {where}" if where else self.modality


def check_sources_differ(given: Mapping[str, Source]) -> None:
    """Raise `StudyError` where one file, folder, series or image is given for two modalities, by whatever path."""
    for (first, one), (second, other) in combinations(given.items(), 2):
        if _same_source(one, other):
            name = one.name if isinstance(one, Path) else Path(one).name if isinstance(one, str) else "One volume"
            raise StudyError(
                f"{name} is given for {first} and for {second}: give another volume for one of them, or leave it out"
            )


def check_one_case(origins: Sequence[Origin], same_patient: bool = False) -> list[str]:
    """Raise `StudyError` where volumes found below one folder lie in the folders of several cases.

    Args:
        origins: Of the volumes.
        same_patient: The user says that they are of one patient.

    Returns:
        What the user should know.
    """
    if _is_one_patient(origins):
        return []
    alike = _differing_names(origins) or _differing_places(origins)
    if not alike:
        return []
    if not same_patient:
        raise StudyError(
            f"The volumes are of several cases: {alike}. Give the folder of one of them, or the volumes one by one; "
            f"{SAME_PATIENT_HINT}"
        )
    return [f"volumes of several cases taken as one patient's, as you said: {alike}"]


def patient_notes(origins: Sequence[Origin], same_patient: bool = False, hint: str = SAME_PATIENT_HINT) -> list[str]:
    """What headers say against the volumes being of one patient and one examination, for the user to read.

    Args:
        origins: Of the volumes.
        same_patient: The user says that they are of one patient.
        hint: How the user says so.

    Raises:
        StudyError: The headers have several values of PatientID, or those of one series have several of PatientID or
            PatientName, unless `same_patient`.
    """
    mixed = [one for one in origins if one.mixed]
    if mixed and not same_patient:
        raise StudyError(
            f"The slices of {mixed[0]} are of different patients: {_differ(mixed[0].mixed)} within the series. Export "
            f"it again from the archive; {hint}"
        )
    tags = differing_tags(origins)
    if PATIENT_ID in tags and not same_patient:
        raise StudyError(
            f"The volumes are of different patients: the DICOM tag {TAGS[PATIENT_ID]} differs ({_listed(origins)}). "
            f"Give volumes of one patient; {hint}"
        )
    within = [f"{_differ(one.mixed)} within the series of {one}, taken as one patient's, as you said" for one in mixed]
    return [*within, *tag_notes(origins)]


def differing_tags(origins: Sequence[Origin]) -> list[str]:
    """Those of `TAGS` that have several values; a header that leaves a tag empty says nothing about it."""
    return [tag for tag in TAGS if len(_values(origins, tag)) > 1]


def _values(origins: Sequence[Origin], tag: str) -> set[str]:
    return {one.tags[tag] for one in origins if tag in one.tags} - (_NOBODY if tag == PATIENT_ID else set())


def tag_notes(origins: Sequence[Origin]) -> list[str]:
    """One sentence on the tags that differ, if any."""
    names = [TAGS[tag] for tag in differing_tags(origins)]
    if not names:
        return []
    return [f"{_differ(names)} ({_listed(origins)}): check that the volumes are of one patient and one examination"]


def frame_notes(origins: Sequence[Origin]) -> list[str]:
    """One sentence where headers say that volumes lie in different spaces, as when the patient left the scanner."""
    if len(_values(origins, FRAME_UID)) < 2:
        return []
    return [
        f"the volumes have different frames of reference (DICOM tag FrameOfReferenceUID; {_listed(origins)}): the head "
        "may have moved between them; check that they lie over each other, or align them first"
    ]


def _differ(names: Sequence[str]) -> str:
    """That tags of these names differ."""
    many = len(names) > 1
    return f"the DICOM {'tags' if many else 'tag'} {' and '.join(names)} {'differ' if many else 'differs'}"


def place_notes(origins: Sequence[Origin]) -> list[str]:
    """One sentence on folders and names that differ, if any, unless headers say that it is all one examination."""
    differ = "" if _is_one_patient(origins) else _differing_names(origins) or _differing_places(origins)
    return [f"the volumes lie in different places ({differ}): check that they are of one patient"] if differ else []


def check_voxels_differ(volumes: Iterable[Volume]) -> list[str]:
    """Raise `StudyError` where T1 and T1c are equal voxel by voxel, in whatever order these are stored; a note for any
    other two that are, and for those that differ by the scale of their grey values only.
    """
    notes = []
    stored = [(volume.modality, _in_one_order(volume)) for volume in volumes]
    for (one, first), (other, second) in combinations(stored, 2):
        if first.shape != second.shape or not _is_scaled(first, second):
            continue
        if np.array_equal(first, second):
            if {one, other} == {"t1", "t1c"}:
                raise StudyError(
                    f"The volumes {one} and {other} are equal voxel by voxel: one of them is the other under a second "
                    "name. Leave out the one that it is not"
                )
            notes.append(f"{one} and {other} are equal voxel by voxel: check that both are what they are called")
        else:
            notes.append(
                f"{one} and {other} differ by the scale of their grey values only: check that both are what they are "
                "called"
            )
    return notes


def _in_one_order(volume: Volume) -> np.ndarray:
    """A view of the voxels with their axes as near as can be to the left, the back and the head; as they are stored
    where the file does not say how they lie.
    """
    values = sitk.GetArrayViewFromImage(volume.image)
    return reorient(values, canonical_axes(volume.geometry)) if volume.placed else values


def _is_scaled(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether grey values are those of another volume, or these times a number plus a number, but for rounding."""
    first, second = (values[::3, ::3, ::3].ravel().astype(float) for values in (one, other))
    spreads = first.std(), second.std()
    if not min(spreads) > 0:
        return False
    likeness = np.mean((first - first.mean()) / spreads[0] * ((second - second.mean()) / spreads[1]))
    return bool(likeness > SCALED)


def _listed(origins: Sequence[Origin]) -> str:
    return ", ".join(str(one) for one in origins if one.tags)


def _same_source(one: Source, other: Source) -> bool:
    if isinstance(one, sitk.Image) or isinstance(other, sitk.Image):
        return one is other
    if isinstance(one, DicomSeries) or isinstance(other, DicomSeries):
        series = isinstance(one, DicomSeries) and isinstance(other, DicomSeries)
        return series and {Path(file).resolve() for file in one.files} == {Path(file).resolve() for file in other.files}  # type: ignore[union-attr]
    if not isinstance(one, str | Path) or not isinstance(other, str | Path):
        return False
    (first, number), (second, other_number) = split_choice(one), split_choice(other)
    if number != other_number:
        return False
    try:
        return first.samefile(second)
    except (OSError, ValueError):  # one is not there
        return first.absolute() == second.absolute()


def _files(folder: Path, number: int | None) -> Sequence[str]:
    """The files of the DICOM series that is read from a folder; none where the reader will say what is wrong."""
    try:
        series = [one.series for one in volumes_in(folder)] if number is not None else find_series(folder)
    except (StudyError, OSError):
        return ()
    place = 0 if number is None else number - 1
    return series[place].files if 0 <= place < len(series) else ()


def _text(image: sitk.Image, key: str) -> str:
    return image.GetMetaData(key) if image.HasMetaDataKey(key) else ""


def _filled(tags: Mapping[str, str]) -> dict[str, str]:
    cleaned = {
        key: " ".join(value.replace("\0", " ").replace("^", " ").split()).casefold() for key, value in tags.items()
    }
    return {key: value for key, value in cleaned.items() if value}


def _tags(files: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Those of `TAGS` in the first file with a DICOM header; and those of the patient that differ among all of them."""
    headers = [header for file in files if (header := _header(file)) is not None]
    mixed = [TAGS[tag] for tag in (PATIENT_ID, PATIENT_NAME) if len({one[tag] for one in headers if tag in one}) > 1]
    return (headers[0] if headers else {}), tuple(mixed)


@no_warnings()
def _header(file: str) -> dict[str, str] | None:
    check_name(file, StudyError)
    if not _is_whole(Path(file)):
        return None
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.SetImageIO("GDCMImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    return _filled({key: reader.GetMetaData(key) for key in _READ if reader.HasMetaDataKey(key)})


def _is_whole(file: Path) -> bool:
    """Whether a file is no DICOM file cut short, for which GDCM would take gigabytes of memory."""
    try:
        return not is_dicom(file) or bool(read_elements(file).values)
    except (StudyError, OSError):  # the reader says what is wrong
        return False


def _is_one_patient(origins: Sequence[Origin]) -> bool:
    """Whether headers say of every volume that it is of one patient, by PatientID, or where that is empty by study."""
    ids, studies = ({one.tags.get(tag, "") for one in origins} for tag in (PATIENT_ID, STUDY_UID))
    if ids & _NOBODY:
        return len(studies) == 1 and "" not in studies and len(ids - _NOBODY) < 2
    return len(ids) == 1


def _case_folder(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """`folder` without the parts at its end that are of a series, such as `anat`, `FLAIR`, `5-AX T1`; and these."""
    folder, names = folder.absolute(), []
    while folder.name and (_SERIES_FOLDER.fullmatch(folder.name.lower()) or speaks_of_sequence(folder.name)):
        names.append(folder.name)
        folder = folder.parent
    return folder.resolve(), tuple(names)


def _differing_places(origins: Sequence[Origin]) -> str:
    """The volumes with the first folder in which their places differ, else an empty text."""
    placed = {one.modality: one.place for one in origins if one.place is not None}
    if len(set(placed.values())) < 2:
        return ""
    shared = min(
        sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one.parts, other.parts, strict=False)))
        for one, other in combinations(placed.values(), 2)
    )
    return ", ".join(f"{modality} in {(*place.parts, place.name)[shared]}" for modality, place in placed.items())


def _differing_names(origins: Sequence[Origin]) -> str:
    """The volumes with their names where these begin with the names of different cases, else an empty text."""
    marks = [(one.modality, name, mark) for one in origins for name in one.names if (mark := _case_mark(name))]
    shapes = {"patient" if _PATIENT_WORD.search(mark) else re.sub(r"\d+", "0", mark) for _, _, mark in marks}
    if len(shapes) == 1 and len({mark for _, _, mark in marks}) > 1:
        return ", ".join(f"{modality} is {name}" for modality, name, _ in marks)
    return ""


def _case_mark(name: str) -> str:
    """The part of a name that tells the case, such as `sub-01 ses-02`; empty when none does."""
    text = name.lower()
    if words := ["".join(found) for found in _PATIENT_WORD.findall(text)]:
        return " ".join(words)
    words = re.split(r"[^a-z0-9]+", text)
    stop = next((n for n, word in enumerate(words) if speaks_of_sequence(word)), len(words))
    if stop == len(words):
        return ""
    beginning = _TIME_OF_DAY.sub(r"\1", "-".join(words[:stop]))
    if not beginning.startswith(_NUMBERED_WITHIN):
        beginning = _SERIES_NUMBER.sub("", beginning)
    return beginning if _FIVE_DIGITS.search(beginning) or _FOUR_DIGITS_AND_WORD.search(beginning) else ""
