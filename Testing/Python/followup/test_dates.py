"""The day of a visit: four sources in their order, and days that cannot be."""

from datetime import date
from pathlib import Path

import pytest

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.followup.dates import (
    ACQUISITION_DATE,
    STUDY_DATE,
    date_of_visit,
    dates_in_name,
    dicom_dates,
    parse_date,
)
from GliomaSAMLib.followup.visit_json import visit_json

TODAY = date(2024, 6, 30)

DICOM = {ACQUISITION_DATE: ["20240303"], STUDY_DATE: ["20240404"]}

FOLDER = Path("patients/P7_2024-05-05")


def test_sources_count_in_their_order() -> None:
    def day(*given: object) -> date:
        return date_of_visit(FOLDER, *given, TODAY)[0]  # type: ignore[arg-type]

    assert day("2024-01-01", "2024-02-02", DICOM) == date(2024, 1, 1)
    assert day(None, "20240202", DICOM) == date(2024, 2, 2)
    assert day(None, None, DICOM) == date(2024, 3, 3)
    assert day(None, None, {STUDY_DATE: ["20240404"]}) == date(2024, 4, 4)
    assert day(None, None, {}) == date(2024, 5, 5)


def test_sources_that_differ_are_noted() -> None:
    _, notes = date_of_visit(FOLDER, "2024-05-05", "2024-02-02", DICOM, TODAY)
    assert notes == (
        "the date 2024-05-05 is that of --date; visit.json and DICOM acquisition date and DICOM study date say "
        "otherwise",
    )
    assert date_of_visit(FOLDER, "20240505", "2024-05-05", {}, TODAY)[1] == ()


def test_several_acquisition_dates_are_noted() -> None:
    day, notes = date_of_visit(Path("a"), None, None, {ACQUISITION_DATE: ["20240303", "20240304"]}, TODAY)
    assert day == date(2024, 3, 3) and "several dates" in notes[0]


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("2024-05-05", ["2024-05-05"]),
        ("sub-7_20240505_T1", ["2024-05-05"]),
        ("2024-05-05_20240505", ["2024-05-05"]),
        ("2024-05-05_2024-06-05", ["2024-05-05", "2024-06-05"]),
        ("patient120240505", []),
        ("12345678", []),
        ("2024-0505", []),
    ],
)
def test_days_in_names(name: str, days: list[str]) -> None:
    assert dates_in_name(name) == days


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("first", None, "has no date: give it with --date"),
        ("2024-05-05_2024-06-05", None, "several dates in its name"),
        ("2024-02-31", None, "does not exist"),
        ("20249999", None, "does not exist"),
        ("first", "2024-13-01", "does not exist"),
        ("first", "yesterday", "is no date: write it as YYYY-MM-DD"),
        ("first", "2024-07-01", "in the future"),
        ("first", "2024-1-1", "is no date"),
        ("first", "0204-01-01", "nothing of a follow-up is of 204"),
    ],
)
def test_days_that_cannot_be(name: str, said: str | None, words: str) -> None:
    with pytest.raises(StudyError, match=words) as caught:
        date_of_visit(Path(name), said, None, {}, TODAY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["9999-01-01", "2024-02-30", "1066-10-14"])
def test_only_the_day_of_a_visit_is_given_with_date(text: str) -> None:
    with pytest.raises(StudyError, match=r"correct it, or give it with --date, or write \{\"date\""):
        date_of_visit(Path("first"), text, None, {}, TODAY)
    with pytest.raises(StudyError, match=r"^first/visit\.json, field radiotherapy_end: .*: correct it$"):
        visit_json({"radiotherapy_end": text}, "first/visit.json")


def test_a_name_that_is_no_day_does_not_matter_where_another_source_counts() -> None:
    assert date_of_visit(Path("2024-02-31"), "2024-05-05", None, {}, TODAY)[0] == date(2024, 5, 5)


def test_today_is_the_clock() -> None:
    with pytest.raises(StudyError, match="in the future"):
        parse_date("9999-01-01", "it")


def test_headers(tmp_path: Path) -> None:
    import numpy as np
    from dicom_files import text, write_dicom

    voxels = np.zeros((4, 4), np.int16)
    one = write_dicom(tmp_path / "a.dcm", voxels, {0x00080022: text("DA", "20240303"), 0x00080020: text("DA", "")})
    other = write_dicom(tmp_path / "b.dcm", voxels, {0x00080022: text("DA", "20240302")})
    (tmp_path / "c.dcm").write_text("no image")
    files = [str(path) for path in (one, other, tmp_path / "c.dcm")]
    assert dicom_dates(files) == {ACQUISITION_DATE: ["20240302", "20240303"]}
