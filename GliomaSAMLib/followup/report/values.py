"""The report as JSON values: what was found at which visit, how it changed, and by which rule it was judged.

`schema.json` beside this file is its JSON Schema. Lengths are mm, areas mm², volumes mL, angles degrees, changes %,
points RAS mm, dates ISO 8601.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ...geometry import Geometry
from ...output.diameters import axial_axis
from ...output.report import DISCLAIMER, program_version
from ...plain_text import printable
from ..assessment import Assessment, ComponentAssessment, TrackAtVisit
from ..growth import Growth
from ..lesions import Measured
from ..options import COMPONENTS, DIMENSIONS
from ..response import Response
from ..tracks import Track
from ..visit import Visit, VisitFields
from .changes import Change, Difference, changes

FORMAT, FORMAT_VERSION = "gliomasam-follow-up", 1


def report_json(
    assessment: Assessment,
    *,
    options: Mapping[str, Any] | None = None,
    patient: str | None = None,
    pictures: Sequence[Mapping[str, Any]] = (),
    created: datetime | None = None,
) -> dict[str, Any]:
    """The report as JSON values.

    Args:
        assessment: What was found.
        options: Options of the command beside those of `assessment`, as used. No paths: they may hold names.
        patient: What the user calls the patient; never taken from an image.
        pictures: Of each picture its file in the report's folder, component, track, visits, centre and space.
        created: When; now by default.
    """
    names = [f"V{number}" for number in range(1, len(assessment.visits) + 1)]
    created = (created or datetime.now()).astimezone()
    values = {
        "program": "GliomaSAM",
        "version": program_version(),
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": created.isoformat(timespec="seconds"),
        "disclaimer": DISCLAIMER,
        "patient": patient,
        "options": {**asdict(assessment.options), **(options or {})},
        "notes": list(assessment.notes),
        "visits": [_visit(assessment, index) for index in range(len(names))],
        "baseline": names[assessment.baseline],
        "components": {name: _component(assessment, name, names) for name in COMPONENTS},
        "responses": _responses(assessment.responses, names),
        "overall": _overall(assessment, names),
        "resection": _resection(assessment, names),
        "growth": {name: _growth(growth) for name, growth in assessment.growth.items()},
        "pictures": [dict(picture) for picture in pictures],
    }
    return {name: _printable(value) for name, value in values.items()}


def _printable(value: Any) -> Any:
    """The value with every text in it as `printable` shows it: notes, names of files and fields come from outside."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list | tuple) else value


def visit_role(assessment: Assessment, index: int) -> str | None:
    """The role of a visit; that of the baseline is "baseline"."""
    return "baseline" if index == assessment.baseline else assessment.visits[index].fields.role


def slice_index(assessment: Assessment, component: ComponentAssessment, at: TrackAtVisit, visit: int) -> int:
    """The slice that was measured; where a reader drew the line, the one that it lies on."""
    if at.set_by == "program":
        return int(component.measured[visit].lesions[at.largest].slice_index)
    grid = assessment.visits[visit].masks.geometry
    axis = 2 - axial_axis(grid)
    place = grid.to_ijk(np.mean(at.diameters.largest, axis=0))[axis]
    return int(np.clip(np.floor(place + 0.5), 0, grid.size[axis] - 1))


def _visit(assessment: Assessment, index: int) -> dict[str, Any]:
    visit = assessment.visits[index]
    return {
        "id": f"V{index + 1}",
        "folder": Path(visit.folder).name,
        "date": visit.date.isoformat(),
        "day": assessment.day(index),
        "role": visit_role(assessment, index),
        "volumes": {modality: Path(str(file)).name for modality, file in visit.volumes.items()},
        "segmentation": _segmentation(visit),
        "inputs": {name: dict(read) for name, read in visit.inputs.items()},
        "grid": _grid(visit.masks.geometry),
        "slice_thickness_mm": visit.fields.slice_thickness_mm,
        "registration": _registration(visit),
        "regions_ml": visit.masks.regions_ml(),
        "cavity_ml": visit.masks.cavity_ml(),
        "specks": {name: _specks(assessment.components[name].measured[index]) for name in COMPONENTS},
        "fields": _fields(visit.fields),
        "notes": list(visit.notes),
    }


