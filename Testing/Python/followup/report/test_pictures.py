"""What the pictures show, and where they cut."""

import io
import itertools

import matplotlib.image
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from GliomaSAMLib.followup.assessment import Assessment
from GliomaSAMLib.followup.report import WrittenReport
from GliomaSAMLib.followup.report.curve import draw_curve
from GliomaSAMLib.followup.report.pictures import draw_pictures, lesions_to_show
from GliomaSAMLib.followup.report.planes import axial_plane, halfway, moved, moved_point, native_plane, on_plane
from GliomaSAMLib.geometry import Geometry


@pytest.fixture
def motion() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([0.1, -0.2, 0.3]).as_matrix()
    matrix[:3, 3] = (12.0, -5.0, 8.0)
    return matrix


def angle(matrix: np.ndarray) -> float:
    return float(Rotation.from_matrix(matrix[:3, :3]).magnitude())


def test_both_visits_move_half_the_way(motion: np.ndarray) -> None:
    one, other = halfway(np.linalg.inv(motion), np.eye(4))
    np.testing.assert_allclose(np.linalg.inv(other) @ one, np.linalg.inv(motion), atol=1e-12)
    assert angle(one) == pytest.approx(angle(other)) == pytest.approx(angle(motion) / 2)


def test_the_same_place_meets_halfway(motion: np.ndarray) -> None:
    first = np.array([20.0, -10.0, 30.0])
    motions = halfway(np.eye(4), np.linalg.inv(motion))
    np.testing.assert_allclose(moved_point(first, motions[0]), moved_point(moved_point(first, motion), motions[1]))


def test_a_moved_grid_has_its_voxels_where_they_moved(motion: np.ndarray, small_grid: Geometry) -> None:
    ijk = np.array([[3, 4, 5], [30, 2, 20]])
    expected = [moved_point(point, motion) for point in small_grid.to_ras(ijk)]
    np.testing.assert_allclose(moved(small_grid, motion).to_ras(ijk), expected)


def test_an_axial_plane_runs_to_the_left_and_the_back() -> None:
    plane = axial_plane((1.0, 2.0, 3.0), 40, 60)
    np.testing.assert_allclose(plane.to_ras(np.array([[0, 0, 0], [20, 30, 0]])), [[21, 32, 3], [1, 2, 3]])


@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_native_plane_is_made_of_voxels_and_lies_as_one_looks_at_it(
    order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    direction = (np.eye(3) * signs)[:, list(order)]
    spacing = tuple(np.array([0.5, 0.8, 5.0])[list(order)])
    grid = Geometry((40, 40, 40), spacing, (1.0, 2.0, 3.0), tuple(tuple(row) for row in direction))
    axis = 2 - order.index(2)
    plane = native_plane(grid, axis, 7, grid.to_ras(np.array([20.3, 20.3, 20.3])), 12)
    assert plane.spacing[:2] == (0.5, 0.8)
    ijk = grid.to_ijk(plane.to_ras(np.array([[0, 0, 0], [3, 2, 0]])))
    np.testing.assert_allclose(ijk, np.round(ijk), atol=1e-9)
    np.testing.assert_allclose(ijk[:, 2 - axis], 7)
    np.testing.assert_allclose(np.asarray(plane.direction)[:, :2], [[-1, 0], [0, -1], [0, 0]])


def test_points_on_a_plane() -> None:
    plane = axial_plane((0.0, 0.0, 0.0), 10, 10, 2.0)
    np.testing.assert_allclose(on_plane([(0.0, 0.0, 0.0), (-4.0, 2.0, 0.0)], plane), [[6, 6], [10, 4]])


def test_targets_and_new_lesions_are_shown(assessment: Assessment, written: WrittenReport) -> None:
    assert lesions_to_show(assessment) == [("CE", "L1"), ("CE", "L2"), ("CE", "L3")]
    visits = {picture["track"]: picture["visits"] for picture in written.report["pictures"]}
    assert visits == {"L1": ["V1", "V3"], "L2": ["V1", "V3"], "L3": ["V2", "V3"]}
    assert [picture["space"] for picture in written.report["pictures"]] == ["halfway", "native"] * 3


def test_both_sides_show_the_same_place(written: WrittenReport) -> None:
    """The outline of the lesion on the patient's right lies in the same place, although the head moved."""
    picture = matplotlib.image.imread(written.folder / "pictures" / "CE-L1-halfway.png")[..., :3]
    height, width = picture.shape[:2]
    part = picture[int(0.1 * height) : int(0.75 * height)]
    blue = (part[..., 2] > 0.8) & (part[..., 0] < 0.6) & (part[..., 1] < 0.85)
    middles = [np.argwhere(half).mean(axis=0) for half in (blue[:, : width // 4], blue[:, width // 2 : 3 * width // 4])]
    assert np.abs(middles[0] - middles[1]).max() < 12, "pixels, of which a lesion has about 70"


def test_no_pictures_without_volumes(without_volumes: Assessment) -> None:
    assert draw_pictures(without_volumes) == []


@pytest.mark.parametrize("paper", ["light", "dark"])
def test_the_curve_has_the_colour_of_the_page(paper: str, without_volumes: Assessment) -> None:
    picture = matplotlib.image.imread(io.BytesIO(draw_curve(without_volumes, paper)))
    assert (picture[0, 0, :3].mean() > 0.5) == (paper == "light")
