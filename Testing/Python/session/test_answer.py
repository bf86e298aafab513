"""From logits to masks: the correction at clicks, the prior on the answer before, parts, dust and clicked voxels."""

import numpy as np
import pytest

from GliomaSAMLib.prompts import Prompt, box, mask, point, scribble
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session.answer import (
    AnswerOptions,
    Point,
    Update,
    correct_at_clicks,
    keep_rules,
    marked_regions,
    signed,
)
from GliomaSAMLib.study import Geometry

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
    correct_at_clicks(logits, shown, points, OPTIONS)
    return logits - np.float32(given)


def test_a_click_that_is_not_obeyed_gets_what_it_demands() -> None:
    added = corrected([((12, 12, 12), True, WT)])
    assert added[0, 24, 24, 24] == pytest.approx((OPTIONS.demanded_logit + 1) / (1 + OPTIONS.noise), rel=1e-4)
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
    assert added[0, 22, 24, 24] > 1 and abs(added[0, 26, 24, 24]) < 1e-3


def test_the_sign_of_the_click_is_the_sign_of_the_correction() -> None:
    assert corrected([((12, 12, 12), True, REGIONS)]).min() >= 0
    assert corrected([((12, 12, 12), False, REGIONS)], given=1.0).max() <= 0


def test_two_clicks_on_one_cell_are_averaged() -> None:
    added = corrected([((12, 12, 12), True, WT), ((12, 12, 12), False, WT)], given=0.0)
    assert abs(added).max() < 1e-3


# the prior


def test_the_new_answer_counts_near_the_prompt_and_the_one_before_far_away() -> None:
    update = Update.of(point((10.0, 10.0, 5.0)), LONG, OPTIONS.reach_mm)
    new, before = np.ones_like(update.weight), -np.ones_like(update.weight)
    blend = update.blend(new, before)[:, 10, 10]
    assert blend[5] > 0.99
    assert blend[5 + 40] == pytest.approx(0, abs=1e-6), "at the reach both count the same"
    assert blend[-1] == pytest.approx(-1, abs=0.02) and len(blend) == 5 + 65 + 1, "beyond 65 mm nothing may change"


def test_the_distance_is_that_to_a_box_or_a_line_and_in_mm() -> None:
    coarse = Geometry((20, 20, 50), (1.0, 1.0, 4.0), (0.0, 0.0, 0.0), LONG.direction)
    for prompt in (box((8, 8, 20), (12, 12, 60)), scribble([(10, 10, 20), (10, 10, 60)])):
        update = Update.of(prompt, coarse, 16.0)
        weight = update.weight[:, 10, 10]
        start = update.window[0].start
        assert np.all(weight[5 - start : 16 - start] > 0.999), "inside a box and on a line the distance is 0"
        assert weight[15 + 4 - start] == pytest.approx(0.5, abs=1e-3), "four slices of 4 mm away"
        assert len(weight) == start + 0 + (15 + 6 + 1) - 2 * start if start else 15 + 6 + 1


def test_nothing_changes_where_a_prompt_marks_no_voxel() -> None:
    assert Update.of(point((-50.0, 0.0, 0.0)), GRID, 10.0).weight.size == 0


def test_logits_take_the_sign_of_the_mask() -> None:
    logits = np.array([3.0, -3.0, 0.0, 0.0], np.float32)
    found = signed(logits, np.array([False, True, True, False]))
    assert np.array_equal(found > 0, [False, True, True, False])
    assert np.allclose(np.abs(found[:2]), 3) and np.all(np.abs(found[2:]) > 0)


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
    assert np.array_equal(
        applied(masks_of(WT=LARGE | crumbs), masks_of(WT=LARGE | SMALL), box((1, 1, 1), (9, 9, 9)))["WT"], LARGE
    )


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


def test_a_mask_edited_later_settles_what_was_clicked_in_its_region() -> None:
    drawn = mask(LARGE, "TC")
    clicks = (point((5.0, 5.0, 5.0), False, "WT"), point((20.0, 20.0, 20.0), True, "ET"))
    assert [regions for _, regions in marked_regions((*clicks, drawn))] == [("WT", "ET"), ("WT", "ET")]
    assert [regions for _, regions in marked_regions((drawn, *clicks))] == [("WT", "TC", "ET"), ("WT", "TC", "ET")]
