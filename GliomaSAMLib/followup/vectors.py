"""The program's own functions from dictionary to dictionary, as the test vectors of the follow-up ask for them.

Testing/acceptance/follow_up/check_vectors.py calls these; nothing is computed here.
"""

from dataclasses import asdict, fields
from typing import Any

import numpy as np

from ..geometry import Geometry, floats, ints, triple
from .course import Course, NewLesion, NonTarget
from .growth import grow as grow_points
from .lesions import Lesion, VisitMasks, choose_targets
from .lesions import measure as measure_lesions
from .options import FollowUpOptions
from .resection import resect as resect_volumes
from .response import combine as combine_categories
from .response import respond as respond_to
from .status import overall as overall_status
from .tracks import match as match_lesions
from .visit import VisitFields

Query = dict[str, Any]

OPTIONS = {field.name for field in fields(FollowUpOptions)}


def measure(q: Query) -> Query:
    """Masks of one visit to lesions, sums and targets."""
    options = _options(q)
    given = q.get("options", {})
    found = measure_lesions(_masks(q), given.get("component", "CE"), options, given.get("slice_thickness_mm"))
    targets = choose_targets([lesion.measurable for lesion in found.lesions], options.targets)
    chosen = [found.lesions[index] for index in targets]
    return {
        "lesions": [_lesion(lesion) for lesion in found.lesions],
        "targets": list(targets),
        "sum_of_products_mm2": sum(lesion.diameters.product_mm2 for lesion in chosen),
        "sum_of_volumes_ml": sum(lesion.volume_ml for lesion in chosen),
        "specks": {"count": found.specks.count, "volume_ml": found.specks.volume_ml},
    }


def match(q: Query) -> Query:
    """Masks of several visits to tracks."""
    options, given = _options(q), q.get("options", {})
    masks = [_masks(visit) for visit in q["visits"]]
    component, thickness = given.get("component", "CE"), given.get("slice_thickness_mm")
    measured = [measure_lesions(visit, component, options, thickness) for visit in masks]
    motions = [np.asarray(visit.get("to_first", np.eye(4)), float) for visit in q["visits"]]
    tracks = match_lesions(measured, [visit.geometry for visit in masks], motions, options)
    return {
        "tracks": [
            {
                "id": track.id,
                "counts": list(track.counts),
                "events": list(track.events),
                "volumes_ml": [
                    sum(found.lesions[index].volume_ml for index in here)
                    for found, here in zip(measured, track.lesions, strict=True)
                ],
            }
            for track in tracks
        ]
    }


def respond(q: Query) -> Query:
    """Sums of several visits to a category."""
    course = Course(
        q["dimension"],
        tuple(q["sums"]),
        q.get("component", "CE"),
        q.get("targets_measurable", True),
        tuple(NonTarget(tuple(one["values"]), tuple(one["measurable"])) for one in q.get("non_targets", [])),
        tuple(
            NewLesion(one["value"], one["measurable"], one.get("unequivocal", False))
            for one in q.get("new_lesions", [])
        ),
    )
    return asdict(respond_to(course, _options(q)))


def combine(q: Query) -> Query:
    """Categories of the components of a mixed tumour to one."""
    return {"category": combine_categories(q["ce"], q["non_ce"])}


def overall(q: Query) -> Query:
    """Categories and what the reader says to a status."""
    said = VisitFields(**{field.name: q[field.name] for field in fields(VisitFields) if field.name in q})
    return asdict(overall_status([(one["day"], one["category"]) for one in q["history"]], said, _options(q)))


def resect(q: Query) -> Query:
    """Volumes around surgery to extent and class."""
    found = resect_volumes(q["pre_ce_ml"], q["post_ce_ml"], q.get("post_non_ce_ml"), q.get("surgery"))
    return {"extent_percent": found.extent_percent, "class": found.grade, "name_2021": found.name_2021}


def grow(q: Query) -> Query:
    """Days and volumes to doubling times and velocities."""
    return asdict(grow_points([(day, volume) for day, volume in q["points"]]))


def _options(q: Query) -> FollowUpOptions:
    given = {name: value for name, value in q.get("options", {}).items() if name in OPTIONS}
    return FollowUpOptions(**given)


def _masks(q: Query) -> VisitMasks:
    geometry = Geometry(
        ints(np.shape(q["wt"])[::-1]),
        floats(q["spacing_mm"]),
        floats(q["origin_ras"]),
        triple(floats(row) for row in q["direction_ras"]),
    )
    return VisitMasks(geometry, q["wt"], q["tc"], q["et"])


def _lesion(lesion: Lesion) -> Query:
    return {
        "volume_ml": lesion.volume_ml,
        "parts": lesion.parts,
        "longest_mm": lesion.diameters.largest_mm,
        "perpendicular_mm": lesion.diameters.perpendicular_mm,
        "product_mm2": lesion.diameters.product_mm2,
        "slice": lesion.slice_index,
        "slices": lesion.slices,
        "min_diameter_mm": lesion.min_diameter_mm,
        "measurable": lesion.measurable,
        "longest_ends_ras": [list(end) for end in lesion.diameters.largest],
        "perpendicular_ends_ras": [list(end) for end in lesion.diameters.perpendicular],
    }
