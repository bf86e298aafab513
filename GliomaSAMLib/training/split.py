"""A split into training and validation where the user gives none: stratified by enhancement and size, written down."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from ..data.cases import Case, Split
from ..data.labels import ET
from ..data.visits import by_patient
from ..errors import CaseError
from ..files import replacing
from ..regions import REGIONS

SPLIT = "split.json"

WHOLE = REGIONS[0]

FEWEST = 5
"""With fewer patients with gliomas, all are for training: what few cases tell is chance."""


@dataclass(frozen=True)
class Size:
    """What a label map holds, or what all those of a patient hold together.

    Args:
        known: The regions that it tells, or all tell.
        whole: Voxels of the whole tumour.
        enhancing: Voxels of the enhancing part.
    """

    known: tuple[str, ...]
    whole: int
    enhancing: int


def make_split(cases: Sequence[Case], share: float, seed: int) -> Split:
    """Choose patients for validation, with tumours of all sizes, and as large a share of those with enhancement as of
    the others, of those whose labels tell all regions as of those that tell some. All cases of a patient, see
    `patient_of`, are in one list.

    Patients without a glioma are for training.

    Args:
        cases: The cases; their label maps are read.
        share: Share of the patients with gliomas who are for validation; 0 for none.
        seed: Fixes the choice.

    Raises:
        CaseError: A label map cannot be read.
    """
    names = [case.name for case in cases]
    own = {case.name: _size(case) for case in cases}
    groups = {visits[0]: visits for visits in by_patient(names).values()}
    sizes = {name: _sum([own[one] for one in visits]) for name, visits in groups.items()}
    gliomas = [name for name, size in sizes.items() if size.whole and WHOLE in size.known]
    kinds = sorted({REGIONS, *(sizes[name].known for name in gliomas)}, key=lambda known: (-len(known), known))
    chosen: set[str] = set()
    if share > 0 and len(gliomas) >= FEWEST:
        rng = np.random.default_rng((seed, 19))
        for known, enhancing in product(kinds, (True, False)):
            alike = [n for n in gliomas if sizes[n].known == known and bool(sizes[n].enhancing) is enhancing]
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


def _size(case: Case) -> Size:
    found = case.read_own_labels()
    return Size(found.known, int(np.count_nonzero(found.labels)), int(np.count_nonzero(found.labels == ET)))


def _sum(sizes: Sequence[Size]) -> Size:
    """What several label maps hold together."""
    known = tuple(region for region in REGIONS if all(region in size.known for size in sizes))
    return Size(known, sum(size.whole for size in sizes), sum(size.enhancing for size in sizes))


def check_validation(cases: Sequence[Case]) -> None:
    """Raise `CaseError` where the labels of a case for validation cannot be read, or do not tell the whole tumour."""
    if unknown := [case.name for case in cases if WHOLE not in case.read_own_labels().known]:
        raise CaseError(
            f"{', '.join(unknown)} cannot be used for training or validation: the labels do not tell the whole tumour "
            "(WT). Outline it, or remove them"
        )
