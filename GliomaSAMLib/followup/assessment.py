"""The whole of a follow-up: every visit measured, lesions followed, the response judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import StudyError
from ..progress import Cancel, Progress, Reporter
from ..regions import REGIONS
from .component import ComponentAssessment, ReaderChoices, Sums, TrackAtVisit
from .following import Follower
from .growth import Growth, grow
from .lesions import Measured, measure
from .options import COMPONENTS, DIMENSIONS, FollowUpOptions
from .reasons import listed
from .resection import Resection, resect
from .response import Response, combine
from .status import Overall, overall
from .timeline import (
    around_surgery,
    check_regions,
    check_weeks,
    choose_baseline,
    fields_at,
    in_order,
    named,
    notes_on,
    tells_new_enhancement,
)
from .visit import Visit

__all__ = ["Assessment", "ComponentAssessment", "ReaderChoices", "Sums", "TrackAtVisit", "assess"]

JUDGED = {"CE": ("CE",), "nonCE": ("nonCE",), "mixed": COMPONENTS}
"""The components that each kind of tumour judges."""

EARLY_HOURS = 72
"""A scan later than this after surgery may show enhancement that surgery made (PMC7968800, table 2)."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """What is reported.

    Args:
        visits: By date; the first is day 0.
        options: As used.
        baseline: Index of the visit that response is counted from.
        components: By name, "CE" and "nonCE".
        responses: Of the tumour as a whole, by visit and dimension.
        overall: By visit.
        resection: With the indices of the visits before and after; None where there was no surgery, or where enhancing
            tumour is not told at one of them.
        growth: Of WT, TC, ET and each track ("CE L1"), over the visits whose outlines tell it.
        notes: For the whole report.
    """

    visits: tuple[Visit, ...]
    options: FollowUpOptions
    baseline: int
    components: Mapping[str, ComponentAssessment]
    responses: tuple[Mapping[str, Response], ...]
    overall: tuple[Overall, ...]
    resection: tuple[int, int, Resection] | None
    growth: Mapping[str, Growth]
    notes: tuple[str, ...]

    def day(self, visit: int) -> int:
        """Whole days from the first visit."""
        return (self.visits[visit].date - self.visits[0].date).days


def assess(
    visits: Sequence[Visit],
    options: FollowUpOptions | None = None,
    baseline: int | None = None,
    surgery: tuple[int, int] | None = None,
    choices: ReaderChoices | None = None,
    earlier: Assessment | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Assessment:
    """Measure every visit, follow the lesions, and judge the response.

    Args:
        visits: Two or more, in any order; `alignment` leads to the first by date.
        options: What the study chose beforehand.
        baseline: Index in `visits` as given of the one that response is counted from; by default from the roles,
            surgery and the end of radiotherapy.
        surgery: Indices in `visits` as given of those before and after surgery; by default from the roles.
        choices: Targets and calliper lines that the reader set after a first assessment.
        earlier: An assessment of which masks that are the same objects are not measured again, so that numbers follow
            a line that is dragged.
        progress: Told of each visit that is measured.
        cancel: Asked whether to stop.

    Raises:
        Cancelled: The user stopped the work.
        StudyError: Too few visits, an index or a choice that names nothing, masks that cannot be measured, or fields
            that contradict each other.
    """
    options, choices = options or FollowUpOptions(), choices or ReaderChoices()
    order = in_order(visits)
    sorted_visits = tuple(visits[index] for index in order)
    for index, visit in enumerate(sorted_visits):
        check_weeks(visit.fields, visit.date, named(sorted_visits, index))
    check_regions(((named(sorted_visits, n), visit.masks.known) for n, visit in enumerate(sorted_visits)), options)
    operation = _surgery(sorted_visits, order, surgery)
    if baseline is None:
        start, note = choose_baseline(sorted_visits, operation)
    else:
        start = _position(order, baseline, "The baseline")
        note = f"Baseline: {named(sorted_visits, start)}, as was asked for"
    for component in {*choices.targets, *(component for component, _, _ in choices.diameters)} - set(COMPONENTS):
        raise StudyError(f"Unknown component {component!r}. Choose {' or '.join(COMPONENTS)}")
    measured = _measured(sorted_visits, options, earlier, Reporter(progress, cancel))
    followers = {name: Follower(name, sorted_visits, measured[name], start, options, choices) for name in COMPONENTS}
    judged = JUDGED[options.tumour]
    notes = [note, *notes_on(sorted_visits, order, start, operation), *mark_unequivocal(followers, judged)]
    components = {name: follower.assessment(name in judged) for name, follower in followers.items()}
    if options.tumour == "nonCE":
        untold = [n for n in range(start + 1, len(visits)) if not tells_new_enhancement(sorted_visits, start, n)]
        notes += [
            f"{named(sorted_visits, n)}: ET is not told there or at the baseline, so that new enhancing tumour, which "
            "would be progression, cannot be told"
            for n in untold
        ]
    if operation is not None and (unknown := [n for n in operation if "ET" not in sorted_visits[n].masks.known]):
        told = listed([named(sorted_visits, n) for n in unknown])
        notes.append(f"ET is not told at {told}: no extent of resection, which is counted from enhancing tumour")
        operation = None
    responses = tuple(_whole(followers, components, visit, options) for visit in range(len(sorted_visits)))
    for name in judged:
        if not components[name].targets:
            notes.append(f"No measurable lesion of {name} at the baseline: no response can be told from {name}")
        notes += [*followers[name].notes(), *_specks_left(sorted_visits, name, components[name])]
    notes += [
        text for visit in range(start + 1, len(visits)) for text in _disagreement(responses, sorted_visits, visit)
    ]
    return Assessment(
        visits=sorted_visits,
        options=options,
        baseline=start,
        components=components,
        responses=responses,
        overall=_overall(sorted_visits, responses, options),
        resection=None if operation is None else (*operation, _resection(sorted_visits, components, *operation)),
        growth=_growth(sorted_visits, components),
        notes=tuple(notes),
    )


def _measured(
    visits: Sequence[Visit], options: FollowUpOptions, earlier: Assessment | None, reporter: Reporter
) -> dict[str, list[Measured]]:
    """The lesions of each component at each visit, in part those of an earlier assessment."""
    found: dict[str, list[Measured]] = {name: [] for name in COMPONENTS}
    known = earlier if earlier is not None and earlier.options == options else None
    for number, visit in enumerate(visits):
        reporter.report(number / len(visits), f"Measuring the visit of {visit.date}")
        thickness = visit.fields.slice_thickness_mm
        same = (
            None
            if known is None
            else next(
                (
                    index
                    for index, one in enumerate(known.visits)
                    if one.masks is visit.masks and one.fields.slice_thickness_mm == thickness
                ),
                None,
            )
        )
        for name in COMPONENTS:
            if known is not None and same is not None:
                found[name].append(known.components[name].measured[same])
            else:
                found[name].append(measure(visit.masks, name, options, thickness))
    return found


def mark_unequivocal(followers: Mapping[str, Follower], judged: Sequence[str]) -> list[str]:
    """Mark the lesions after the baseline that the reader calls new tumour; notes on points that lie elsewhere.

    A point in no lesion that is judged counts all the same, as new tumour that is not outlined.
    """
    first = followers[judged[0]]
    notes = [
        f"{named(first.visits, visit)}: points of new tumour are for visits after the baseline: not counted"
        for visit in range(first.baseline + 1)
        if first.visits[visit].fields.unequivocal_new_lesions
    ]
    for visit in range(first.baseline + 1, len(first.visits)):
        for point in first.visits[visit].fields.unequivocal_new_lesions:
            told = f"{named(first.visits, visit)}: the new tumour at RAS {', '.join(f'{x:.1f}' for x in point)}"
            found = {name: follower.lesion_at(visit, point) for name, follower in followers.items()}
            for name, index in found.items():
                if index is None:
                    continue
                if followers[name].was_new(visit, index):
                    followers[name].unequivocal.add((visit, index))
                elif name in judged:
                    track = followers[name].track_of(visit, index).id
                    notes.append(f"{told} lies in {name} {track}, which was there at the baseline: not counted as new")
            if all(found[name] is None for name in judged):
                first.outside[visit] = first.outside.get(visit, 0) + 1
                notes.append(f"{told} lies in no lesion of {listed(judged)}: it counts as the reader says, outline it")
    return notes


def _position(order: Sequence[int], index: int, what: str) -> int:
    """Where a visit as given is by date."""
    if not 0 <= index < len(order):
        raise StudyError(f"{what} is visit {index + 1}, but there are {len(order)} visits")
    return list(order).index(index)


def _surgery(visits: Sequence[Visit], order: Sequence[int], surgery: tuple[int, int] | None) -> tuple[int, int] | None:
    if surgery is None:
        return around_surgery(visits)
    before, after = (_position(order, index, "The visit around surgery") for index in surgery)
    if before >= after:
        raise StudyError(
            f"Surgery between {named(visits, before)} and {named(visits, after)}: give the earlier visit first"
        )
    return before, after


def _whole(
    followers: Mapping[str, Follower],
    components: Mapping[str, ComponentAssessment],
    visit: int,
    options: FollowUpOptions,
) -> dict[str, Response]:
    """The category of the tumour as a whole at a visit, by dimension."""
    if options.tumour == "CE" or visit <= followers["CE"].baseline:
        return dict(components[JUDGED[options.tumour][0]].responses[visit])
    found = {}
    for dimension in DIMENSIONS:
        non_ce = components["nonCE"].responses[visit][dimension]
        if options.tumour == "mixed":
            ce = components["CE"].responses[visit][dimension]
            found[dimension] = _mixed(followers, visit, {"CE": ce, "nonCE": non_ce})
            continue
        enhancing = followers["CE"]
        new = [lesion for lesion in enhancing.course(visit, dimension).new_lesions if lesion.counts]
        names = listed([f"CE {lesion.name}" for lesion in new]) if new else ""
        reason = f"PD: new enhancing tumour on {followers['CE'].visits[visit].date}, {names}."
        found[dimension] = replace(non_ce, category="PD", rule="new-lesion", reason=reason) if new else non_ce
    return found


def _mixed(followers: Mapping[str, Follower], visit: int, responses: Mapping[str, Response]) -> Response:
    """The category of a mixed tumour; a component without a lesion at any visit so far is left out."""
    seen = {
        name: any(found.lesions for found in follower.measured[: visit + 1]) for name, follower in followers.items()
    }
    present = [name for name in COMPONENTS if seen[name] or followers[name].outside.get(visit)]
    if not present:
        return responses["CE"]
    if len(present) == 1:
        only = responses[present[0]]
        return replace(only, reason=f"{only.reason} The other component is absent.")
    category = combine(responses["CE"].category, responses["nonCE"].category)
    told = " ".join(f"{name}, {responses[name].reason}" for name in COMPONENTS)
    return Response(category, "mixed", f"{category}: the two components together. {told}")


def _specks_left(visits: Sequence[Visit], name: str, component: ComponentAssessment) -> list[str]:
    """Notes on specks at visits that are complete but for them."""
    notes = []
    for visit, responses in enumerate(component.responses):
        specks = component.measured[visit].specks
        if specks.count and any(response.rule == "complete" for response in responses.values()):
            number = "one speck" if specks.count == 1 else f"{specks.count} specks"
            notes.append(f"{named(visits, visit)}: {name} is complete but for {number} of {specks.volume_ml:.3f} mL")
    return notes


def _disagreement(responses: Sequence[Mapping[str, Response]], visits: Sequence[Visit], visit: int) -> list[str]:
    """Why diameters and volumes may give two categories."""
    two, three = (responses[visit][dimension].category for dimension in DIMENSIONS)
    if two == three:
        return []
    return [
        f"{named(visits, visit)}: {two} by diameters, {three} by volumes. The bounds of volumes are rounded away from "
        "zero (a sphere whose product grows by 25 % grows by 39.8 % in volume), and a lesion that changes its shape "
        "changes both differently"
    ]


def _overall(
    visits: Sequence[Visit], responses: Sequence[Mapping[str, Response]], options: FollowUpOptions
) -> tuple[Overall, ...]:
    """The overall status at each visit, from the categories of the primary dimension."""
    history = [
        ((visit.date - visits[0].date).days, found[options.primary].category)
        for visit, found in zip(visits, responses, strict=True)
    ]
    statuses: list[Overall] = []
    for index in range(len(visits)):
        fields = fields_at(visits, index)
        status = overall(history[: index + 1], fields, options)
        extra = ""
        before = statuses[-1] if statuses else None
        doubtful = before is not None and (before.status, before.qualifier) == ("PD", "preliminary")
        if doubtful and history[index][1] != "PD" and status.status != "PD":
            extra += " The progression of the visit before is not seen any more: pseudoprogression is likely."
        if fields.pathology == "treatment effect":
            extra += " Pathology: treatment effect, which changes nothing here."
        if status.imaging_only and status.status is not None:
            extra += " By imaging only."
        statuses.append(replace(status, reason=status.reason + extra))
    return tuple(statuses)


def _resection(
    visits: Sequence[Visit], components: Mapping[str, ComponentAssessment], before: int, after: int
) -> Resection:
    """What surgery left, with what a mask cannot tell."""
    measured = components["CE"].measured
    pre, post = (sum(lesion.volume_ml for lesion in measured[visit].lesions) for visit in (before, after))
    fields, rest = visits[after].fields, visits[after].masks.non_enhancing_ml()
    found = resect(pre, post, rest, fields.surgery)
    notes = [] if rest is None else ["Non-enhancing tumour after surgery is an upper bound: oedema is in it"]
    if fields.hours_since_surgery is None:
        notes.append("The hours from surgery to the scan are not known")
    elif fields.hours_since_surgery > EARLY_HOURS:
        notes.append(
            f"The scan was {fields.hours_since_surgery:g} hours after surgery, later than {EARLY_HOURS}: "
            "enhancement may be of surgery"
        )
    notes.append("Thin linear enhancement along the cavity is no tumour, which a mask cannot tell")
    specks = measured[after].specks
    if specks.count:
        notes.append(f"Left out: {specks.count} enhancing specks of {specks.volume_ml:.3f} mL together")
    return replace(found, notes=tuple(notes))


def _growth(visits: Sequence[Visit], components: Mapping[str, ComponentAssessment]) -> dict[str, Growth]:
    """Growth of the regions and of each track, over the visits whose outlines tell it."""
    days = [(visit.date - visits[0].date).days for visit in visits]
    totals = [visit.masks.regions_ml() for visit in visits]
    volumes = {region: [total[region] for total in totals] for region in REGIONS}
    for name, component in components.items():
        volumes |= {f"{name} {track}": component.values(track)[0] for track in component.at}
    return {
        name: grow([(day, value) for day, value in zip(days, values, strict=True) if value is not None])
        for name, values in volumes.items()
    }
