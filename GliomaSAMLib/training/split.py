"""A split into training and validation where the user gives none: stratified by enhancement and size, written down."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.cases import Case, Split
from ..data.labels import ET
from ..data.visits import by_patient
from ..errors import CaseError
from ..files import replacing
from ..regions import REGIONS

SPLIT = "split.json"

FEWEST = 5
"""With fewer patients with gliomas that have all labels, all are for training: what few cases tell is chance."""


@dataclass(frozen=True)
class Size:
    """What a label map holds, or what all those of a patient hold together.

    Args:
        whole: Voxels of the whole tumour.
        enhancing: Voxels of the enhancing part.
    """

    whole: int
    enhancing: int


def make_split(cases: Sequence[Case], share: float, seed: int) -> Split:
    """Choose patients for validation, with tumours of all sizes, and as large a share of those with enhancement as of
    the others. All cases of a patient, see `patient_of`, are in one list.

    Patients without a glioma, or one of whose labels tells the whole tumour only, are for training.

    Args:
        cases: The cases; their label maps are read.
        share: Share of the patients with gliomas and all labels who are for validation; 0 for none.
        seed: Fixes the choice.

    Raises:
        CaseError: A label map cannot be read.
    """
    names = [case.name for case in cases]
    own = {case.name: _size(case) for case in cases}
    groups = {visits[0]: visits for visits in by_patient(names).values()}
    sizes = {name: size for name, visits in groups.items() if (size := _sum([own[one] for one in visits])) is not None}
    gliomas = [name for name, size in sizes.items() if size.whole]
    chosen: set[str] = set()
    if share > 0 and len(gliomas) >= FEWEST:
        rng = np.random.default_rng((seed, 19))
        for enhancing in (True, False):
            alike = [name for name in gliomas if bool(sizes[name].enhancing) is enhancing]
            chosen |= _evenly(sorted(alike, key=lambda name: (sizes[name].whole, name)), share, rng)
        if not chosen:
            chosen = {gliomas[int(rng.integers(len(gliomas)))]}
    val = {one for name in chosen for one in groups[name]}
    return Split(tuple(n for n in names if n not in val), tuple(n for n in names if n in val))


def write_split(split: Split, path: Path) -> None:
    """Write a split as `read_split` reads it. Raises `OutputError`."""
    content = json.dumps({"train": list(split.train), "val": list(split.val)}, indent=1) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _evenly(names: Sequence[str], share: float, rng: np.random.Generator) -> set[str]:
    """A share of the names, evenly spread over their order."""
    count = min(round(share * len(names)), len(names) - 1) if len(names) > 1 else 0
    places = (np.arange(count) + rng.random()) * len(names) / max(count, 1)
    return {names[int(place)] for place in places}


def _size(case: Case) -> Size | None:
    """What the label map of a case holds; None where it does not tell all regions."""
    found = case.read_own_labels()
    if found.known != REGIONS:
        return None
    return Size(int(np.count_nonzero(found.labels)), int(np.count_nonzero(found.labels == ET)))


def _sum(sizes: Sequence[Size | None]) -> Size | None:
    """What several label maps hold together; None where one does not tell all regions."""
    told = [size for size in sizes if size is not None]
    if len(told) < len(sizes):
        return None
    return Size(sum(size.whole for size in told), sum(size.enhancing for size in told))


def check_validation(cases: Sequence[Case]) -> None:
    """Raise `CaseError` where the labels of a case for validation cannot be read, or do not tell all regions."""
    if unknown := [case.name for case in cases if case.read_own_labels().known != REGIONS]:
        raise CaseError(
            f"{', '.join(unknown)} cannot be used for validation: the labels do not tell all of WT, TC, ET. "
            "Move them to the list 'train' of the split"
        )
