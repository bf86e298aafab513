"""Visits in order of date, the one that response is counted from, and those around surgery."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date

from ..errors import StudyError
from ..output.diameters import tilt_degrees
from .options import FollowUpOptions
from .visit import Visit, VisitFields

SPACING_FACTOR = 2.0
"""Voxels of two visits that differ by more than this are noted."""

TILT_DEGREES = 20.0
"""Axial slices that are tilted by more than this are noted."""

SAME_WEEKS = 1.0
"""So far the weeks since radiotherapy may be from what its end says."""

MOST_WEEKS = 5200
"""Since radiotherapy, a hundred years."""


def in_order(visits: Sequence[Visit]) -> list[int]:
    """Indices of visits by date; equal dates keep the order given. Raises StudyError where there are fewer than two."""
    if len(visits) < 2:
        raise StudyError(f"{len(visits)} visit: a follow-up needs two or more")
    return sorted(range(len(visits)), key=lambda index: visits[index].date)


def named(visits: Sequence[Visit], index: int) -> str:
    """How a visit is called in notes."""
    return called(index, visits[index].date)


def called(index: int, day: date) -> str:
    """How the visit with this index by date is called in notes."""
    return f"V{index + 1} ({day})"


def choose_baseline(visits: Sequence[Visit], surgery: tuple[int, int] | None = None) -> tuple[int, str]:
    """The visit that response is counted from, by the roles, surgery and the end of radiotherapy, and a note that says
    why.

    The one with the role baseline; else the first that is not preoperative and, where the end of radiotherapy is known,
    not before it; else the first.

    Args:
        visits: By date.
        surgery: Indices of the visits before and after surgery; those before the latter are preoperative.
    """
    said = [index for index, visit in enumerate(visits) if visit.fields.role == "baseline"]
    if said:
        more = f"; {named(visits, said[1])} has it as well" if len(said) > 1 else ""
        return said[0], f"Baseline: {named(visits, said[0])}, which has the role baseline{more}"
    ends = _radiotherapy_ends(visits)
    early = 0 if surgery is None else surgery[1]
    preoperative = [index < early or visit.fields.role == "preoperative" for index, visit in enumerate(visits)]
    for index, visit in enumerate(visits):
        if preoperative[index]:
            continue
        if ends and visit.date < (visit.fields.end_of_radiotherapy(visit.date) or min(ends)):
            continue
        reasons = ["not preoperative"] if any(preoperative) else []
        reasons += ["not before the end of radiotherapy"] if ends else []
        why = f"that is {' and '.join(reasons)}" if reasons else "of all, as no role says otherwise"
        return index, f"Baseline: {named(visits, index)}, the first visit {why}"
    return 0, f"Baseline: {named(visits, 0)}, the first visit, as none is after surgery and radiotherapy"


def around_surgery(visits: Sequence[Visit]) -> tuple[int, int] | None:
    """The last preoperative visit and the first postoperative one after it; None where there is no such pair."""
    before = [index for index, visit in enumerate(visits) if visit.fields.role == "preoperative"]
    if not before:
        return None
    after = [index for index, visit in enumerate(visits) if visit.fields.role == "postoperative" and index > before[-1]]
    return (before[-1], after[0]) if after else None


def fields_at(visits: Sequence[Visit], index: int) -> VisitFields:
    """What the reader says of a visit, with what follows from the other visits: steroids, weeks since radiotherapy."""
    fields = visits[index].fields
    weeks = fields.weeks_since_radiotherapy
    if weeks is None:
        day = visits[index].date
        end = fields.radiotherapy_end or max((one for one in _radiotherapy_ends(visits) if one <= day), default=None)
        weeks = None if end is None or end > day else weeks_between(end, day)
    steroids = fields.steroids or steroids_by_dose(fields, visits[index - 1].fields if index else None)
    return replace(fields, steroids=steroids, weeks_since_radiotherapy=weeks)


def _radiotherapy_ends(visits: Sequence[Visit]) -> list[date]:
    return [end for visit in visits if (end := visit.fields.end_of_radiotherapy(visit.date)) is not None]


def weeks_between(end: date, day: date) -> float:
    """Weeks from the end of radiotherapy to a day; below 0 where it is still to come."""
    return (day - end).days / 7


def steroids_by_dose(fields: VisitFields, before: VisitFields | None) -> str | None:
    """What the dose at a visit says, against that at the visit before; None where a dose is not known."""
    dose, earlier = fields.steroid_mg_per_day, before.steroid_mg_per_day if before is not None else None
    if dose == 0:
        return "none"
    if dose is None or earlier is None:
        return None
    return "increased" if dose > earlier else "decreased" if dose < earlier else "stable"


def check_weeks(fields: VisitFields, day: date, what: str) -> None:
    """Raise StudyError where the weeks since radiotherapy cannot be, or its end says something else.

    Args:
        fields: Of a visit.
        day: Of that visit.
        what: Where they stand, for messages.
    """
    said, end = fields.weeks_since_radiotherapy, fields.radiotherapy_end
    if said is None:
        return
    if not 0 <= said <= MOST_WEEKS:
        raise StudyError(f"{what}: weeks_since_radiotherapy is {said:g}: write weeks, from 0 to {MOST_WEEKS}")
    if end is not None and abs(said - (counted := weeks_between(end, day))) > SAME_WEEKS:
        raise StudyError(
            f"{what}: weeks_since_radiotherapy is {said:g}, but from radiotherapy_end ({end}) to {day} are "
            f"{counted:.1f} weeks: correct one of them"
        )


def check_regions(told: Iterable[tuple[str, Collection[str]]], options: FollowUpOptions) -> None:
    """Raise StudyError where outlines do not tell the region that is judged: that it is empty there says nothing, and
    would be a response.

    Args:
        told: What visits are called, and the regions that their outlines tell.
        options: What is judged.
    """
    needed = {"CE": ["ET"], "nonCE": ["WT"], "mixed": ["WT", "ET"]}[options.tumour]
    if options.extent == "tc" and "ET" in needed:
        needed.append("TC")
    for name, known in told:
        missing = [region for region in needed if region not in known]
        if missing:
            raise StudyError(
                f"{name}: its segmentation does not tell {' and '.join(missing)}, which this follow-up "
                "needs at every visit: add it, empty where there is none; say what label maps hold (--labels); or "
                "judge the whole tumour alone (--tumour nonCE)"
            )


def tells_new_enhancement(visits: Sequence[Visit], baseline: int, visit: int) -> bool:
    """Whether enhancing tumour is told at the baseline and at a visit: only then can it be new."""
    return all("ET" in visits[one].masks.known for one in (baseline, visit))


def notes_on(
    visits: Sequence[Visit], order: Sequence[int], baseline: int, surgery: tuple[int, int] | None = None
) -> list[str]:
    """What the reader should know of the visits together.

    Args:
        visits: By date.
        order: Their positions as they were given.
        baseline: Index of the visit that response is counted from.
        surgery: Indices of the visits before and after surgery.
    """
    notes = []
    if list(order) != sorted(order):
        notes.append("The visits were not given in order of date; they were sorted")
    for index in range(1, len(visits)):
        if visits[index].date == visits[index - 1].date:
            notes.append(
                f"V{index} and V{index + 1} are of one date, {visits[index].date}: they are in the order given, and no "
                "growth is told between them"
            )
    if baseline == len(visits) - 1:
        notes.append(f"There is no visit after the baseline, {named(visits, baseline)}: no category")
    operated = [
        named(visits, index)
        for index in range(baseline + 1, len(visits))
        if visits[index].fields.role == "postoperative"
        or visits[index].fields.surgery == "resection"
        or (surgery is not None and index == surgery[1])
    ]
    if operated:
        notes.append(f"Surgery after the baseline ({', '.join(operated)}): the baseline should be after surgery")
    return notes + _differences(visits)


def _differences(visits: Sequence[Visit]) -> list[str]:
    """Differences of method between visits, from which changes may come."""
    notes = []
    sources = {visit.source for visit in visits}
    if len(sources) > 1:
        told = ", ".join(f"V{index}: {visit.source}" for index, visit in enumerate(visits, start=1))
        notes.append(f"The visits were outlined by different sources ({told}): changes may come from the method")
    spacing = [sorted(visit.masks.geometry.spacing) for visit in visits]
    for axis in range(3):
        sizes = [one[axis] for one in spacing]
        if max(sizes) > SPACING_FACTOR * min(sizes) * (1 + 1e-9):
            notes.append(
                f"The voxels of the visits differ, from {min(sizes):.2f} to {max(sizes):.2f} mm along one axis: "
                "changes may come from that"
            )
            break
    without = [
        f"V{index}" for index, visit in enumerate(visits, start=1) if visit.volumes and "t1c" not in visit.volumes
    ]
    if without and any("t1c" in visit.volumes for visit in visits):
        notes.append(f"No T1c at {', '.join(without)}: enhancing tumour cannot be compared there")
    for index, visit in enumerate(visits, start=1):
        tilt = tilt_degrees(visit.masks.geometry)
        if tilt > TILT_DEGREES:
            notes.append(f"V{index}: the slices that are measured tilt by {tilt:.0f} degrees")
    return notes
