"""Modalities are recognised by file names and series descriptions, and volumes are found in folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.modalities import find_volumes, is_segmentation, recognise
from GliomaSAMLib.study.naming import is_named_after_a_tumour, is_tumour_outline


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("t1", "t1"),
        ("t1n", "t1"),
        ("t1ce", "t1c"),
        ("t1c", "t1c"),
        ("t1gd", "t1c"),
        ("t2", "t2"),
        ("t2w", "t2"),
        ("flair", "flair"),
        ("t2f", "flair"),
        ("BraTS-GLI-00001-000-t1n", "t1"),
        ("BraTS-GLI-00001-000-t2f", "flair"),
        ("Brats18_2013_2_1_t1ce", "t1c"),
        ("sub-01_ses-02_T1w", "t1"),
        ("sub-01_ce-gadolinium_T1w", "t1c"),
        ("sub-01_FLAIR", "flair"),
        ("flair_to_t1", "flair"),
        ("T2_in_t1c_space", "t2"),
        ("AX T1 POST GD", "t1c"),
        ("AX T1 PRE", "t1"),
        ("T1 +C", "t1c"),
        ("Ax T1 C+", "t1c"),
        ("t1_mprage_sag_KM", "t1c"),
        ("SAG MPRAGE", "t1"),
        ("T2 FLAIR tra", "flair"),
        ("t2_tirm_tra_dark-fluid", "flair"),
        ("AX T2 FSE", "t2"),
        ("AX T1 FLAIR", "t1"),
        ("T1 without contrast", "t1"),
        ("pre-op T1 post contrast", "t1c"),
        ("T1 post-op", "t1"),
        ("AX DWI b1000", None),
        ("ADC", None),
        ("AX T2*", None),
        ("AX T2 GRE", None),
        ("3-plane localizer", None),
        ("T1 SUBTRACTION", None),
        ("patient", None),
        ("t1_seg", None),
        ("BraTS-GLI-00001-000-seg", None),
        ("t1_brainmask", None),
    ],
)
def test_names_and_descriptions(text: str, modality: str | None) -> None:
    assert recognise(text) == modality


def test_recorded_contrast_agent_decides_a_plain_t1_only() -> None:
    assert recognise("AX T1", contrast_agent=True) == "t1c"
    assert recognise("AX T1 PRE", contrast_agent=True) == "t1"
    assert recognise("AX T2", contrast_agent=True) == "t2"


@pytest.mark.parametrize("name", ["seg", "CASE-seg", "t1_label", "labels", "brain_mask", "flair-lesionmask"])
def test_label_maps_are_known(name: str) -> None:
    assert is_segmentation(name)


@pytest.mark.parametrize(
    ("name", "of_a_tumour"),
    [
        ("CASE-seg", True),
        ("Segmentation.seg", True),
        ("brain_tumor_mask", True),
        ("t1c", False),
        ("brain_mask", False),
        ("t1_brainmask", False),
        ("t1c_bet_mask", False),
        ("HD-BET_mask", False),
        ("hdbet_mask", False),
        ("skull_seg", False),
        ("head_mask", False),
    ],
)
def test_masks_of_the_head_are_no_outlines_of_a_tumour(name: str, of_a_tumour: bool) -> None:
    assert is_tumour_outline(name) == of_a_tumour


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("tumour", True),
        ("Tumor_corrected", True),
        ("glioma", True),
        ("patient3_GTV1", True),
        ("lesion", True),
        ("glioma-012_t1c", False),
        ("tumour_adc", False),
        ("UPENN-GBM-00001_wm", False),
        ("brain", False),
    ],
)
def test_what_is_called_after_a_tumour_and_no_sequence(name: str, named: bool) -> None:
    assert is_named_after_a_tumour(name) == named


Write = Callable[..., None]


@pytest.fixture
def write(small_grid: Geometry, small_arrays: dict[str, np.ndarray]) -> Write:
    def write_volumes(folder: Path, *names: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            sitk.WriteImage(small_grid.to_image(small_arrays["t1"] + np.int16(number)), str(folder / name))

    return write_volumes


@pytest.mark.parametrize("place", [".", "anat"])
def test_a_folder_that_must_not_be_entered(
    place: str, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anat").mkdir()
    write(tmp_path, *(() if place == "." else ("t1c.nii.gz",)))
    closed, seen = tmp_path / place, Path.iterdir

    def guarded(self: Path) -> object:
        if self == closed:
            raise PermissionError(13, "Permission denied", str(self))
        return seen(self)

    monkeypatch.setattr(Path, "iterdir", guarded)  # root may enter all folders
    with pytest.raises(StudyError, match="cannot be read: Permission denied") as caught:
        find_volumes(tmp_path)
    assert str(closed) in str(caught.value)


def test_names_and_notes(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "X-t1n.nii.gz", "X-t1c.nii.gz", "X-t2w.nrrd", "X-t2f.mha", "X-seg.nii.gz", "t1_brain_mask.nii.gz")
    (tmp_path / "notes.txt").write_text("t1")
    study = Study.read_folder(tmp_path)
    assert study.modalities == ("t1", "t1c", "t2", "flair")
    assert study.notes[:4] == ("t1 is X-t1n.nii.gz", "t1c is X-t1c.nii.gz", "t2 is X-t2w.nrrd", "flair is X-t2f.mha")


@pytest.mark.parametrize(
    ("names", "doubts"),
    [
        (("t1.nii", "flair.nii"), ["t1: nothing says whether contrast agent was given"]),
        (("t1.nii", "t1c.nii"), []),
        (("t1n.nii", "t2.nii"), []),
        (("BRATS_001_0000.nii",), ["flair: only its number tells, and channels come in several orders"]),
        (("t1n.nii", "AX FLAIR T1 POST.nii"), ["t1c: it speaks of T1 and of FLAIR"]),
    ],
)
def test_what_is_not_sure_is_told(names: tuple[str, ...], doubts: list[str], tmp_path: Path, write: Write) -> None:
    write(tmp_path, *names)
    told = [note for note in Study.read_folder(tmp_path).notes if note.startswith("not sure")]
    assert told == [f"not sure that this is {doubt}; check it" for doubt in doubts]


def test_sub_folders_are_searched_level_by_level(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "scan" / "a", "t1.nii")
    write(tmp_path / "scan" / "b", "flair.nii")
    assert tuple(find_volumes(tmp_path)) == ("t1", "flair")
    write(tmp_path, "t2.nii")
    assert tuple(find_volumes(tmp_path)) == ("t2",)


def test_a_folder_of_a_cd_is_searched_to_its_series(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "PT0" / "ST0" / "SE0", "t1.nii")
    write(tmp_path / "PT0" / "ST0" / "SE1", "flair.nii")
    assert tuple(find_volumes(tmp_path)) == ("t1", "flair")
    write(tmp_path / "above" / "A" / "B" / "C" / "D", "t1.nii")
    with pytest.raises(StudyError, match="no MR volume was recognised, nor in sub-folders 3 levels deep"):
        find_volumes(tmp_path / "above")


def test_volumes_left_out_are_named(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "t1.nii", "dwi.nii.gz", "seg.nii.gz")
    write(tmp_path / "later", "flair.nii")
    assert "left out: dwi.nii.gz, later/flair.nii" in Study.read_folder(tmp_path).notes
    write(tmp_path / "many", *(f"dwi_{number}.nii" for number in range(20)))
    assert any(note.endswith(" and 10 more") for note in Study.read_folder(tmp_path).notes)


def test_a_volume_that_is_not_fetched_is_named(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "t1.nii", "t2.nii")
    for name in ("seg.nii.gz", "dwi.nii.gz", "notes.txt"):
        (tmp_path / name).symlink_to("../.git/annex/objects/one")
    assert "left out: dwi.nii.gz" in Study.read_folder(tmp_path).notes
    (tmp_path / "t1c.nii").symlink_to("../.git/annex/objects/one.nii")
    with pytest.raises(StudyError, match=r"t1c\.nii: the file that this link leads to is not there; fetch it"):
        Study.read_folder(tmp_path)


def test_ambiguity_names_the_candidates(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "a_flair.nii", "b_flair.nii.gz", "t1.nii")
    with pytest.raises(StudyError, match=r"2 volumes look like flair: a_flair.nii, b_flair.nii.gz"):
        Study.read_folder(tmp_path)


def test_nothing_recognised(tmp_path: Path, write: Write) -> None:
    write(tmp_path, "brain.nii", "seg.nii")
    with pytest.raises(StudyError, match=r"Not recognised: .*brain\.nii"):
        Study.read_folder(tmp_path)
    with pytest.raises(StudyError, match="the folder does not exist"):
        Study.read_folder(tmp_path / "absent")
    with pytest.raises(StudyError, match="is a file"):
        Study.read_folder(tmp_path / "brain.nii")
