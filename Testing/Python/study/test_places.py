"""Whatever its axes, spacing and format, a volume lies where its file says, or is refused."""

import contextlib
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import write_frames, write_slices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_image, read_volume

SHAPE = (14, 18, 16)
BALL = np.array([10.0, 7.0, 9.0])
"""Voxel (I, J, K) of the middle of the ball."""


def voxels() -> np.ndarray:
    k, j, i = np.indices(SHAPE)
    ball = (i - BALL[0]) ** 2 + (j - BALL[1]) ** 2 + (k - BALL[2]) ** 2 <= 9
    return np.where(ball, 900, 100 + k * 5 + j + i).astype(np.int16)


def miss(image: sitk.Image, matrix: np.ndarray) -> float:
    """How far in mm the ball lies from where a matrix of voxels to LPS mm puts it."""
    index = np.argwhere(sitk.GetArrayViewFromImage(image) == 900).mean(0)[::-1]
    place = image.TransformContinuousIndexToPhysicalPoint(index.tolist())
    return float(np.linalg.norm(place - (matrix @ (*BALL, 1))[:3]))


@st.composite
def places(draw: st.DrawFn, mirrored: bool = True) -> np.ndarray:
    """A matrix of voxels to LPS mm: axes in any order and direction, turned, any spacing and offset."""
    order = draw(st.permutations(range(3)))
    signs = draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3))
    axes = np.eye(3)[:, list(order)] * signs
    about = draw(st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.1))
    turn = sitk.VersorTransform(about, draw(st.floats(-3.1, 3.1))).GetMatrix()
    axes = np.reshape(turn, (3, 3)) @ axes
    if not mirrored and np.linalg.det(axes) < 0:
        axes[:, 2] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = axes * draw(st.lists(st.floats(0.4, 7), min_size=3, max_size=3))
    matrix[:3, 3] = draw(st.lists(st.floats(-300, 300), min_size=3, max_size=3))
    return matrix


def image_at(matrix: np.ndarray) -> sitk.Image:
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    image = sitk.GetImageFromArray(voxels())
    image.SetSpacing(steps.tolist())
    image.SetDirection((matrix[:3, :3] / steps).ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    return image


quickly = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@quickly
@given(matrix=places(), suffix=st.sampled_from([".nii", ".nii.gz", ".nrrd", ".mha", ".hdr"]))
def test_image_files(matrix: np.ndarray, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"t1{suffix}"
        sitk.WriteImage(image_at(matrix), str(path))
        assert miss(read_volume(path, "t1")[0], matrix) < 0.1


@quickly
@given(
    qform=places(),
    sform=places(),
    codes=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    shear=st.sampled_from([0.0, 0.0, 0.4]),
    orientation=st.sampled_from(["auto", "qform", "sform"]),
)
def test_any_two_forms(
    qform: np.ndarray, sform: np.ndarray, codes: tuple[int, int], shear: float, orientation: str
) -> None:
    sform = sform.copy()
    sform[:3, 1] += shear * sform[:3, 0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t1.nii"
        sitk.WriteImage(image_at(qform), str(path))
        content = bytearray(path.read_bytes())
        struct.pack_into("<2h", content, 252, *codes)
        rows = np.diag([-1.0, -1.0, 1.0, 1.0]) @ sform
        struct.pack_into("<12f", content, 280, *rows[:3].ravel())
        path.write_bytes(content)
        automatic = "sform" if codes[1] == 1 or not codes[0] else "qform"
        wanted = automatic if orientation == "auto" or 0 in codes else orientation
        if codes == (0, 0):
            wanted = orientation
        with contextlib.nullcontext() if not shear else contextlib.suppress(StudyError):
            _check_there(path, orientation, {"qform": qform, "sform": sform}.get(wanted))


def _check_there(path: Path, orientation: str, matrix: np.ndarray | None) -> None:
    found, _ = read_image(path, "t1", orientation=orientation)
    assert matrix is None or miss(found.image, matrix) < 0.2


@quickly
@given(matrix=places(mirrored=False), seed=st.integers(0, 99))
def test_dicom(matrix: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(SHAPE[0]).tolist()
    with tempfile.TemporaryDirectory() as folder:
        slices = write_slices(Path(folder) / "slices", voxels(), matrix)
        frames = write_frames(Path(folder) / "frames" / "e.dcm", voxels(), matrix, order)
        for source in (slices, frames):
            assert miss(read_volume(source, "t1")[0], matrix) < 0.1


@quickly
@given(matrix=places(mirrored=False), lost=st.integers(1, 12), seed=st.integers(0, 99))
def test_dicom_with_a_gap(matrix: np.ndarray, lost: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(SHAPE[0]).tolist()
    order.remove(lost)
    with tempfile.TemporaryDirectory() as folder:
        slices = write_slices(Path(folder) / "slices", voxels(), matrix, kept=order)
        frames = write_frames(Path(folder) / "frames" / "e.dcm", voxels(), matrix, order)
        for source in (slices, frames):
            with pytest.raises(StudyError, match="missing"):
                read_volume(source, "t1")
