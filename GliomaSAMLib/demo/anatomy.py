"""The anatomy of the phantom: grey matter, white matter and fluid of each voxel, and the glioma in it.

The healthy maps are the MNI ICBM152 (2009) probabilities at 1 mm that ship inside the `nilearn` wheel (Fonov et al.,
NeuroImage 2011), so nothing is downloaded. The glioma is a necrotic core, an enhancing rim, and oedema that spreads
along the white matter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.graph import MCP_Geometric

from ..geometry import Geometry, bounding_box

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


@dataclass(frozen=True)
class GliomaShape:
    """Where the tumour sits and how large it is.

    Args:
        centre: RAS mm of the middle of the core.
        radius: Mean radius of the core in mm.
        oedema_ml: Volume of the oedema in millilitres.
        push: How far the mass displaces the tissue at its surface, in mm.
        necrotic: Part of the core's radius within which it is dead; 0 for a core that enhances throughout.
    """

    centre: tuple[float, float, float] = (31.0, -30.0, 17.0)
    radius: float = 21.0
    oedema_ml: float = 55.0
    push: float = 7.0
    necrotic: float = 0.70


@dataclass(frozen=True)
class Glioma:
    """Fractions in [0, 1] of each voxel, float32 arrays (K, J, I); together at most 1."""

    necrosis: np.ndarray
    enhancing: np.ndarray
    oedema: np.ndarray

    def labels(self) -> np.ndarray:
        """The BraTS label map, uint8 (K, J, I): necrosis 1, oedema 2, enhancing 3, each where it is the most."""
        healthy = 1.0 - self.necrosis - self.enhancing - self.oedema
        return np.argmax([healthy, self.necrosis, self.oedema, self.enhancing], axis=0).astype(np.uint8)


def mass_effect(shape: GliomaShape, ras: np.ndarray) -> np.ndarray:
    """Where the tissue at points (3, ...) in RAS mm lay before the mass pushed it outwards; far away unmoved."""
    offset = ras - np.asarray(shape.centre, np.float32)[:, None, None, None]
    distance = np.maximum(np.sqrt((offset**2).sum(0)), 1e-3)
    surface = np.clip(distance / shape.radius, 0.0, 1.0)
    reach = np.exp(-((np.maximum(distance - shape.radius, 0.0) / 22.0) ** 2))
    return ras - offset / distance * (shape.push * surface * reach)


def grow_glioma(shape: GliomaShape, anatomy: Anatomy, rng: np.random.Generator) -> Glioma:
    """Grow the tumour into displaced tissue."""
    depth = _core_depth(shape, anatomy, rng)
    core = _soft(1.0 - depth, 0.05) * anatomy.brain
    wall = shape.necrotic + 0.12 * smooth_noise(depth.shape, 10.0, rng)
    inside = _soft(wall - depth, 0.05)
    islands = _soft(smooth_noise(depth.shape, 5.0, rng) - 1.6, 0.2)
    necrosis = core * inside * (1.0 - islands) * (shape.necrotic > 0)
    oedema = _oedema(shape, anatomy, core) * (1.0 - core)
    return Glioma(*(part.astype(np.float32) for part in (necrosis, core - necrosis, oedema)))


def _soft(distance: np.ndarray, width: float) -> np.ndarray:
    """1 where `distance` is well above 0, 0 well below it."""
    return 1.0 / (1.0 + np.exp(-np.clip(distance / width, -30.0, 30.0)))


def _core_depth(shape: GliomaShape, anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """0 in the middle of the core, 1 at its lobed surface, more outside; (K, J, I)."""
    grid = anatomy.geometry
    centre = grid.to_ijk(np.asarray(shape.centre))
    stretch = np.array([0.92, 1.1, 1.0])
    axes = [(np.arange(n) - c) / s for n, c, s in zip(grid.size, centre, stretch, strict=True)]
    distance = np.sqrt(axes[2][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[0] ** 2)
    lobes = 0.15 * smooth_noise(grid.shape, 22.0, rng) + 0.07 * smooth_noise(grid.shape, 8.0, rng)
    return distance / shape.radius + lobes * np.minimum(distance / (0.5 * shape.radius), 1.0)


def _oedema(shape: GliomaShape, anatomy: Anatomy, core: np.ndarray) -> np.ndarray:
    """Oedema by arrival time: from the core, fast in white matter, slowly in cortex, hardly through fluid."""
    box = bounding_box(core > 0.5, 32)
    white, grey, brain = (
        ndimage.gaussian_filter(part[box].astype(np.float32), 0.7)
        for part in (anatomy.white, anatomy.grey, anatomy.brain)
    )
    speed = white**2 + 0.12 * grey + 0.01
    speed = np.where(core[box] > 0.5, 1.0, speed)
    march = MCP_Geometric(np.where(brain > 0.5, 1.0 / speed, -1.0))
    arrival, _ = march.find_costs(np.argwhere(_shell(core[box] > 0.5)))
    arrival = np.where((core[box] > 0.5) | ~np.isfinite(arrival), np.inf, arrival)
    count = int(shape.oedema_ml / anatomy.geometry.voxel_ml)
    limit = np.partition(arrival.ravel(), count)[count]
    front = np.where(np.isfinite(arrival), arrival, 10.0 * limit)
    oedema = np.zeros(core.shape, np.float32)
    oedema[box] = _soft(limit - ndimage.gaussian_filter(np.minimum(front, 3.0 * limit), 0.6), 0.05 * limit)
    oedema *= np.clip(1.4 * (anatomy.white + 0.9 * anatomy.grey), 0.0, 1.0)
    return np.where(core > 0.5, 1.0, oedema)


def _shell(mask: np.ndarray) -> np.ndarray:
    """The voxels of a mask that touch its outside."""
    return mask & ~ndimage.binary_erosion(mask)
