"""The overall status: categories of imaging together with what the reader says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Overall:
    """The status at one visit.

    Args:
        status: A category, "NE" (not evaluable), or None at the baseline.
        qualifier: "confirmed", "preliminary" or None.
        rule: The rule's name in the specification.
        reason: One sentence.
        since_day: Day of the first visit of a confirmed progression.
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
