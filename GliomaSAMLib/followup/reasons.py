"""The reason of a category as one sentence with the numbers, their visits and the rule."""

from collections.abc import Callable, Sequence

from .course import Course, Limits, NewLesion, NonTarget, percent, reaches

SUMS = {"2D": "sum of products", "3D": "sum of volumes"}


def reason_of_response(category: str, rule: str, course: Course, limits: Limits) -> str:
    """One sentence that says why a rule gave a category; a second one where a bound was reached and does not count."""
    text = f"{category}: {_SENTENCES[rule](course, limits)}."
    grown = course.baseline > 0 and course.now > 0 and reaches(course.now, course.nadir, limits.growth)
    if category != "PD" and grown and not course.targets_measurable:
        above = f"{_compared(course.now, course.nadir, limits.growth)} the nadir" if course.nadir > 0 else "seen again"
        text += f" The sum is {above}, but no target is large enough to be measurable: that is no progression yet."
    return text


def amount(value: float, dimension: str) -> str:
    """A product in mm² or a volume in mL, rounded for display."""
    if dimension == "2D":
        return f"{value:.0f} mm²" if value >= 100 or value == 0 else f"{value:.1f} mm²"
    return f"{value:.1f} mL" if value >= 100 else f"{value:.2f} mL"


def percent_text(value: float, *bounds: float) -> str:
    """A percentage without its sign, with so many decimals that rounding does not lead over a bound."""
    size = abs(value)
    for digits in range(1, 6):
        text = f"{size:.{digits}f}"
        if all((float(text) >= bound) == (size >= bound * (1 - 1e-9)) for bound in bounds):
            break
    return f"{text} %"


