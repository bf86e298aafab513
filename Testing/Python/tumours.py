"""Visits with tumours of simple shapes, in memory."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from GliomaSAMLib.followup.lesions import VisitMasks
from GliomaSAMLib.followup.visit import Visit, VisitFields
from GliomaSAMLib.geometry import Geometry

STRAIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

GRID = Geometry((56, 40, 26), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), STRAIGHT)

Ball = tuple[Sequence[float], float]
"""Centre in RAS mm and radius in mm."""


def balls(*shapes: Ball, grid: Geometry = GRID) -> np.ndarray:
    """A mask of balls, uint8 (K, J, I)."""
    k, j, i = np.indices(grid.shape)
    ras = grid.to_ras(np.stack([i, j, k], axis=-1))
    mask = np.zeros(grid.shape, np.uint8)
    for centre, radius in shapes:
        mask |= (np.linalg.norm(ras - np.asarray(centre, float), axis=-1) <= radius).astype(np.uint8)
    return mask


def masks(
    et: np.ndarray, wt: np.ndarray | None = None, tc: np.ndarray | None = None, grid: Geometry = GRID
) -> VisitMasks:
    """Outlines in which TC is ET and WT is TC where they are not given."""
    tc = et if tc is None else tc
    return VisitMasks(grid, tc if wt is None else wt, tc, et)


def visit(day: str, et: np.ndarray, wt: np.ndarray | None = None, grid: Geometry = GRID, **fields: Any) -> Visit:
    """A visit on a day such as "2024-03-01" with what the reader says of it."""
    return Visit(f"visit of {day}", date.fromisoformat(day), masks(et, wt, grid=grid), fields=VisitFields(**fields))
