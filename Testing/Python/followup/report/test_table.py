"""`measurements.csv`."""

import csv
import io

import pytest

from GliomaSAMLib.followup.assessment import Assessment
from GliomaSAMLib.followup.report import WrittenReport, measurements_csv
from GliomaSAMLib.followup.report.table import COLUMNS, safe_cell


@pytest.fixture(scope="module")
def rows(written: WrittenReport) -> list[dict[str, str]]:
    text = (written.folder / "measurements.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_for_each_track_and_visit_then_sums_then_regions(rows: list[dict[str, str]]) -> None:
    lesions = [row for row in rows if row["track"].startswith("L")]
    assert len(lesions) == 3 * 3 * 2
    assert [row["track"] for row in rows].count("sum") == 6
    assert [row["component"] for row in rows[-9:]] == [region for region in ("WT", "TC", "ET") for _ in range(3)]
    assert {row["use"] for row in rows} == {"research only"}


def test_a_lesion_that_is_gone_has_volume_0_and_no_diameter(rows: list[dict[str, str]]) -> None:
    row = next(row for row in rows if (row["component"], row["track"], row["visit"]) == ("CE", "L2", "V3"))
    assert float(row["volume_ml"]) == 0 and row["longest_mm"] == "" and row["event"] == "vanished"
    assert float(row["product_change_baseline_percent"]) == -100


def test_a_new_lesion_has_no_percent(rows: list[dict[str, str]]) -> None:
    row = next(row for row in rows if (row["component"], row["track"], row["visit"]) == ("CE", "L3", "V3"))
    assert float(row["product_mm2"]) > 100 and row["product_change_baseline_percent"] == ""


def test_the_sum_is_that_of_the_targets(rows: list[dict[str, str]]) -> None:
    targets = [r for r in rows if r["component"] == "CE" and r["target"] == "yes" and r["visit"] == "V2"]
    total = next(r for r in rows if r["component"] == "CE" and r["track"] == "sum" and r["visit"] == "V2")
    assert float(total["product_mm2"]) == pytest.approx(sum(float(row["product_mm2"]) for row in targets), abs=1e-3)


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-cmd", "@x", "\tx", " =1", "\uff1d1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", " ", "\uff1d"))


def test_numbers_stay_numbers(assessment: Assessment) -> None:
    assert safe_cell(-12.5) == "-12.5000"
    assert "nan" not in measurements_csv(assessment).lower()
