from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Geometry, Study
from GliomaSAMLib.study.folder import find_volumes

Write = Callable[..., None]


@pytest.fixture
def write(small_grid: Geometry, small_arrays: dict[str, np.ndarray]) -> Write:
    def write_volumes(folder: Path, *names: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            sitk.WriteImage(small_grid.to_image(small_arrays["t1"]), str(folder / name))

    return write_volumes


def test_names_and_notes(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "X-t1n.nii.gz", "X-t1c.nii.gz", "X-t2w.nrrd", "X-t2f.mha", "X-seg.nii.gz", "t1_brain_mask.nii.gz")
    (tmp_path / "notes.txt").write_text("t1")
    study = Study.read_folder(tmp_path)
    assert study.modalities == ("t1", "t1c", "t2", "flair")
    assert study.notes[:4] == ("t1 is X-t1n.nii.gz", "t1c is X-t1c.nii.gz", "t2 is X-t2w.nrrd", "flair is X-t2f.mha")


def test_sub_folders_are_searched_level_by_level(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "scan" / "a", "t1.nii")
    write(tmp_path / "scan" / "b", "flair.nii")
    assert tuple(find_volumes(tmp_path)) == ("t1", "flair")
    write(tmp_path, "t2.nii")
    assert tuple(find_volumes(tmp_path)) == ("t2",)


def test_ambiguity_names_the_candidates(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "a_flair.nii", "b_flair.nii.gz", "t1.nii")
    with pytest.raises(StudyError, match=r"2 volumes look like flair: a_flair.nii, b_flair.nii.gz"):
        Study.read_folder(tmp_path)


def test_nothing_recognised(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "brain.nii", "seg.nii")
    with pytest.raises(StudyError, match=r"Not recognised: .*brain\.nii"):
        Study.read_folder(tmp_path)
    with pytest.raises(StudyError, match="no such folder"):
        Study.read_folder(tmp_path / "absent")
    with pytest.raises(StudyError, match="is a file"):
        Study.read_folder(tmp_path / "brain.nii")
