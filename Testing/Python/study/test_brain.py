import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import Cancelled, OutputError, StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.progress import Reporter
from GliomaSAMLib.regions import dice
from GliomaSAMLib.study import Study, brain
from GliomaSAMLib.study.volume import Volume, read_volume

Arrays = dict[str, np.ndarray]
HEAD_GRID = Geometry(
    (64, 72, 56), (3.2, 3.2, 3.2), (100.0, 113.0, -88.0), ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
)


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    """A head with scalp, skull and brain in noisy air, int16 (K, J, I)."""
    k, j, i = np.indices(HEAD_GRID.shape)
    ras = HEAD_GRID.to_ras(np.stack([i, j, k], -1))
    distance = np.sqrt(((ras / (85.0, 105.0, 80.0)) ** 2).sum(-1))
    values = np.where(distance < 1, 700, 0) + np.where(distance < 0.92, -600, 0) + np.where(distance < 0.82, 350, 0)
    noise = np.abs(np.random.default_rng(5).normal(0, 12, values.shape))
    return (values + noise).astype(np.int16)


def test_skull_is_detected(head: np.ndarray, small_grid: Geometry, small_arrays: Arrays) -> None:
    assert not Volume("t1", "head", HEAD_GRID.to_image(head)).skull_stripped
    assert not Volume("t1", "head", HEAD_GRID.to_image(np.where(head < 60, 0, head))).skull_stripped
    assert Volume("t1", "brain", small_grid.to_image(small_arrays["t1"])).skull_stripped
    assert Volume("t1", "brain", small_grid.to_image(small_arrays["t1"] - 500)).skull_stripped


@pytest.mark.slow
def test_real_volumes_are_told_apart(shared_data: Path) -> None:
    odd = shared_data / "odd"
    for path, stripped in [
        (odd / "BraTS-GLI-00001-000" / "BraTS-GLI-00001-000-t1c.nii.gz", True),
        (odd / "small" / "captk_flair_96x128x96.nii.gz", True),
        (odd / "small" / "stroke_flair_oblique19.nii.gz", True),
        (odd / "small" / "thick_slices_6.5mm_t1.nrrd", False),
        (odd / "tcga_fg_6692_native" / "flair.nii.gz", False),
        (odd / "tcga_fg_6692_native" / "t1.nii.gz", False),
    ]:
        assert Volume("t1", path.name, read_volume(path, "t1")[0]).skull_stripped is stripped, path.name


def test_holes_are_filled_and_specks_left_out(small_grid: Geometry, small_arrays: Arrays) -> None:
    values = small_arrays["t1"].copy()
    values[18:22, 22:26, 18:22] = 0
    values[1, 1, 1] = 300
    study = Study.read(t1=small_grid.to_image(values))
    assert np.array_equal(study.brain, small_arrays["brain"])


def test_skull_off_takes_the_head(head: np.ndarray) -> None:
    study = Study.read(t1=HEAD_GRID.to_image(head), skull="off")
    assert np.count_nonzero(study.brain) * HEAD_GRID.voxel_ml == pytest.approx(
        4 / 3 * np.pi * 8.5 * 10.5 * 8.0, rel=0.05
    )


