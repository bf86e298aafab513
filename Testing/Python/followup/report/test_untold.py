"""Regions that outlines do not tell: no number, no event and no growth of them anywhere in a report."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from tumours import balls, visit

from GliomaSAMLib.followup import report as report_room
from GliomaSAMLib.followup.assessment import Assessment, assess
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.followup.report import WrittenReport, measurements_csv, write_report_folder
from GliomaSAMLib.followup.report.page import DASH

DAYS = ("2024-01-15", "2024-03-18", "2024-06-10")

KEPT, GONE, NEW = (14, 14, 12), (14, 33, 12), (42, 20, 12)

ALL, WHOLE = ("WT", "TC", "ET"), ("WT",)


def found_with(*known: tuple[str, ...], baseline: int = 0) -> Assessment:
    lesions = [balls((KEPT, 8), (GONE, 5)), balls((KEPT, 7), (GONE, 5)), balls((KEPT, 7), (NEW, 6))]
    visits = [visit(day, et, balls((KEPT, 9), (GONE, 6))) for day, et in zip(DAYS, lesions, strict=True)]
    visits = [replace(one, masks=replace(one.masks, known=told)) for one, told in zip(visits, known, strict=False)]
    return assess(visits, FollowUpOptions(tumour="nonCE"), baseline=baseline)


@pytest.fixture(scope="module")
def untold() -> Assessment:
    """The second of three visits tells the whole tumour only."""
    return found_with(ALL, WHOLE, ALL)


@pytest.fixture(scope="module")
def written(untold: Assessment, tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    return write_report_folder(untold, tmp_path_factory.mktemp("untold") / "report")


def test_json_holds_no_number(written: WrittenReport) -> None:
    schema = json.loads((Path(report_room.__file__).parent / "schema.json").read_text(encoding="utf-8"))
    report = written.report
    jsonschema.Draft202012Validator(schema).validate(report)
    second = report["visits"][1]
    assert second["regions_ml"]["WT"] > 0 and second["regions_ml"]["TC"] is second["regions_ml"]["ET"] is None
    assert second["specks"]["CE"] is None and second["specks"]["nonCE"] == {"count": 0, "volume_ml": 0.0}
    enhancing = report["components"]["CE"]
    events = {track["id"]: track["events"] for track in enhancing["tracks"]}
    assert events == {
        "L1": ["first", "", "kept"],
        "L2": ["first", "", "vanished"],
        "L3": ["absent", "", "new"],
    }
    assert enhancing["vanished"] == [{"visit": "V3", "tracks": ["L2"]}]
    assert [one is not None for one in enhancing["sums"]] == [True, False, True]
    change = enhancing["tracks"][0]["at"][2]["change"]["volume"]
    assert change["previous"]["visit"] == "V1"
    for name in ("ET", "TC", "CE L1"):
        growth = report["growth"][name]
        assert [day for day, _ in growth["points"]] == [0, 147] and [one["days"] for one in growth["intervals"]] == [
            147
        ]
    assert len(report["growth"]["WT"]["points"]) == 3


def test_cells_of_the_table_are_empty(untold: Assessment) -> None:
    rows = [row for row in csv.DictReader(io.StringIO(measurements_csv(untold))) if row["visit"] == "V2"]
    told = {(row["component"], row["track"]): row for row in rows}
    assert ("CE", "sum") not in told and ("nonCE", "sum") in told
    for name in (("CE", "L1"), ("CE", "L2"), ("TC", ""), ("ET", "")):
        columns = [name for name in told[name] if "ml" in name or "mm" in name or "percent" in name]
        columns += ["event", "lesions"]
        assert {told[name][column] for column in columns} == {""}, name


def test_the_page_shows_dashes(written: WrittenReport) -> None:
    page = (written.folder / "report.html").read_text(encoding="utf-8")
    rows = [re.sub(r"\s*<[^>]+>\s*", "|", row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)]
    rows = [re.sub(r"\|+", "|", row).replace(DASH, "-") for row in rows]
    volumes = written.report["visits"][1]["regions_ml"]
    assert any(row.startswith("|V2|2024-03-18|63|given|") and f"|{volumes['WT']:.2f}|-|-|" in row for row in rows)
    assert [row for row in rows if row.endswith("V2|not told|-|-|-|")]
    assert "|V1|V3|147|" in next(row for row in rows if row.startswith("|ET|"))
    assert any(row.startswith("|V2|-|-|0|") for row in rows)  # specks


def test_nothing_is_new_where_the_baseline_does_not_tell() -> None:
    found = found_with(WHOLE, ALL, ALL)
    enhancing = found.components["CE"]
    assert enhancing.new == () and enhancing.sums == (None, None, None)
    assert enhancing.tracks[0].events == ("", "first", "kept")
    assert found_with(ALL, ALL, WHOLE).components["CE"].vanished == ((), (), ())


def test_a_region_that_no_visit_tells_is_drawn_nowhere(tmp_path: Path) -> None:
    found = found_with(WHOLE, WHOLE)
    report = write_report_folder(found, tmp_path / "report").report
    assert report["growth"]["ET"] == {
        "points": [],
        "intervals": [],
        "fit_doubling_time_days": None,
        "fit_radial_mm_per_year": None,
    }
    assert report["components"]["CE"]["tracks"] == []
