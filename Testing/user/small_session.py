"""Sessions on the small study: places in it, and masks to compare."""

from collections.abc import Callable, Iterable

import numpy as np

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session import Session
from GliomaSAMLib.study import MODALITIES, Study

NewSession = Callable[[], Session]
LESION = (12.0, 6.0, 4.0)
"""RAS mm of the middle of the small study's lesion; its radius is 10 mm."""
NORMAL = (-14.0, -10.0, 4.0)
"""RAS mm of normal tissue on the other side."""


def within(arrays: dict[str, np.ndarray], grid: Geometry, radii: tuple[float, float, float]) -> dict[str, np.ndarray]:
    """The arrays with zeros outside of an ellipsoid in the middle, radii in mm along RAS: less for a model to read."""
    places = grid.to_ras(np.stack(np.indices(grid.shape)[::-1], axis=-1))
    inside = ((places / radii) ** 2).sum(-1) < 1
    return {name: np.where(inside, array, 0).astype(array.dtype) for name, array in arrays.items()}


def study_of(arrays: dict[str, np.ndarray], grid: Geometry, order: Iterable[str] = MODALITIES) -> Study:
    """The study of the four modalities' arrays, read in an order."""
    return Study.read(**{modality: grid.to_image(arrays[modality]) for modality in order})


def voxel(session: Session, ras: tuple[float, float, float]) -> tuple[int, ...]:
    return tuple(np.floor(session.study.reference.to_ijk(np.asarray(ras))[::-1] + 0.5).astype(int))


def masks(session: Session) -> dict[str, np.ndarray]:
    return {region: session.mask(region) for region in REGIONS}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(first[region], second[region]) for region in REGIONS)
