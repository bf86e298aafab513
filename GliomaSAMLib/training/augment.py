"""Random crops of a case: flips, small rotations and scalings, and changes of intensity, in an order fixed by a seed.

Images, labels and the coarse frozen embeddings are sampled with one affine map, each once, on grids of different cells
over the same millimetres; MONAI's affine transforms ask for one grid for all, so this part is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch.utils.data import Dataset

from .features import CaseFeatures
from .intensity import IntensityConfig, change_intensity


def smooth_noise(shape: Sequence[int], grain: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of mean 0 and variance about 1 that changes over distances of `grain` voxels, float32 (k, j, i).

    It is interpolated from a coarse grid, which takes a hundredth of the time of a filter.
    """
    coarse = [max(2, int(np.ceil(side / grain)) + 1) for side in shape]
    factors = [side / cells for side, cells in zip(shape, coarse, strict=True)]
    values = rng.normal(size=coarse).astype(np.float32)
    field = ndimage.zoom(values, factors, order=1, mode="nearest", grid_mode=True)
    return np.asarray(field / (values.std() + 1e-6), np.float32)


@dataclass(frozen=True)
class Crop:
    """A training sample.

    Args:
        images: float32 (M, K, J, I) in [0, 1].
        present: bool (M,).
        regions: uint8 (3, K, J, I), nested WT, TC, ET.
        embeddings: float32 (M, C, z, y, x), or None.
    """

    images: torch.Tensor
    present: torch.Tensor
    regions: torch.Tensor
    embeddings: torch.Tensor | None


@dataclass(frozen=True)
class AugmentConfig:
    """Strength of the augmentation.

    Args:
        crop: Shape (K, J, I) of a crop in mm, multiples of 16.
        large_crop: Shape of the larger crops, nearer to what a session decodes at once.
        large: Share of batches of larger crops.
        tumour: Share of crops that are centred on a voxel of the tumour.
        affine: Share of crops that are rotated and scaled.
        degrees: Largest rotation about each axis.
        scale: Largest relative change of scale.
        modality_dropout: Chance of each modality to be left out; at least one stays.
        intensity: Changes of grey values.
    """

    crop: tuple[int, int, int] = (96, 128, 96)
    large_crop: tuple[int, int, int] = (128, 160, 128)
    large: float = 0.25
    tumour: float = 0.85
    affine: float = 0.6
    degrees: float = 15.0
    scale: float = 0.2
    modality_dropout: float = 0.25
    intensity: IntensityConfig = field(default_factory=IntensityConfig)


def random_crop(
    case: CaseFeatures, config: AugmentConfig, shape: tuple[int, int, int], rng: np.random.Generator
) -> Crop:
    """Draw a crop of `shape` (K, J, I) from `case`. The same `rng` state gives the same crop."""
    centre = _centre(case, config, shape, rng)
    matrix = _matrix(config, rng)
    size = np.asarray(case.images.shape[1:], float)
    images = _sample(torch.from_numpy(case.images), centre, matrix, size, shape, "bilinear") / 255
    regions = _sample(torch.from_numpy(case.regions[None]), centre, matrix, size, shape, "nearest")[0]
    embeddings = None
    if case.embeddings is not None:
        cell = size / case.embeddings.shape[2:]
        coarse = tuple(round(n / c) for n, c in zip(shape, cell, strict=True))
        flat = torch.from_numpy(case.embeddings).flatten(0, 1)
        embeddings = _sample(flat, centre, matrix, size, coarse, "bilinear", extent=shape)
        embeddings = embeddings.unflatten(0, case.embeddings.shape[:2])
    present = _drop_modalities(case.present, config, rng)
    images = change_intensity(images, config.intensity, rng)
    nested = torch.stack([regions >= level for level in (1, 2, 3)]).to(torch.uint8)
    return Crop(images, torch.from_numpy(present), nested, embeddings)


