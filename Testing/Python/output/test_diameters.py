"""Diameters of shapes whose diameters are known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.output.diameters import largest_diameters

STRAIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

FINE = Geometry((60, 60, 8), (1.0, 1.0, 3.0), (-30.0, -30.0, 10.0), STRAIGHT)


def ellipse(geometry: Geometry, centre: tuple[float, float, float], half: tuple[float, float], degrees: float = 0):
    """An elliptic cylinder, 6 mm high, its axes turned in the axial plane."""
    k, j, i = np.indices(geometry.shape)
    ras = geometry.to_ras(np.stack([i, j, k], -1)) - centre
    turn = Rotation.from_euler("z", -degrees, degrees=True).as_matrix()
    ras = ras @ turn.T
    return ((ras[..., 0] / half[0]) ** 2 + (ras[..., 1] / half[1]) ** 2 < 1) & (np.abs(ras[..., 2]) < 3)


@pytest.mark.parametrize("degrees", [0, 25, 45, 90, 117])
def test_an_ellipse(degrees: float) -> None:
    found = largest_diameters(ellipse(FINE, (1.3, -0.4, 20.0), (20.0, 11.0), degrees), FINE)
    assert found is not None
    assert found.largest_mm == pytest.approx(40, abs=1)
    assert found.perpendicular_mm == pytest.approx(22, abs=1)
    assert found.product_mm2 == pytest.approx(880, rel=0.06)
    assert found.middle[2] == pytest.approx(19, abs=3.1)
    along = np.subtract(*found.largest)
    across = np.subtract(*found.perpendicular)
    assert np.linalg.norm(along) == pytest.approx(found.largest_mm)
    assert np.linalg.norm(across) == pytest.approx(found.perpendicular_mm)
    assert abs(along @ across) < 1e-6
    turned = np.degrees(np.arctan2(along[1], along[0])) - degrees
    assert abs((turned + 90) % 180 - 90) < 8


def test_the_largest_slice_is_taken_and_parts_are_measured_apart() -> None:
    mask = np.zeros(FINE.shape, np.uint8)
    mask[2, 10:20, 10:20] = 1
    mask[5, 5:10, 2:22] = 1  # the largest part
    mask[5, 50:55, 50:58] = 1  # far away on the same slice
    found = largest_diameters(mask, FINE)
    assert found is not None
    assert found.largest_mm == pytest.approx(20, abs=1)
    assert found.perpendicular_mm == pytest.approx(5, abs=1)
    assert found.middle[2] == 10 + 5 * 3


def test_the_perpendicular_stays_inside() -> None:
    mask = np.zeros(FINE.shape, np.uint8)
    mask[3, 10:14, 10:50] = 1
    mask[3, 20:23, 10:50] = 1
    mask[3, 10:23, 10:12] = 1  # two bars joined at one end
    found = largest_diameters(mask, FINE)
    assert found is not None
    assert found.perpendicular_mm < 16  # a chord over the gap would be longer than any inside
    middle = np.mean(found.perpendicular, axis=0)
    assert mask[tuple(np.round(FINE.to_ijk(middle)).astype(int)[::-1])] == 1


def test_one_voxel_and_none() -> None:
    mask = np.zeros(FINE.shape, np.uint8)
    assert largest_diameters(mask, FINE) is None
    mask[4, 7, 9] = 1
    found = largest_diameters(mask, FINE)
    assert found is not None
    assert (found.largest_mm, found.perpendicular_mm) == (pytest.approx(1.0), pytest.approx(1.0, abs=0.3))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_plane_is_axial_however_the_volume_was_acquired(order: tuple[int, int, int]) -> None:
    spacing = np.array([0.8, 1.1, 2.0])
    direction = (np.eye(3) * (-1, 1, -1))[:, list(order)]
    geometry = Geometry(
        tuple(int(60 / spacing[n]) for n in range(3)),
        tuple(spacing),
        tuple(-direction @ (spacing * (60 / spacing - 1) / 2)),
        tuple(tuple(row) for row in direction),
    )
    found = largest_diameters(ellipse(geometry, (0, 0, 0), (18.0, 12.0), 30), geometry)
    assert found is not None
    assert found.largest_mm == pytest.approx(36, abs=2.0)
    assert found.perpendicular_mm == pytest.approx(24, abs=2.0)
    assert abs(np.subtract(*found.largest)[2]) < 1e-9


def test_an_anisotropic_oblique_slice() -> None:
    turn = Rotation.from_euler("xyz", [8, -6, 20], degrees=True).as_matrix()
    geometry = Geometry((70, 50, 9), (0.7, 1.2, 4.0), (-20.0, -30.0, 0.0), tuple(tuple(row) for row in turn))
    mask = np.zeros(geometry.shape, np.uint8)
    j, i = np.ogrid[:50, :70]
    mask[4] = ((i - 35) * 0.7 / 15) ** 2 + ((j - 25) * 1.2 / 20) ** 2 < 1
    found = largest_diameters(mask, geometry)
    assert found is not None
    assert found.largest_mm == pytest.approx(40, abs=1.2)
    assert found.perpendicular_mm == pytest.approx(30, abs=1.2)
    assert np.linalg.norm(np.subtract(*found.largest)) == pytest.approx(found.largest_mm)
