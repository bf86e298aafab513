"""Categories: what has to hold for all sums, and what the reasons say."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from GliomaSAMLib.followup.course import Course, NewLesion, NonTarget
from GliomaSAMLib.followup.options import DIMENSIONS, FollowUpOptions
from GliomaSAMLib.followup.reasons import percent_text
from GliomaSAMLib.followup.response import CATEGORIES, respond

OPTIONS = FollowUpOptions()

SIZES = st.one_of(st.just(0.0), st.floats(0.01, 5000.0))


def courses(dimension: str, component: str) -> st.SearchStrategy[Course]:
    """Courses of three or more visits with a non-target and a new lesion now and then."""
    other = st.tuples(SIZES, SIZES, SIZES).flatmap(
        lambda values: st.tuples(st.booleans(), st.booleans(), st.booleans()).map(
            lambda large: NonTarget(values, tuple(a and b > 0 for a, b in zip(large, values, strict=True)))
        )
    )
    new = st.builds(NewLesion, SIZES, st.booleans())
    return st.builds(
        lambda sums, large, others, news: Course(dimension, sums, component, large, tuple(others), tuple(news)),
        st.tuples(SIZES, SIZES, SIZES),
        st.booleans(),
        st.lists(other, max_size=2),
        st.lists(new, max_size=1),
    )


@settings(max_examples=80, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(("dimension", "component"), [("2D", "CE"), ("3D", "nonCE")])
def test_a_larger_sum_never_gives_a_better_category(dimension: str, component: str, data: st.DataObject) -> None:
    course = data.draw(courses(dimension, component))
    options = FollowUpOptions(new_lesions=data.draw(st.sampled_from(["progression", "sum"])))
    small, large = sorted((course.now, data.draw(SIZES)))
    ranks = []
    for now in (small, large):
        given_now = Course(dimension, (*course.sums[:-1], now), *_rest(course))
        found = respond(given_now, options)
        assert found.category in CATEGORIES
        assert found.reason.startswith(f"{found.category}: ") and found.reason.endswith(".")
        ranks.append(CATEGORIES.index(found.category))
    assert ranks[1] <= ranks[0]


def _rest(course: Course) -> tuple:
    return course.component, course.targets_measurable, course.non_targets, course.new_lesions


@settings(max_examples=50, deadline=None)
@given(size=st.floats(0.01, 5000.0), dimension=st.sampled_from(DIMENSIONS), component=st.sampled_from(["CE", "nonCE"]))
def test_against_itself_nothing_has_changed(size: float, dimension: str, component: str) -> None:
    found = respond(Course(dimension, (size, size), component), OPTIONS)
    assert (found.category, found.rule) == ("SD", "stable")
    assert found.from_baseline_percent == found.from_nadir_percent == 0


def test_the_reason_names_numbers_visits_and_bound() -> None:
    course = Course("2D", (900.0, 400.0, 500.0), when=("2024-01-02", "2024-03-01", "2024-06-03"))
    assert respond(course, OPTIONS).reason == (
        "PD: the sum of products, 500 mm² on 2024-06-03, is 25.0 % above the nadir of 400 mm² (2024-03-01); "
        "from 25 % on it is progression."
    )


def test_every_rule_has_a_sentence_that_fits() -> None:
    small = NewLesion(30.0, False, name="L3")
    other = NonTarget((100.0, 150.0), (True, True), "L2")
    told = [
        (Course("2D", (100.0, 90.0), new_lesions=(NewLesion(120.0, True, name="L3"),)), "L3 (120 mm², measurable)"),
        (
            Course("3D", (1.0, 0.9), new_lesions=(NewLesion(0.0, False, True, "L3"),)),
            "L3 (unequivocal, the reader says)",
        ),
        (Course("2D", (100.0, 0.0, 100.0)), "the targets had gone"),
        (Course("2D", (100.0, 100.0), non_targets=(other,)), "L2 progresses"),
        (
            Course("2D", (400.0, 150.0), non_targets=(NonTarget((100.0, 130.0), (True, True), "L2"),)),
            "excludes a response",
        ),
        (Course("2D", (0.0, 0.0)), "excludes CR and PR"),
        (Course("2D", (100.0, 40.0), new_lesions=(small,)), "L3, new and below size"),
        (Course("2D", (100.0, 0.0)), "no lesion is left"),
        (Course("2D", (100.0, 0.0), non_targets=(NonTarget((30.0, 30.0), (False, False), "L2"),)), "L2 is left"),
        (Course("2D", (100.0, 40.0)), "60.0 % below the baseline"),
        (Course("2D", (100.0, 70.0), "nonCE"), "minor response"),
        (Course("2D", (400.0, 45.0, 90.0), targets_measurable=False), "no target is large enough"),
        (Course("2D", (400.0, 0.0, 49.0), targets_measurable=False), "seen again, but no target is large enough"),
    ]
    for course, text in told:
        assert text in respond(course, OPTIONS).reason, course
    added = FollowUpOptions(new_lesions="sum")
    new = (NewLesion(120.0, True, name="L3"),)
    assert "25.0 % above the nadir" in respond(Course("2D", (1000.0, 1130.0), new_lesions=new), added).reason
    assert "after a nadir of 0" in respond(Course("2D", (0.0, 0.0), new_lesions=new), added).reason


def test_rounding_does_not_lead_over_a_bound() -> None:
    assert percent_text(24.96, 25.0) == "24.96 %"
    assert percent_text(25.0, 25.0) == "25.0 %"
    assert percent_text(-49.999, 50.0) == "49.999 %"
    assert percent_text(12.34, 25.0) == "12.3 %"


def test_a_minor_response_is_for_tumours_that_do_not_enhance_or_are_mixed() -> None:
    for tumour, component, asked in itertools.product(("CE", "mixed"), ("CE", "nonCE"), (False, True)):
        options = FollowUpOptions(tumour=tumour, minor_response=asked)
        expected = "SD" if (tumour, component, asked) == ("CE", "CE", False) else "MR"
        assert respond(Course("2D", (100.0, 70.0), component), options).category == expected