def _centre(
    case: CaseFeatures, config: AugmentConfig, shape: tuple[int, int, int], rng: np.random.Generator
) -> np.ndarray:
    """Centre of the crop in voxels, kept so that the crop stays inside the brain's box where it can."""
    size = np.asarray(case.brain, float)
    half = np.asarray(shape) / 2
    voxels = np.flatnonzero(case.regions)
    if len(voxels) and rng.random() < config.tumour:
        chosen = np.unravel_index(rng.choice(voxels), case.regions.shape)
        centre = np.asarray(chosen, float) + rng.uniform(-0.5, 0.5, 3) * half
    else:
        centre = rng.uniform(0, 1, 3) * size
    low, high = np.minimum(half, size / 2), np.maximum(size - half, size / 2)
    return np.clip(centre, low, high)


def _matrix(config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    """Linear map from offsets in the crop to offsets in the case, axes (K, J, I)."""
    flips = np.diag(np.where(rng.random(3) < (0.2, 0.2, 0.5), -1.0, 1.0))
    if rng.random() >= config.affine:
        return flips
    matrix = flips @ np.diag(1 + rng.uniform(-config.scale, config.scale) + rng.uniform(-0.05, 0.05, 3))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        angle = np.deg2rad(rng.uniform(-config.degrees, config.degrees))
        rotation = np.eye(3)
        rotation[[first, second], [first, second]] = np.cos(angle)
        rotation[first, second], rotation[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ rotation
    return matrix


def _sample(
    volume: torch.Tensor,
    centre: np.ndarray,
    matrix: np.ndarray,
    size: np.ndarray,
    shape: tuple[int, ...],
    mode: str,
    extent: tuple[int, ...] | None = None,
) -> torch.Tensor:
    """Sample (C, ...) over a case of `size` mm on a grid of `shape` that spans `extent` mm round `centre`."""
    extent = extent or shape
    # normalised coordinates of grid_sample: -1 and 1 are the outer faces of the volume, in the order x, y, z
    scale = np.diag(1 / size) @ matrix @ np.diag(np.asarray(extent, float))
    offset = 2 * centre / size - 1
    theta = np.concatenate([scale[::-1, ::-1], offset[::-1, None]], axis=1)
    grid = F.affine_grid(torch.from_numpy(theta.astype(np.float32))[None], [1, 1, *shape], align_corners=False)
    out = F.grid_sample(volume[None].float(), grid, mode=mode, padding_mode="zeros", align_corners=False)
    return out[0]


def _drop_modalities(present: np.ndarray, config: AugmentConfig, rng: np.random.Generator) -> np.ndarray:
    kept = present & (rng.random(len(present)) >= config.modality_dropout)
    if not kept.any():
        kept[rng.choice(np.flatnonzero(present))] = True
    return kept


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor]


class CropDataset(Dataset[Batch]):
    """Sample number n is a crop of case n (each case once a round, shuffled), drawn with the seed (seed, n).

    Args:
        cases: The cases.
        augment: How crops are drawn.
        seed: Fixes all.
        samples: How many there are.
        batch: Samples of one step, all processes together: their crops are of one shape.
    """

    def __init__(self, cases: list[CaseFeatures], augment: AugmentConfig, seed: int, samples: int, batch: int) -> None:
        self.batch = batch
        self.cases = cases
        self.augment = augment
        self.seed = seed
        self.samples = samples

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Batch:
        round_, place = divmod(index, len(self.cases))
        order = np.random.default_rng((self.seed, 11, round_)).permutation(len(self.cases))
        large = np.random.default_rng((self.seed, 17, index // self.batch)).random() < self.augment.large
        shape = self.augment.large_crop if large else self.augment.crop
        rng = np.random.default_rng((self.seed, 13, index))
        crop = random_crop(self.cases[order[place]], self.augment, shape, rng)
        return crop.images, crop.present, crop.regions, crop.embeddings, torch.tensor(index)


def collate(samples: list[Batch]) -> Batch:
    """Join crops of one shape. Embeddings of cases of different sizes are brought onto the first one's grid."""
    images, present, regions, embeddings, index = zip(*samples, strict=True)
    joined = None
    if embeddings[0] is not None:
        size = embeddings[0].shape[2:]
        joined = torch.stack([e if e.shape[2:] == size else _resize(e, size) for e in embeddings])
    return torch.stack(images), torch.stack(present), torch.stack(regions), joined, torch.stack(index)


def _resize(embedding: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return torch.nn.functional.interpolate(embedding, size=size, mode="trilinear", align_corners=False)
