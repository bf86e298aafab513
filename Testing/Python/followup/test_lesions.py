"""Lesions of one visit: what belongs together, and what no turn of the grid may change."""

from dataclasses import replace

import numpy as np
import pytest
from tumours import GRID, STRAIGHT, balls, masks

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.followup.lesions import Measured, VisitMasks, measurable_by_reader, measure
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.geometry import Geometry

OPTIONS = FollowUpOptions()


@pytest.fixture(scope="module")
def uneven() -> VisitMasks:
    """Three lesions of different size, one of them a broken rim, on voxels that are not cubes."""
    grid = Geometry((50, 40, 14), (1.0, 0.9, 2.0), (-20.0, 5.0, -7.0), STRAIGHT)
    rim = ((-6.0, 20.0, 6.0), 9.0)
    tc = balls(rim, grid=grid)
    et = tc & ~balls((rim[0], 6.5), grid=grid)
    et[:, 21:24] = 0  # broken into two
    other = balls(((16.0, 26.0, 8.0), 6.5), ((22.0, 29.0, 8.0), 5.0), grid=grid)
    far = balls(((22.0, 10.0, 2.0), 3.0), grid=grid)
    return masks(et | other | far, tc=tc | other | far, grid=grid)


def numbers(found: Measured) -> list[tuple[float, ...]]:
    return [
        (one.volume_ml, one.diameters.largest_mm, one.diameters.perpendicular_mm, one.slices, one.parts, one.measurable)
        for one in found.lesions
    ]


def turned(given: VisitMasks, flips: tuple[int, ...], order: tuple[int, int, int]) -> VisitMasks:
    """The same outlines in space on a grid whose array axes (K, J, I) are flipped and put in another order."""
    grid = given.geometry
    direction = np.array(grid.direction)
    origin = np.array(grid.origin)
    for axis in flips:
        ijk = 2 - axis
        origin = origin + direction[:, ijk] * grid.spacing[ijk] * (grid.size[ijk] - 1)
        direction[:, ijk] *= -1
    ijk_order = [2 - axis for axis in order[::-1]]
    flipped = Geometry(
        tuple(grid.size[axis] for axis in ijk_order),
        tuple(grid.spacing[axis] for axis in ijk_order),
        tuple(origin.tolist()),
        tuple(tuple(row) for row in direction[:, ijk_order].tolist()),
    )
    wt, tc, et = (np.flip(one, flips).transpose(order) for one in (given.wt, given.tc, given.et))
    return VisitMasks(flipped, wt, tc, et)


@pytest.mark.parametrize(
    ("flips", "order"),
    [((0,), (0, 1, 2)), ((1,), (0, 1, 2)), ((2,), (0, 1, 2)), ((), (1, 2, 0)), ((), (2, 1, 0)), ((0, 2), (0, 2, 1))],
)
@pytest.mark.parametrize("extent", ["et", "tc"])
def test_flipping_and_permuting_the_grid_changes_no_number(
    uneven: VisitMasks, flips: tuple[int, ...], order: tuple[int, int, int], extent: str
) -> None:
    options = FollowUpOptions(extent=extent)
    expected = measure(uneven, "CE", options)
    assert len(expected.lesions) == 3
    assert [one.parts for one in expected.lesions].count(2) == 1
    found = measure(turned(uneven, flips, order), "CE", options)
    np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-5)
    for one, other in zip(found.lesions, expected.lesions, strict=True):
        np.testing.assert_allclose(one.centroid_ras, other.centroid_ras, atol=1e-9)


def test_translation_changes_places_only(uneven: VisitMasks) -> None:
    grid = uneven.geometry
    moved = replace(uneven, geometry=replace(grid, origin=(grid.origin[0] + 12.5, grid.origin[1], grid.origin[2] - 3)))
    expected, found = measure(uneven, "CE", OPTIONS), measure(moved, "CE", OPTIONS)
    assert numbers(found) == numbers(expected)
    shift = np.subtract(found.lesions[0].centroid_ras, expected.lesions[0].centroid_ras)
    np.testing.assert_allclose(shift, (12.5, 0, -3), atol=1e-9)


