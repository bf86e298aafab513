"""Which file of a visit holds its outlines: by its name, asked about, or none."""

import shutil
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from heads import GRID, head, write_visit

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.followup.examination import read_examination

TODAY = date(2025, 1, 1)


@cache
def arrays() -> dict[str, np.ndarray]:
    return head()


def write_labels(folder: Path, labels: np.ndarray, name: str = "seg.nii.gz") -> None:
    sitk.WriteImage(GRID.to_image(labels), str(folder / name))


@pytest.mark.parametrize("name", ["tumour.nii.gz", "glioma.nii.gz", "GTV.nii.gz", "study/tumor_corrected.nii.gz"])
def test_outlines_that_are_called_after_the_tumour_are_taken(name: str, tmp_path: Path) -> None:
    folder = write_visit(tmp_path / "2024-03-01", arrays(), ("t1c",))
    (folder / name).parent.mkdir(exist_ok=True)
    write_labels(folder, arrays()["seg"], name)
    found = read_examination(folder, skull="off", today=TODAY)
    file = Path(name).name
    assert found.file == file and found.outlines is not None and f"{file} is taken as its segmentation" in found.notes
    assert not any("left out" in note for note in found.notes)
    write_labels(folder, arrays()["seg"], "seg.nii.gz")
    assert read_examination(folder, skull="off", today=TODAY).file == "seg.nii.gz"
    write_labels(folder, arrays()["seg"], "lesion.nii.gz")
    (folder / "seg.nii.gz").unlink()
    (folder / name).replace(folder / file)
    with pytest.raises(StudyError, match="has 2 segmentations"):
        read_examination(folder, skull="off", today=TODAY)
    assert read_examination(folder, segmentation="-", skull="off", today=TODAY).outlines is None


def test_what_may_be_outlines_is_asked_about(tmp_path: Path) -> None:
    folder = write_visit(tmp_path / "2024-03-01", arrays(), ("t1c",))
    shutil.copy(folder / "t1c.nii.gz", folder / "other.nii.gz")
    assert read_examination(folder, skull="off", today=TODAY).outlines is None
    write_labels(folder, arrays()["seg"].astype(np.float32), "mine.nii.gz")
    with pytest.raises(StudyError, match=r"but mine\.nii\.gz may be one: give it with --segmentation"):
        read_examination(folder, skull="off", today=TODAY)
    assert read_examination(folder, segmentation="-", skull="off", today=TODAY).outlines is None
    assert read_examination(folder, segmentation=folder / "mine.nii.gz", skull="off").file == "mine.nii.gz"


@pytest.mark.parametrize("labels", [(1, 1), (1, 3)])
def test_a_mask_of_the_brain_is_no_tumour(labels: tuple[int, int], tmp_path: Path) -> None:
    folder = write_visit(tmp_path / "2024-03-01", arrays(), ("t1c",))
    t1c = arrays()["t1c"]
    tissues = np.where(t1c > np.median(t1c[t1c > 0]), *labels) * (t1c > 0)
    write_labels(folder, tissues.astype(np.uint8), "t1c_mask.nii.gz")
    with pytest.raises(StudyError, match=r"2024-03-01: t1c_mask\.nii\.gz fills \d+ % of the brain, as a mask of the"):
        read_examination(folder, skull="off", today=TODAY)
    assert read_examination(folder, segmentation="-", skull="off", today=TODAY).outlines is None


def test_volumes_left_out_are_named(tmp_path: Path) -> None:
    folder = write_visit(tmp_path / "2024-03-01", arrays(), ("t1c",))
    for n in range(10):
        shutil.copy(folder / "t1c.nii.gz", folder / f"perfusion{n}.nii.gz")
    note = read_examination(folder, skull="off", today=TODAY).notes[-1]
    assert note.startswith("volumes left out: perfusion0.nii.gz, perfusion1.nii.gz") and note.endswith(" and 2 more")
    write_labels(folder, arrays()["seg"], "mine.nii.gz")
    found = read_examination(folder, segmentation=folder / "mine.nii.gz", skull="off", today=TODAY)
    assert found.file == "mine.nii.gz" and "mine" not in found.notes[-1]


@pytest.mark.parametrize("name", ["brain_mask.nii.gz", "t1c_bet_mask.nii.gz"])
def test_masks_of_the_brain_are_no_segmentation_of_a_tumour(name: str, tmp_path: Path) -> None:
    folder = write_visit(tmp_path / "2024-03-01", arrays(), ("seg",))
    shutil.copy(folder / "seg.nii.gz", folder / name)
    assert read_examination(folder, today=TODAY).file == "seg.nii.gz"
