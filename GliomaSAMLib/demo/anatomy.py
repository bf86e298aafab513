"""The healthy brain of the phantom: how much of each voxel is grey matter, white matter and fluid.

The maps are the MNI ICBM152 (2009) grey- and white-matter probabilities at 1 mm that ship inside the `nilearn` wheel
(Fonov et al., NeuroImage 2011), so nothing is downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..study.geometry import Geometry

HEAD_SCALE = 0.92
"""The MNI brain is larger than most: 1880 mL. Scaled by this along each axis it holds 1470 mL."""

PHANTOM_GRID = Geometry(
    size=(240, 240, 155),
    spacing=(1.0, 1.0, 1.0),
    origin=(119.5, 105.0, -70.0),
    direction=((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
)
"""The grid of a BraTS file, in RAS mm, with the anterior commissure at the origin of space."""

Displacement = Callable[[np.ndarray], np.ndarray]
"""From points (3, ...) in RAS mm to the RAS mm (3, ...) at which their tissue lay before it was displaced."""


@dataclass(frozen=True)
class Anatomy:
    """Fractions in [0, 1] of each voxel, float32 arrays (K, J, I) on `geometry`; they sum to 1 in the brain."""

    geometry: Geometry
    grey: np.ndarray
    white: np.ndarray
    fluid: np.ndarray
    brain: np.ndarray


def smooth_noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random field of mean 0 and standard deviation 1, float32, varying over about `scale` voxels."""
    step = max(scale / 2.0, 1.0)
    coarse = tuple(int(np.ceil(n / step)) + 2 for n in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(coarse), 1.0 if scale < 4 else 1.5).astype(np.float32)
    field = ndimage.zoom(
        field, [n / c for n, c in zip(shape, coarse, strict=True)], order=1, grid_mode=True, mode="nearest"
    )
    return (field - field.mean()) / field.std()


def brain_anatomy(displacement: Displacement, rng: np.random.Generator) -> Anatomy:
    """The tissue fractions in the box that holds the brain, displaced by a mass and a little by chance."""
    grey_map, white_map, brain_map, to_mni = _mni_maps()
    grid = _brain_grid(brain_map, to_mni)
    ras = _points(grid)
    at_rest = _sample(brain_map, to_mni, ras / HEAD_SCALE) > 0.5
    moved = displacement(ras)
    for axis in range(3):
        moved[axis] += 1.5 * smooth_noise(grid.shape, 40.0, rng)
    moved /= HEAD_SCALE
    grey, white = _sample(grey_map, to_mni, moved), _sample(white_map, to_mni, moved)
    return _fractions(grid, grey, white, at_rest)


def _mni_maps() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Grey matter, white matter and brain, indexed (I, J, K), and the 4 x 4 matrix from RAS mm to their indices."""
    from nilearn import datasets

    grey = datasets.load_mni152_gm_template(resolution=1)
    white = datasets.load_mni152_wm_template(resolution=1)
    brain = np.asarray(datasets.load_mni152_brain_mask(resolution=1).dataobj, np.float32)
    return (
        np.asarray(grey.dataobj, np.float32),
        np.asarray(white.dataobj, np.float32),
        brain,
        np.linalg.inv(grey.affine),
    )


def _brain_grid(brain_map: np.ndarray, to_mni: np.ndarray) -> Geometry:
    """The box of `PHANTOM_GRID` that the scaled brain fills, with 2 mm about it."""
    ijk = np.argwhere(brain_map > 0.5)
    corners = np.array([ijk.min(0), ijk.max(0)], float)
    ras = (corners @ np.linalg.inv(to_mni)[:3, :3].T + np.linalg.inv(to_mni)[:3, 3]) * HEAD_SCALE
    box = np.sort(PHANTOM_GRID.to_ijk(ras), axis=0)
    low = np.maximum(np.floor(box[0]).astype(int) - 2, 0)
    high = np.minimum(np.ceil(box[1]).astype(int) + 3, PHANTOM_GRID.size)
    start, shape = low[::-1].tolist(), (high - low)[::-1].tolist()
    return PHANTOM_GRID.crop(tuple(start), tuple(shape))


def _points(grid: Geometry) -> np.ndarray:
    """RAS mm of the voxel centres, (3, K, J, I) float32."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in grid.shape), indexing="ij", copy=False)
    return np.moveaxis(grid.to_ras(np.stack([i, j, k], axis=-1)), -1, 0).astype(np.float32)


def _sample(volume: np.ndarray, to_mni: np.ndarray, ras: np.ndarray) -> np.ndarray:
    """Linear interpolation of an MNI map (I, J, K) at points (3, ...) in RAS mm, 0 outside it."""
    indices = np.tensordot(to_mni[:3, :3].astype(np.float32), ras, axes=1) + to_mni[:3, 3, None, None, None].astype(
        np.float32
    )
    return ndimage.map_coordinates(volume, indices, order=1, output=np.float32)


def _fractions(grid: Geometry, grey: np.ndarray, white: np.ndarray, brain: np.ndarray) -> Anatomy:
    """Sharpen the averages of 152 people towards one person: sulci open, and most voxels belong to one tissue."""
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0)
    parts = [np.clip(part, 0.0, 1.0) ** 2.0 * weight for part, weight in ((grey, 1.0), (white, 1.0), (fluid, 2.8))]
    total = np.maximum(sum(parts[1:], parts[0]), 1e-6)
    grey, white, fluid = (np.where(brain, part / total, 0.0).astype(np.float32) for part in parts)
    return Anatomy(grid, grey, white, fluid, brain)
