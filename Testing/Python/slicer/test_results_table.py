"""Volumes and diameters in the scene and as text."""

import csv
import io
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output.diameters import Diameters


@pytest.fixture
def rows(small_grid: Geometry) -> list:
    from GliomaSAMLib.slicer.results_table import results_rows

    whole = np.zeros(small_grid.shape, np.uint8)
    whole[10:20, 20:25, 10:20] = 1
    core = np.zeros_like(whole)
    core[12, 21:23, 12:15] = 1
    return results_rows({"WT": whole, "TC": core, "ET": np.zeros_like(whole)}, small_grid)


def test_what_is_measured(rows: list, small_grid: Geometry) -> None:
    whole, core, enhancing = rows
    assert whole.region == "Whole tumour"
    assert whole.volume_ml == pytest.approx(500 * 8 / 1000)
    assert whole.diameters.largest_mm == pytest.approx(np.hypot(20, 10), abs=2)
    assert whole.numbers()[3] == pytest.approx(whole.diameters.largest_mm * whole.diameters.perpendicular_mm)
    assert core.numbers()[4] == pytest.approx(small_grid.to_ras(np.array([0, 0, 12]))[2])
    assert small_grid.to_ijk(np.array(core.diameters.middle)) == pytest.approx((13, 21.5, 12), abs=0.6)
    assert enhancing.diameters is None and enhancing.numbers() == (0, None, None, None, None)


def test_csv_holds_the_numbers_and_the_clipboard_the_table(rows: list) -> None:
    from GliomaSAMLib.slicer.results_table import HEADINGS, rows_as_csv, rows_as_text

    read = list(csv.reader(io.StringIO(rows_as_csv(rows, "Glioma P07"))))
    assert tuple(read[0]) == HEADINGS and HEADINGS[0] == "Segmentation"
    assert float(read[1][2]) == pytest.approx(4.0) and float(read[1][5]) == pytest.approx(
        rows[0].numbers()[3], abs=1e-3
    )
    assert read[3] == ["Glioma P07", "Enhancing tumour", "0.000", "", "", "", ""]
    lines = [line.split("\t") for line in rows_as_text(rows, "Glioma P07").split("\n")]
    assert lines[1][:3] == ["Glioma P07", "Whole tumour", "4.00"] and len({len(line) for line in lines}) == 1
    assert [line[0] for line in lines] == ["Segmentation", *["Glioma P07"] * 3]


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "\ta", "\ra"])
def test_a_name_is_no_formula_and_a_number_stays_one(name: str) -> None:
    from GliomaSAMLib.slicer.results_table import ResultsRow, rows_as_csv, rows_as_text

    ends = (0.0, 0.0, -31.5), (20.0, 0.0, -31.5)
    row = ResultsRow(name, 4.0, Diameters(20.0, 10.0, ends, ends))
    _, (segmentation, region, *numbers) = csv.reader(io.StringIO(rows_as_csv([row], name), newline=""))
    assert (region[0], region[-1], numbers[-1]) == ("'", name[-1], "-31.500") and segmentation == region
    shown = rows_as_text([row], name).split("\n")[1].split("\t")
    assert shown[0][0] == shown[1][0] == "'" and shown[-1] == "-31.5" and len(shown) == 7


def test_each_segmentation_and_lesion_has_one_table(mrml_scene: Any, segmentation: Any, rows: list) -> None:
    from GliomaSAMLib.slicer.results_table import ResultsTable

    node = ResultsTable(mrml_scene, segmentation).show(rows, "tumour results")
    assert node.GetName() == "tumour results"
    assert node.GetNumberOfColumns() == 7 and node.GetNumberOfRows() == 3
    assert node.GetCellText(1, 1) == "Tumour core" and node.GetCellText(0, 2) == "4.00" and node.GetCellText(2, 3) == ""
    assert [node.GetCellText(row, 0) for row in range(3)] == [segmentation.GetName()] * 3
    segmentation.SetName("Glioma P07")
    again = ResultsTable(mrml_scene, segmentation).show(rows[:1], "another title")
    assert again is node and node.GetNumberOfRows() == 1 and node.GetLocked()
    assert node.GetCellText(0, 0) == "Glioma P07"
    other = ResultsTable(mrml_scene, mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode")).show(rows, "b")
    assert other is not node
    lesion = ResultsTable(mrml_scene, segmentation, "Met: A; B").show(rows[:1], "tumour A results")
    assert lesion is not node and ResultsTable(mrml_scene, segmentation).node is node
    assert ResultsTable(mrml_scene, segmentation, "Met: A; B").node is lesion
    assert ResultsTable(mrml_scene, segmentation, "C").node is None
    mrml_scene.RemoveNode(node)
    table = ResultsTable(mrml_scene, segmentation)
    assert table.node is None
    assert table.show(rows, "c").GetScene() is mrml_scene
    alone = ResultsTable(mrml_scene)
    assert alone.show(rows, "d") is alone.show([], "d")


def test_measuring_stops_when_asked_to(rows: list, small_grid: Geometry) -> None:
    from GliomaSAMLib.slicer.results_table import results_rows

    with pytest.raises(Cancelled):
        results_rows({"WT": np.ones(small_grid.shape, np.uint8)}, small_grid, lambda: True)
