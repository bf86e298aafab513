"""Volumes and diameters as a table in the scene, as text for the clipboard and as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk

from ..geometry import Geometry
from ..output.colours import REGION_STYLES
from ..output.diameters import Diameters, largest_diameters
from ..plain_text import spreadsheet_cell
from ..progress import Cancel, Reporter

TABLE_ROLE = "GliomaSAM.results"
"""The node references from a segmentation node to its tables."""

LESION = "GliomaSAM.lesion"
"""Attribute of the table of a lesion: the id of its segment."""

HEADINGS = (
    "Segmentation",
    "Region",
    "Volume (mL)",
    "Largest axial diameter (mm)",
    "Perpendicular (mm)",
    "Product (mm2)",
    "Slice S (mm)",
)


@dataclass(frozen=True)
class ResultsRow:
    """What was measured of one region.

    Args:
        region: Its name for people.
        volume_ml: mL.
        diameters: The largest diameter on an axial slice, which may cross hollows, as that of a follow-up may not; the
            largest one perpendicular to it on that slice; and their product (RANO). None where the region is empty.
    """

    region: str
    volume_ml: float
    diameters: Diameters | None

    def numbers(self) -> tuple[float | None, ...]:
        """The measures in the order of `HEADINGS`, which come after the names."""
        found = self.diameters
        if found is None:
            return self.volume_ml, None, None, None, None
        return self.volume_ml, found.largest_mm, found.perpendicular_mm, found.product_mm2, found.middle[2]


def results_rows(masks: Mapping[str, np.ndarray], geometry: Geometry, cancel: Cancel | None = None) -> list[ResultsRow]:
    """Measure masks, (K, J, I) of 0 and 1, by region. Touches no node, so it may run in any thread. Raises
    `Cancelled`.
    """
    rows = []
    for region, mask in masks.items():
        Reporter(cancel=cancel).check()
        name = REGION_STYLES[region].name if region in REGION_STYLES else region
        volume = float(np.count_nonzero(mask)) * geometry.voxel_ml
        rows.append(ResultsRow(name, volume, largest_diameters(mask, geometry)))
    return rows


def rows_as_csv(rows: Sequence[ResultsRow], segmentation: str) -> str:
    """Comma-separated values with a heading: numbers with a point and three decimals, nothing where there is none.

    Args:
        rows: The table.
        segmentation: The name of the segmentation that was measured, so that tables can stand under each other.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for row in rows:
        names = (spreadsheet_cell(segmentation), spreadsheet_cell(row.region))
        writer.writerow([*names, *("" if value is None else f"{value:.3f}" for value in row.numbers())])
    return text.getvalue()


def rows_as_text(rows: Sequence[ResultsRow], segmentation: str) -> str:
    """The table for the clipboard: columns parted by tabs, so that a spreadsheet and a report take it. See
    `rows_as_csv`.
    """
    lines: list[tuple[str, ...]] = [HEADINGS]
    for row in rows:
        names = (" ".join(spreadsheet_cell(name).split()) for name in (segmentation, row.region))
        lines.append((*names, *_shown(row)))
    return "\n".join("\t".join(line) for line in lines)


class ResultsTable:
    """The table node of a segmentation's results; each segmentation has one, found by a node reference, and each of its
    lesions.

    Args:
        scene: Where the table lies.
        segmentation_node: Whose results they are; None for a table of its own.
        lesion: The id of the segment of the lesion; "" for the tumour.
    """

    def __init__(self, scene: Any, segmentation_node: Any = None, lesion: str = "") -> None:
        self._scene = scene
        self._segmentation_node = segmentation_node
        self._lesion = lesion
        self._own: Any = None

    @property
    def node(self) -> Any:
        """The table node, None before the first `show` and when it was removed."""
        owner = self._segmentation_node
        if owner is not None:
            count = owner.GetNumberOfNodeReferences(TABLE_ROLE)
            tables = [owner.GetNthNodeReference(TABLE_ROLE, number) for number in range(count)]
            own = (
                table for table in tables if table is not None and (table.GetAttribute(LESION) or "") == self._lesion
            )
            return next(own, None)
        return self._own if self._own is not None and self._own.GetScene() is not None else None

    def show(self, rows: Sequence[ResultsRow], title: str) -> Any:
        """Put rows into the table, which is added under the name `title` when there is none. Returns the node."""
        table_node = self.node
        if table_node is None:
            table_node = self._scene.AddNewNodeByClass("vtkMRMLTableNode", title)
            self._own = table_node
            if self._segmentation_node is not None:
                self._segmentation_node.AddNodeReferenceID(TABLE_ROLE, table_node.GetID())
                table_node.SetAttribute(LESION, self._lesion or None)
        name = self._segmentation_node.GetName() if self._segmentation_node is not None else ""
        lines = [(name, row.region, *_shown(row)) for row in rows]
        table = vtk.vtkTable()
        for heading, values in zip(HEADINGS, zip(*lines, strict=True), strict=False):
            column = vtk.vtkStringArray()
            column.SetName(heading)
            for value in values:
                column.InsertNextValue(value)
            table.AddColumn(column)
        table_node.SetAndObserveTable(table)
        table_node.SetUseColumnTitleAsColumnHeader(True)
        table_node.SetLocked(True)
        return table_node


def _shown(row: ResultsRow) -> tuple[str, ...]:
    """The measures as people read them: two decimals for mL, one for mm."""
    volume, *lengths = row.numbers()
    return (f"{volume:.2f}", *("" if value is None else f"{value:.1f}" for value in lengths))
