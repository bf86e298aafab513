"""Batches of crops, made on the device that trains: sample number n is the same crop whoever makes it, and when."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..models.device import to_device
from ..regions import REGIONS
from .augment import AugmentConfig, Crop, random_crop
from .chance import Chance
from .patient import Patient, rounds


class Embed(Protocol):
    """From a crop's images (M, K, J, I), and which of them are there, to their embeddings (M, C, z, y, x)."""

    def __call__(self, images: Tensor, present: np.ndarray) -> Tensor: ...


class Autocast(Protocol):
    """What makes the context in which networks compute in the number format of the training."""

    def __call__(self) -> AbstractContextManager[object]: ...


@dataclass  # not frozen: Fabric makes a copy with its tensors in the number format of the training
class Batch:
    """Samples of one shape, on the device but for what the host has to know.

    Args:
        images: float32 (B, M, K, J, I).
        present: bool (B, M).
        levels: The number of nested regions that hold a voxel, uint8 (B, K, J, I).
        known: Which regions the labels tell, bool (B, 3).
        embeddings: float32 (B, M, C, z, y, x), or None for a method without an encoder.
        index: Numbers of the samples.
        present_on_host: The rows of `present`.
        told: The regions that the label of each sample tells, on the host.
    """

    images: Tensor
    present: Tensor
    levels: Tensor
    known: Tensor
    embeddings: Tensor | None
    index: tuple[int, ...]
    present_on_host: tuple[np.ndarray, ...]
    told: tuple[tuple[str, ...], ...]


class CropMaker:
    """Makes batches of crops of patients, with the seed (seed, n) for sample n; each patient once or twice a round.

    Args:
        patients: The patients, all at one home.
        device: The device that trains.
        augment: How crops are drawn.
        seed: Fixes all.
        together: Samples of one step, all processes together: their crops are of one shape.
        embed: Embeds what comes without embeddings; None for a method without an encoder.
        autocast: In which it does.
    """

    def __init__(
        self,
        patients: Sequence[Patient],
        device: torch.device,
        augment: AugmentConfig,
        seed: int,
        together: int,
        embed: Embed | None = None,
        autocast: Autocast = nullcontext,
    ) -> None:
        self.patients = patients
        self.device = device
        self.augment = augment
        self.seed = seed
        self.together = together
        self.embed = embed
        self.autocast = autocast
        self._round = rounds(patients)
        self._donors = [patient for patient in patients if patient.can_lend_a_tumour]

    def crop(self, number: int) -> tuple[Patient, Crop]:
        """Sample `number`: the patient, and the crop of it."""
        round_, place = divmod(number, len(self._round))
        order = np.random.default_rng((self.seed, 11, round_)).permutation(len(self._round))
        patient = self.patients[self._round[order[place]]]
        large = np.random.default_rng((self.seed, 17, number // self.together)).random() < self.augment.large
        shape = self.augment.large_crop if large else self.augment.crop
        chance = Chance(self.device, self.seed, 13, number)
        donors = [donor for donor in self._donors if donor is not patient]
        donor = None
        if donors and chance.happens(self.augment.pasted):
            donor = donors[int(chance.rng.integers(len(donors)))]
        return patient, random_crop(patient, donor, self.augment, shape, chance)

    @torch.no_grad()
    def batch(self, numbers: Sequence[int]) -> Batch:
        """The samples of these numbers, which belong to one step."""
        made = [self.crop(number) for number in numbers]
        present = np.stack([crop.present for _, crop in made])
        told = tuple(patient.known for patient, _ in made)
        known = np.array([[region in one for region in REGIONS] for one in told])
        there = to_device(present, self.device)
        images = torch.stack([crop.images for _, crop in made])
        return Batch(
            images=images * there[:, :, None, None, None],
            present=there,
            levels=torch.stack([crop.levels for _, crop in made]),
            known=to_device(known, self.device),
            embeddings=self._embeddings([crop for _, crop in made]),
            index=tuple(numbers),
            present_on_host=tuple(present),
            told=told,
        )

    def _embeddings(self, crops: Sequence[Crop]) -> Tensor | None:
        if self.embed is None:
            return None
        found = []
        for crop in crops:
            if crop.embeddings is not None:
                found.append(crop.embeddings)
                continue
            with self.autocast():
                found.append(self.embed(crop.images, crop.present).float())
        size = found[0].shape[2:]
        return torch.stack([one if one.shape[2:] == size else _resized(one, size) for one in found])


def _resized(embedding: Tensor, size: torch.Size) -> Tensor:
    """Embeddings of cases of different sizes on one grid."""
    return torch.nn.functional.interpolate(embedding, size=size, mode="trilinear", align_corners=False)
