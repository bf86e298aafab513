"""Labelled cases: BraTS-style folders, the split into training and validation, and a case in memory."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import CaseError, StudyError
from ..geometry import Geometry
from ..regions import REGIONS, regions_from_labels
from ..study import Study
from ..study.image_file import read_image_file
from ..study.modalities import find_volumes
from ..study.patients import Origin, check_one_case
from .label_order import core_and_oedema_exchanged

LABEL_NAMES = ("seg", "label", "labels", "mask", "truth")

WHOLE_NAMES = ("wt",)
"""Names of label maps of the whole tumour alone."""

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")

KNOWN_LABELS = {0, 1, 2, 3, 4}

PARTS = ("train", "val")
"""The parts of a split."""


@dataclass(frozen=True)
class Case:
    """A patient's folder with one to four MR volumes and a label map.

    Args:
        name: Name of the case.
        folder: The folder.
        labels: The file of the label map.
        whole_only: Whether the map tells the whole tumour only (a file `wt.nii`): nobody knows what of it is core.
    """

    name: str
    folder: Path
    labels: Path
    whole_only: bool = False

    def read_study(self) -> Study:
        """The case's volumes, after a look at its labels.

        Raises:
            StudyError: A volume cannot be used.
            CaseError: The labels cannot be read, or are not those of BraTS in its order.
        """
        self._check_labels(sitk.GetArrayFromImage(self._label_image()))
        return Study.read_folder(self.folder)

    def read_labels(self, study: Study) -> np.ndarray:
        """The BraTS label map, uint8 (K, J, I) on `study.reference`. ET may be 4 (before 2023) or 3, but not both.

        Raises:
            CaseError: The map cannot be read, has another grid than the reference, labels that BraTS does not know, or
                core and oedema exchanged. Of a map of the whole tumour all is label 2, which is in WT only.
        """
        image = self._label_image()
        if not Geometry.of_image(image).matches(study.reference):
            raise CaseError(
                f"{self.labels} has {_size(image.GetSize())} voxels and another grid than the volumes "
                f"({_size(study.reference.size)}): resample the labels onto the volumes, or remove the case"
            )
        labels = sitk.GetArrayFromImage(image)
        self._check_labels(labels)
        return np.where(labels > 0, 2, 0).astype(np.uint8) if self.whole_only else labels.astype(np.uint8)

    def label_values(self) -> np.ndarray:
        """The values of the label map, (K, J, I) on its own grid. Raises `CaseError` as `read_labels` does."""
        labels = sitk.GetArrayFromImage(self._label_image())
        self._check_labels(labels)
        return labels

    def _label_image(self) -> sitk.Image:
        try:
            image = read_image_file(self.labels).image
        except StudyError as error:
            raise CaseError(
                f"{self.labels} cannot be read as labels; export them again. The reason: {error}"
            ) from error
        if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
            raise CaseError(f"{self.labels} is not a label map: expected a 3D volume with one label a voxel")
        return image

    def _check_labels(self, labels: np.ndarray) -> None:
        """Raise `CaseError` unless they are those of BraTS, in its order."""
        found = set(np.unique(labels[labels != 0]).tolist())
        if self.whole_only:
            if len(found) > 1:
                raise CaseError(
                    f"{self.labels} has {len(found)} labels: expected one, the whole tumour; name it seg where it has "
                    "the labels of BraTS"
                )
            return
        if unknown := sorted(found - KNOWN_LABELS):
            raise CaseError(f"{self.labels} has unknown labels {unknown}: expected 0, 1 (NCR), 2 (ED), 3 or 4 (ET)")
        if {3, 4} <= found:
            raise CaseError(
                f"{self.labels} has the labels 3 and 4, of which only one can be the enhancing tumour: "
                "write that as 3, and what else there is as one of 0, 1 (NCR), 2 (ED)"
            )
        if core_and_oedema_exchanged(labels):
            raise CaseError(
                f"{self.labels} has label 1 all around label 2, as where 1 is the oedema (Medical Segmentation "
                "Decathlon): write the labels in the order of BraTS, 1 (NCR), 2 (ED), 3 (ET), or remove the case"
            )


def find_cases(folder: Path | str, names: list[str] | None = None, whole_only: bool = False) -> list[Case]:
    """Cases below `folder`, sorted by name: every folder in it with a label map (`*seg.nii.gz` and the like).

    Args:
        folder: Folder of case folders.
        names: Take these only, in this order.
        whole_only: Whether folders count whose label map tells the whole tumour only (`wt.nii`): to train, not to
            measure.

    Raises:
        CaseError: No case is found, or a named one is absent or without labels.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CaseError(f"The folder {folder} does not exist: name the folder that holds the case folders")
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {path.name: Case(path.name, path, labels) for path in folders if (labels := _label_file(path, LABEL_NAMES))}
    if whole_only:
        whole = {path.name: labels for path in folders if (labels := _label_file(path, WHOLE_NAMES))}
        found = {name: Case(name, folder / name, labels, True) for name, labels in whole.items()} | found
        found = dict(sorted(found.items()))
    if names is None:
        if not found:
            raise CaseError(
                f"No case in {folder}: none of its {len(folders)} folders has a label map (a file ending in seg.nii "
                "or seg.nii.gz) beside the volumes t1, t1c, t2, flair"
            )
        return list(found.values())
    for name in names:
        if not (folder / name).is_dir():
            raise CaseError(f"The case {name} is not in {folder}: correct the split or the folder")
        if name not in found:
            raise CaseError(f"The case {name} in {folder} has no label map (a file ending in seg.nii or seg.nii.gz)")
    return [found[name] for name in names]


def _label_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        name = path.name.lower()
        for suffix in SUFFIXES:
            stem = name.removesuffix(suffix)
            if stem != name and stem.replace("-", "_").split("_")[-1] in names:
                return path
    return None


def _size(size: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in size)


@dataclass(frozen=True)
class Split:
    """Names of the cases for training and for validation."""

    train: tuple[str, ...]
    val: tuple[str, ...]


def read_split(path: Path | str) -> Split:
    """Read a split, JSON with the lists `train` and `val`.

    Raises:
        CaseError: The file cannot be read, lacks a list, or has a case twice or in both.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        train, val = content["train"], content["val"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CaseError(f"{path} is not a split: expected JSON with the lists 'train' and 'val' ({error})") from error
    if "without_enhancement" in content:
        raise CaseError(
            f"{path} has a list 'without_enhancement', which splits no longer have: remove it; "
            "`gliomasam train --without-uptake SHARE` takes the enhancement out of a share of all crops"
        )
    for part in (train, val):
        if not isinstance(part, list) or not all(isinstance(name, str) for name in part):
            raise CaseError(f"{path} is not a split: 'train' and 'val' must be lists of case names")
        if twice := sorted({name for name in part if part.count(name) > 1}):
            raise CaseError(f"{path} has {', '.join(twice)} twice in one list: leave each once")
    if both := sorted(set(train) & set(val)):
        raise CaseError(f"{path} has {', '.join(both)} for training and for validation: leave each in one list")
    return Split(tuple(train), tuple(val))


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
        raise CaseError(f"Case {case.name} has no {', '.join(missing)}: it has {', '.join(volumes)}")
    kept = {modality: volumes[modality] for modality in modalities}
    check_one_case([Origin.of(*one) for one in kept.items()])
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
        raise CaseError(f"Unknown part {part!r} of a split. Choose {' or '.join(PARTS)}")
    return find_cases(folder, list(parts.train if part == "train" else parts.val))
