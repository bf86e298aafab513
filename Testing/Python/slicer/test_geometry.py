"""Grids: made perpendicular, covered by one that is, and sampled on one another."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation


def matrix_of(spacing: tuple[float, float, float], degrees: float = 0.0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [degrees, 2 * degrees, -degrees], degrees=True).as_matrix() * spacing
    matrix[:3, 3] = 3, -4, 5
    return matrix


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_perpendicular_grid_stays_what_it_is(mirrored: bool) -> None:
    from GliomaSAMLib.slicer.geometry import perpendicular_grid

    matrix = matrix_of((0.7, -1.2 if mirrored else 1.2, 3.0), 20)
    grid = perpendicular_grid(matrix, (9, 8, 7))
    assert grid is not None
    assert np.allclose(grid.ijk_to_ras, matrix, atol=1e-9)
    assert (np.linalg.det(np.asarray(grid.direction)) < 0) == mirrored


def test_rounding_is_put_right_and_shear_is_not() -> None:
    from GliomaSAMLib.slicer.geometry import perpendicular_grid

    matrix = matrix_of((1.0, 1.0, 2.0), 10)
    matrix[:3, :3] += np.random.default_rng(0).normal(0, 1e-4, (3, 3))  # as a file's single precision leaves it
    grid = perpendicular_grid(matrix, (200, 200, 60))
    assert grid is not None
    corner = np.array([199, 0, 59])
    moved = grid.to_ras(corner) - (matrix[:3, :3] @ corner + matrix[:3, 3])
    assert 0 < np.linalg.norm(moved) < 0.1
    matrix[:3, 0] += 0.05 * matrix[:3, 1]
    assert perpendicular_grid(matrix, (200, 200, 60)) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_covering_grid_holds_every_voxel_and_little_more(seed: int) -> None:
    from GliomaSAMLib.slicer.geometry import covering_grid

    random = np.random.default_rng(seed)
    matrix = matrix_of((1.0, 1.3, 2.5), 15 * seed)
    matrix[:3, :3] = (np.eye(3) + random.uniform(-0.3, 0.3, (3, 3))) @ matrix[:3, :3]
    size = (12, 10, 8)
    grid = covering_grid(matrix, size)
    ijk = np.indices(size).reshape(3, -1).T
    world = ijk @ matrix[:3, :3].T + matrix[:3, 3]
    assert grid.contains(world).all()
    assert max(grid.spacing) <= np.linalg.norm(matrix[:3, :3], axis=0).min() + 1e-9
    held = np.round(grid.to_ijk(world))
    assert (held.min(axis=0) <= 2).all() and (held.max(axis=0) >= np.array(grid.size) - 3).all()


@pytest.mark.parametrize("degrees", [0.0, 12.0])
def test_sampling_takes_the_nearest_voxel_up_to_the_outer_edge(degrees: float) -> None:
    from GliomaSAMLib.slicer.geometry import sample

    source, target = matrix_of((2.0, 2.0, 2.0)), matrix_of((0.9, 1.1, 1.3), degrees)
    target[:3, 3] -= 3.3
    array = np.arange(1, 6 * 7 * 8 + 1, dtype=np.int16).reshape(6, 7, 8)
    shape = (14, 18, 22)
    found = sample(array, source, target, shape, -1)
    k, j, i = np.indices(shape)
    world = np.stack([i, j, k], -1) @ target[:3, :3].T + target[:3, 3]
    place = (world - source[:3, 3]) @ np.linalg.inv(source[:3, :3]).T
    nearest = np.floor(place + 0.5).astype(int)
    inside = np.all((nearest >= 0) & (nearest < [8, 7, 6]), axis=-1)
    expected = np.full(shape, -1)
    expected[inside] = array[tuple(nearest[inside][:, ::-1].T)]
    assert 0 < inside.sum() < inside.size
    assert np.array_equal(found, expected) and found.dtype == array.dtype


def test_sampling_where_the_grids_are_one_or_apart() -> None:
    from GliomaSAMLib.slicer.geometry import sample, shifted

    matrix = matrix_of((1.0, 1.3, 2.0), 33)
    array = np.random.default_rng(1).integers(0, 99, (5, 6, 7)).astype(np.uint8)
    assert np.array_equal(sample(array, matrix, matrix, (5, 6, 7), 0), array)
    shifted_by = sample(array, matrix, shifted(matrix, (2, -1, 3)), (4, 4, 4), 200)
    assert np.array_equal(shifted_by[:2, 1:, :], array[3:5, :3, 2:6])
    assert (shifted_by[:, 0] == 200).all() and (shifted_by[2:] == 200).all()
    assert (sample(array, matrix, shifted(matrix, (50, 0, 0)), (2, 2, 2), 7) == 7).all()
    assert np.isnan(sample(array, matrix, shifted(matrix_of((1, 1, 1)), (900, 0, 0)), (2, 2, 2), float("nan"))).all()
