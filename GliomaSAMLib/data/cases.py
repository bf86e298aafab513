"""Labelled cases: BraTS-style folders, the split into training and validation, and a case in memory."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import CaseError, StudyError
from ..files import parse_json
from ..geometry import Geometry
from ..regions import REGIONS
from ..study import Study
from ..study.modalities import MODALITIES, REFERENCE_ORDER, find_volumes
from ..study.patients import Origin, check_one_case
from .doubts import doubts_of
from .labels import ORDERS, LabelMap, check_order, outline_files, read_label_map

WHOLE = "wt"
"""The last part of the name of a label map of the whole tumour alone."""

PARTS = ("train", "val")
"""The parts of a split."""


@dataclass(frozen=True)
class Case:
    """A patient's folder with one to four MR volumes and a label map.

    Args:
        name: Name of the case.
        folder: The folder.
        labels: The file of the label map.
        order: What its labels mean, of `labels.ORDERS`; None: look at them. Of a file `wt` "binary".
    """

    name: str
    folder: Path
    labels: Path
    order: str | None = None

    def read_study(self) -> Study:
        """The case's volumes, after a look at its labels; the reference is a volume that has their grid, if any.

        Raises:
            StudyError: A volume cannot be used.
            CaseError: The labels cannot be used, see `read_label_map`.
        """
        return _on_grid(self.read_own_labels(), lambda reference: Study.read_folder(self.folder, reference=reference))

    def read_label_map(self, study: Study) -> LabelMap:
        """What the case's labels say, on `study.reference`; perhaps of the whole tumour only.

        Raises:
            CaseError: The file cannot be read, has another grid than the reference, labels that are not known, or core
                and oedema exchanged.
        """
        try:
            return self.read_own_labels().on(study.reference, str(self.labels))
        except StudyError as error:
            raise CaseError(f"{error}, or remove the case") from error

    def read_labels(self, study: Study) -> np.ndarray:
        """The BraTS label map, uint8 (K, J, I) on `study.reference`: NCR 1, ED 2, ET 3.

        Raises:
            CaseError: As `read_label_map`; also when the labels do not tell all regions.
        """
        found = self.read_label_map(study)
        if found.known != REGIONS:
            raise CaseError(
                f"{self.labels} tells {' and '.join(found.known) or 'no region'} only, of {', '.join(REGIONS)}: remove "
                f"the case, or say what its labels mean (--labels {', '.join(ORDERS)})"
            )
        return found.labels

    def read_own_labels(self) -> LabelMap:
        """What the case's labels say, on their own grid. Raises `CaseError` as `read_label_map`."""
        return read_label_map(self.labels, self.order)


def _on_grid(labels: LabelMap, read: Callable[[str | None], Study]) -> Study:
    """The study that `read` gives for a reference: for that on whose grid the labels lie, where they do not lie on that
    of the default one.
    """
    study = read(None)
    if labels.lies_on(study.reference):
        return study
    there = (name for name in REFERENCE_ORDER if name in study.modalities)
    on_it = (name for name in there if labels.lies_on(study.volume(name).geometry))
    fitting = next(on_it, None)
    return study if fitting is None else read(fitting)


def find_cases(folder: Path | str, names: list[str] | None = None, labels: str | None = None) -> list[Case]:
    """Cases below `folder`, sorted by name: every folder in it with a label map (`*seg.nii.gz` and the like) or a
    Slicer segmentation (`*.seg.nrrd`), or one of the whole tumour (`*wt.nii.gz`). Masks of the brain are none.

    Args:
        folder: Folder of case folders.
        names: Take these only, in this order.
        labels: What the labels of all of them mean, of `labels.ORDERS`; None: look at each.

    Raises:
        CaseError: No case is found, or a named one is absent or without labels; one has several label maps or cannot be
            read; `labels` is unknown.
    """
    folder, order = Path(folder), check_order(labels)
    if not folder.is_dir():
        raise CaseError(f"The folder {folder} does not exist: name the folder that holds the case folders")
    try:
        folders = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}
    except OSError as error:
        raise CaseError(f"{folder} cannot be read: {error.strerror or error}") from error
    if names is None:
        found = [case for path in folders.values() if (case := _case(path, order))]
        if not found:
            raise CaseError(
                f"No case in {folder}: none of its {len(folders)} folders has a label map (a file ending in seg.nii "
                "or seg.nii.gz) beside the volumes t1, t1c, t2, flair"
            )
        return found
    found = []
    for name in names:
        if name not in folders:
            raise CaseError(f"The case {name} is not in {folder}: correct the split or the folder")
        if (case := _case(folders[name], order)) is None:
            raise CaseError(f"The case {name} in {folder} has no label map (a file ending in seg.nii or seg.nii.gz)")
        found.append(case)
    return found


def _case(folder: Path, order: str | None) -> Case | None:
    """The case in a folder; None without a label map. Raises `CaseError` where there are several."""
    try:
        found = outline_files(folder)
        if not found:
            found, order = outline_files(folder, lambda stem: re.split("[-_]", stem.lower())[-1] == WHOLE), "binary"
    except StudyError as error:
        raise CaseError(str(error)) from error
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise CaseError(f"The case {folder.name} has {len(found)} label maps: {names}. Leave one in {folder}")
    return Case(folder.name, folder, found[0], order) if found else None


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
        content = parse_json(Path(path).read_text(encoding="utf-8-sig"))
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
        truth: uint8 (K, J, I) on `study.reference`, for each of WT, TC, ET that the labels tell.
        doubts: What is not certain of volumes and labels, see `doubts_of`.
    """

    name: str
    study: Study
    truth: dict[str, np.ndarray]
    doubts: tuple[str, ...] = ()

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
    found = case.read_label_map(study)
    masks = found.masks
    return OpenCase(case.name, study, {region: masks[region] for region in found.known}, doubts_of(study, found))


def _read_some(case: Case, modalities: tuple[str, ...]) -> Study:
    volumes = find_volumes(case.folder)
    missing = [modality for modality in modalities if modality not in volumes]
    if missing:
        raise CaseError(f"Case {case.name} has no {', '.join(missing)}: it has {', '.join(volumes)}")
    kept = {modality: volumes[modality] for modality in modalities}
    check_one_case([Origin.of(*one) for one in kept.items()])
    t1, t1c, t2, flair = (kept.get(modality) for modality in MODALITIES)
    return _on_grid(
        case.read_own_labels(),
        lambda reference: Study.read(t1=t1, t1c=t1c, t2=t2, flair=flair, reference=reference),
    )


def choose_cases(folder: Path, split: Path | None, part: str = "val", labels: str | None = None) -> list[Case]:
    """The labelled cases below `folder`: all of them, or those of one part of a split file, in its order. `labels` as
    for `find_cases`.

    Raises:
        CaseError: The folder, the split or a case of it cannot be used.
    """
    if part not in PARTS:
        raise CaseError(f"Unknown part {part!r} of a split. Choose {' or '.join(PARTS)}")
    if split is None:
        return find_cases(folder, labels=labels)
    parts = read_split(split)
    return find_cases(folder, list(parts.train if part == "train" else parts.val), labels)