def _specks(found: Measured) -> dict[str, Any] | None:
    return asdict(found.specks) if found.told else None


def _segmentation(visit: Visit) -> dict[str, Any]:
    file = None if visit.file is None else Path(visit.file).name
    more = {"labels": visit.labels, "weights_sha256": visit.weights_sha256}
    return {"file": file, "source": visit.source, **{name: value for name, value in more.items() if value}}


def _grid(geometry: Geometry) -> dict[str, Any]:
    across = np.abs(np.asarray(geometry.direction)[2])
    axis = max((2, 1, 0), key=lambda one: round(float(across[one]), 6))  # of equal ones K, then J
    return {
        "size_ijk": list(geometry.size),
        "spacing_mm": list(map(float, geometry.spacing)),
        "origin_ras_mm": list(map(float, geometry.origin)),
        "direction_ras": [list(map(float, row)) for row in geometry.direction],
        "slice_axis": "IJK"[axis],
        "tilt_degrees": float(np.degrees(np.arccos(min(1.0, across[axis])))),
    }


def _registration(visit: Visit) -> dict[str, Any]:
    found = visit.alignment
    values: dict[str, Any] = {"method": found.method}
    if found.modality is not None:
        values["modality"] = found.modality
    values["to_first"] = np.asarray(found.to_first, float).tolist()
    values["translation_mm"] = float(found.translation_mm)
    values["rotation_degrees"] = float(found.rotation_degrees)
    if found.head_dice is not None:
        values["head_dice"] = float(found.head_dice)
    return values


def _fields(fields: VisitFields) -> dict[str, Any]:
    """What is known, as JSON holds it."""
    known = {name: value for name, value in asdict(fields).items() if value is not None and value != ()}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in known.items()}


def _component(assessment: Assessment, name: str, names: Sequence[str]) -> dict[str, Any]:
    component = assessment.components[name]
    return {
        "tracks": [_track(assessment, component, track, names) for track in component.tracks],
        "sums": _sums(assessment, component, names),
        "responses": _responses(component.responses, names),
        "new_lesions": _tracks_by_visit(component.new_lesions, names),
        "vanished": _tracks_by_visit(component.vanished, names),
        "non_target_progression": _tracks_by_visit(component.non_target_progression, names),
    }


def _tracks_by_visit(tracks: Sequence[Sequence[str]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"visit": visit, "tracks": list(found)} for visit, found in zip(names, tracks, strict=False) if found]


def _track(
    assessment: Assessment, component: ComponentAssessment, track: Track, names: Sequence[str]
) -> dict[str, Any]:
    near = component.near.get(track.id)
    volumes, products = (changes(values, assessment.baseline) for values in component.values(track.id))
    at = component.at[track.id]
    return {
        "id": track.id,
        "target": track.id in component.targets,
        "new": track.id in component.new,
        "events": list(track.events),
        "near": None if near is None else {"track": near[0], "distance_mm": float(near[1])},
        "at": [
            one and _at(assessment, component, one, visit, (volumes[visit], products[visit]), names)
            for visit, one in enumerate(at)
        ],
    }


