"""A plot view off screen: VTK's own chart, filled from the plot nodes of the scene as the application's view does.

Does not prove: the application's choice of ticks and legends, the mouse in a plot.
"""

import numpy as np
import slicer
import vtk

from .views import pixels_of, prepare_rendering, rendered

LINE_WIDTH = 2.0
MARKER_SIZE = 9.0


class PlotView:
    """One plot view: the chart that the singleton plot view node of a name shows."""

    def __init__(self, name: str, size: tuple[int, int] = (400, 200)) -> None:
        prepare_rendering()
        node = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLPlotViewNode")
        if node is None:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotViewNode", name)
            node.SetSingletonTag(name)
        self.node = node
        self._view = vtk.vtkContextView()
        self._view.GetRenderer().SetBackground(1.0, 1.0, 1.0)
        self.window = self._view.GetRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self._chart = vtk.vtkChartXY()
        self._view.GetScene().AddItem(self._chart)

    def resize(self, width: int, height: int) -> None:
        self.window.SetSize(width, height)

    def _fill(self) -> None:
        """Draw what the nodes hold now."""
        self._chart.ClearPlots()
        shown = self.node.GetPlotChartNode()
        if shown is None:
            return
        self._chart.SetTitle(shown.GetTitle() or "")
        self._chart.SetShowLegend(True)
        self._chart.GetLegend().SetHorizontalAlignment(vtk.vtkChartLegend.LEFT)
        self._chart.GetAxis(vtk.vtkAxis.BOTTOM).SetTitle(shown.GetXAxisTitle() or "")
        self._chart.GetAxis(vtk.vtkAxis.LEFT).SetTitle(shown.GetYAxisTitle() or "")
        for index in range(shown.GetNumberOfPlotSeriesNodes()):
            series = shown.GetNthPlotSeriesNode(index)
            plot = self._chart.AddPlot(vtk.vtkChart.LINE)
            plot.SetInputData(series.GetTableNode().GetTable(), series.GetXColumnName(), series.GetYColumnName())
            plot.SetColorF(*series.GetColor())
            plot.SetWidth(LINE_WIDTH)
            plot.SetMarkerStyle(vtk.vtkPlotPoints.CIRCLE)
            plot.SetMarkerSize(MARKER_SIZE)
            plot.SetLabel(series.GetName())
        self._chart.RecalculateBounds()

    def pixels(self) -> np.ndarray:
        """The picture, uint8 (rows from the top, columns, RGB)."""
        self._fill()
        self.window.Render()
        return pixels_of(rendered(self.window))

    def close(self) -> None:
        self.window.Finalize()
