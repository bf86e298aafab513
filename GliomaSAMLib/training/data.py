"""Crops in an order that a seed fixes, so that a resumed training sees what an unbroken one would have seen."""

import numpy as np
import torch
from torch.utils.data import Dataset

from .augment import AugmentConfig, random_crop
from .features import CaseFeatures

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
