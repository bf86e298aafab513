"""The category of response of one component in two or three dimensions, and the rule that gave it.

RANO 2.0 (Wen et al., J Clin Oncol 2023, doi 10.1200/JCO.23.01059), whose text was not at hand: bounds, kinds of tumour
and non-targets are as quoted by RANO2.0-assist (github.com/cai4cai/rano2.0-assist) and, for volumes, by CFB-GBM v2.0
(doi 10.7937/v9pn, section 3.2); the minor response as in PMC10584081, table 1. Where these leave a gap the rule says
"our reading".
"""

from dataclasses import dataclass

from .course import TINY, Course, Limits, at_least, limits_of, percent, reaches
from .options import FollowUpOptions
from .reasons import reason_of_response

CATEGORIES = ("PD", "SD", "MR", "PR", "CR")


@dataclass(frozen=True)
class Response:
    """A category with its reason.

    Args:
        category: One of `CATEGORIES`; None at the baseline and before it.
        rule: The rule's name in the specification, such as "target-progression".
        reason: One sentence with the numbers, their visits and the rule.
        from_baseline_percent: Change of the sum; None where the baseline is 0.
        from_nadir_percent: Change of the sum; None where the nadir is 0.
    """

    category: str | None
    rule: str
    reason: str = ""
    from_baseline_percent: float | None = None
    from_nadir_percent: float | None = None


def respond(course: Course, options: FollowUpOptions) -> Response:
    """The category of the current visit: the first rule that applies."""
    if len(course.sums) == 1:
        return Response(None, "baseline", "This is the visit that response is counted from.")
    limits = limits_of(course.dimension, options)
    progression = _progression(course, limits, options)
    category, rule = ("PD", progression) if progression else _without_progression(course, limits, options)
    return Response(
        category,
        rule,
        reason_of_response(category, rule, course, limits),
        percent(course.now, course.baseline),
        percent(course.now, course.nadir),
    )


def _progression(course: Course, limits: Limits, options: FollowUpOptions) -> str | None:
    """The rule by which it is progression; None where it is not."""
    counted = [lesion.value for lesion in course.new_lesions if lesion.counts]
    if counted and options.new_lesions == "progression":
        return "new-lesion"
    if counted and reaches(course.now + sum(counted), course.nadir, limits.growth):
        return "new-lesion-sum"
    if course.baseline > 0 and course.targets_measurable:  # our reading: none progresses before 10 x 10 mm
        if course.nadir > 0 and reaches(course.now, course.nadir, limits.growth):
            return "target-progression"
        if course.nadir <= 0 < course.now:
            return "recurrence"
    if course.progressing():
        joint = course.joint()
        if reaches(joint[-1], min(joint[:-1]), limits.growth):
            return "non-target-progression"
    return None


def _without_progression(course: Course, limits: Limits, options: FollowUpOptions) -> tuple[str, str]:
    """Category and rule where nothing progresses enough."""
    if course.baseline <= 0:
        return "SD", "no-target"
    partial = course.now <= course.baseline * (1 - limits.partial / 100) * (1 + TINY)
    allowed = options.minor_response or course.component == "nonCE" or options.tumour == "mixed"
    minor = allowed and at_least((1 - course.now / course.baseline) * 100, limits.minor)
    if (partial or minor) and course.new_lesions:  # our reading: below size, but a response needs no new lesion
        return "SD", "new-lesion-not-measurable"
    if (partial or minor) and course.progressing():
        return "SD", "non-target-growth"
    if course.now <= 0 and all(lesion.values[-1] <= 0 for lesion in course.non_targets):
        return "CR", "complete"
    if partial:
        return "PR", "partial"
    return ("MR", "minor") if minor else ("SD", "stable")


def combine(ce: str | None, non_ce: str | None) -> str | None:
    """The category of a mixed tumour from those of its components; None for one that is at no visit.

    PD with anything is PD, a response with SD is that response, PR with MR is MR (our reading).
    """
    if ce is None or non_ce is None:
        return ce or non_ce
    return next(category for category in ("PD", "MR", "PR", "SD", "CR") if category in (ce, non_ce))
