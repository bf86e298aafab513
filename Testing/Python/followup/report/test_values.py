"""`report.json`: its schema, and numbers that can be told by hand."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from GliomaSAMLib.followup import report as report_room
from GliomaSAMLib.followup.assessment import Assessment, ReaderChoices, assess
from GliomaSAMLib.followup.report import WrittenReport, report_json
from GliomaSAMLib.followup.report.changes import changes
from GliomaSAMLib.followup.visit import VisitFields


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((Path(report_room.__file__).parent / "schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_report_fits_its_schema(written: WrittenReport, validator: jsonschema.Draft202012Validator) -> None:
    report = json.loads((written.folder / "report.json").read_text(encoding="utf-8"))
    validator.validate(report)
    assert report == written.report


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "other"),
        (("visits", 0, "folder"), "a/path"),
        (("visits", 0, "date"), "15.01.2024"),
        (("visits", 0, "more"), 1),
        (("visits", 0, "inputs", "segmentation", "sha256"), "0"),
        (("visits", 0, "inputs", "/a/path"), {"files": 1, "sha256": "0" * 64}),
        (("components", "CE", "tracks", 0, "at", 0, "set_by"), "nobody"),
        (("responses", 1, "2D", "category"), "XX"),
        (("disclaimer",), ""),
    ],
)
def test_the_schema_refuses_what_is_wrong(
    path: tuple, value: object, written: WrittenReport, validator: jsonschema.Draft202012Validator
) -> None:
    report = copy.deepcopy(written.report)
    place = report
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(report)


def test_visits_tracks_and_categories(written: WrittenReport) -> None:
    report = written.report
    assert [visit["id"] for visit in report["visits"]] == ["V1", "V2", "V3"]
    assert [visit["day"] for visit in report["visits"]] == [0, 63, 147]
    assert report["baseline"] == "V1" and report["visits"][0]["role"] == "baseline"
    tracks = {track["id"]: track for track in report["components"]["CE"]["tracks"]}
    assert [track["target"] for track in tracks.values()] == [True, True, False]
    assert [track["new"] for track in tracks.values()] == [False, False, True]
    assert [at is not None for at in tracks["L2"]["at"]] == [True, True, False]
    assert tracks["L3"]["events"][2] == "new"
    assert report["components"]["CE"]["vanished"] == [{"visit": "V3", "tracks": ["L2"]}]
    assert report["components"]["CE"]["new_lesions"] == [{"visit": "V3", "tracks": ["L3"]}]
    found = {one["visit"]: (one["2D"]["category"], one["3D"]["category"]) for one in report["responses"]}
    assert found["V3"] == ("PD", "PD")
    assert next(one for one in report["responses"] if one["visit"] == "V3")["2D"]["rule"] == "new-lesion"


def test_a_biopsy_fits_the_schema(without_volumes: Assessment, validator: jsonschema.Draft202012Validator) -> None:
    before, after, _ = without_volumes.visits
    said = VisitFields(role="postoperative", surgery="biopsy")
    visits = [replace(before, fields=VisitFields(role="preoperative")), replace(after, fields=said)]
    report = report_json(assess(visits, earlier=without_volumes))
    assert report["resection"]["name_2021"] == "biopsy"
    validator.validate(report)


def test_numbers_are_those_of_the_masks(written: WrittenReport, assessment: Assessment) -> None:
    masks = assessment.visits[0].masks
    first = written.report["visits"][0]
    assert first["regions_ml"]["ET"] == pytest.approx(np.count_nonzero(masks.et) * 0.008)
    assert first["grid"]["slice_axis"] == "K" and first["grid"]["tilt_degrees"] == pytest.approx(0)
    at = written.report["components"]["CE"]["tracks"][0]["at"]
    assert at[0]["longest_mm"] == pytest.approx(20, abs=2.5)
    assert at[0]["product_mm2"] == pytest.approx(at[0]["longest_mm"] * at[0]["perpendicular_mm"])
    for name, ends in (("longest_mm", "longest_ends_ras_mm"), ("perpendicular_mm", "perpendicular_ends_ras_mm")):
        assert np.linalg.norm(np.subtract(*at[0][ends])) == pytest.approx(at[0][name])
    change = at[2]["change"]["volume"]
    assert change["baseline"]["visit"] == change["nadir"]["visit"] == "V1" and change["previous"]["visit"] == "V2"
    assert change["previous"]["percent"] == pytest.approx(100 * (at[2]["volume_ml"] / at[1]["volume_ml"] - 1))


def test_a_line_of_the_reader_is_on_its_own_slice(without_volumes: Assessment) -> None:
    found = without_volumes.components["CE"].at["L1"][1]
    assert found is not None
    program = report_json(without_volumes)["components"]["CE"]["tracks"][0]["at"][1]["slice_index"]
    higher = [
        tuple((r, a, s + 6.0) for r, a, s in ends) for ends in (found.diameters.largest, found.diameters.perpendicular)
    ]
    drawn = replace(found.diameters, largest=higher[0], perpendicular=higher[1])
    visits = without_volumes.visits
    dragged = assess(visits, choices=ReaderChoices(diameters={("CE", "L1", 1): drawn}), earlier=without_volumes)
    at = report_json(dragged)["components"]["CE"]["tracks"][0]["at"][1]
    assert (at["set_by"], at["slice_index"]) == ("reader", program + 3)


def test_nothing_says_where_files_lie_or_who_the_patient_is(assessment: Assessment, written: WrittenReport) -> None:
    assert report_json(assessment)["patient"] is None
    for text in (written.folder / "report.json", written.folder / "measurements.csv"):
        assert "/" not in text.read_text(encoding="utf-8").replace("pictures/", "").replace("</b>", "").replace(
            "mm/year", ""
        )


def test_changes_against_baseline_nadir_and_previous() -> None:
    found = changes([9.0, 8.0, 4.0, 4.0, 6.0], baseline=1)
    assert found[0].baseline is None and found[0].nadir is None and found[0].previous is None
    assert found[1].baseline is None and found[1].nadir is None
    assert found[1].previous is not None and found[1].previous.visit == 0
    last = found[4]
    assert last.baseline is not None and last.baseline.percent == pytest.approx(-25)
    assert last.nadir is not None and (last.nadir.visit, last.nadir.percent) == (2, pytest.approx(50))
    assert last.previous is not None and (last.previous.visit, last.previous.absolute) == (3, 2.0)


def test_no_percent_of_nothing() -> None:
    found = changes([0.0, 5.0], baseline=0)[1].baseline
    assert found is not None and found.percent is None and found.absolute == 5.0
    assert changes([None, 5.0], baseline=1)[1].previous is None
