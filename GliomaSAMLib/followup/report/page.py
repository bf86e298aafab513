"""`report.html`: the whole report as one page that needs no network, to be read on a screen and to be printed."""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from ...regions import REGIONS
from ..assessment import Assessment
from ..lesions import VisitMasks
from ..options import COMPONENTS, DIMENSIONS
from .pictures import MOST_LESIONS, Picture, judged, lesions_to_show

if TYPE_CHECKING:
    from markupsafe import Markup

DATE = re.compile(r"\d{4}-\d\d-\d\d")

MEANINGS = {
    "PD": "progressive disease",
    "SD": "stable disease",
    "MR": "minor response",
    "PR": "partial response",
    "CR": "complete response",
    "NE": "not evaluable",
}

TONES = {"PD": "worse", "SD": "same", "MR": "better", "PR": "better", "CR": "better", "NE": "open"}

COMPONENT_NAMES = {"CE": "Contrast-enhancing lesions (CE)", "nonCE": "Non-enhancing lesions (nonCE: whole tumour)"}

EXTENTS = {
    "et": "Diameters inside the enhancing tumour, not through necrosis (extent et); volumes of the enhancing tumour.",
    "tc": "Diameters inside the tumour core, through necrosis (extent tc); volumes of the enhancing tumour.",
    "nonCE": "Diameters and volumes of the whole tumour, oedema included.",
}

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

MOST_VISITS_WITH_CURVE = 6
"""With more visits the curve comes after the pictures, so that these stay on the second page."""

MOST_ROWS = 15
"""Of lesions on the first page."""

VELOCITY_GRADES = (4, 8, 12)
"""Bounds of the grades, mm a year."""

LEAST_HEAD_DICE, MOST_ROTATION = 0.85, 30.0
"""Beyond these the alignment of two visits is doubtful."""


def report_html(
    assessment: Assessment, report: Mapping[str, Any], pictures: Sequence[Picture], curves: Mapping[str, bytes]
) -> str:
    """The page.

    Args:
        assessment: What was found.
        report: What `report_json` gives.
        pictures: What `draw_pictures` gives.
        curves: The curve of volumes as PNG, by "light" and "dark".
    """
    import jinja2  # 3D Slicer does not bring it

    here = Path(__file__).resolve().parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "fixed": fixed, "signed": signed, "percent": percent, "meaning": lambda name: MEANINGS.get(name, ""),
        "tone": lambda name: TONES.get(name or "", ""), "dates": dates, "grade": grade,
        "words": lambda name: name.replace("_", " "), "plain": plain,
    }  # fmt: skip
    from markupsafe import Markup

    style = Markup((here / "page.css").read_text(encoding="utf-8"))  # ours, not to be escaped
    context = _context(assessment, report, pictures)
    return environment.get_template("page.html").render(
        style=style, curves={name: data_uri(content) for name, content in curves.items()}, **context
    )


def fixed(value: float | None, digits: int) -> str:
    """A number with so many decimals and a true minus; a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int) -> str:
    """As `fixed`, with the sign."""
    return DASH if value is None else f"{value:+.{digits}f}".replace("-", MINUS)


def percent(value: float | None) -> str:
    """A change in %, with its sign."""
    return signed(value, 1)


def grade(velocity: float | None) -> str:
    """In which of the four grades a velocity of the mean diameter in mm a year is (Pallud et al., 2013)."""
    if velocity is None:
        return ""
    bounds = [bound for bound in VELOCITY_GRADES if velocity >= bound]
    above = [bound for bound in VELOCITY_GRADES if velocity < bound]
    if not bounds:
        return f" (below {above[0]})"
    return f" ({bounds[-1]} to {above[0]})" if above else f" (from {bounds[-1]})"


def dates(text: str) -> "Markup":
    """A sentence whose dates are not broken at the end of a line."""
    from markupsafe import Markup, escape

    return Markup(DATE.sub(r'<span class="date">\g<0></span>', str(escape(text))))


def plain(value: Any) -> str:
    """The value of an option for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value)) or "none"
    return "none" if value is None else str(value)


