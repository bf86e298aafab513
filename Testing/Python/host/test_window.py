"""The small Slicer in a window: the mouse in a real slice view, modules that come and go, pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer


@pytest.fixture
def volume(mini_slicer: Any) -> Any:
    """A bright ball of 20 mm in 60 x 64 x 40 voxels of 1 x 1 x 2 mm, left-handed, RAS 0 in the middle."""
    k, j, i = np.indices((40, 64, 60))
    ball = (i - 30) ** 2 + (j - 32) ** 2 + (2 * (k - 20)) ** 2 < 20**2
    to_ras = np.diag([1.0, 1.0, 2.0, 1.0])
    to_ras[:3, 3] = -30, -32, -40
    node = slicer.util.addVolumeFromArray(np.where(ball, 300, 20).astype(np.int16), to_ras, "T1")
    mini_slicer.show(node)
    return node


def points_node(window: Any) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    node.CreateDefaultDisplayNodes()
    window.pump()
    return node


@pytest.mark.parametrize(
    ("view", "ras"), [("Red", (5.0, -8.0, 6.0)), ("Yellow", (3.0, 9.0, -4.0)), ("Green", (-7.0, 4.0, 8.0))]
)
def test_a_click_places_a_point_where_it_is_seen(
    mini_slicer: Any, example: Any, volume: Any, view: str, ras: tuple[float, float, float]
) -> None:
    node = points_node(mini_slicer)
    place = example.ui.placeWidget
    told: list[bool] = []
    place.connect("activeMarkupsPlaceModeChanged(bool)", told.append)
    place.setCurrentNode(node)
    place.placeMultipleMarkups = place.ForcePlaceSingleMarkup
    place.setPlaceModeEnabled(True)
    mini_slicer.click(view, ras)
    assert node.GetNumberOfDefinedControlPoints() == 1
    np.testing.assert_allclose(node.GetNthControlPointPositionWorld(0), ras, atol=0.5)
    assert told == [True, False] and not place.placeModeEnabled
    mini_slicer.click(view, ras)
    assert node.GetNumberOfDefinedControlPoints() == 1
    place.deleteLastPoint()
    assert node.GetNumberOfControlPoints() == 0


def test_a_point_is_dragged(mini_slicer: Any, volume: Any) -> None:
    node = points_node(mini_slicer)
    node.AddControlPoint(5, -8, 6)
    ended: list[str] = []
    node.AddObserver(slicer.vtkMRMLMarkupsNode.PointEndInteractionEvent, lambda caller, event: ended.append(event))
    mini_slicer.drag("Red", (5, -8, 6), (-6, 4, 6))
    np.testing.assert_allclose(node.GetNthControlPointPositionWorld(0), (-6, 4, 6), atol=0.5)
    assert len(ended) == 1


def test_a_box_is_placed_by_two_clicks(mini_slicer: Any, volume: Any, example: Any) -> None:
    box = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    box.CreateDefaultDisplayNodes()
    example.ui.placeWidget.setCurrentNode(box)
    example.ui.placeWidget.setPlaceModeEnabled(True)
    mini_slicer.click("Red", (-10, -10, 0))
    mini_slicer.click("Red", (10, 14, 0))
    bounds = [0.0] * 6
    box.GetRASBounds(bounds)
    np.testing.assert_allclose(bounds[:4], (-10, 10, -10, 14), atol=1)


def test_the_wheel_moves_one_slice(mini_slicer: Any, volume: Any) -> None:
    mini_slicer.jump((0, 0, 6))
    mini_slicer.wheel("Red", 1)
    assert mini_slicer.views["Red"].view.node.GetSliceOffset() == pytest.approx(8)
    mini_slicer.wheel("Red", -2)
    assert mini_slicer.views["Red"].view.node.GetSliceOffset() == pytest.approx(4)


def test_the_picture_shows_volume_and_segment(mini_slicer: Any, volume: Any, tmp_path: Path) -> None:
    view = mini_slicer.views["Red"].view
    grey = view.pixels()
    assert grey[grey.shape[0] // 2, grey.shape[1] // 2].min() > 200  # the ball is bright, to the corner it is dark
    assert grey[10, 10].max() < 50
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    node.GetSegmentation().AddEmptySegment("a", "a", [1, 0, 0])
    mask = np.ones((40, 64, 60), np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "a", volume)
    red = view.pixels()[grey.shape[0] // 2, grey.shape[1] // 2].astype(int)
    assert red[0] - red[1] > 50
    mini_slicer.grab(tmp_path / "window.png")
    assert (tmp_path / "window.png").stat().st_size > 5000


def test_modules_are_entered_left_and_reloaded(mini_slicer: Any, example: Any) -> None:
    assert slicer.util.mainWindow() is mini_slicer.window
    slicer.util.selectModule("Data")
    assert example.calls == ["enter", "exit"]
    slicer.util.selectModule("Example")
    slicer.util.reloadScriptedModule("Example")
    assert example.calls == ["enter", "exit", "enter", "cleanup"]
    assert mini_slicer.panel is not example and mini_slicer.panel.calls == []
    assert example.Observations == []


def test_the_test_of_the_module_runs(example: Any) -> None:
    slicer.modules.ExampleInstance.runTest()
    assert slicer.util.getNode("the test ran")


def test_nothing_is_left_after_the_window(mrml_scene: Any, watch: Any) -> None:
    from host.window import MiniSlicer

    def observers() -> int:
        logic = slicer.app.applicationLogic()
        watched = (mrml_scene, logic.GetSelectionNode(), logic.GetInteractionNode())
        return sum(str(node).count("vtkObserver (") for node in watched)

    first = MiniSlicer()  # slice nodes are singletons, which stay in the scene
    first.close()
    before = observers()
    again = MiniSlicer()
    again.close()
    assert observers() == before
    assert slicer.util.mainWindow() is None


def test_a_chart_is_drawn_in_the_colour_of_its_series(mini_slicer: Any) -> None:
    table, series, chart = (
        slicer.mrmlScene.AddNewNodeByClass(f"vtkMRML{kind}Node") for kind in ("Table", "PlotSeries", "PlotChart")
    )
    slicer.util.updateTableFromArray(table, np.array([[0.0, 1.0], [10.0, 3.0]]), ["Day", "mL"])
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("Day")
    series.SetYColumnName("mL")
    series.SetColor(1.0, 0.0, 0.0)
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    mini_slicer.add_layout(("Left", "Right"), plot="Curve")
    view = mini_slicer._plots[0].view
    assert not red(view.pixels()).any()
    view.node.SetPlotChartNodeID(chart.GetID())
    assert red(view.pixels()).sum() > 100
    assert not mini_slicer.views["Red"].visible and mini_slicer.views["Left"].visible


def red(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 0] > 200) & (pixels[..., 1:] < 60).all(-1)