def test_twice_the_spacing_doubles_diameters(uneven: VisitMasks) -> None:
    grid = uneven.geometry
    doubled = replace(uneven, geometry=replace(grid, spacing=tuple(2 * size for size in grid.spacing)))
    options = FollowUpOptions(merge_mm=0, speck_ml=0)
    expected = measure(uneven, "CE", options)
    found = measure(doubled, "CE", options)
    assert len(found.lesions) == len(expected.lesions)
    for large, small in zip(found.lesions, expected.lesions, strict=True):
        assert large.diameters.largest_mm == pytest.approx(2 * small.diameters.largest_mm)
        assert large.diameters.product_mm2 == pytest.approx(4 * small.diameters.product_mm2, rel=1e-5)
        assert large.volume_ml == pytest.approx(8 * small.volume_ml)


def test_a_reader_who_draws_a_longer_line_makes_a_lesion_measurable() -> None:
    found = measure(masks(balls(((20, 20, 12), 4.5))), "CE", OPTIONS).lesions[0]
    assert found.why_not == "below 10.0 mm"
    longer = replace(found.diameters, largest_mm=11.0, perpendicular_mm=10.0)
    assert measurable_by_reader(found, longer, GRID) is None
    assert measurable_by_reader(found, found.diameters, GRID) == "below 10.0 mm"


def test_why_a_lesion_is_not_measurable() -> None:
    flat = np.zeros(GRID.shape, np.uint8)
    flat[5, 5:18, 5:18] = 1
    assert measure(masks(flat), "CE", OPTIONS).lesions[0].why_not == "seen on one slice"
    flat[7, 5:18, 5:18] = 1  # nearer than merge_mm
    assert measure(masks(flat), "CE", OPTIONS).lesions[0].why_not == "seen on no two adjacent slices"
    flat[6, 5:12, 5:18] = 1
    assert measure(masks(flat), "CE", OPTIONS).lesions[0].measurable
    asked = FollowUpOptions(two_slices="measured")
    assert measure(masks(flat), "CE", asked).lesions[0].why_not == "below 10.0 mm on one of each two adjacent slices"


def test_a_spur_and_a_thin_rim_are_noted() -> None:
    plain = balls(((16, 16, 12), 8))
    assert measure(masks(plain), "CE", OPTIONS).lesions[0].note == ""
    spur = plain.copy()
    spur[10:15, 16, 16:40] = 1
    assert "such as a spur" in measure(masks(spur), "CE", OPTIONS).lesions[0].note


def test_lesions_are_in_the_order_of_their_products() -> None:
    et = np.zeros(GRID.shape, np.uint8)
    et[2:22, 4:14, 4:14] = 1  # the larger volume
    et[10:12, 20:36, 4:20] = 1
    et[2:4, 20:36, 36:52] = 1  # the same product and volume, at a lower voxel
    found = measure(masks(et), "CE", OPTIONS).lesions
    assert [one.volume_ml for one in found] == [0.512, 0.512, 2.0]
    assert [one.voxels[0].tolist() for one in found[:2]] == [[2, 20, 36], [10, 20, 4]]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"spacing": (1.0, 1.0, 0.0)}, "spacing"),
        ({"direction": ((1.0, 0.1, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))}, "right angles"),
        ({"size": (56, 40, 25)}, "shape"),
    ],
)
def test_a_grid_that_cannot_be_measured(change: dict, text: str) -> None:
    et = balls(((16, 16, 12), 8))
    with pytest.raises(StudyError, match=text):
        measure(masks(et, grid=replace(GRID, **change)), "CE", OPTIONS)


def test_one_slice_is_no_volume() -> None:
    grid = replace(GRID, size=(56, 40, 1))
    with pytest.raises(StudyError, match="one slice only"):
        measure(masks(np.ones(grid.shape, np.uint8), grid=grid), "nonCE", OPTIONS)
