"""`measurements.csv`: one row a lesion track and visit, then the sums, then the whole regions.

Point as decimal mark, UTF-8. An empty cell is not applicable, or not told by the outlines.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

from ...plain_text import spreadsheet_cell
from ...regions import REGIONS
from ..assessment import Assessment, ComponentAssessment
from ..options import COMPONENTS
from ..tracks import Track
from .changes import Change, changes
from .values import slice_index

USE = "research only"

COLUMNS = (
    "visit", "date", "day", "component", "track", "target", "event", "lesions", "volume_ml", "longest_mm",
    "perpendicular_mm", "product_mm2", "slice_index", "measurable", "volume_change_baseline_percent",
    "volume_change_nadir_percent", "volume_change_previous_percent", "product_change_baseline_percent",
    "product_change_nadir_percent", "product_change_previous_percent", "use",
)  # fmt: skip


def measurements_csv(assessment: Assessment) -> str:
    """The table as text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in (*_lesions(assessment), *_sums(assessment), *_regions(assessment)):
        writer.writerow({name: safe_cell(value) for name, value in {**row, "use": USE}.items()})
    return text.getvalue()


def safe_cell(value: Any) -> str:
    """A cell that no spreadsheet runs as a formula. Numbers stay numbers, also negative ones."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if value is None or isinstance(value, int):
        return "" if value is None else str(value)
    return spreadsheet_cell(str(value))


def _visit(assessment: Assessment, visit: int) -> dict[str, Any]:
    return {
        "visit": f"V{visit + 1}",
        "date": assessment.visits[visit].date.isoformat(),
        "day": assessment.day(visit),
    }


def _lesions(assessment: Assessment) -> Iterator[dict[str, Any]]:
    for name in COMPONENTS:
        component = assessment.components[name]
        for track in component.tracks:
            for visit in range(len(assessment.visits)):
                yield _lesion(assessment, component, name, track, visit)


def _lesion(
    assessment: Assessment, component: ComponentAssessment, name: str, track: Track, visit: int
) -> dict[str, Any]:
    volumes, products = component.values(track.id)
    at = component.at[track.id][visit]
    row = {
        **_visit(assessment, visit),
        "component": name,
        "track": track.id,
        "target": track.id in component.targets,
        "event": track.events[visit],
        "lesions": at.lesions if at else None if volumes[visit] is None else 0,
        "volume_ml": volumes[visit],
        "product_mm2": products[visit],
        **_percents("volume", changes(volumes, assessment.baseline)[visit]),
        **_percents("product", changes(products, assessment.baseline)[visit]),
    }
    if at is not None:
        row["longest_mm"], row["perpendicular_mm"] = at.diameters.largest_mm, at.diameters.perpendicular_mm
        row["slice_index"] = slice_index(assessment, component, at, visit)
        row["measurable"] = at.why_not is None
    return row


def _percents(name: str, change: Change) -> dict[str, float | None]:
    found = {against: getattr(change, against) for against in ("baseline", "nadir", "previous")}
    return {f"{name}_change_{against}_percent": one and one.percent for against, one in found.items()}


def _sums(assessment: Assessment) -> Iterator[dict[str, Any]]:
    for name in COMPONENTS:
        sums = assessment.components[name].sums
        volumes = changes([None if one is None else one.volumes_ml for one in sums], assessment.baseline)
        products = changes([None if one is None else one.products_mm2 for one in sums], assessment.baseline)
        for visit, one in enumerate(sums):
            if one is not None:
                yield {
                    **_visit(assessment, visit),
                    "component": name,
                    "track": "sum",
                    "volume_ml": float(one.volumes_ml),
                    "product_mm2": float(one.products_mm2),
                    "measurable": one.targets_measurable,
                    **_percents("volume", volumes[visit]),
                    **_percents("product", products[visit]),
                }


def _regions(assessment: Assessment) -> Iterator[dict[str, Any]]:
    totals = [visit.masks.regions_ml() for visit in assessment.visits]
    for region in REGIONS:
        volumes = changes([total[region] for total in totals], assessment.baseline)
        for visit, total in enumerate(totals):
            row = {**_visit(assessment, visit), "component": region, "volume_ml": total[region]}
            yield {**row, **_percents("volume", volumes[visit])}