def program(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put another program in the place of deepbet."""
    monkeypatch.setattr(brain, "_PROGRAM", code)


FINDS_THE_BRAIN = (
    "import sys, SimpleITK as s; i = s.ReadImage(sys.argv[1]); c = s.BinaryErode((i > 250) & (i < 550), [3] * 3);"
    "s.WriteImage(s.Cast(s.RelabelComponent(s.ConnectedComponent(c)) == 1, s.sitkUInt8), sys.argv[2])"
)
"""A program that finds it in `head`."""


def test_extracted_brain_is_used(monkeypatch: pytest.MonkeyPatch, head: np.ndarray) -> None:
    program(monkeypatch, FINDS_THE_BRAIN)
    study = Study.read(t1=HEAD_GRID.to_image(head))
    assert any("deepbet" in note for note in study.notes)
    millilitres = np.count_nonzero(study.brain) * HEAD_GRID.voxel_ml
    assert 1000 < millilitres < 1650
    assert study.canonical.geometry.spacing == (1.0, 1.0, 1.0)
    assert np.count_nonzero(study.canonical.brain) / 1000 == pytest.approx(millilitres, rel=0.03)


@pytest.mark.parametrize(("shift", "turn"), [((0.0, 0.0, 95.0), 0.0), ((40.0, -60.0, 20.0), 0.3)])
def test_a_head_that_moved_far_keeps_its_whole_brain(
    shift: tuple[float, float, float], turn: float, monkeypatch: pytest.MonkeyPatch, head: np.ndarray
) -> None:
    program(monkeypatch, FINDS_THE_BRAIN)
    still = HEAD_GRID.to_image(head)
    motion = sitk.Euler3DTransform((0.0, 0.0, 0.0), turn, 0.0, -turn, shift)
    moved = sitk.Image(still)
    moved.SetOrigin(motion.TransformPoint(still.GetOrigin()))
    matrix = np.reshape(motion.GetMatrix(), (3, 3)) @ np.reshape(still.GetDirection(), (3, 3))
    moved.SetDirection(matrix.ravel().tolist())
    wanted, fine, *_ = brain.find_brain([Volume("t1", "head", still)], HEAD_GRID, "on", Reporter())
    found, fine_found, *_ = brain.find_brain([Volume("t1", "head", moved, motion)], HEAD_GRID, "on", Reporter())
    assert dice(found, wanted) > 0.995
    assert np.array_equal(sitk.GetArrayFromImage(fine_found), sitk.GetArrayFromImage(fine))
    assert Geometry.of_image(fine_found).matches(Geometry.of_image(fine))


@pytest.mark.parametrize(("first", "source"), [(0, "t1"), (16, "t1c")])
def test_the_brain_of_a_slab_is_found_in_the_volume_that_shows_all_of_it(
    first: int, source: str, monkeypatch: pytest.MonkeyPatch, head: np.ndarray
) -> None:
    program(monkeypatch, FINDS_THE_BRAIN)
    whole = HEAD_GRID.to_image(head)
    t1 = HEAD_GRID.to_image(head + (head > 600))[:, :, first : HEAD_GRID.shape[0] - first]
    study = Study.read(t1=t1, t1c=whole, skull="on")
    assert any(f"the brain was found in {source} with deepbet" in note for note in study.notes)
    assert dice(study.brain, Study.read(t1=whole, skull="on").brain) == 1.0


@pytest.mark.parametrize("code", ["raise RuntimeError('no weights')", "import sys; sys.exit(3)"])
def test_failed_extraction(monkeypatch: pytest.MonkeyPatch, head: np.ndarray, code: str) -> None:
    program(monkeypatch, code)
    study = Study.read(t1=HEAD_GRID.to_image(head))
    assert any("the whole head is used instead" in note for note in study.notes)
    with pytest.raises(StudyError, match="stopped with an error"):
        Study.read(t1=HEAD_GRID.to_image(head), skull="on")


@pytest.mark.parametrize("name", ["deepbet.py", "torch.py", "sys_path_of_a_stranger.py", "os.py"])
def test_code_in_the_working_folder_is_not_run(
    name: str, monkeypatch: pytest.MonkeyPatch, head: np.ndarray, tmp_path: Path
) -> None:
    sign = tmp_path / "ran"
    (tmp_path / name).write_text(f"open({str(sign)!r}, 'w').close()\nraise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    program(monkeypatch, f"import {name.removesuffix('.py')}; raise RuntimeError('the end')")
    with pytest.raises(StudyError, match="stopped with an error"):
        Study.read(t1=HEAD_GRID.to_image(head), skull="on")
    assert not sign.exists()


def test_the_temporary_folder_is_full(monkeypatch: pytest.MonkeyPatch, head: np.ndarray) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("no space")

    monkeypatch.setattr(brain.sitk, "WriteImage", full)
    with pytest.raises(OutputError, match="free space, or set TMPDIR"):
        Study.read(t1=HEAD_GRID.to_image(head), skull="on")


def test_a_brain_of_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, head: np.ndarray) -> None:
    program(monkeypatch, "import sys, SimpleITK as s; s.WriteImage(s.ReadImage(sys.argv[1]) < -1, sys.argv[2])")
    with pytest.raises(StudyError, match="0 mL, which is not the size of a brain"):
        Study.read(t1=HEAD_GRID.to_image(head), skull="on")


def test_cancel_kills_the_extraction_at_once(monkeypatch: pytest.MonkeyPatch, head: np.ndarray, tmp_path: Path) -> None:
    sign = tmp_path / "process"
    program(monkeypatch, f"import os, time; os.symlink(str(os.getpid()), {str(sign)!r}); time.sleep(600)")
    with pytest.raises(Cancelled):
        Study.read(t1=HEAD_GRID.to_image(head), cancel=sign.is_symlink)
    with pytest.raises(ProcessLookupError):
        os.kill(int(os.readlink(sign)), 0)


def test_missing_deepbet(monkeypatch: pytest.MonkeyPatch, head: np.ndarray) -> None:
    monkeypatch.setattr(brain.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match="pip install deepbet"):
        Study.read(t1=HEAD_GRID.to_image(head), skull="on")
