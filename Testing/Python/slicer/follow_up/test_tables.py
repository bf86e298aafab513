"""What the panel shows of regions that outlines do not tell."""

import math
from dataclasses import replace
from typing import Any

import pytest
from tumours import balls, visit

from GliomaSAMLib.followup.assessment import Assessment, assess
from GliomaSAMLib.followup.options import FollowUpOptions

PLACE = (14, 14, 12)


@pytest.fixture
def untold() -> Assessment:
    """The second of three visits tells the whole tumour only."""
    days = ("2024-01-05", "2024-03-01", "2024-06-03")
    visits = [visit(day, balls((PLACE, 6)), balls((PLACE, 8))) for day in days]
    visits[1] = replace(visits[1], masks=replace(visits[1].masks, known=("WT",)))
    return assess(visits, FollowUpOptions(tumour="nonCE"))


def test_a_row_has_no_numbers(untold: Assessment) -> None:
    from GliomaSAMLib.slicer.follow_up.tables import LesionRow, lesion_rows

    rows = {row.component: row for row in lesion_rows(untold, 1)}
    assert rows["CE"] == LesionRow("CE", "L1", rows["CE"].is_target, "")
    assert rows["nonCE"].from_baseline_percent == 0
    last = next(row for row in lesion_rows(untold, 2) if row.component == "CE")
    assert last.event == "kept" and last.from_baseline_percent == last.from_nadir_percent == 0


def test_the_curve_has_a_gap(untold: Assessment, mrml_scene: Any) -> None:
    from GliomaSAMLib.slicer.follow_up.curve import Curve

    chart = Curve(mrml_scene).show(untold)
    table = chart.GetNthPlotSeriesNode(2).GetTableNode().GetTable()
    volumes = [table.GetColumnByName("ET (mL)").GetValue(index) for index in range(3)]
    assert math.isnan(volumes[1]) and volumes[0] == volumes[2] > 0
