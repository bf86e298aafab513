"""The curve of volumes over the days as a plot of Slicer: a table, a series for each region, a chart."""

from collections.abc import Iterator
from typing import Any

import vtk

from ...followup.assessment import Assessment
from ...output.colours import REGION_STYLES
from .views import CURVE_VIEW

ATTRIBUTE = "GliomaSAM.curve"
"""Attribute of the nodes of the curve: which one it is."""

DISCLAIMER = "for research only, not for clinical use"


class Curve:
    """The nodes of one curve in a scene, found again by an attribute.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene

    def show(self, assessment: Assessment) -> Any:
        """Draw the volumes of the regions at all visits, mL against days. Returns the vtkMRMLPlotChartNode."""
        regions = [region for region in REGION_STYLES if region in assessment.growth]
        table = self._node("table", "vtkMRMLTableNode", "Volumes of the visits")
        _fill(table, assessment, regions)
        chart = self._node("chart", "vtkMRMLPlotChartNode", "Volumes of the visits")
        chart.RemoveAllPlotSeriesNodeIDs()
        for region in regions:
            series = self._node(region, "vtkMRMLPlotSeriesNode", REGION_STYLES[region].name)
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetPlotType(series.PlotTypeScatter)
            series.SetXColumnName("Day")
            series.SetYColumnName(f"{region} (mL)")
            series.SetMarkerStyle(series.MarkerStyleCircle)
            series.SetColor(*REGION_STYLES[region].colour)
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
        chart.SetTitle(f"Volumes ({DISCLAIMER})")
        chart.SetXAxisTitle("Days since the first visit")
        chart.SetYAxisTitle("Volume (mL)")
        view = self._scene.GetSingletonNode(CURVE_VIEW, "vtkMRMLPlotViewNode")
        if view is not None:
            view.SetPlotChartNodeID(chart.GetID())
        return chart

    def remove(self) -> None:
        """Take the curve out of the scene."""
        for node in list(self._nodes()):
            self._scene.RemoveNode(node)

    def _nodes(self) -> Iterator[Any]:
        for kind in ("vtkMRMLPlotChartNode", "vtkMRMLPlotSeriesNode", "vtkMRMLTableNode"):
            for index in range(self._scene.GetNumberOfNodesByClass(kind)):
                node = self._scene.GetNthNodeByClass(index, kind)
                if node is not None and node.GetAttribute(ATTRIBUTE):
                    yield node

    def _node(self, which: str, kind: str, name: str) -> Any:
        for node in self._nodes():
            if node.IsA(kind) and node.GetAttribute(ATTRIBUTE) == which:
                return node
        node = self._scene.AddNewNodeByClass(kind, name)
        node.SetAttribute(ATTRIBUTE, which)
        return node


def _fill(table_node: Any, assessment: Assessment, regions: list[str]) -> None:
    table = vtk.vtkTable()
    dates = vtk.vtkStringArray()
    dates.SetName("Date")
    days = vtk.vtkDoubleArray()
    days.SetName("Day")
    for index, visit in enumerate(assessment.visits):
        dates.InsertNextValue(visit.date.isoformat())
        days.InsertNextValue(float(assessment.day(index)))
    table.AddColumn(dates)
    table.AddColumn(days)
    volumes = [visit.masks.regions_ml() for visit in assessment.visits]
    for region in regions:
        column = vtk.vtkDoubleArray()
        column.SetName(f"{region} (mL)")
        for found in volumes:
            volume = found[region]
            column.InsertNextValue(float("nan") if volume is None else volume)
        table.AddColumn(column)
    table_node.SetAndObserveTable(table)
    table_node.SetUseColumnTitleAsColumnHeader(True)
    table_node.SetLocked(True)
