"""The whole of a follow-up over visits in memory."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tumours import GRID, balls, visit

from GliomaSAMLib.errors import Cancelled, StudyError
from GliomaSAMLib.followup.assessment import Assessment, ReaderChoices, assess
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.followup.report.curve import _marks
from GliomaSAMLib.followup.visit import Visit, VisitFields

MAIN, OTHER, FAR = (14, 14, 12), (14, 33, 12), (42, 20, 12)

DAYS = ("2024-01-05", "2024-03-01", "2024-06-03", "2024-07-15")


def course() -> list[Visit]:
    """Baseline, response, a new lesion, and what a bridge joins."""
    return [
        visit(DAYS[0], balls((MAIN, 8), (OTHER, 5))),
        visit(DAYS[1], balls((MAIN, 5.5), (OTHER, 5))),
        visit(DAYS[2], balls((MAIN, 7), (OTHER, 5), (FAR, 6))),
        visit(DAYS[3], balls((MAIN, 7), (OTHER, 5), (FAR, 6), ((28, 17, 12), 9))),
    ]


@pytest.fixture(scope="module")
def whole() -> Assessment:
    return assess(course()[:3])


def told(found: Assessment, visits: int) -> list[tuple]:
    return [
        (one["2D"].category, one["2D"].rule, one["3D"].category, one["3D"].from_nadir_percent, status)
        for one, status in zip(found.responses[:visits], found.overall[:visits], strict=True)
    ]


def test_three_visits(whole: Assessment) -> None:
    enhancing = whole.components["CE"]
    assert whole.baseline == 0
    assert [whole.day(index) for index in range(3)] == [0, 56, 150]
    assert enhancing.targets == ("L1", "L2")
    assert enhancing.new == ("L3",)
    assert enhancing.new_lesions == ((), (), ("L3",))
    assert [track.events for track in enhancing.tracks][2] == ("absent", "absent", "new")
    assert [one["2D"].rule for one in whole.responses] == ["baseline", "stable", "new-lesion"]
    at = enhancing.at["L1"]
    assert [one.set_by for one in at if one] == ["program"] * 3
    assert at[0] is not None and at[0].volume_ml == pytest.approx(2.109)
    sums = enhancing.sums[0]
    assert sums is not None and sums.products_mm2 == pytest.approx(17 * 17 + 11 * 11)
    assert set(whole.growth) == {"WT", "TC", "ET", *(f"{name} L{n}" for name in ("CE", "nonCE") for n in (1, 2, 3))}
    assert whole.growth["CE L3"].points == ((0, 0.0), (56, 0.0), (150, pytest.approx(0.925, abs=0.01)))
    assert whole.components["nonCE"].responses[2]["2D"].rule == "not-judged"
    assert whole.notes[0] == "Baseline: V1 (2024-01-05), the first visit of all, as no role says otherwise"


def test_visits_in_any_order_give_one_report(whole: Assessment) -> None:
    visits = course()[:3]
    found = assess([visits[1], visits[2], visits[0]])
    assert [one.date for one in found.visits] == [one.date for one in whole.visits]
    assert told(found, 3) == told(whole, 3)
    assert set(found.notes) - set(whole.notes) == {"The visits were not given in order of date; they were sorted"}


def test_a_further_visit_changes_no_earlier_category(whole: Assessment) -> None:
    found = assess(course())
    assert found.components["CE"].tracks[0].events[-1] == "merged"  # the bridge joins L1 and L3
    assert told(found, 3) == told(whole, 3)
    assert "PD: a part of L1 (169 mm², measurable), seen on 2024-06-03" in found.responses[2]["2D"].reason
    assert any("a later visit joins lesions" in note for note in found.notes)


def test_indices_are_those_of_the_visits_as_given() -> None:
    visits = course()[:3]
    found = assess([visits[2], visits[0], visits[1]], baseline=2)
    assert found.baseline == 1
    assert [one["2D"].rule for one in found.responses] == ["before-baseline", "baseline", "new-lesion"]
    assert found.components["CE"].sums[0] is None
    assert found.overall[0].status is None
    assert found.overall[2].since_day == 150


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"baseline": 3}, "The baseline is visit 4, but there are 3 visits"),
        ({"baseline": -1}, "The baseline"),
        ({"surgery": (0, 5)}, "around surgery"),
        ({"surgery": (1, 0)}, "earlier visit first"),
        ({"choices": ReaderChoices({"CE": ("L9",)})}, "CE has no lesion L9: choose one of L1, L2, L3"),
        ({"choices": ReaderChoices({"CE": ("L3",)})}, "not seen at the baseline"),
        ({"choices": ReaderChoices({"core": ()})}, "Unknown component 'core'"),
    ],
)
def test_a_choice_that_names_nothing(arguments: dict, text: str) -> None:
    with pytest.raises(StudyError, match=text):
        assess(course()[:3], **arguments)


def test_one_visit_is_no_follow_up() -> None:
    with pytest.raises(StudyError, match="two or more"):
        assess(course()[:1])


def test_the_baseline_goes_by_roles_and_radiotherapy() -> None:
    et = balls((MAIN, 8))
    preoperative = visit(DAYS[0], et, role="preoperative")
    after = visit(DAYS[1], et, role="postoperative")
    treated = visit(DAYS[2], et, radiotherapy_end=date(2024, 5, 1))
    assert assess([preoperative, after]).baseline == 1
    found = assess([preoperative, after, treated])
    assert found.baseline == 2
    assert "first visit that is not preoperative and not before the end of radiotherapy" in found.notes[0]
    assert any("no visit after the baseline" in note for note in found.notes)
    assert assess([preoperative, replace(after, fields=replace(after.fields, role="baseline")), treated]).baseline == 1
    assert assess([preoperative, replace(preoperative, date=date(2024, 2, 1))]).baseline == 0


def test_a_reader_chooses_targets_and_drags_a_line(whole: Assessment) -> None:
    at = whole.components["CE"].at["L1"][2]
    assert at is not None
    line = replace(at.diameters, largest_mm=30.0, perpendicular_mm=20.0)
    choices = ReaderChoices({"CE": ("L1",)}, {("CE", "L1", 2): line})
    found = assess(course()[:3], choices=choices).components["CE"]
    now, sums = found.at["L1"][2], found.sums[2]
    assert now is not None and sums is not None
    assert (now.set_by, now.product_mm2, now.diameters) == ("reader", 600.0, line)
    assert (now.volume_ml, sums.products_mm2) == (at.volume_ml, 600.0)
    assert found.targets == ("L1",)
    assert found.measured[2].lesions[0].diameters != line  # what the program measured stays
    with pytest.raises(StudyError, match="not seen at visit 1"):
        assess(course()[:3], choices=ReaderChoices(diameters={("CE", "L3", 0): line}))


def test_what_was_measured_is_not_measured_again() -> None:
    visits = course()[:3]
    told: list[str] = []
    first = assess(visits, progress=lambda fraction, text: told.append(text))
    assert told == [f"Measuring the visit of {day}" for day in DAYS[:3]]
    found = assess([*visits[:2], course()[2]], choices=ReaderChoices({"CE": ("L2",)}), earlier=first)
    kept, known = found.components["CE"].measured, first.components["CE"].measured
    assert [one is other for one, other in zip(kept, known, strict=True)] == [True, True, False]
    assert found.components["CE"].targets == ("L2",)
    other = assess(visits, FollowUpOptions(merge_mm=2.0), earlier=first)
    assert other.components["CE"].measured[0] is not known[0]
    with pytest.raises(Cancelled):
        assess(visits, cancel=lambda: True)


def test_a_line_below_size_takes_a_target_away() -> None:
    visits = [visit(day, balls((MAIN, 5.5))) for day in DAYS[:2]]
    at = assess(visits).components["CE"].at["L1"][0]
    assert at is not None and at.why_not is None
    small = replace(at.diameters, perpendicular_mm=9.9)
    found = assess(visits, choices=ReaderChoices(diameters={("CE", "L1", 0): small}))
    assert found.components["CE"].targets == ()
    assert found.responses[1]["2D"].rule == "no-target"
    assert any("No measurable lesion of CE at the baseline" in note for note in found.notes)


def test_a_new_lesion_that_the_reader_calls_unequivocal() -> None:
    et = [balls((MAIN, 8)), balls((MAIN, 8), (FAR, 3)), balls((MAIN, 8), (FAR, 3))]
    point = (42.2, 19.8, 12.1)
    visits = [
        visit(DAYS[0], et[0]),
        visit(DAYS[1], et[1], unequivocal_new_lesions=(point,)),
        visit(DAYS[2], et[2]),
    ]
    assert [one["2D"].rule for one in assess(visits).responses[1:]] == ["new-lesion", "new-lesion"]
    plain = [replace(one, fields=replace(one.fields, unequivocal_new_lesions=())) for one in visits]
    assert [one["2D"].category for one in assess(plain).responses[1:]] == ["SD", "SD"]
    missed = replace(visits[1], fields=replace(visits[1].fields, unequivocal_new_lesions=((50.0, 5.0, 3.0),)))
    found = assess([visits[0], missed])
    assert found.responses[1]["2D"].rule == "new-lesion"
    assert any("lies in no lesion of CE: it counts as the reader says" in note for note in found.notes)
    known = replace(visits[1], fields=replace(visits[1].fields, unequivocal_new_lesions=(MAIN,)))
    found = assess([visits[0], known])
    assert found.responses[1]["2D"].category == "SD"
    assert any("lies in CE L1, which was there at the baseline" in note for note in found.notes)


def test_a_point_counts_although_a_later_visit_joins_its_lesion() -> None:
    small = ((36, 14, 12), 3)
    visits = [
        visit(DAYS[0], balls((MAIN, 8))),
        visit(DAYS[1], balls((MAIN, 8), small), unequivocal_new_lesions=(small[0],)),
        visit(DAYS[2], balls((MAIN, 8), small, ((28, 14, 12), 8))),
    ]
    before, after = assess(visits[:2]), assess(visits)
    assert after.components["CE"].new == ()
    assert told(before, 2) == told(after, 2)
    assert after.responses[1]["2D"].rule == "new-lesion"


def test_a_satellite_is_told_with_its_distance() -> None:
    visits = [visit(DAYS[0], balls((MAIN, 7))), visit(DAYS[1], balls((MAIN, 7), ((30, 14, 12), 3)))]
    other, distance = assess(visits).components["CE"].near["L2"]
    assert (other, distance) == ("L1", pytest.approx(6.0))


@pytest.mark.parametrize(
    ("sizes", "non_ce", "expected"),
    [((8, 8), (11, 11), "SD"), ((8, 5.5), (11, 9), "MR"), ((8, 9.5), (11, 11), "PD"), ((0, 0), (11, 9), "MR")],
)
def test_a_mixed_tumour(sizes: tuple[float, float], non_ce: tuple[float, float], expected: str) -> None:
    visits = [
        visit(day, balls((MAIN, size)) if size else balls(), balls((MAIN, other)))
        for day, size, other in zip(DAYS, sizes, non_ce, strict=False)
    ]
    found = assess(visits, FollowUpOptions(tumour="mixed")).responses[1]["2D"]
    assert found.category == expected
    assert found.reason.startswith(f"{expected}: ")


def test_new_enhancing_tumour_is_progression_where_nothing_enhanced() -> None:
    wt = balls((MAIN, 10))
    visits = [visit(DAYS[0], balls(), wt), visit(DAYS[1], balls((MAIN, 6)), wt), visit(DAYS[2], balls((MAIN, 3)), wt)]
    found = assess(visits, FollowUpOptions(tumour="nonCE"))
    assert [one["2D"].rule for one in found.responses] == ["baseline", "new-lesion", "stable"]
    assert "CE L1" in found.responses[1]["2D"].reason


def test_resection() -> None:
    speck = balls((FAR, 1))
    visits = [
        visit(DAYS[0], balls((MAIN, 8)), balls((MAIN, 10)), role="preoperative"),
        visit(
            DAYS[1], balls((MAIN, 4)) | speck, balls((MAIN, 8)) | speck, role="postoperative", hours_since_surgery=100.0
        ),
    ]
    found = assess(visits)
    assert found.resection is not None
    before, after, resection = found.resection
    assert (before, after, resection.grade, resection.name_2021) == (0, 1, "2B", "subtotal")
    assert resection.extent_percent == pytest.approx((1 - 257 / 2109) * 100)
    assert any("100 hours after surgery" in note for note in resection.notes)
    assert any("1 enhancing specks of 0.007 mL" in note for note in resection.notes)
    assert assess(course()[:2]).resection is None
    asked = assess(course()[:2], surgery=(0, 1)).resection
    assert asked is not None and asked[:2] == (0, 1)


def test_response_is_counted_from_the_visit_after_surgery() -> None:
    visits = [visit(DAYS[0], balls((MAIN, 8))), visit(DAYS[1], balls()), visit(DAYS[2], balls())]
    found = assess(visits, surgery=(0, 1))
    assert found.baseline == 1 and found.notes[0].endswith("the first visit that is not preoperative")
    assert [one["2D"].rule for one in found.responses] == ["before-baseline", "baseline", "no-target"]
    assert assess(visits, surgery=(0, 2)).baseline == 2
    assert not any("Surgery after the baseline" in note for note in found.notes)
    for before_surgery in (
        assess(visits, baseline=0, surgery=(0, 1)),
        assess([replace(visits[0], fields=VisitFields(role="baseline")), *visits[1:]], surgery=(0, 1)),
    ):
        assert before_surgery.baseline == 0
        assert any("Surgery after the baseline (V2 (2024-03-01))" in note for note in before_surgery.notes)


def test_what_the_reader_knows_decides_the_status() -> None:
    sizes = (8, 10, 8)
    visits = [visit(day, balls((MAIN, size))) for day, size in zip(DAYS, sizes, strict=False)]
    end = date(2024, 1, 2)
    visits[1] = replace(visits[1], fields=replace(visits[1].fields, radiotherapy_end=end, steroid_mg_per_day=2.0))
    visits[2] = replace(visits[2], fields=replace(visits[2].fields, clinical="stable", steroid_mg_per_day=4.0))
    found = assess(visits).overall
    assert (found[1].status, found[1].qualifier, found[1].rule) == ("PD", "preliminary", "radiotherapy-window")
    assert "8.4 weeks after radiotherapy" in found[1].reason
    assert found[1].not_known == ("clinical", "steroids", "pathology", "outside_radiation_field")
    assert found[1].imaging_only and "By imaging only" in found[1].reason
    assert (found[2].status, found[2].rule) == ("NE", "steroids-increased")
    assert "pseudoprogression is likely" in found[2].reason
    assert not found[2].imaging_only


@pytest.mark.parametrize("said", [{"weeks_since_radiotherapy": 4.0}, {"radiotherapy_end": date(2024, 3, 4)}])
def test_weeks_since_radiotherapy_say_the_same_as_its_end(said: dict) -> None:
    days = ("2024-01-01", "2024-04-01", "2024-05-20")
    visits = [visit(day, balls((MAIN, size))) for day, size in zip(days, (8, 6, 8), strict=True)]
    visits[1] = replace(visits[1], fields=replace(visits[1].fields, **said))
    found = assess(visits)
    assert found.baseline == 1 and "not before the end of radiotherapy" in found.notes[0]
    last = found.overall[2]
    assert (last.status, last.qualifier, last.rule) == ("PD", "preliminary", "radiotherapy-window")
    assert "11.0 weeks" in last.reason and "weeks_since_radiotherapy" not in last.not_known
    assert _marks(found) == [(63, "end of radiotherapy")]


@pytest.mark.parametrize(
    ("end", "weeks", "text"),
    [
        (date(2024, 1, 2), 12.0, "weeks_since_radiotherapy is 12, but"),
        (date(2024, 4, 2), 12.0, "weeks_since_radiotherapy is 12, but"),
        (None, 1e6, "from 0 to 5200"),
        (None, -1.0, "from 0 to 5200"),
    ],
)
def test_weeks_since_radiotherapy_that_cannot_be(end: date | None, weeks: float, text: str) -> None:
    visits = course()[:2]
    fields = replace(visits[1].fields, radiotherapy_end=end, weeks_since_radiotherapy=weeks)
    with pytest.raises(StudyError, match=text):
        assess([visits[0], replace(visits[1], fields=fields)])


def test_what_is_noted_of_the_visits() -> None:
    et = balls((MAIN, 8))
    tilt = np.radians(25)
    turned = (
        (1.0, 0.0, 0.0),
        (0.0, float(np.cos(tilt)), float(-np.sin(tilt))),
        (0.0, float(np.sin(tilt)), float(np.cos(tilt))),
    )
    visits = [
        replace(visit(DAYS[0], et), volumes={"t1c": "t1c.nii.gz"}),
        replace(
            visit(DAYS[0], et, grid=replace(GRID, direction=turned)), source="model", volumes={"flair": "f.nii.gz"}
        ),
        visit(DAYS[1], et, grid=replace(GRID, spacing=(1.0, 1.0, 3.0)), role="postoperative"),
    ]
    found = assess(visits)
    for text in (
        f"V1 and V2 are of one date, {DAYS[0]}",
        "outlined by different sources (V1: given, V2: model, V3: given)",
        "from 1.00 to 3.00 mm",
        "No T1c at V2",
        "V2: the slices that are measured tilt by 25 degrees",
        "Surgery after the baseline (V3 (2024-03-01))",
    ):
        assert any(text in note for note in found.notes), text
    assert found.growth["CE L1"].intervals[0].doubling_time_days is None


def test_nothing_at_any_visit() -> None:
    for tumour in ("CE", "nonCE", "mixed"):
        found = assess([visit(day, balls()) for day in DAYS[:2]], FollowUpOptions(tumour=tumour))
        assert (found.responses[1]["2D"].category, found.responses[1]["2D"].rule) == ("SD", "no-target")
