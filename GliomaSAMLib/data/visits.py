"""Which cases are examinations of one patient, by the names of their folders."""

import re
from collections.abc import Iterable, Sequence

_WORD = re.compile(
    r"(.+?)[-_ .]*(?<![a-z])(?:ses-[a-z0-9]+"
    r"|(?:ses|session|visit|timepoint|time|tp|week|month|day|exam|scan|fu)[-_ ]?\d+"
    r"|baseline|follow[-_ ]?up|(?:pre|post)[-_ ]?op)(?![a-z]).*",
    re.IGNORECASE,
)
"""`sub-01_ses-02`, `Patient-001_week-012`, `pat7 follow-up 2`."""

_DATE = re.compile(r"(.+?)[-_ ](?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d")

_NUMBER = re.compile(r"(.*(?<!\d)(?!(?:19|20)\d\d[-_])\d{4,5})[-_]\d{2,3}")
"""`BraTS-GLI-00001-101`, `UPENN-GBM-00001_11`; not `BraTS2021_00001` or `BraTS20_Training_001`."""


def patient_of(name: str) -> str:
    """The part of a case's name that is the patient's; all of it where it tells no examination."""
    found = next((match for rule in (_WORD, _DATE, _NUMBER) if (match := rule.fullmatch(name))), None)
    patient = found[1].strip("-_ .") if found else name
    return patient if re.search(r"\d|^sub-", patient) else name


def by_patient(names: Iterable[str]) -> dict[str, list[str]]:
    """The cases of each patient, in the order in which they come."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(patient_of(name), []).append(name)
    return groups


def on_both_sides(train: Sequence[str], val: Sequence[str]) -> dict[str, list[str]]:
    """The cases of each patient of whom there are some for training and others for validation."""
    both = {patient_of(name) for name in train} & {patient_of(name) for name in val}
    return {patient: names for patient, names in by_patient([*train, *val]).items() if patient in both}
