"""What speaks against visits being several examinations of one patient: their paths, and voxels that are equal."""

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..study import Study
from .lesions import VisitMasks

_SUBJECT = re.compile(r"(?<![a-z0-9])((?:subj?|subject|pat|patient)[-_ ]?[0-9][a-z0-9]*|sub-[a-z0-9]+)(?![a-z0-9])")
"""The part of a path that tells a patient, in small letters."""


def folder_notes(folders: Iterable[Path | str]) -> list[str]:
    """A sentence where folders tell several patients, such as sub-01 and sub-02; not which."""
    told = {words[-1] for folder in folders if (words := _SUBJECT.findall(str(Path(folder).resolve()).lower()))}
    if len(told) < 2:
        return []
    return ["the visits lie in folders that are called after different patients: check that they are of one patient"]


def equal_notes(studies: Sequence[Study | None], masks: Sequence[VisitMasks | None]) -> list[str]:
    """What is equal voxel by voxel at two visits, and so the same under two names; for each visit in order its volumes
    and its outlines, None where there are none.
    """
    notes = []
    for (number, one), (later, other) in combinations(enumerate(zip(studies, masks, strict=True), start=1), 2):
        same = _same_volumes(one[0], other[0]) + (["segmentation"] if _same_outlines(one[1], other[1]) else [])
        if same:
            said = f"{', '.join(same)}: equal voxel by voxel at V{number} and V{later}"
            notes.append(f"{said}: check that they are two examinations")
    return notes


def _same_volumes(one: Study | None, other: Study | None) -> list[str]:
    if one is None or other is None:
        return []
    names = [name for name in one.modalities if name in other.modalities]
    return [name for name in names if np.array_equal(_voxels(one, name), _voxels(other, name))]


def _voxels(study: Study, modality: str) -> np.ndarray:
    return np.asarray(sitk.GetArrayViewFromImage(study.volume(modality).image))


def _same_outlines(one: VisitMasks | None, other: VisitMasks | None) -> bool:
    """Whether something is outlined and all of it is the same."""
    if one is None or other is None or not one.wt.any():
        return False
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("wt", "tc", "et"))
