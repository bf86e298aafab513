"""The canonical grid: any orientation and spacing keeps its place, and grey values are normalised."""

import itertools

import numpy as np
import pytest

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.canonical import canonical_axes, isotropic, normalise, reorient, reoriented_geometry, restore

LPS = np.diag([-1.0, -1.0, 1.0])


def ball_volume(
    direction: np.ndarray, size: tuple[int, int, int], spacing: tuple[float, float, float], centre: np.ndarray
) -> tuple[Geometry, np.ndarray]:
    """A ball of 30 mm about `centre` (RAS) whose brightness rises to the right, front and top; grey 0 outside."""
    rows = tuple(tuple(float(v) for v in row) for row in direction)
    origin = centre - direction @ ((np.asarray(size) - 1) * spacing / 2)
    grid = Geometry(size, spacing, tuple(origin.tolist()), rows)  # type: ignore[arg-type]
    k, j, i = np.indices(grid.shape)
    ras = grid.to_ras(np.stack([i, j, k], -1)) - centre
    values = 500 + ras @ (3.0, 5.0, 7.0)
    return grid, np.where((ras**2).sum(-1) < 30.0**2, values, 0).astype(np.float32)


def orientations() -> list[np.ndarray]:
    """All 48 axis-parallel orientations, left-handed ones too."""
    return [
        np.eye(3)[:, order] * signs
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]  # type: ignore[misc]


def turned(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    about_z = np.array(
        [[np.cos(angle / 2), -np.sin(angle / 2), 0], [np.sin(angle / 2), np.cos(angle / 2), 0], [0, 0, 1]]
    )
    return about_x @ about_z @ LPS


@pytest.mark.parametrize("direction", orientations()[::3])
def test_every_orientation_gives_the_same_exact_canonical_volume(direction: np.ndarray) -> None:
    centre = np.array([3.0, -4.0, 12.0])
    grid, values = ball_volume(direction, (70, 70, 70), (1.0, 1.0, 1.0), centre)
    study = Study.read(t1=grid.to_image(values))
    canonical = study.canonical
    assert np.allclose(canonical.geometry.direction, LPS)
    expected = Study.read(t1=_image(LPS, centre)).canonical
    assert canonical.geometry.matches(expected.geometry)
    assert np.allclose(canonical.images["t1"], expected.images["t1"], atol=1e-5)
    back = study.from_canonical(canonical.images["t1"])
    assert np.array_equal(study.to_canonical(back), canonical.images["t1"])
    assert np.corrcoef(back[study.brain], values[study.brain])[0, 1] > 0.999


def _image(direction: np.ndarray, centre: np.ndarray) -> object:
    grid, values = ball_volume(direction, (70, 70, 70), (1.0, 1.0, 1.0), centre)
    return grid.to_image(values)


@pytest.mark.parametrize("direction", [*orientations()[::5], turned(19), turned(-30)])
def test_reorient_keeps_voxels_in_their_place(direction: np.ndarray) -> None:
    grid, values = ball_volume(direction, (9, 8, 7), (1.0, 2.0, 5.0), np.zeros(3))
    values = np.arange(values.size).reshape(values.shape)
    axes = canonical_axes(grid)
    new = reoriented_geometry(grid, axes)
    view = reorient(values, axes)
    assert view.shape == new.shape
    assert np.array_equal(restore(view, axes), values)
    assert np.all(np.diag(LPS.T @ np.asarray(new.direction)) > 0.8)
    for k, j, i in [(0, 0, 0), (3, 2, 1), (5, 6, 4)]:
        ijk = np.rint(new.to_ijk(grid.to_ras(np.array([i, j, k])))).astype(int)
        assert view[tuple(ijk[::-1])] == values[k, j, i]


def test_isotropic_covers_the_same_space() -> None:
    grid, _ = ball_volume(turned(19), (60, 50, 12), (0.9, 1.1, 5.5), np.array([5.0, 6.0, 7.0]))
    fine = isotropic(grid)
    assert fine.spacing == (1.0, 1.0, 1.0)
    assert np.allclose(fine.to_ras((np.asarray(fine.size) - 1) / 2), grid.to_ras((np.asarray(grid.size) - 1) / 2))
    extent = np.asarray(grid.size) * grid.spacing
    assert np.all(np.asarray(fine.size) >= extent - 1e-6) and np.all(np.asarray(fine.size) < extent + 1)


@pytest.mark.parametrize("direction", [turned(19), turned(19) @ np.diag([1, 1, -1.0]), LPS, np.eye(3)])
def test_anisotropic_and_oblique_volumes_keep_their_place(direction: np.ndarray) -> None:
    centre = np.array([10.0, -20.0, 30.0])
    grid, values = ball_volume(direction, (80, 90, 16), (0.9, 0.9, 5.5), centre)
    study = Study.read(flair=grid.to_image(values))
    canonical = study.canonical
    where = np.argwhere(canonical.brain)[:, ::-1]
    assert np.allclose(canonical.geometry.to_ras(where.mean(axis=0)), centre, atol=0.6)
    assert canonical.brain.sum() / 1000 == pytest.approx(4 / 3 * np.pi * 27, rel=0.05)
    marked = np.zeros(grid.shape, np.uint8)
    marked[6:10, 30:60, 25:55] = 4
    there = study.to_canonical(marked)
    assert set(np.unique(there)) == {0, 4} and there.dtype == np.uint8
    back = study.from_canonical((there == 4).astype(np.float32)) > 0.5
    assert 2 * (back & (marked == 4)).sum() / (back.sum() + (marked == 4).sum()) > 0.95


@pytest.mark.parametrize("spacing", [0.05, 0.02])
def test_a_head_that_is_too_small_is_told(spacing: float) -> None:
    grid, values = ball_volume(LPS, (40, 40, 40), (1.0, 1.0, 1.0), np.zeros(3))
    image = grid.to_image(values)
    image.SetSpacing((spacing,) * 3)
    with pytest.raises(StudyError, match=r"less than 0.1 mL: the voxel spacing of the volumes is wrong"):
        Study.read(t1=image)


def test_masks_stay_boolean(small_study: Study) -> None:
    assert small_study.to_canonical(small_study.brain).dtype == bool


BRAIN = np.ones((20, 20, 20), bool)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(2).normal(500, 80, BRAIN.shape).astype(np.float32)


def test_range_and_air(values: np.ndarray) -> None:
    brain = BRAIN.copy()
    brain[:5] = False
    result = normalise(values, brain)
    assert result is not None and result.dtype == np.float32
    assert result[brain].min() == 0.0 and result[brain].max() == 1.0
    assert not result[:5].any()


def test_outlier_offset_and_scale_do_no_harm(values: np.ndarray) -> None:
    plain = normalise(values, BRAIN)
    spiked = values.copy()
    spiked[3, 3, 3:6] = 32767
    assert np.abs(normalise(spiked, BRAIN) - plain)[4:].max() < 0.02
    assert np.allclose(normalise(values * 3 - 4000, BRAIN), plain, atol=1e-4)


def test_outside_the_field_of_view_is_zero_and_not_counted(values: np.ndarray) -> None:
    cut = values.copy()
    cut[10:] = np.nan
    result = normalise(cut, BRAIN)
    assert not result[10:].any()
    assert np.allclose(result[:10], normalise(values[:10], BRAIN[:10]))


def test_no_contrast_is_told() -> None:
    assert normalise(np.full(BRAIN.shape, 3, np.float32), BRAIN) is None
    assert normalise(np.full(BRAIN.shape, np.nan, np.float32), BRAIN) is None
