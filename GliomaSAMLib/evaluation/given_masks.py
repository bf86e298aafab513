"""Masks that exist already (of other programs, of raters, corrected files) as a method to be measured."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.cases import Case, OpenCase
from ..data.labels import LabelMap, check_order, read_label_map
from ..data.segment_names import SEGMENTATION_SUFFIX
from ..errors import CaseError, GliomaSAMError
from ..files import check_name, refuse_dangling, sha256_of

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", SEGMENTATION_SUFFIX)
"""Of the files of masks, after the name of the case."""

OPTION = "--masks-labels"
"""By which the command line takes what the labels of masks mean."""


class GivenMasks:
    """A folder with one label map or Slicer segmentation a case, named as the case with one of `SUFFIXES`.

    Args:
        name: As it stands in tables.
        place: The folder.
        labels: What the labels of all of them mean, as for `read_label_map`.

    Raises:
        CaseError: There is no such folder, or `labels` is unknown.
    """

    initial_input = "masks of files"
    weights = folder = ""

    def __init__(self, name: str, place: Path, labels: str | None = None) -> None:
        check_name(place, CaseError)
        if not place.is_dir():
            raise CaseError(f"The folder {place} of the masks {name} does not exist: name the folder that holds them")
        self.name = name
        self.place = place
        self._labels = check_order(labels)
        self.signature = f"masks with labels {labels or 'looked at'}"
        self._sha256: dict[str, str] = {}
        self._last: tuple[OpenCase, Path, LabelMap] | None = None

    def check(self, cases: Sequence[Case]) -> None:
        """Raise `CaseError` where the folder has a mask of none of these cases."""
        if cases and not any(self._files(case.name) for case in cases):
            raise CaseError(
                f"{self.place} holds no mask of these cases, such as {cases[0].name}.nii.gz or "
                f"{cases[0].name}{SEGMENTATION_SUFFIX}: name its files as the case folders"
            )

    def sha256(self, case: str) -> str:
        """Of the mask of a case; "" where none can be read, which is told when it is measured."""
        if case not in self._sha256:
            try:
                self._sha256[case] = sha256_of([self._file(case)])
            except GliomaSAMError:
                self._sha256[case] = ""
        return self._sha256[case]

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """The mask of a region on the grid of the case. Raises `CaseError` or `StudyError` where the file is absent,
        cannot be read, has another grid or does not tell the region.
        """
        if self._last is None or self._last[0] is not case:
            self._last = None
            file = self._file(case.name)
            found = read_label_map(file, self._labels, option=OPTION)
            self._last = (case, file, found.on(case.geometry, str(file)))
        _, file, outlines = self._last
        if region not in outlines.known:
            raise CaseError(
                f"{file} tells {' and '.join(outlines.known) or 'no region'} only, not {region}: measure other "
                f"regions, or say what its labels mean ({OPTION})"
            )
        return outlines.masks[region]

    def _file(self, case: str) -> Path:
        """The mask of a case. Raises `CaseError` where there is none, or more than one; `StudyError` for a link to
        what is not there.
        """
        found = self._files(case)
        if not found:
            raise CaseError(f"{self.place} holds no mask {case}.nii.gz, nor one of {', '.join(SUFFIXES[1:])}")
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise CaseError(f"{self.place} holds {len(found)} masks of {case}: {names}. Leave one")
        refuse_dangling(found[0])
        return found[0]

    def _files(self, case: str) -> list[Path]:
        paths = [self.place / f"{case}{suffix}" for suffix in SUFFIXES]
        return [path for path in paths if os.path.lexists(path)]
