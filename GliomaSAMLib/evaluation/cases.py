"""A labelled case in memory, as methods and robot see it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import CaseError
from ..regions import REGIONS, regions_from_labels
from ..study import Geometry, Study
from ..study.folder import find_volumes
from ..training.cases import Case, find_cases, read_split

PARTS = ("train", "val")
"""The parts of a split."""


@dataclass(frozen=True)
class OpenCase:
    """One case in memory: the study that a method sees, and the truth that only the robot and the metrics see.

    Attributes:
        truth: uint8 (K, J, I) on `study.reference`, for each of WT, TC, ET.
    """

    name: str
    study: Study
    truth: dict[str, np.ndarray]

    @property
    def geometry(self) -> Geometry:
        """The grid of truth and predictions."""
        return self.study.reference

    @cached_property
    def images(self) -> dict[str, np.ndarray]:
        """The volumes on the grid of the truth: float32 (K, J, I) in [0, 1], 0 outside the brain."""
        canonical = self.study.canonical
        return {name: self.study.from_canonical(image) for name, image in canonical.images.items()}


def open_case(case: Case, modalities: tuple[str, ...] | None = None) -> OpenCase:
    """Read volumes and truth; `modalities` keeps only these volumes, as if the others had never been made.

    Raises:
        CaseError: A modality is not there, or the labels lie on another grid than the volumes.
        StudyError: A volume cannot be used.
    """
    study = case.read_study() if modalities is None else _read_some(case, modalities)
    masks = regions_from_labels(case.read_labels(study))
    return OpenCase(case.name, study, dict(zip(REGIONS, masks, strict=True)))


def _read_some(case: Case, modalities: tuple[str, ...]) -> Study:
    volumes = find_volumes(case.folder)
    missing = [modality for modality in modalities if modality not in volumes]
    if missing:
        raise CaseError(f"case {case.name} has no {', '.join(missing)}: it has {', '.join(volumes)}")
    kept = {modality: volumes[modality] for modality in modalities}
    return Study.read(t1=kept.get("t1"), t1c=kept.get("t1c"), t2=kept.get("t2"), flair=kept.get("flair"))


def choose_cases(folder: Path, split: Path | None, part: str = "val") -> list[Case]:
    """The labelled cases below `folder`: all of them, or those of one part of a split file, in its order.

    Raises:
        CaseError: The folder, the split or a case of it cannot be used.
    """
    if split is None:
        return find_cases(folder)
    parts = read_split(split)
    if part not in PARTS:
        raise CaseError(f"a split has no part {part!r}: choose {' or '.join(PARTS)}")
    return find_cases(folder, list(parts.train if part == "train" else parts.val))
