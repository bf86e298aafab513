"""The glioma of the phantom: a necrotic core, an enhancing rim, and oedema that spreads along the white matter."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.graph import MCP_Geometric

from ..study.extent import bounding_box
from .anatomy import Anatomy, smooth_noise


@dataclass(frozen=True)
class GliomaShape:
    """Where the tumour sits and how large it is.

    Args:
        centre: RAS mm of the middle of the core.
        radius: Mean radius of the core in mm.
        oedema_ml: Volume of the oedema in millilitres.
        push: How far the mass displaces the tissue at its surface, in mm.
    """

    centre: tuple[float, float, float] = (31.0, -30.0, 17.0)
    radius: float = 21.0
    oedema_ml: float = 55.0
    push: float = 7.0


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
    wall = 0.70 + 0.12 * smooth_noise(depth.shape, 10.0, rng)
    inside = _soft(wall - depth, 0.05)
    islands = _soft(smooth_noise(depth.shape, 5.0, rng) - 1.6, 0.2)
    necrosis = core * inside * (1.0 - islands)
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