def _at(
    assessment: Assessment,
    component: ComponentAssessment,
    at: TrackAtVisit,
    visit: int,
    found: tuple[Change, Change],
    names: Sequence[str],
) -> dict[str, Any]:
    lesion = component.measured[visit].lesions[at.largest]
    return {
        "lesions": at.lesions,
        "volume_ml": float(at.volume_ml),
        "product_mm2": float(at.product_mm2),
        "longest_mm": float(at.diameters.largest_mm),
        "perpendicular_mm": float(at.diameters.perpendicular_mm),
        "min_diameter_mm": float(lesion.min_diameter_mm),
        "slice_index": slice_index(assessment, component, at, visit),
        "slices": int(lesion.slices),
        "longest_ends_ras_mm": [list(map(float, end)) for end in at.diameters.largest],
        "perpendicular_ends_ras_mm": [list(map(float, end)) for end in at.diameters.perpendicular],
        "centroid_ras_mm": list(map(float, lesion.centroid_ras)),
        "set_by": at.set_by,
        "measurable": at.why_not is None,
        "why_not": at.why_not,
        "change": {"volume": _change(found[0], names), "product": _change(found[1], names)},
    }


def _change(change: Change, names: Sequence[str]) -> dict[str, Any]:
    return {name: _difference(getattr(change, name), names) for name in ("baseline", "nadir", "previous")}


def _difference(difference: Difference | None, names: Sequence[str]) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {"absolute": difference.absolute, "percent": difference.percent, "visit": names[difference.visit]}


def _sums(assessment: Assessment, component: ComponentAssessment, names: Sequence[str]) -> list[dict[str, Any] | None]:
    products = changes([None if one is None else one.products_mm2 for one in component.sums], assessment.baseline)
    volumes = changes([None if one is None else one.volumes_ml for one in component.sums], assessment.baseline)
    return [
        None
        if one is None
        else {
            "visit": names[visit],
            "sum_of_products_mm2": float(one.products_mm2),
            "sum_of_volumes_ml": float(one.volumes_ml),
            "targets_measurable": one.targets_measurable,
            "change": {"volume": _change(volumes[visit], names), "product": _change(products[visit], names)},
        }
        for visit, one in enumerate(component.sums)
    ]


def _responses(responses: Sequence[Mapping[str, Response]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"visit": visit, **{dimension: _category(found[dimension]) for dimension in DIMENSIONS}}
        for visit, found in zip(names, responses, strict=False)
        if found
    ]


def _category(response: Response) -> dict[str, Any]:
    return {"category": response.category, "rule": response.rule, "reason": response.reason}


def _overall(assessment: Assessment, names: Sequence[str]) -> list[dict[str, Any]]:
    first = assessment.visits[0].date
    return [
        {
            "visit": visit,
            "dimension": assessment.options.primary,
            "status": found.status,
            "qualifier": found.qualifier,
            "rule": found.rule,
            "reason": found.reason,
            "since": None if found.since_day is None else (first + timedelta(days=found.since_day)).isoformat(),
            "imaging_only": found.imaging_only,
            "not_known": list(found.not_known),
        }
        for visit, found in zip(names, assessment.overall, strict=True)
    ]


def _resection(assessment: Assessment, names: Sequence[str]) -> dict[str, Any] | None:
    if assessment.resection is None:
        return None
    before, after, found = assessment.resection
    enhancing = [
        sum(lesion.volume_ml for lesion in assessment.components["CE"].measured[visit].lesions)
        for visit in (before, after)
    ]
    return {
        "before": names[before],
        "after": names[after],
        "pre_ce_ml": float(enhancing[0]),
        "post_ce_ml": float(enhancing[1]),
        "post_non_ce_ml": assessment.visits[after].masks.non_enhancing_ml(),
        "extent_percent": found.extent_percent,
        "class": found.grade,
        "name_2021": found.name_2021,
        "reason": found.reason,
        "notes": list(found.notes),
    }


def _growth(growth: Growth) -> dict[str, Any]:
    return {
        "points": [[int(day), float(volume)] for day, volume in growth.points],
        "intervals": [asdict(interval) for interval in growth.intervals],
        "fit_doubling_time_days": growth.fit_doubling_time_days,
        "fit_radial_mm_per_year": growth.fit_radial_mm_per_year,
    }
