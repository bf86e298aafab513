"""What `visit.json` may say, field by field."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.followup.visit import VisitFields
from GliomaSAMLib.followup.visit_json import read_visit_json

ALL = {
    "date": "2024-05-05",
    "role": "follow-up",
    "slice_thickness_mm": 5,
    "radiotherapy_end": "2024-02-01",
    "weeks_since_radiotherapy": 13.4,
    "steroids": "stable",
    "steroid_mg_per_day": 4,
    "clinical": "improved",
    "outside_radiation_field": False,
    "pathology": "treatment effect",
    "surgery": "biopsy",
    "hours_since_surgery": 20,
    "unequivocal_new_lesions": [[1, 2.5, -3]],
    "bt_rads": "3b",
    "note": "seen by two readers",
}


def write(folder: Path, content: Any) -> Path:
    (folder / "visit.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def test_no_file_says_nothing(tmp_path: Path) -> None:
    found = read_visit_json(tmp_path)
    assert found.fields == VisitFields() and found.date is None and found.notes == ()


def test_all_fields(tmp_path: Path) -> None:
    found = read_visit_json(write(tmp_path, ALL))
    assert found.date == "2024-05-05" and found.notes == ()
    assert found.fields.radiotherapy_end == date(2024, 2, 1)
    assert found.fields.unequivocal_new_lesions == ((1.0, 2.5, -3.0),)
    assert found.fields.outside_radiation_field is False and found.fields.steroids == "stable"
    named = {key: getattr(found.fields, key) for key in ALL if key not in ("date", "radiotherapy_end")}
    assert named == {**{key: ALL[key] for key in named}, "unequivocal_new_lesions": ((1.0, 2.5, -3.0),)}


def test_null_is_not_known_and_unknown_keys_are_noted(tmp_path: Path) -> None:
    found = read_visit_json(write(tmp_path, {"role": None, "steriods": "none", "physician": "X"}))
    assert found.fields == VisitFields()
    assert found.notes == ("visit.json has fields that are not known and are left out: physician, steriods",)


BAD = {
    "role": "postop",
    "slice_thickness_mm": 0,
    "radiotherapy_end": "2024-02-30",
    "weeks_since_radiotherapy": -1,
    "steroids": True,
    "steroid_mg_per_day": "4 mg",
    "clinical": ["worse"],
    "outside_radiation_field": "no",
    "pathology": "radionecrosis",
    "surgery": "resected",
    "hours_since_surgery": 10**400,
    "unequivocal_new_lesions": [[1, 2]],
    "bt_rads": 3,
    "note": {"text": "a"},
    "date": 20240505,
}


@pytest.mark.parametrize("field", BAD)
def test_a_value_that_is_not_allowed_names_its_field(field: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=rf"visit.json, field {field}\b") as caught:
        read_visit_json(write(tmp_path, {field: BAD[field]}))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [[1, 2, "3"], [1, 2, True], 5])
def test_points_are_of_three_numbers(value: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="list of points"):
        read_visit_json(write(tmp_path, {"unequivocal_new_lesions": [value]}))


def test_every_field_of_a_visit_can_be_given_and_is_tested() -> None:
    fields = set(VisitFields.__dataclass_fields__) | {"date"}
    assert set(ALL) == set(BAD) == fields


@pytest.mark.parametrize("content", ["{", "[]", '"a"', "", '{"note": NaN}', "[" * 100_000])
def test_what_is_no_object(content: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"visit\.json"):
        read_visit_json(write(tmp_path, content))


def test_what_is_too_much(tmp_path: Path) -> None:
    found = read_visit_json(write(tmp_path, {f"{number}" * 500: 1 for number in range(40)}))
    assert len(found.notes[0]) < 700 and found.notes[0].endswith(", ...")
    with pytest.raises(StudyError, match="no file of at most 1 MB"):
        read_visit_json(write(tmp_path, json.dumps({"note": "x" * (1 << 20)})))
    for depth in range(100, 1100, 20):
        with pytest.raises(StudyError, match=r"visit\.json"):
            read_visit_json(write(tmp_path, '{"note": ' + "[" * depth + "]" * depth + "}"))


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "visit.json").write_bytes(b'{"note": "\xff"}')
    with pytest.raises(StudyError, match="cannot be read as JSON"):
        read_visit_json(tmp_path)
