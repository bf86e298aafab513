"""Random crops of a patient on the device that trains: flips, rotations, scalings, a smooth deformation, another
patient's tumour, uptake taken out, changes of grey values; in an order fixed by a seed.

Images, labels and the coarse frozen embeddings are sampled with one map, each once, on grids of different cells over
the same millimetres; MONAI's transforms ask for one grid for all, so this part is ours.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.device import to_device
from ..regions import REGIONS
from ..study import MODALITIES
from .chance import Chance
from .intensity import IntensityConfig, change_intensity
from .masks import nested
from .pasting import MARGINS, with_tumour_of
from .patient import Patient
from .uptake import without_enhancement

T1C = MODALITIES.index("t1c")


@dataclass(frozen=True)
class Crop:
    """A training sample, on the device.

    Args:
        images: float32 (M, K, J, I) in [0, 1.2].
        present: Which modalities are left, bool (M,), on the host.
        levels: The number of nested regions that hold a voxel, uint8 (K, J, I).
        embeddings: float32 (M, C, z, y, x); None where there are none, or where the crop shows what they do not.
    """

    images: Tensor
    present: np.ndarray
    levels: Tensor
    embeddings: Tensor | None

    @property
    def regions(self) -> Tensor:
        """WT, TC, ET, uint8 (3, K, J, I), nested."""
        return nested(self.levels).to(torch.uint8)


@dataclass(frozen=True)
class AugmentConfig:
    """Strength of the augmentation.

    Args:
        crop: Shape (K, J, I) of a crop in mm, multiples of 16.
        large_crop: Shape of the larger crops, nearer to what a session decodes at once.
        large: Share of batches of larger crops.
        tumour: Share of crops that are centred near a voxel of the tumour.
        affine: Share of crops that are rotated and scaled.
        degrees: Largest rotation about each axis.
        scale: Largest relative change of scale.
        elastic: Share of crops that are deformed smoothly.
        elastic_mm: Standard deviation of the deformation at its nodes, at most.
        pasted: Share of crops with the tumour of another patient, see `pasting`.
        without_uptake: Share of crops whose enhancing tumour does not enhance, see `uptake`.
        modality_dropout: Chance of each modality to be left out; at least one stays.
        intensity: Changes of grey values.
    """

    crop: tuple[int, int, int] = (96, 128, 96)
    large_crop: tuple[int, int, int] = (128, 160, 128)
    large: float = 0.25
    tumour: float = 0.85
    affine: float = 0.7
    degrees: float = 20.0
    scale: float = 0.22
    elastic: float = 0.35
    elastic_mm: float = 4.0
    pasted: float = 0.25
    without_uptake: float = 0.12
    modality_dropout: float = 0.2
    intensity: IntensityConfig = field(default_factory=IntensityConfig)

    def problems(self) -> list[str]:
        """What makes no sense, one line each."""
        shares = {
            "larger crops": self.large,
            "pasted tumours": self.pasted,
            "tumours without uptake": self.without_uptake,
            "deformed crops": self.elastic,
        }
        return [
            f"the share of {name} must lie in 0 to 1, not {value}"
            for name, value in shares.items()
            if not 0 <= value <= 1
        ]


def random_crop(
    patient: Patient, donor: Patient | None, config: AugmentConfig, shape: tuple[int, int, int], chance: Chance
) -> Crop:
    """Draw a crop. The same chance gives the same crop.

    Args:
        patient: Whom it shows.
        donor: Whose tumour is pasted; None for nobody's.
        config: How it is changed.
        shape: Shape (K, J, I) in mm.
        chance: Decides.
    """
    grid = _Grid(patient, config, shape, chance)
    images = grid.sample(patient.images, "bilinear") / 255
    levels = grid.sample(patient.levels[None], "nearest")[0].to(torch.uint8)
    changed = False
    if donor is not None and patient.known == REGIONS and bool((donor.present | ~patient.present).all()):
        other_images = grid.sample(donor.images, "bilinear") / 255
        other_levels = grid.sample(donor.levels[None], "nearest")[0].to(torch.uint8)
        images, levels = with_tumour_of(images, levels, other_images, other_levels, int(chance.rng.choice(MARGINS)))
        images = images * to_device(patient.present, images.device)[:, None, None, None]
        changed = True
    others = [int(n) for n in np.flatnonzero(patient.present) if n != T1C]
    if chance.happens(config.without_uptake) and patient.present[T1C] and others and patient.known == REGIONS:
        images, levels = without_enhancement(images, levels, others, T1C)
        changed = True
    embeddings = None
    if patient.embeddings is not None and not changed:
        cells = [side / n for side, n in zip(patient.images.shape[1:], patient.embeddings.shape[2:], strict=True)]
        coarse = tuple(round(side / cell) for side, cell in zip(shape, cells, strict=True))
        flat = grid.sample(patient.embeddings.flatten(0, 1), "bilinear", coarse)
        embeddings = flat.unflatten(0, patient.embeddings.shape[:2])
    images = change_intensity(images, config.intensity, chance)
    return Crop(images, _kept_modalities(patient.present, config, chance.rng), levels, embeddings)


class _Grid:
    """Where a crop lies in its patient, bent as it may be.

    Args:
        patient: Whom the crop shows.
        config: How it is turned, scaled and deformed.
        shape: Its shape (K, J, I) in mm.
        chance: Decides.
    """

    def __init__(self, patient: Patient, config: AugmentConfig, shape: tuple[int, int, int], chance: Chance) -> None:
        size = np.asarray(patient.images.shape[1:], float)
        centre, matrix = _centre(patient, config, shape, chance.rng), _matrix(config, chance.rng)
        # normalised coordinates of grid_sample: -1 and 1 are the outer faces of the volume, in the order x, y, z
        scale = np.diag(1 / size) @ matrix @ np.diag(np.asarray(shape, float))
        theta = np.concatenate([scale[::-1, ::-1], (2 * centre / size - 1)[::-1, None]], axis=1)
        self._shape = shape
        self._known: dict[tuple[int, ...], Tensor] = {}
        self._theta = to_device(theta.astype(np.float32), chance.device)
        self._bend: Tensor | None = None
        if chance.happens(config.elastic):
            nodes = int(chance.rng.integers(4, 8))
            amount = chance.uniform(min(1.0, config.elastic_mm), config.elastic_mm)
            normalised = to_device((2 * amount / size[::-1]).astype(np.float32), chance.device)
            self._bend = chance.normal((1, 3, nodes, nodes, nodes)) * normalised[:, None, None, None]

    def sample(self, volume: Tensor, mode: str, shape: tuple[int, ...] | None = None) -> Tensor:
        """Values (C, ...) of a volume of the patient, on a grid of `shape` over the crop; float32."""
        grid = self._places(shape or self._shape)
        there = volume.to(grid.device)[None].float()
        return F.grid_sample(there, grid, mode=mode, padding_mode="zeros", align_corners=False)[0]

    def _places(self, shape: tuple[int, ...]) -> Tensor:
        if shape not in self._known:
            grid = F.affine_grid(self._theta[None], [1, 1, *shape], align_corners=False)
            if self._bend is not None:
                bend = F.interpolate(self._bend, size=shape, mode="trilinear", align_corners=True)
                grid = grid + bend.permute(0, 2, 3, 4, 1)
            self._known[shape] = grid
        return self._known[shape]


def _centre(
    patient: Patient, config: AugmentConfig, shape: tuple[int, int, int], rng: np.random.Generator
) -> np.ndarray:
    """Centre of the crop in voxels, kept so that the crop stays inside the brain's box where it can."""
    size = np.asarray(patient.brain, float)
    half = np.asarray(shape) / 2
    if len(patient.tumour) and rng.random() < config.tumour:
        centre = patient.tumour[rng.integers(len(patient.tumour))] + rng.uniform(-0.5, 0.5, 3) * half
    else:
        centre = rng.uniform(0, 1, 3) * size
    low, high = np.minimum(half, size / 2), np.maximum(size - half, size / 2)
    return np.clip(centre, low, high)


def _matrix(config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Linear map from offsets in the crop to offsets in the patient, axes (K, J, I)."""
    flips = np.diag(np.where(rng.random(3) < (0.15, 0.15, 0.5), -1.0, 1.0))
    if rng.random() >= config.affine:
        return flips
    matrix = flips @ np.diag(np.exp(rng.uniform(-config.scale, config.scale) + rng.uniform(-0.06, 0.06, 3)))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        angle = np.deg2rad(rng.uniform(-config.degrees, config.degrees))
        rotation = np.eye(3)
        rotation[[first, second], [first, second]] = np.cos(angle)
        rotation[first, second], rotation[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ rotation
    return matrix


def _kept_modalities(present: np.ndarray, config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    kept = present & (rng.random(len(present)) >= config.modality_dropout)
    if not kept.any():
        kept[rng.choice(np.flatnonzero(present))] = True
    return kept
