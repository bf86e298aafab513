"""The day of an examination: from what the user says, `visit.json`, DICOM headers or the name of the folder."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import SimpleITK as sitk

from ..errors import StudyError
from ..study.reasons import no_warnings

ADVICE = 'give it with --date, or write {"date": "YYYY-MM-DD"} into visit.json in the folder'

FIRST_YEAR = 1900
"""Older than MRI, for that is what some programs write in the place of a date that they take away."""

ACQUISITION_DATE, STUDY_DATE = "0008|0022", "0008|0020"

DICOM_DATES = {ACQUISITION_DATE: "DICOM acquisition date", STUDY_DATE: "DICOM study date"}
"""In the order in which they count."""

_IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:-(\d\d)-|(\d\d))(\d\d)(?!\d)")

_ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def parse_date(text: str, what: str, today: date | None = None, advice: str = "correct it") -> date:
    """A day written YYYY-MM-DD or YYYYMMDD.

    Args:
        text: The day.
        what: Where it stands, for messages.
        today: Nothing that was done is later; default the day of the computer's clock.
        advice: What to do about a date that cannot be.

    Raises:
        StudyError: It is no date, does not exist, is before 1900, or in the future.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise StudyError(f"{what}: {text!r} is no date: write it as YYYY-MM-DD")
    try:
        day = date(*map(int, match.groups()))
    except ValueError as error:
        raise StudyError(f"{what}: the date {text.strip()} does not exist: {advice}") from error
    if day > (today or date.today()):
        raise StudyError(f"{what}: the date {day} is in the future: {advice}")
    if day.year < FIRST_YEAR:
        raise StudyError(f"{what}: nothing of a follow-up is of {day.year}: {advice}")
    return day


def dates_in_name(name: str) -> list[str]:
    """The different days in the name of a folder, as YYYY-MM-DD; they need not exist."""
    found = [
        f"{year}-{dashed or plain}-{day}"
        for year, dashed, plain, day in (match.groups() for match in _IN_NAME.finditer(name))
    ]
    return list(dict.fromkeys(found))


@no_warnings()
def dicom_dates(files: Iterable[str]) -> dict[str, list[str]]:
    """By the tags of `DICOM_DATES` the different days, YYYYMMDD, in the headers of files, sorted; no empty ones."""
    found: dict[str, set[str]] = {}
    for file in files:
        reader = sitk.ImageFileReader()
        reader.SetFileName(file)
        reader.SetImageIO("GDCMImageIO")
        try:
            reader.ReadImageInformation()
        except RuntimeError:  # who reads the volume says what is wrong
            continue
        for tag in DICOM_DATES:
            text = reader.GetMetaData(tag).strip().strip("\0") if reader.HasMetaDataKey(tag) else ""
            if text:
                found.setdefault(tag, set()).add(text)
    return {tag: sorted(days) for tag, days in found.items()}


def date_of_visit(
    folder: Path, said: str | None, in_json: str | None, dicom: Mapping[str, list[str]], today: date | None = None
) -> tuple[date, tuple[str, ...]]:
    """The day of a visit, and what the user should know of it.

    Args:
        folder: Of the visit; the last part of its path may hold the day.
        said: By the user; counts before all others.
        in_json: In `visit.json`.
        dicom: As `dicom_dates` gives them.
        today: As for `parse_date`.

    Raises:
        StudyError: There is no date, or the first source that has one has several, or one that cannot be.
    """
    sources: list[tuple[str, list[str]]] = [
        ("--date", [said] if said is not None else []),
        ("visit.json", [in_json] if in_json is not None else []),
        *((name, dicom.get(tag, [])) for tag, name in DICOM_DATES.items()),
        ("the folder's name", dates_in_name(folder.name)),
    ]
    given = [(name, days) for name, days in sources if days]
    if not given:
        raise StudyError(f"The visit {folder.name} has no date: {ADVICE}")
    (source, days), *others = given
    if source == "the folder's name" and len(days) > 1:
        raise StudyError(f"The visit {folder.name} has several dates in its name ({', '.join(days)}): {ADVICE}")
    day = parse_date(days[0], f"The visit {folder.name}, {source}", today, f"correct it, or {ADVICE}")
    notes = []
    if len(days) > 1:
        notes.append(f"its volumes have several dates ({source}); the first, {day}, counts")
    differing = [name for name, found in others if any(_plain(text) != f"{day:%Y%m%d}" for text in found)]
    if differing:
        notes.append(f"the date {day} is that of {source}; {' and '.join(differing)} say otherwise")
    return day, tuple(notes)


def _plain(text: str) -> str:
    return text.strip().replace("-", "")
