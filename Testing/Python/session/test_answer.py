"""From logits to masks: the correction at clicks, the prior on the answer before, parts, dust and clicked voxels."""

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import Prompt, box, mask, point, prompt_voxels, scribble
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session.answer import (
    EVEN_CELLS,
    AnswerOptions,
    Point,
    add_gp_correction,
    keep_rules,
    reach_mm,
    still_marked,
    weight_of,
)
from GliomaSAMLib.session.cells import CELL_MM

GRID = Geometry((30, 30, 30), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
LONG = Geometry((20, 20, 200), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
OPTIONS = AnswerOptions()
WT: tuple[str, ...] = ("WT",)


def masks_of(**regions: np.ndarray) -> dict[str, np.ndarray]:
    return {region: regions.get(region, np.zeros(GRID.shape, bool)).copy() for region in REGIONS}


def block(*sides: tuple[int, int]) -> np.ndarray:
    found = np.zeros(GRID.shape, bool)
    found[tuple(slice(*side) for side in sides)] = True
    return found


# the correction


def corrected(points: list[Point], images: np.ndarray | None = None, given: float = -1.0) -> np.ndarray:
    shown = np.zeros((1, 24, 24, 24), np.float32) if images is None else images
    logits = np.full((3, 48, 48, 48), given, np.float32)
    add_gp_correction(logits, shown, points, OPTIONS)
    return logits - np.float32(given)


def test_a_click_that_is_not_obeyed_gets_what_it_demands() -> None:
    added = corrected([((12, 12, 12), True, WT)])
    evened = (OPTIONS.distance_mm / CELL_MM) ** 2 + EVEN_CELLS**2  # variance of the kernel, in cells
    share = OPTIONS.distance_mm / CELL_MM / evened**0.5 * (0.75 + 0.25 * np.exp(-0.5 / evened))  # of each axis
    wanted = (OPTIONS.demanded_logit + 1) / (1 + OPTIONS.noise) * share**3
    assert added[0, 24, 24, 24] == pytest.approx(wanted, rel=1e-3)
    assert not added[1:].any(), "a click on WT says nothing of the core"
    along = added[0, 24, 24, 24:]
    assert np.all(np.diff(along) <= 0), "the correction falls off with the distance"


def test_a_click_that_is_obeyed_changes_nothing() -> None:
    for positive, given in ((True, OPTIONS.demanded_logit + 0.1), (False, -OPTIONS.demanded_logit - 0.1)):
        assert not corrected([((12, 12, 12), positive, WT)], given=given).any()


def test_tissue_that_looks_otherwise_does_not_follow() -> None:
    images = np.zeros((1, 24, 24, 24), np.float32)
    images[:, 13:] = 6 * OPTIONS.intensity
    added = corrected([((12, 12, 12), True, WT)], images)
    assert added[0, 12, 24, 24] > 1 and abs(added[0, 36, 24, 24]) < 1e-3
    assert added[0, 26, 24, 24] < added[0, 22, 24, 24] / 2, "at the border itself it falls steeply"


def test_noise_of_the_grey_values_does_not_make_holes() -> None:
    images = np.random.default_rng(0).normal(0, OPTIONS.intensity, (1, 24, 24, 24)).astype(np.float32)
    images[0, 12, 12, 12] = 0
    near = corrected([((12, 12, 12), True, WT)], images)[0, 20:29, 20:29, 20:29]
    assert near.min() > 0.5 * near.max()


def test_the_sign_of_the_click_is_the_sign_of_the_correction() -> None:
    assert corrected([((12, 12, 12), True, REGIONS)]).min() >= 0
    assert corrected([((12, 12, 12), False, REGIONS)], given=1.0).max() <= 0


def test_two_clicks_on_one_cell_are_averaged() -> None:
    added = corrected([((12, 12, 12), True, WT), ((12, 12, 12), False, WT)], given=0.0)
    assert abs(added).max() < 1e-3


# the prior


def test_the_new_answer_counts_near_the_prompt_and_the_one_before_far_away() -> None:
    window, weight = weight_of(np.array([[5.0, 10.0, 10.0]]), LONG, 40.0)
    along = weight[:, 10, 10]
    assert window[0] == slice(0, 5 + 65 + 1), "beyond 65 mm nothing may change"
    assert along[5] > 0.99 and np.all(np.diff(along[5:]) <= 0)
    assert along[5 + 40] == pytest.approx(0.5, abs=1e-5), "at the reach both count the same"
    assert 0 < along[5 + 65] < 0.01


def test_the_distance_is_that_to_a_box_or_a_line_and_in_mm() -> None:
    coarse = Geometry((20, 20, 50), (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), LONG.direction)
    for prompt in (box((8, 8, 40), (12, 12, 80)), scribble([(10, 10, 40), (10, 10, 80)])):
        window, weight = weight_of(prompt_voxels(prompt, coarse).astype(float), coarse, 16.0)
        assert window[0] == slice(10 - 6, 20 + 6 + 1)  # 26 mm are six slices
        along = weight[:, 10 - window[1].start, 10 - window[2].start]
        assert np.all(along[6:-6] > 0.999), "inside a box and on a line the distance is 0"
        assert along[2] == pytest.approx(0.5, abs=1e-3), "four slices of 4 mm away"


def test_a_place_beside_the_grid_reaches_into_it() -> None:
    window, weight = weight_of(np.array([[-3.0, 4.0, 4.0]]), GRID, 8.0)
    assert window[0] == slice(0, 10 + 1)
    assert weight[0, 4 - window[1].start, 4 - window[2].start] > 0.9


def test_corrections_reach_half_as_far_as_the_first_prompt_and_less_where_a_mask_was_edited() -> None:
    first, second, drawn = point((3, 3, 3)), point((4, 4, 4)), mask(LARGE, "TC")
    assert reach_mm([first], "WT", OPTIONS) == OPTIONS.reach_mm
    assert reach_mm([first, second], "WT", OPTIONS) == OPTIONS.reach_mm / 2
    assert reach_mm([drawn, second], "TC", OPTIONS) == OPTIONS.reach_mm / 4
    assert reach_mm([drawn, second], "WT", OPTIONS) == OPTIONS.reach_mm / 4, "the whole tumour holds the core"
    assert reach_mm([drawn, second], "ET", OPTIONS) == OPTIONS.reach_mm / 2


# parts, dust, clicks


def applied(
    masks: dict[str, np.ndarray], before: dict[str, np.ndarray] | None, *prompts: Prompt
) -> dict[str, np.ndarray]:
    keep_rules(masks, before, prompts, GRID, OPTIONS)
    return masks


LARGE, SMALL = block((2, 14), (2, 14), (2, 14)), block((18, 26), (18, 26), (18, 26))


def test_a_negative_click_on_a_separate_part_removes_all_of_it() -> None:
    holed = LARGE | SMALL
    holed[20:24, 20:24, 20:24] = False  # the hole that the network made
    found = applied(masks_of(WT=holed), masks_of(WT=LARGE | SMALL), point((22.0, 22.0, 22.0), False))
    assert np.array_equal(found["WT"], LARGE)


def test_a_negative_click_on_the_only_part_leaves_the_rest_of_it() -> None:
    found = applied(masks_of(WT=LARGE), masks_of(WT=LARGE), point((4.0, 4.0, 4.0), False))
    expected = LARGE.copy()
    expected[4, 4, 4] = False
    assert np.array_equal(found["WT"], expected)


def test_a_negative_click_keeps_the_largest_part_though_another_was_clicked() -> None:
    clicks = (point((22.0, 22.0, 22.0)), point((3.0, 3.0, 3.0), False))
    found = applied(masks_of(WT=LARGE | SMALL), masks_of(WT=LARGE | SMALL), *clicks)
    assert found["WT"].sum() == (LARGE | SMALL).sum() - 1


def test_a_part_with_a_positive_click_stays() -> None:
    clicks = (point((20.0, 20.0, 20.0)), point((24.0, 24.0, 24.0), False))
    found = applied(masks_of(WT=LARGE | SMALL), masks_of(WT=LARGE | SMALL), *clicks)
    assert found["WT"][SMALL].sum() == SMALL.sum() - 1


def test_dust_goes_but_never_the_largest_part_nor_what_was_clicked() -> None:
    dust = block((27, 29), (2, 4), (2, 4))  # 8 voxels, 0.008 mL
    assert np.array_equal(applied(masks_of(WT=LARGE | dust), None)["WT"], LARGE)
    assert np.array_equal(applied(masks_of(WT=dust), None)["WT"], dust), "a tumour of 0.008 mL is all there is"
    clicked = applied(masks_of(WT=LARGE | dust), masks_of(WT=LARGE), point((2.0, 2.0, 27.0)))
    assert np.array_equal(clicked["WT"], LARGE | dust)


def test_dust_that_was_there_before_and_did_not_change_stays() -> None:
    dust = block((27, 29), (2, 4), (2, 4))
    grown = LARGE | block((14, 16), (2, 14), (2, 14))
    kept = applied(masks_of(WT=grown | dust), masks_of(WT=LARGE | dust), point((8.0, 8.0, 14.0)))
    assert np.array_equal(kept["WT"], grown | dust), "a speck that was drawn by hand was lost"
    crumbs = block((20, 22), (18, 20), (18, 20))  # what a click left of a part
    left = applied(masks_of(WT=LARGE | crumbs), masks_of(WT=LARGE | SMALL), box((1, 1, 1), (9, 9, 9)))
    assert np.array_equal(left["WT"], LARGE)


def test_clicked_voxels_hold_and_the_later_of_two_wins() -> None:
    clicks = (
        point((3.0, 3.0, 3.0), False),
        point((20.0, 20.0, 20.0), True, "ET"),
        point((20.0, 20.0, 20.0), False, "ET"),
    )
    found = applied(masks_of(WT=LARGE, TC=LARGE), masks_of(WT=LARGE, TC=LARGE), *clicks)
    assert not found["WT"][3, 3, 3] and not found["TC"][3, 3, 3], "outside the tumour is outside its core"
    assert found["WT"][20, 20, 20] and found["TC"][20, 20, 20] and not found["ET"][20, 20, 20]
    assert not np.any(found["ET"] > found["TC"]) and not np.any(found["TC"] > found["WT"])


def held(*prompts: Prompt) -> dict[str, list[bool]]:
    """Which voxels of the first prompt are still marked, by region."""
    return {region: list(here) for region, here in still_marked(prompts, 0, prompt_voxels(prompts[0], GRID)).items()}


def test_a_mask_edited_later_settles_what_was_clicked_in_its_region() -> None:
    drawn = mask(LARGE, "TC")
    inside, outside = point((20.0, 20.0, 20.0), True, "ET"), point((25.0, 5.0, 5.0), False, "WT")
    assert held(outside, drawn) == {"WT": [True], "TC": [False], "ET": [True]}
    assert held(inside, mask(LARGE | SMALL, "TC")) == {"WT": [True], "TC": [False], "ET": [True]}
    for stroke in (inside, outside):
        assert held(stroke) == {"WT": [True], "TC": [True], "ET": [True]}


def test_a_mask_settles_earlier_clicks_where_it_makes_other_regions_larger_or_smaller() -> None:
    negative, positive = point((5.0, 5.0, 5.0), False, "WT"), point((20.0, 20.0, 20.0), True, "ET")
    assert held(negative, mask(LARGE, "ET")) == {"WT": [False], "TC": [False], "ET": [False]}
    assert held(negative, mask(LARGE, "TC")) == {"WT": [False], "TC": [False], "ET": [True]}, "the core is not all ET"
    assert held(positive, mask(LARGE, "WT")) == {"WT": [False], "TC": [False], "ET": [False]}
    assert held(positive, mask(LARGE, "TC")) == {"WT": [True], "TC": [False], "ET": [False]}, "it may still be oedema"
    line = scribble([(12.0, 5.0, 5.0), (15.0, 5.0, 5.0)], False, "WT")
    assert held(line, mask(LARGE, "ET"))["WT"] == [False, False, True, True], "two voxels of it were painted over"


def test_what_was_painted_over_an_earlier_click_stays() -> None:
    painted = LARGE | SMALL
    click, drawn, elsewhere = point((20.0, 20.0, 20.0), False, "WT"), mask(painted, "ET"), point((3.0, 3.0, 3.0))
    everywhere = masks_of(WT=painted, TC=painted, ET=painted)
    found = applied(masks_of(**everywhere), everywhere, click, drawn, elsewhere)
    assert all(np.array_equal(found[region], painted) for region in REGIONS)
