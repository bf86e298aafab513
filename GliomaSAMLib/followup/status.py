"""The overall status: categories of imaging together with what the reader says.

Clinical decline and steroids as in RANO (PMC6303427, table 1) and in what RANO2.0-assist quotes of RANO 2.0; a response
is confirmed four weeks later (PMC10584081, table 1), progression within twelve weeks of radiotherapy by a second scan.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from .options import FollowUpOptions
from .visit import VisitFields

CONFIRMED_DAYS = 28

RADIOTHERAPY_WEEKS = 12.0
"""So long after radiotherapy, this week included, progression may be an effect of the treatment."""

RESPONSES = {"CR": 3, "PR": 2, "MR": 1}
"""Rank of the responses."""


@dataclass(frozen=True)
class Overall:
    """The status at one visit.

    Args:
        status: A category, "NE" (not evaluable), or None at the baseline.
        qualifier: "confirmed", "preliminary" or None.
        rule: The rule's name in the specification.
        reason: One sentence.
        since_day: Day of the first of the visits in a row that had at least this category; None for SD and NE.
        imaging_only: Whether steroids or the clinical state are not known.
        not_known: Names of fields that are not known.
    """

    status: str | None
    qualifier: str | None
    rule: str
    reason: str = ""
    since_day: int | None = None
    imaging_only: bool = True
    not_known: tuple[str, ...] = ()


def overall(
    history: Sequence[tuple[float, str | None]],
    fields: VisitFields | None = None,
    options: FollowUpOptions | None = None,
) -> Overall:
    """The status at the last of several visits: the first rule that applies.

    Args:
        history: Day and category of imaging of each visit, by date; None at the baseline and before it.
        fields: What the reader says of the last visit.
        options: Whether responses and progression have to be confirmed.
    """
    fields, options = fields or VisitFields(), options or FollowUpOptions()
    category = history[-1][1]
    status = _status(history, category, fields, options)
    return replace(
        status,
        imaging_only=fields.clinical is None or fields.steroids is None,
        not_known=_not_known(status, category, fields),
    )


def _status(
    history: Sequence[tuple[float, str | None]], category: str | None, fields: VisitFields, options: FollowUpOptions
) -> Overall:
    if category is None:
        return Overall(None, None, "baseline", "There is no category of imaging at this visit.")
    if fields.clinical == "worse":
        return Overall(
            "PD", None, "clinical", f"PD: clinically worse, which is due to the tumour; imaging: {category}."
        )
    if category == "PD":
        return _progression(history, fields, options)
    if fields.steroids == "increased":
        reason = f"NE: {category} in imaging under rising steroids cannot be evaluated until that is resolved."
        return Overall("NE", None, "steroids-increased", reason)
    if category == "CR" and fields.steroids in ("stable", "decreased"):
        reason = f"PR: a complete response in imaging under steroids ({fields.steroids}) is at most a partial one."
        return _confirmed(history, Overall("PR", None, "steroids-in-complete-response", reason), options)
    return _confirmed(history, Overall(category, None, "imaging", f"{category}: as imaging says."), options)


def _confirmed(history: Sequence[tuple[float, str | None]], status: Overall, options: FollowUpOptions) -> Overall:
    """A response with its qualifier: at least that response at every visit back to one four weeks ago."""
    if status.status not in RESPONSES or not options.confirm_response:
        return status
    rank = RESPONSES[status.status]
    first = _since(history, lambda category: RESPONSES.get(category or "", 0) >= rank)
    days = history[-1][0] - first
    if days >= CONFIRMED_DAYS:
        reason = f"{status.reason} Confirmed: at least that for {days:g} days."
        return replace(status, qualifier="confirmed", since_day=_day(first), reason=reason)
    reason = (
        f"{status.reason} Preliminary: a response counts when it is seen again at least {CONFIRMED_DAYS} days later."
    )
    return replace(status, qualifier="preliminary", since_day=_day(first), reason=reason)


def _progression(history: Sequence[tuple[float, str | None]], fields: VisitFields, options: FollowUpOptions) -> Overall:
    first = _since(history, lambda category: category == "PD")
    days = history[-1][0] - first
    since, weeks = _day(first), fields.weeks_since_radiotherapy
    if days >= CONFIRMED_DAYS:
        return Overall("PD", "confirmed", "second-scan", f"PD: progression at every scan for {days:g} days.", since)
    if fields.pathology == "tumour":
        return Overall("PD", "confirmed", "pathology", "PD: progression in imaging, and tumour in the specimen.", since)
    if weeks is not None and weeks <= RADIOTHERAPY_WEEKS and not fields.outside_radiation_field:
        reason = (
            f"PD, preliminary: {weeks:.1f} weeks after radiotherapy; up to {RADIOTHERAPY_WEEKS:g} weeks it may be an "
            f"effect of the treatment, which a scan at least {CONFIRMED_DAYS} days later shows."
        )
        return Overall("PD", "preliminary", "radiotherapy-window", reason, since)
    if options.confirm_progression:
        reason = f"PD, preliminary: the study asks for a second scan at least {CONFIRMED_DAYS} days later."
        return Overall("PD", "preliminary", "confirmation-due", reason, since)
    return Overall("PD", None, "imaging", "PD: as imaging says.", since)


def _since(history: Sequence[tuple[float, str | None]], counts: Callable[[str | None], bool]) -> float:
    """The day of the first of the last visits in a row whose category counts; today where that of today does not."""
    run = list(takewhile(lambda visit: counts(visit[1]), reversed(history)))
    return (run or [history[-1]])[-1][0]


def _day(day: float) -> int:
    return round(day)


def _not_known(status: Overall, category: str | None, fields: VisitFields) -> tuple[str, ...]:
    """Fields that could change this status and are not known."""
    asked = ["clinical", "steroids"] if category is not None else []
    if category == "PD" and status.qualifier != "confirmed" and status.rule != "clinical":
        asked += ["weeks_since_radiotherapy", "pathology"]
        if status.rule == "radiotherapy-window":
            asked.append("outside_radiation_field")
    return tuple(name for name in asked if getattr(fields, name) is None)
