"""What the panel shows of a comparison: rows of lesions, the category in words, and the fields that a rule needs."""

from dataclasses import dataclass

from ...followup.assessment import Assessment
from ...followup.options import COMPONENTS, DIMENSIONS
from ...followup.report.changes import Difference, changes

FIELDS = (
    "radiotherapy_end",
    "steroids",
    "clinical",
    "outside_radiation_field",
    "pathology",
    "surgery",
    "hours_since_surgery",
)
"""The fields of a visit that masks cannot tell and a category, or the extent of resection, may need."""


@dataclass(frozen=True)
class LesionRow:
    """A lesion at one visit. Numbers are None where it is not seen, or not told.

    Args:
        component: "CE" or "nonCE".
        track: "L1", ...
        is_target: Whether it counts in the sum.
        event: What became of it, such as "new".
        volume_ml, longest_mm, perpendicular_mm, product_mm2: Its measures.
        from_baseline_percent, from_nadir_percent: Change of the product.
        by_reader: Whether a calliper line was dragged.
        why_not: Why it is not measurable; empty where it is, or where it is not seen.
    """

    component: str
    track: str
    is_target: bool
    event: str
    volume_ml: float | None = None
    longest_mm: float | None = None
    perpendicular_mm: float | None = None
    product_mm2: float | None = None
    from_baseline_percent: float | None = None
    from_nadir_percent: float | None = None
    by_reader: bool = False
    why_not: str = ""


def lesion_rows(assessment: Assessment, visit: int) -> list[LesionRow]:
    """The lesions of both components at a visit (index), those of one seen nowhere near it too."""
    rows = []
    for component in COMPONENTS:
        result = assessment.components.get(component)
        for track in result.tracks if result is not None else ():
            assert result is not None
            at = result.at[track.id]
            products = result.values(track.id)[1]
            found, event = at[visit], track.events[visit] if visit < len(track.events) else ""
            if found is None and not any(at[: visit + 1]):
                continue
            change = changes(products, assessment.baseline)[visit]
            row = LesionRow(
                component,
                track.id,
                track.id in result.targets,
                event,
                from_baseline_percent=_percent(change.baseline),
                from_nadir_percent=_percent(change.nadir),
            )
            if found is not None:
                row = LesionRow(
                    component,
                    track.id,
                    track.id in result.targets,
                    event,
                    found.volume_ml,
                    found.diameters.largest_mm,
                    found.diameters.perpendicular_mm,
                    found.product_mm2,
                    row.from_baseline_percent,
                    row.from_nadir_percent,
                    found.set_by == "reader",
                    found.why_not or "",
                )
            rows.append(row)
    return rows


@dataclass(frozen=True)
class Verdict:
    """What is said of a visit.

    Args:
        title: Category and qualifier in a few words.
        lines: One sentence a reason: in 2D, in 3D, overall.
        asked: The fields that a rule needs and that are not known, and those that were answered.
    """

    title: str
    lines: tuple[str, ...]
    asked: tuple[str, ...]


def verdict(assessment: Assessment, visit: int) -> Verdict:
    """The categories of a visit (index) and what gave them; after surgery also what it left."""
    found = _response(assessment, visit)
    if assessment.resection is None or visit != assessment.resection[1]:
        return found
    resection = assessment.resection[2]
    left = f"Extent of resection: {resection.reason[:1].lower()}{resection.reason[1:]}"
    asked = {*found.asked, "surgery", "hours_since_surgery"}
    lines = (*found.lines, left, *(f"{note}." for note in resection.notes))
    return Verdict(found.title, lines, tuple(name for name in FIELDS if name in asked))


def _response(assessment: Assessment, visit: int) -> Verdict:
    """The categories of a visit (index) and what gave them."""
    responses, overall = assessment.responses[visit], assessment.overall[visit]
    categories = {name: responses[name].category for name in DIMENSIONS if name in responses}
    if visit == assessment.baseline:
        return Verdict("Baseline", (), ())
    if all(category is None for category in categories.values()):
        return Verdict("No category", tuple(dict.fromkeys(r.reason for r in responses.values() if r.reason)), ())
    status = overall.status or categories.get(assessment.options.primary) or "-"
    qualifier = f", {overall.qualifier}" if overall.qualifier else ""
    by_imaging = ", by imaging only" if overall.imaging_only else ""
    parts = ", ".join(f"{category or '-'} in {name}" for name, category in categories.items())
    lines = tuple(
        f"{name}: {responses[name].reason.removeprefix(f'{category}: ')}"
        for name, category in categories.items()
        if responses[name].reason
    )
    if overall.reason and overall.rule != "imaging":
        lines = (*lines, overall.reason)
    return Verdict(f"{status}{qualifier}{by_imaging} ({parts})", lines, fields_asked(assessment, visit))


def fields_asked(assessment: Assessment, visit: int) -> tuple[str, ...]:
    """The fields that could change the status of a visit (index), or that were answered."""
    overall, fields = assessment.overall[visit], assessment.visits[visit].fields
    category = assessment.responses[visit].get(assessment.options.primary)
    wanted = set()
    if category is not None and category.category is not None:
        wanted = {"steroids", "clinical"}
        if category.category == "PD":
            wanted |= {"radiotherapy_end", "pathology"}
            if overall.rule == "radiotherapy-window" or fields.outside_radiation_field is not None:
                wanted.add("outside_radiation_field")
    wanted |= set(overall.not_known) | {name for name in FIELDS if getattr(fields, name) is not None}
    return tuple(name for name in FIELDS if name in wanted)


def _percent(difference: Difference | None) -> float | None:
    return None if difference is None else difference.percent
