"""A case of training, where it lies, and what kind of patient it is of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..models.device import device_memory
from ..regions import REGIONS
from .features import CaseFeatures

PLACES = 50_000
"""So many voxels of a tumour are kept on the host as middles of crops, evenly taken from all."""

PARTLY_TOLD = {
    ("WT", "TC"): "with whole tumour and core only",
    ("WT", "ET"): "with whole and enhancing tumour only",
    ("WT",): "with the whole tumour only",
}
"""Kinds of patients by the regions that a label tells, where these are not all."""

KINDS = (
    "with all labels and volumes",
    "with all labels and fewer volumes",
    *PARTLY_TOLD.values(),
    "without a glioma",
)


@dataclass(frozen=True)
class Patient:
    """A case on its canonical grid of 1 mm, padded to multiples of 16. Tensors lie at its home, see `home_of`.

    Args:
        name: Name of the case.
        images: uint8 (M, K, J, I), 255 at the upper percentile.
        present: Which modalities there are, bool (M,).
        levels: The number of nested regions that hold a voxel, uint8 (K, J, I).
        known: The regions that the label tells.
        brain: Shape (K, J, I) before padding.
        tumour: Voxels (N, 3) of the tumour, int16; none without one.
        embeddings: float16 (M, C, z, y, x) over the padded box, or None: then crops are embedded as they come.
    """

    name: str
    images: Tensor
    present: np.ndarray
    levels: Tensor
    known: tuple[str, ...]
    brain: tuple[int, int, int]
    tumour: np.ndarray
    embeddings: Tensor | None

    @classmethod
    def of(cls, features: CaseFeatures, home: torch.device) -> "Patient":
        """Bring a case to its home."""
        voxels = np.flatnonzero(features.regions)
        if len(voxels) > PLACES:
            voxels = voxels[np.linspace(0, len(voxels) - 1, PLACES).astype(int)]
        return cls(
            name=features.name,
            images=torch.from_numpy(features.images).to(home),
            present=features.present,
            levels=torch.from_numpy(features.regions).to(home),
            known=features.known,
            brain=features.brain,
            tumour=np.stack(np.unravel_index(voxels, features.regions.shape), axis=1).astype(np.int16),
            embeddings=None if features.embeddings is None else torch.from_numpy(features.embeddings).to(home),
        )

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        if self.known != REGIONS:
            return PARTLY_TOLD[self.known]
        if not len(self.tumour):
            return KINDS[-1]
        return KINDS[0] if self.present.all() else KINDS[1]

    @property
    def can_lend_a_tumour(self) -> bool:
        """Whether its tumour can be pasted into others: there is one, and all of it is known."""
        return bool(len(self.tumour)) and self.known == REGIONS


def home_of(cases: Sequence[CaseFeatures], device: torch.device) -> torch.device:
    """Where the tensors of patients lie: on the device that trains, where they take at most half of its free memory;
    else they stay in their files, and what a crop needs is brought to the device for each crop.
    """
    if device.type == "cpu" or sum(case.nbytes for case in cases) <= (device_memory(device).free or 0) // 2:
        return device
    return torch.device("cpu")


def rounds(patients: Sequence[Patient]) -> list[int]:
    """Indices of the patients, as often as each is seen in a round: those with all labels of a glioma twice where there
    are others, which teach less.
    """
    full = [patient.can_lend_a_tumour for patient in patients]
    often = 1 if all(full) or not any(full) else 2
    return [n for n, one in enumerate(full) for _ in range(often if one else 1)]


def told_by_kind(patients: Sequence[Patient], folders: Sequence[str]) -> str:
    """How many patients there are of each kind, for the user and the log; by folder where there are several.

    Args:
        patients: All of them.
        folders: The name of the folder of each.
    """
    told = []
    for folder in dict.fromkeys(folders):
        counts = Counter(one.kind for one, where in zip(patients, folders, strict=True) if where == folder)
        told.append((folder, ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])))
    return told[0][1] if len(told) == 1 else "; ".join(f"{folder}: {kinds}" for folder, kinds in told)
