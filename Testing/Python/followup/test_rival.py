"""What a published tool gets wrong (SPEC of the follow-up, 17.6), each against the program's own functions.

RANO2.0-assist links pairs without overlap, asks for more than 10 mm in place of at least that, has no rule for two or
thick slices, calls it stable without targets in spite of a new lesion, does not evaluate under any steroid, compares
with the baseline only, has no minor response, takes ten times the bounds of resection, and volumes in voxels.
"""

from dataclasses import replace

import numpy as np
import pytest
from tumours import GRID, balls, masks, visit

from GliomaSAMLib.followup.assessment import assess
from GliomaSAMLib.followup.lesions import measure
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.followup.resection import resect
from GliomaSAMLib.followup.status import overall
from GliomaSAMLib.followup.visit import VisitFields

OPTIONS = FollowUpOptions()

BIG, FAR = (14, 20, 12), (42, 20, 12)


def diamond(half: int, slices: range, size: float = 2.0) -> tuple:
    """A diamond that is 2 x half + 1 voxels wide both ways, whose diameters are exactly that."""
    grid = replace(GRID, size=(16, 16, 14), spacing=(size, size, size))
    j, i = np.ogrid[:16, :16]
    et = np.zeros(grid.shape, np.uint8)
    et[slices.start : slices.stop] = abs(j - 7) + abs(i - 7) <= half
    return grid, et


def test_lesions_without_overlap_are_not_one() -> None:
    found = assess([visit("2024-01-01", balls((BIG, 7))), visit("2024-03-01", balls((FAR, 7)))])
    enhancing = found.components["CE"]
    assert [track.events for track in enhancing.tracks] == [("first", "vanished"), ("absent", "new")]
    assert enhancing.vanished == ((), ("L1",))
    assert found.responses[1]["2D"].rule == "new-lesion"


@pytest.mark.parametrize(("size", "measurable"), [(1.98, False), (2.0, True), (2.02, True)])
def test_exactly_10_mm_is_measurable(size: float, measurable: bool) -> None:
    grid, et = diamond(2, range(4, 9), size)
    lesion = measure(masks(et, grid=grid), "CE", OPTIONS).lesions[0]
    assert lesion.diameters.largest_mm == pytest.approx(5 * size)
    assert lesion.measurable == measurable


def test_a_lesion_on_one_slice_is_not_measurable() -> None:
    for slices, measurable in ((range(4, 5), False), (range(4, 6), True)):
        grid, et = diamond(2, slices)
        assert measure(masks(et, grid=grid), "CE", OPTIONS).lesions[0].measurable == measurable


def test_thick_slices_ask_for_more_even_where_the_mask_was_resampled() -> None:
    et = balls((BIG, 5.5))
    assert measure(masks(et), "CE", OPTIONS).lesions[0].measurable
    assert measure(masks(et), "CE", OPTIONS, slice_thickness_mm=6.0).lesions[0].why_not == "below 12.0 mm"
    thick = [visit(day, et, slice_thickness_mm=6.0) for day in ("2024-01-01", "2024-03-01")]
    assert assess(thick).components["CE"].targets == ()


def test_a_new_lesion_is_progression_without_targets_too() -> None:
    found = assess([visit("2024-01-01", balls()), visit("2024-03-01", balls((FAR, 7)))])
    assert (found.responses[1]["2D"].category, found.responses[1]["3D"].category) == ("PD", "PD")


@pytest.mark.parametrize(
    ("steroids", "status"),
    [("none", "SD"), ("physiological", "SD"), ("stable", "SD"), ("decreased", "SD"), ("increased", "NE")],
)
def test_only_more_steroids_keep_it_from_being_evaluated(steroids: str, status: str) -> None:
    found = overall([(0, None), (60, "SD")], VisitFields(steroids=steroids, clinical="stable"), OPTIONS)
    assert found.status == status


def test_progression_is_counted_from_the_nadir() -> None:
    sizes = (9.0, 5.0, 7.0)  # below the baseline all the time
    found = assess([visit(f"2024-0{n}-01", balls((BIG, size))) for n, size in enumerate(sizes, start=1)])
    assert [one["2D"].category for one in found.responses] == [None, "PR", "PD"]
    assert found.responses[2]["2D"].from_baseline_percent < 0


def test_there_is_a_minor_response() -> None:
    wt = [balls((BIG, 9.0)), balls((BIG, 7.5))]
    found = assess(
        [visit(f"2024-0{n}-01", balls(), one) for n, one in enumerate(wt, start=1)], FollowUpOptions(tumour="nonCE")
    )
    assert [one["2D"].category for one in found.responses] == [None, "MR"]


def test_bounds_of_resection_are_1_and_5_ml() -> None:
    assert [resect(50.0, left, 9.0, "resection").grade for left in (1.0, 1.1, 5.0, 5.1, 10.0)] == [
        "2B",
        "3A",
        "3A",
        "3B",
        "3B",
    ]


def test_volumes_are_millilitres_whatever_the_voxels() -> None:
    fine = replace(GRID, size=(112, 80, 52), spacing=(0.5, 0.5, 0.5))
    found = assess([visit("2024-01-01", balls((BIG, 7))), visit("2024-03-01", balls((BIG, 7), grid=fine), grid=fine)])
    first, second = (one.volumes_ml for one in found.components["CE"].sums if one)
    assert first == pytest.approx(1.437, rel=0.03)
    assert second == pytest.approx(first, rel=0.03)
    assert found.responses[1]["3D"].category == "SD"