def listed(names: Sequence[str]) -> str:
    """Names as a list in words."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _compared(now: float, before: float, *bounds: float) -> str:
    """A sum against an earlier one that is not 0, such as "25.0 % above"."""
    change = percent(now, before)
    assert change is not None
    if abs(change) < 1e-7:
        return "equal to"
    return f"{percent_text(change, *bounds)} {'above' if change > 0 else 'below'}"


def _now(course: Course) -> str:
    return f"the {SUMS[course.dimension]}, {amount(course.now, course.dimension)} on {course.when[-1]},"


def _nadir(sums: Sequence[float], course: Course) -> str:
    lowest = min(sums[:-1])
    return f"{amount(lowest, course.dimension)} ({course.when[list(sums[:-1]).index(lowest)]})"


def _baseline(course: Course) -> str:
    return f"the baseline of {amount(course.baseline, course.dimension)} ({course.when[0]})"


def _names(lesions: Sequence[NonTarget], singular: str = "progresses", plural: str = "progress") -> str:
    return f"{listed([lesion.name for lesion in lesions])} {singular if len(lesions) == 1 else plural}"


def _counts_as(lesion: NewLesion) -> str:
    return "measurable" if lesion.measurable else "unequivocal, the reader says"


def _new_lesion(course: Course, limits: Limits) -> str:
    names = []
    for lesion in course.new_lesions:
        if lesion.counts:
            size = [amount(lesion.value, course.dimension)] if lesion.value else []
            names.append(f"{lesion.name} ({', '.join([*size, _counts_as(lesion)])})")
    verb = "was" if len(names) == 1 else "were"
    return f"{listed(names)}, seen on {course.when[-1]}, {verb} not there at the baseline ({course.when[0]})"


def _new_lesion_sum(course: Course, limits: Limits) -> str:
    counted = [lesion for lesion in course.new_lesions if lesion.counts]
    total = course.now + sum(lesion.value for lesion in counted)
    with_new = f"the {SUMS[course.dimension]} with what is new, {listed([lesion.name for lesion in counted])}"
    if course.nadir <= 0:
        return f"{with_new}, is {amount(total, course.dimension)} on {course.when[-1]} after a nadir of 0"
    return (
        f"{with_new}, {amount(total, course.dimension)} on {course.when[-1]}, is "
        f"{_compared(total, course.nadir, limits.growth)} the nadir of {_nadir(course.sums, course)}; "
        f"from {limits.growth:g} % on it is progression"
    )


def _target_progression(course: Course, limits: Limits) -> str:
    return (
        f"{_now(course)} is {_compared(course.now, course.nadir, limits.growth)} the nadir of "
        f"{_nadir(course.sums, course)}; from {limits.growth:g} % on it is progression"
    )


def _recurrence(course: Course, limits: Limits) -> str:
    return f"the targets had gone, {_nadir(course.sums, course)}, and {_now(course)} is measurable: they came back"


def _non_target(course: Course, limits: Limits) -> str:
    growing, joint = course.progressing(), course.joint()
    total = f"the {SUMS[course.dimension]} of the targets and of what progresses"
    rule = f"from {limits.growth:g} % on it is progression"
    if min(joint[:-1]) <= 0:
        return (
            f"{_names(growing)}, and {total} is {amount(joint[-1], course.dimension)} on {course.when[-1]} after "
            f"a nadir of {_nadir(joint, course)}"
        )
    return (
        f"{_names(growing)}, and {total}, {amount(joint[-1], course.dimension)} on {course.when[-1]}, is "
        f"{_compared(joint[-1], min(joint[:-1]), limits.growth)} its nadir of {_nadir(joint, course)}; {rule}"
    )


def _no_target(course: Course, limits: Limits) -> str:
    return (
        f"no lesion was measurable at the baseline ({course.when[0]}), which excludes CR and PR, and nothing has "
        f"progressed on {course.when[-1]}"
    )


def _shrunk(course: Course, limits: Limits) -> str:
    return (
        f"{_now(course)} is {_compared(course.now, course.baseline, limits.partial, limits.minor)} {_baseline(course)}"
    )


def _small_new_lesion(course: Course, limits: Limits) -> str:
    names = listed([lesion.name for lesion in course.new_lesions])
    return f"{_shrunk(course, limits)}, but with {names}, new and below size, it is no response"


def _non_target_growth(course: Course, limits: Limits) -> str:
    growing = course.progressing()
    return (
        f"{_shrunk(course, limits)}, but {_names(growing)}, which excludes a response; with the targets "
        f"{'it stays' if len(growing) == 1 else 'they stay'} below the {limits.growth:g} % of progression"
    )


def _complete(course: Course, limits: Limits) -> str:
    return f"no lesion is left on {course.when[-1]}, after {_baseline(course)}"


def _partial(course: Course, limits: Limits) -> str:
    rule = f"from {limits.partial:g} % on it is a partial response"
    left = [lesion for lesion in course.non_targets if lesion.values[-1] > 0]
    if course.now <= 0 and left:
        rest = _names(left, "is left", "are left")
        return f"the targets are gone on {course.when[-1]}, but {rest}, so that it is not complete"
    return f"{_shrunk(course, limits)}; {rule}"


def _minor(course: Course, limits: Limits) -> str:
    return f"{_shrunk(course, limits)}; from {limits.minor:g} % to below {limits.partial:g} % it is a minor response"


def _stable(course: Course, limits: Limits) -> str:
    parts = []
    if course.nadir <= 0:
        parts.append("not 0 as at the nadir")
    elif course.nadir < course.baseline:
        parts.append(f"{_compared(course.now, course.nadir, limits.growth)} the nadir of {_nadir(course.sums, course)}")
    bounds = (limits.growth,) if course.now > course.baseline else (limits.partial, limits.minor)
    parts.append(f"{_compared(course.now, course.baseline, *bounds)} {_baseline(course)}")
    return (
        f"{_now(course)} is {' and '.join(parts)}; progression is from {limits.growth:g} % above the nadir on, partial "
        f"response from {limits.partial:g} % below the baseline on"
    )


_SENTENCES: dict[str, Callable[[Course, Limits], str]] = {
    "new-lesion": _new_lesion,
    "new-lesion-sum": _new_lesion_sum,
    "target-progression": _target_progression,
    "recurrence": _recurrence,
    "non-target-progression": _non_target,
    "no-target": _no_target,
    "new-lesion-not-measurable": _small_new_lesion,
    "non-target-growth": _non_target_growth,
    "complete": _complete,
    "partial": _partial,
    "minor": _minor,
    "stable": _stable,
}