def data_uri(content: bytes) -> str:
    """A PNG as part of a page."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _context(assessment: Assessment, report: Mapping[str, Any], pictures: Sequence[Picture]) -> dict[str, Any]:
    visits = report["visits"]
    last = visits[-1]
    categories = _categories(report)
    names = judged(assessment)
    extent = EXTENTS[assessment.options.extent]
    shown = lesions_to_show(assessment)
    return {
        "report": report,
        "last": last,
        "baseline": next(visit for visit in visits if visit["id"] == report["baseline"]),
        "judged": next((one for one in report["responses"] if one["visit"] == last["id"]), dict.fromkeys(DIMENSIONS)),
        "overall": report["overall"][-1],
        "categories": categories,
        "cavity": any(visit["cavity_ml"] is not None for visit in visits),
        "component_names": COMPONENT_NAMES,
        "extents": {"CE": extent, "nonCE": EXTENTS["nonCE"]},
        "judged_components": names,
        "other_components": [name for name in COMPONENTS if name not in names],
        "most_with_curve": MOST_VISITS_WITH_CURVE,
        "short": _short(assessment, report),
        "all": _all(report),
        "rows": lambda track: list(_rows(track, visits)),
        "grown": list(_grown(report)),
        "pictures": list(_by_lesion(pictures, visits)),
        "hidden": [f"{component} {track}" for component, track in shown[MOST_LESIONS:]],
        "surfaces": {f"V{number}": _surfaces(visit.masks) for number, visit in enumerate(assessment.visits, start=1)},
        "warnings": list(_warnings(visits)),
        "reasons": list(_reasons(report)),
        "fields": [
            {"visit": visit["id"], "name": name, "value": plain(value)}
            for visit in visits
            for name, value in visit["fields"].items()
        ],
        "notes": [
            *report["notes"],
            *(f"{visit['id']}: {note}" for visit in visits for note in visit["notes"]),
        ],
    }


def _all(report: Mapping[str, Any]) -> dict[str, Any]:
    """All tracks and visits."""
    tracks = {name: [track["id"] for track in one["tracks"]] for name, one in report["components"].items()}
    return {"tracks": tracks, "visits": [visit["id"] for visit in report["visits"]], "left_out": ""}


def _short(assessment: Assessment, report: Mapping[str, Any]) -> dict[str, Any]:
    """What of the lesions fits on the first page: all; or the baseline and the last two visits of the targets, new and
    progressing lesions, as many as fit, and a sentence on what is left out.
    """
    whole = _all(report)
    names = judged(assessment)
    if len(whole["visits"]) * sum(len(whole["tracks"][name]) for name in names) <= MOST_ROWS:
        return whole
    visits = list(dict.fromkeys([report["baseline"], *whole["visits"][-2:]]))
    shown = lesions_to_show(assessment)
    chosen = [one for one in shown if one[0] in names][: MOST_ROWS // len(visits)]
    tracks = {name: [track for component, track in chosen if component == name] for name in names}
    return {"tracks": tracks, "visits": visits, "left_out": "Other lesions and visits: under Details."}


def _categories(report: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    """By visit the categories in two and three dimensions, the status and its qualifier."""
    found: dict[str, dict[str, str | None]] = {
        visit["id"]: {**dict.fromkeys(DIMENSIONS), "status": None, "qualifier": None} for visit in report["visits"]
    }
    for one in report["responses"]:
        found[one["visit"]] |= {dimension: one[dimension]["category"] for dimension in DIMENSIONS}
    for one in report["overall"]:
        found[one["visit"]] |= {"status": one["status"], "qualifier": one["qualifier"]}
    return found


def _rows(track: Mapping[str, Any], visits: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row a visit from the first at which a track is seen."""
    seen = False
    for visit, event, at in zip(visits, track["events"], track["at"], strict=True):
        seen = seen or at is not None
        if seen:
            yield {"visit": visit["id"], "event": event, "at": at, "remarks": _remarks(track, event, at)}


def _remarks(track: Mapping[str, Any], event: str, at: Mapping[str, Any] | None) -> list[str]:
    remarks = []
    if at is not None and not at["measurable"]:
        remarks.append(f"not measurable: {at['why_not']}")
    if at is not None and at["lesions"] > 1:
        remarks.append(f"{at['lesions']} parts, diameters of the largest")
    if at is not None and at["set_by"] == "reader":
        remarks.append("diameters set by the reader")
    if event == "new" and track["near"]:
        remarks.append(f"{track['near']['distance_mm']:.1f} mm from {track['near']['track']}, maybe a satellite")
    return remarks


def _by_lesion(pictures: Sequence[Picture], visits: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for lesion in dict.fromkeys((picture.component, picture.track) for picture in pictures):
        yield {
            "component": lesion[0],
            "track": lesion[1],
            "pictures": [
                {
                    "space": picture.space,
                    "uri": data_uri(picture.content),
                    "alt": f"{picture.caption}; {' and '.join(visits[visit]['date'] for visit in picture.visits)}",
                }
                for picture in pictures
                if (picture.component, picture.track) == lesion
            ],
        }


def _grown(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The growth of what is told at two visits or more, and which visits tell it."""
    visits = report["visits"]
    told = {region: [visit["regions_ml"][region] is not None for visit in visits] for region in REGIONS}
    for name, component in report["components"].items():
        told |= {f"{name} {track['id']}": [event != "" for event in track["events"]] for track in component["tracks"]}
    for name, growth in report["growth"].items():
        if growth["intervals"]:
            known = [visit["id"] for visit, one in zip(visits, told[name], strict=True) if one]
            yield {"name": name, "visits": known, **growth}


def _surfaces(masks: VisitMasks) -> dict[str, float | None]:
    """Volume in mL of the voxels of each region that touch its outside by a face; None of a region that is not told."""
    found: dict[str, float | None] = dict.fromkeys(REGIONS)
    for region, mask in zip(REGIONS, (masks.wt, masks.tc, masks.et), strict=True):
        if region not in masks.known:
            continue
        inside = np.asarray(mask) > 0
        surface = inside & ~ndimage.binary_erosion(inside)
        found[region] = float(np.count_nonzero(surface)) * masks.geometry.voxel_ml
    return found


def _warnings(visits: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What makes the comparison itself doubtful, in red."""
    for visit in visits:
        found = visit["registration"]
        dice = found.get("head_dice")
        if dice is not None and dice < LEAST_HEAD_DICE:
            yield f"{visit['id']}: the heads fit badly after alignment (Dice {dice:.2f}): look at the pictures."
        if found["rotation_degrees"] > MOST_ROTATION:
            yield f"{visit['id']}: turned by {found['rotation_degrees']:.0f}° against the first visit: check it."


def _reasons(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Why earlier visits were judged as they were."""
    last = report["visits"][-1]["id"]
    for one in report["responses"]:
        if one["visit"] != last:
            for dimension in DIMENSIONS:
                yield {"visit": one["visit"], "what": dimension, **one[dimension]}
    for one in report["overall"]:
        if one["visit"] != last:
            yield {"visit": one["visit"], "what": "overall", "category": one["status"], "reason": one["reason"]}
