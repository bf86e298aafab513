"""A click changes what lies near it and what the model is sure of, in its own direction, and nothing else."""

import numpy as np
import pytest

from GliomaSAMLib.prompts import Prompt, point, scribble
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session.locality import GROWTH, SURENESS, leave_distant
from GliomaSAMLib.study import Geometry

GRID = Geometry((20, 20, 60), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
"""Shape in K, J, I; the slices (K) are 2 mm apart, and RAS mm are I, J, 2 K."""

Masks = dict[str, np.ndarray]


def empty() -> Masks:
    return {region: np.zeros(GRID.shape, bool) for region in REGIONS}


def before() -> Masks:
    """A tumour at the low end of K, all of it enhancing."""
    masks = empty()
    for mask in masks.values():
        mask[2:6, 8:12, 8:12] = True
    return masks


def outside(region: str = "WT") -> Prompt:
    """An earlier click outside, far from everything: the model is no longer taken at its word."""
    return point((1.0, 1.0, 1.0), False, region)


def answered(old: Masks, new: Masks, probability: float, *prompts: Prompt) -> Masks:
    """`old` after the last of `prompts`, to which a model answers `new` with `probability` where it changes."""
    given = {region: mask.copy() for region, mask in new.items()}
    certain = {region: np.where(mask, probability, 1 - probability).astype(np.float32) for region, mask in new.items()}
    leave_distant(given, old, certain, prompts, GRID)
    return given


def test_far_from_the_click_only_what_is_sure_follows() -> None:
    old, new = before(), before()
    for mask in new.values():
        mask[8:50, 10, 10] = True  # 4 to 88 mm from the click
    for region, sureness in SURENESS.items():
        prompts = outside(region), point((10.0, 10.0, 12.0), True, region)
        enough = 0.5 + sureness.most_mixed * (1 + GROWTH)
        unsure = answered(old, new, enough - 0.01, *prompts)[region]
        assert not unsure[20:].any(), "a toss-up far away followed"
        sure = answered(old, new, enough + 0.01, *prompts)[region]
        assert np.array_equal(sure, new[region])


def test_the_more_clicks_the_surer_the_model_must_be() -> None:
    old, new = before(), before()
    new["WT"][8:50, 10, 10] = True
    sureness = SURENESS["WT"]
    last = point((10.0, 10.0, 12.0))
    for earlier in (1, 2):
        prompts = [outside()] * earlier
        enough = 0.5 + sureness.most_mixed * (1 + GROWTH * earlier)
        assert not answered(old, new, enough - 0.01, *prompts, last)["WT"][20:].any()
        assert answered(old, new, enough + 0.01, *prompts, last)["WT"][20:50, 10, 10].all()
    enough = 0.5 + sureness.most_mixed * (1 + GROWTH)
    of_another = [outside("TC")] * 3
    assert answered(old, new, enough + 0.01, *of_another, outside(), last)["WT"][20:50, 10, 10].all()


def test_while_all_clicks_say_inside_the_model_is_followed_wherever_it_adds() -> None:
    old, new = before(), before()
    for mask in new.values():
        mask[8:50, 10, 10] = True
    first, second, third = (point((10.0, 10.0, 12.0 + n), region="ET") for n in range(3))
    for prompts in ((first,), (first, second), (outside("WT"), first)):
        assert np.array_equal(answered(old, new, 0.501, *prompts)["ET"], new["ET"])
    assert SURENESS["ET"].trusted == 2 and not answered(old, new, 0.501, first, second, third)["ET"][40:].any()
    assert not answered(old, new, 0.501, first)["WT"][40:].any(), "a click on ET says of WT what lies near it"
    core = [point((10.0, 10.0, 12.0 + n), region="TC") for n in range(5)]
    assert np.array_equal(answered(old, new, 0.501, *core)["TC"], new["TC"])
    assert not answered(old, new, 0.501, outside("TC"), *core)["TC"][40:].any()
    assert np.array_equal(answered(old, new, 0.501, outside("ET"), *core)["TC"], new["TC"])


def test_while_all_clicks_say_outside_less_is_enough_than_once_they_say_both() -> None:
    old, new = before(), before()
    for mask in old.values():
        mask[2:50, 10, 10] = True
    last = point((10.0, 10.0, 10.0), False)
    beyond = (SURENESS["WT"].most + SURENESS["WT"].most_mixed) / 2
    assert not answered(old, new, 0.5 + beyond, last)["WT"][40:].any()
    assert answered(old, new, 0.5 + beyond, point((1.0, 1.0, 1.0)), last)["WT"][40:50, 10, 10].all()


def reached(click: Prompt, beyond_half: float) -> list[int]:
    """Slices (2 mm thick) from 10 on of a column along K that follow; the tumour of before ends at slice 5."""
    old, new = before(), before()
    new["WT"][10:60, 10, 10] = True
    after = answered(old, new, 0.5 + beyond_half, outside(), click)["WT"]
    return [int(k) for k in np.flatnonzero(after[10:, 10, 10]) + 10]


def test_the_deeper_a_click_the_farther_it_reaches() -> None:
    """Distances are in mm: 3 slices beyond the tumour's last a click is 6 mm deep, and 10 slices beyond it 20 mm."""
    free, slope = SURENESS["WT"].free, SURENESS["WT"].per_depth
    assert reached(point((10.0, 10.0, 2.0 * 8)), 0.001) == [10, 11, 12]
    for slices in (8, 15):
        middle = 5 + slices
        reach = slices * (free + 0.05 / (slope * (1 + GROWTH)))
        expected = [k for k in range(10, 60) if abs(k - middle) <= reach]
        assert reached(point((10.0, 10.0, 2.0 * middle)), 0.05) == expected


def test_a_scribble_reaches_from_all_of_its_line() -> None:
    """Its deepest voxel is 15 slices deep."""
    free = SURENESS["WT"].free
    line = scribble([(10.0, 10.0, 32.0), (10.0, 10.0, 40.0)])
    assert reached(line, 0.001) == [k for k in range(10, 60) if k <= 20 + 15 * free]


def test_a_click_where_nothing_was_wrong_reaches_no_farther_than_its_neighbours() -> None:
    old, new = before(), before()
    new["WT"][6:40, 8:12, 8:12] = True
    after = answered(old, new, 0.501, outside(), point((10.0, 10.0, 10.0)))["WT"]
    assert not after[6:].any()
    new = before()
    new["WT"][2:6] = False
    after = answered(old, new, 0.501, point((10.0, 10.0, 40.0), False))["WT"]
    assert np.array_equal(after, old["WT"])


@pytest.mark.parametrize("positive", [True, False])
def test_a_positive_click_only_adds_and_a_negative_one_only_takes(positive: bool) -> None:
    old, new = before(), before()
    for mask in new.values():
        mask[2, 8:12, 8:12] = False
        mask[6, 8:12, 8:12] = True
    after = answered(old, new, 1.0, point((10.0, 10.0, 8.0), positive))
    for region in REGIONS:
        assert after[region][6, 8:12, 8:12].all() == positive
        assert after[region][2, 8:12, 8:12].all() == positive


def test_not_core_says_nothing_of_the_whole_tumour() -> None:
    old, new = before(), before()
    for mask in new.values():
        mask[4:6] = False
    after = answered(old, new, 0.999, point((10.0, 10.0, 10.0), False, "TC"))
    assert np.array_equal(after["WT"], old["WT"])
    assert not after["TC"][4:6].any() and not after["ET"][4:6].any()


def test_a_click_leaves_what_an_earlier_one_corrected() -> None:
    """The later click is 8 mm from the earlier: what lies nearer to the earlier stays, however sure the model is."""
    old, new = before(), before()
    new["WT"][2:6] = False
    earlier, later = point((10.0, 10.0, 4.0)), point((10.0, 10.0, 12.0), False)
    after = answered(old, new, 0.999, earlier, later)["WT"]
    assert after[2:4, 8:12, 8:12].all() and not after[5].any()
    assert not answered(old, new, 0.999, later)["WT"].any(), "without the earlier click all of it goes"
    inner = point((10.0, 10.0, 4.0), False, "TC")
    assert not answered(old, new, 0.999, inner, later)["WT"].any(), "a click outside the core does not defend the whole"


def test_a_region_that_was_empty_is_taken_as_the_model_gives_it() -> None:
    old, new = before(), before()
    old["ET"] = np.zeros(GRID.shape, bool)
    new["TC"][2:6] = False
    after = answered(old, new, 0.51, point((10.0, 10.0, 100.0)))
    assert np.array_equal(after["ET"], new["ET"]) and np.array_equal(after["TC"], old["TC"])


def test_the_masks_of_before_are_not_changed() -> None:
    old, new = before(), before()
    new["WT"][6:9, 8:12, 8:12] = True
    kept = {region: mask.copy() for region, mask in old.items()}
    answered(old, new, 0.999, point((10.0, 10.0, 12.0)))
    assert all(np.array_equal(old[region], kept[region]) for region in REGIONS)
