"""Users who mean another outline than the label."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import ndimage

from GliomaSAMLib.training.chance import Chance
from GliomaSAMLib.training.masks import grown, on_cells
from GliomaSAMLib.training.other_outline import Outline, another_outline

CPU = torch.device("cpu")

Head = tuple[torch.Tensor, torch.Tensor]

SHAPE = (64, 72, 64)

PRESENT = np.array([True, True, False, True])


@pytest.fixture(scope="module")
def head() -> Head:
    """Levels and images of a ball of brain in air, with a tumour of three shells; the grey values are in stripes."""
    place = np.stack(np.indices(SHAPE), axis=-1) - np.array(SHAPE) / 2
    radius = np.sqrt((place**2).sum(-1))
    levels = np.select([radius < 7, radius < 12, radius < 18], [3, 2, 1], 0).astype(np.uint8)
    stripes = 0.5 + 0.4 * (np.indices(SHAPE)[2] // 8 % 2)
    images = np.stack([stripes, stripes, np.random.default_rng(0).random(SHAPE), stripes]) * (radius < 28)
    return torch.from_numpy(levels), torch.from_numpy(images.astype(np.float32))


@pytest.fixture(scope="module")
def found_in_head(head: Head) -> list[Outline]:
    return list(outlines(head))


def outlines(head: Head, count: int = 40) -> Iterator[Outline]:
    for seed in range(count):
        found = another_outline(*head, PRESENT, Chance(CPU, seed))
        if is_there(found):
            yield found
        else:
            assert torch.equal(found.levels, head[0])


def is_there(outline: Outline) -> bool:
    return bool(outline.click.numbers[4])


def is_positive(outline: Outline) -> bool:
    return bool(outline.click.numbers[3])


def test_one_region_gains_or_loses_tissue_and_the_others_stay(head: Head, found_in_head: list[Outline]) -> None:
    levels, images = head
    seen = set()
    for found in found_in_head:
        index, positive = found.click.index, is_positive(found)
        before, after = levels > index, found.levels > index
        assert (after & before == before if positive else after & before == after).all()
        assert (before != after).sum() >= 300
        assert found.levels.dtype == torch.uint8 and found.levels.max() <= 3  # one number a voxel: regions stay nested
        inner = levels > index + 1  # what leaves a region leaves those inside it; what joins it joins no other
        assert torch.equal(found.levels > index + 1, inner if positive else inner & after)
        assert torch.equal(found.levels > index - 1, levels > index - 1)
        assert not (before != after)[images.amax(dim=0) == 0].any()
        seen.add((index, positive))
    assert len(seen) == 6


def test_the_first_click_lies_in_what_changed_and_says_so(head: Head, found_in_head: list[Outline]) -> None:
    levels, _ = head
    for found in found_in_head:
        index, changed = found.click.index, found.click.error
        before, after = on_cells(levels > index), on_cells(found.levels > index)
        where = tuple(int(n) for n in found.click.numbers[:3])
        assert changed[where]
        assert bool(after[where]) == is_positive(found)
        assert ndimage.label(changed.numpy(), np.ones((3, 3, 3)))[1] == 1
        assert not (changed & (before == after)).any()


def test_what_changes_looks_alike_in_the_images_that_are_there(head: Head, found_in_head: list[Outline]) -> None:
    levels, images = head
    spread = []
    for found in found_in_head:
        changed = found.levels != levels
        near = grown(changed, 6.0) & (images.amax(dim=0) > 0)
        spread.append(float(images[0][changed].std() / images[0][near].std()))
    assert np.mean(spread) < 0.8


def test_the_same_seed_gives_the_same_outline(head: Head, found_in_head: list[Outline]) -> None:
    again = list(outlines(head, 8))
    first = found_in_head[: len(again)]
    assert [one.click.numbers.tolist() for one in first] == [one.click.numbers.tolist() for one in again]
    assert all(torch.equal(a.levels, b.levels) for a, b in zip(first, again, strict=True))


def test_without_tissue_there_is_no_other_outline() -> None:
    nothing = torch.zeros((32, 32, 32), dtype=torch.uint8)
    air = torch.zeros((4, 32, 32, 32))
    assert not any(is_there(another_outline(nothing, air, PRESENT, Chance(CPU, seed))) for seed in range(20))


@pytest.mark.parametrize("known", ["nothing", "whole"])
def test_where_there_is_only_the_whole_tumour_nothing_else_changes(known: str, head: Head) -> None:
    levels, images = head
    levels = levels.clamp(max=1) if known == "whole" else torch.zeros_like(levels)
    found = [another_outline(levels, images, PRESENT, Chance(CPU, seed), known=("WT",)) for seed in range(16)]
    given = [one for one in found if is_there(one)]
    assert all(one.click.region == "WT" and one.levels.max() <= 1 for one in given)
    assert {is_positive(one) for one in given} == ({True, False} if known == "whole" else {True})
