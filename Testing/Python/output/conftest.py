"""Nested masks on an oblique grid."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from GliomaSAMLib.geometry import Geometry


@pytest.fixture
def oblique() -> Geometry:
    turn = Rotation.from_euler("xyz", [20, -10, 30], degrees=True).as_matrix()
    return Geometry((14, 12, 10), (0.9, 1.1, 5.5), (-13.0, 22.0, 7.0), tuple(tuple(row) for row in turn))


@pytest.fixture
def nested(oblique: Geometry) -> dict[str, np.ndarray]:
    """WT, TC and ET as boxes in each other, none in the middle of the grid, no two sides alike."""
    masks = {region: np.zeros(oblique.shape, np.uint8) for region in ("WT", "TC", "ET")}
    masks["WT"][1:9, 2:11, 1:12] = 1
    masks["TC"][2:8, 3:8, 2:9] = 1
    masks["ET"][3:5, 4:7, 4:8] = 1
    return masks
