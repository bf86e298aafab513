"""Headers with chance mistakes in them are read or refused in one line; the process lives and memory stays small."""

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import write_frames
from forks import MOST_MEMORY, in_forks
from mutations import change_numbers, change_words, cut

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

READ, REFUSED = 0, 2


def read(path: Path) -> int:
    """The status of a process that reads a volume: `READ`, `REFUSED` in one line of our own, or another."""
    try:
        read_volume(path, "t1")
    except StudyError as error:
        return REFUSED if "\n" not in str(error) else 3
    return READ


@pytest.mark.parametrize(
    ("name", "end", "change"),
    [
        ("a.nrrd", b"\n\n", change_words),
        ("a.mha", b"LOCAL", change_words),
        ("a.nii", 348, change_numbers),
        ("a.hdr", 348, change_numbers),
        ("a.dcm", -5000, change_numbers),
        ("b.dcm", -5000, change_numbers),
    ],
)
def test_mistakes_by_chance(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    end: bytes | int,
    change: Callable[[random.Random, bytes], bytes],
) -> None:
    path, errors = tmp_path / "whole" / name, tmp_path_factory.mktemp("said") / "errors"
    path.parent.mkdir()
    values = np.random.default_rng(0).integers(1, 900, (12, 14, 16)).astype(np.int16)
    if path.suffix == ".dcm":
        bare = name == "b.dcm"
        write_frames(path, values, np.eye(4), list(range(12)), implicit=bare, open_ends=bare)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    whole = path.read_bytes()
    length = whole.index(end) + len(end) if isinstance(end, bytes) else end % len(whole)
    chance, spoiled = random.Random(7), []
    for number in range(120):
        spoiled.append(shutil.copytree(tmp_path / "whole", tmp_path / str(number)) / name)
        content = change(chance, whole[:length]) + whole[length:]
        spoiled[-1].write_bytes(cut(chance, content) if chance.random() < 0.1 else content)
    before = set(tmp_path.rglob("*"))
    ends = in_forks([partial(read, one) for one in spoiled], errors)
    for ended, one in zip(ends, spoiled, strict=True):
        if ended.status not in (READ, REFUSED) or ended.text or ended.memory > MOST_MEMORY:
            pytest.fail(f"{ended} after {one.read_bytes()[:length]!r}")
    assert set(tmp_path.rglob("*")) == before
    assert REFUSED in {ended.status for ended in ends}
