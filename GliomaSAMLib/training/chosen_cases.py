"""The cases of a training and of its validation: from the user's split, or from one that is made and kept."""

from collections.abc import Callable

from ..data.cases import Case, Split, find_cases, read_split
from ..data.visits import by_patient, on_both_sides, patient_of
from ..errors import CaseError
from ..listing import first_of
from .checkpoint import make_run_folder
from .options import TrainOptions
from .split import SPLIT, make_split, write_split

MOST_NAMED = 3
"""So many patients are named in a message."""


def chosen_cases(
    options: TrainOptions, goes_on: bool, tell: Callable[[str], None] = lambda line: None
) -> tuple[list[Case], list[Case]]:
    """The cases for training and for validation.

    Without a split of the user's one is made and written to the folder of the run, and taken from there afterwards.
    What has been found since then is for training, but for further cases of patients for validation.

    Args:
        options: The training.
        goes_on: Whether a checkpoint lies in the folder of the run; then no other split is made.
        tell: Given lines for the user: of patients with several cases.

    Raises:
        CaseError: No case, a case that is not there or cannot serve, or a split that cannot be used.
        OutputError: The split cannot be written.
    """
    source = options.split or options.output / SPLIT
    split = read_split(options.split) if options.split is not None else _made_split(options, goes_on)
    if not split.train:
        raise CaseError(f"{source} names no case for training: add some to its list 'train'")
    if options.patience is not None and not split.val:
        raise CaseError(f"{source} names no case for validation, which patience needs: add some to 'val'")
    train = find_cases(options.folder, list(split.train), options.labels)
    val = find_cases(options.folder, list(split.val), options.labels)
    more = [case for folder in options.extra for case in find_cases(folder, labels=options.labels)]
    if both := sorted({case.name for case in more} & set(split.val)):
        raise CaseError(
            f"{', '.join(both)} is for validation and lies in a folder of more cases for training: remove it there"
        )
    _tell_of_patients([case.name for case in train + more], [case.name for case in val], tell)
    return train + more, val


def _made_split(options: TrainOptions, goes_on: bool) -> Split:
    path = options.output / SPLIT
    if goes_on and not path.exists():
        raise CaseError(
            f"{options.output} holds a training without its split: name that with --split, or choose another folder"
        )
    cases = find_cases(options.folder, labels=options.labels)
    names = [case.name for case in cases]
    known = read_split(path) if path.exists() else None
    if known is None or not (goes_on or set(known.val) <= set(names)):
        split = make_split(cases, options.validation, options.seed)
        make_run_folder(options.output)
        write_split(split, path)
        return split
    patients = {patient_of(name) for name in known.val}
    val = [name for name in names if name not in known.train and patient_of(name) in patients]
    kept = [name for name in known.val if name in names]
    return Split(tuple(name for name in names if name not in val), (*kept, *(name for name in val if name not in kept)))


def _tell_of_patients(train: list[str], val: list[str], tell: Callable[[str], None]) -> None:
    """Tell that patients have several cases, and of which of them there are some on both sides."""
    if both := on_both_sides(train, val):
        shown = first_of([", ".join(names) for names in both.values()], MOST_NAMED, between="; ")
        tell(
            f"note: by the names of their folders {len(both)} patients have cases for training and for validation "
            f"({shown}), so that the validation flatters: leave all cases of a patient in one list"
        )
    elif val and (several := sum(len(names) > 1 for names in by_patient([*train, *val]).values())):
        tell(f"{several} patients have several cases, by the names of their folders: all of one are on one side")
