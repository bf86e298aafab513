"""Whatever its axes, spacing and format, a volume lies where its file says, or is refused."""

import contextlib
import gzip
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import double, items, text, write_frames, write_slices
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


def half_a_voxel(matrix: np.ndarray) -> float:
    """In mm, of the shortest side."""
    return float(np.linalg.norm(matrix[:3, :3], axis=0).min()) / 2


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


everywhere = pytest.mark.parametrize("examples", [15, pytest.param(300, marks=pytest.mark.slow)])
"""A few places in every run, many in the long one."""


def holds(examples: int, **strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Call a function with so many examples of its arguments, always the same."""

    def run(check: Callable[..., None]) -> None:
        quietly = settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        quietly(given(**strategies)(check))()

    return run


@everywhere
def test_image_files(examples: int) -> None:
    @holds(examples, matrix=places(), suffix=st.sampled_from([".nii", ".nii.gz", ".nrrd", ".mha", ".hdr"]))
    def check(matrix: np.ndarray, suffix: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"t1{suffix}"
            sitk.WriteImage(image_at(matrix), str(path))
            assert miss(read_volume(path, "t1")[0], matrix) < 0.1


@everywhere
def test_any_two_forms(examples: int) -> None:
    @holds(
        examples,
        qform=places(),
        sform=places(),
        codes=st.tuples(st.integers(0, 4), st.integers(0, 4)),
        shear=st.sampled_from([0.0, 0.0, 0.4]),
        orientation=st.sampled_from(["auto", "qform", "sform"]),
    )
    def check(qform: np.ndarray, sform: np.ndarray, codes: tuple[int, int], shear: float, orientation: str) -> None:
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


@everywhere
def test_dicom(examples: int) -> None:
    @holds(examples, matrix=places(mirrored=False), seed=st.integers(0, 99))
    def check(matrix: np.ndarray, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(SHAPE[0]).tolist()
        with tempfile.TemporaryDirectory() as folder:
            slices = write_slices(Path(folder) / "slices", voxels(), matrix)
            frames = write_frames(Path(folder) / "frames" / "e.dcm", voxels(), matrix, order)
            for source in (slices, frames):
                assert miss(read_volume(source, "t1")[0], matrix) < 0.1


@everywhere
def test_dicom_with_a_gap(examples: int) -> None:
    @holds(examples, matrix=places(mirrored=False), lost=st.integers(1, 12), seed=st.integers(0, 99))
    def check(matrix: np.ndarray, lost: int, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(SHAPE[0]).tolist()
        order.remove(lost)
        with tempfile.TemporaryDirectory() as folder:
            slices = write_slices(Path(folder) / "slices", voxels(), matrix, kept=order)
            frames = write_frames(Path(folder) / "frames" / "e.dcm", voxels(), matrix, order)
            for source in (slices, frames):
                with pytest.raises(StudyError, match="missing"):
                    read_volume(source, "t1")


def nrrd_header(matrix: np.ndarray, space: str, order: str, packed: bool) -> str:
    signs = {
        "left-posterior-superior": (1, 1, 1),
        "left-anterior-superior": (1, -1, 1),
        "right-anterior-superior": (-1, -1, 1),
    }
    in_space = np.diag([*signs[space], 1]) @ matrix
    vectors = [f"({','.join(map(repr, map(float, vector)))})" for vector in in_space[:3].T]
    return "\n".join(
        [
            *("NRRD0004", "# by hand", "type: int16", "dimension: 3", f"space: {space}"),
            *(f"sizes: {' '.join(map(str, SHAPE[::-1]))}", f"space directions: {' '.join(vectors[:3])}"),
            *("kinds: domain domain domain", f"endian: {order}", f"encoding: {'gzip' if packed else 'raw'}"),
            f"space origin: {vectors[3]}",
        ]
    )


@everywhere
def test_nrrd_by_hand(examples: int) -> None:
    spaces = st.sampled_from(["left-posterior-superior", "left-anterior-superior", "right-anterior-superior"])

    @holds(examples, matrix=places(), space=spaces, big=st.booleans(), packed=st.booleans(), beside=st.booleans())
    def check(matrix: np.ndarray, space: str, big: bool, packed: bool, beside: bool) -> None:
        data = voxels().astype(">i2" if big else "<i2").tobytes()
        data = gzip.compress(data, 1) if packed else data
        header = nrrd_header(matrix, space, "big" if big else "little", packed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("t1.nhdr" if beside else "t1.nrrd")
            if beside:
                (Path(folder) / "t1.raw").write_bytes(data)
                path.write_text(f"{header}\ndata file: t1.raw\n\n")
            else:
                path.write_bytes(f"{header}\n\n".encode() + data)
            assert miss(read_volume(path, "t1")[0], matrix) < half_a_voxel(matrix)


@everywhere
def test_metaimage_by_hand(examples: int) -> None:
    names = st.tuples(
        st.sampled_from(["Offset", "Position", "Origin"]),
        st.sampled_from(["TransformMatrix", "Rotation", "Orientation"]),
    )

    @holds(
        examples,
        matrix=places(),
        names=names,
        big=st.booleans(),
        beside=st.booleans(),
        lps=st.sampled_from(["RAI", "LPS", ""]),
    )
    def check(matrix: np.ndarray, names: tuple[str, str], big: bool, beside: bool, lps: str) -> None:
        steps = np.linalg.norm(matrix[:3, :3], axis=0)
        fields = {
            **{"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": str(big)},
            **{names[0]: numbers(matrix[:3, 3]), names[1]: numbers((matrix[:3, :3] / steps).T.ravel())},
            **({"AnatomicalOrientation": lps} if lps else {}),
            **{
                "ElementSpacing": numbers(steps),
                "DimSize": " ".join(map(str, SHAPE[::-1])),
                "ElementType": "MET_SHORT",
            },
            "ElementDataFile": "t1.raw" if beside else "LOCAL",
        }
        data = voxels().astype(">i2" if big else "<i2").tobytes()
        header = "".join(f"{name} = {value}\n" for name, value in fields.items()).encode()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("t1.mhd" if beside else "t1.mha")
            path.write_bytes(header + (b"" if beside else data))
            if beside:
                (Path(folder) / "t1.raw").write_bytes(data)
            with contextlib.suppress(StudyError):
                assert miss(read_volume(path, "t1")[0], matrix) < half_a_voxel(matrix)


def numbers(values: np.ndarray) -> str:
    return " ".join(map(repr, map(float, values)))


@everywhere
def test_nifti_of_another_writer(examples: int) -> None:
    @holds(
        examples,
        matrix=places(),
        big=st.booleans(),
        unit=st.sampled_from(["mm", "meter", "micron", "unknown"]),
        codes=st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any),
        suffix=st.sampled_from([".nii", ".nii.gz", ".hdr", ".img"]),
        four=st.booleans(),
        shear=st.sampled_from([0.0, 0.0, 0.02, 0.5]),
    )
    def check(
        matrix: np.ndarray, big: bool, unit: str, codes: tuple[int, int], suffix: str, four: bool, shear: float
    ) -> None:
        scale = {"meter": 1000.0, "micron": 0.001}.get(unit, 1.0)
        ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix
        ras[:3, 1] += shear * ras[:3, 0]
        in_file = np.diag([1 / scale] * 3 + [1.0]) @ ras
        values = voxels().transpose()
        kind = nibabel.Nifti1Pair if suffix in (".hdr", ".img") else nibabel.Nifti1Image
        image = kind(values[..., None] if four else values, None, kind.header_class(endianness=">" if big else "<"))
        image.set_data_dtype(np.int16)
        image.set_sform(in_file, codes[1])
        image.set_qform(in_file, codes[0])
        image.header.set_xyzt_units(unit)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"t1{suffix}"
            nibabel.save(image, path)
            told = nibabel.load(path)
            sform = codes[1] == 1 or not codes[0]  # as 3D Slicer chooses
            form = told.get_sform() if sform else told.get_qform()
            wanted = np.diag([-scale, -scale, scale, 1.0]) @ form
            with contextlib.suppress(StudyError) if shear and sform else contextlib.nullcontext():
                assert miss(read_volume(path, "t1")[0], wanted) < half_a_voxel(matrix)


MISTAKES = [
    "none",
    "no position",
    "no orientation",
    "no spacing",
    "turned",
    "moved",
    "stretched",
    "tilted",
    "doubled",
    "zero",
]


NO_MISTAKE_IF_ALL = ("turned", "moved", "stretched")
"""In all slices these are another place."""


def read_unless_refused(source: Path, mistake: str) -> sitk.Image | None:
    """The volume; None when it is refused, which a whole one may not be."""
    with contextlib.nullcontext() if mistake == "none" else contextlib.suppress(StudyError):
        return read_volume(source, "t1")[0]
    return None


def spoil(mistake: str, elements: dict[int, Any], matrix: np.ndarray, k: int) -> None:
    """Make a mistake in the elements that say where a slice lies."""
    gone = {"no position": 0x00200032, "no orientation": 0x00200037, "no spacing": 0x00280030}
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    axes = matrix[:3, :3] / steps
    if mistake in gone:
        elements.pop(gone[mistake], None)
    elif mistake == "turned":
        elements[0x00200037] = text("DS", *(-axes[:, 0]), *axes[:, 1])
    elif mistake == "moved":
        elements[0x00200032] = text("DS", *((matrix @ (0, 0, k, 1))[:3] + 0.7 * matrix[:3, 2]))
    elif mistake == "stretched":
        elements[0x00280030] = text("DS", float(steps[1]) * 1.3, float(steps[0]))
    elif mistake == "tilted":
        elements[0x00200032] = text("DS", *((matrix @ (0, 0, k, 1))[:3] + 0.4 * k * matrix[:3, 1]))
    elif mistake == "doubled":
        elements[0x00200032] = text("DS", *(matrix @ (0, 0, max(k - 1, 0), 1))[:3])
    elif mistake == "zero":
        elements[0x00280030] = text("DS", 0.0, float(steps[0]))


@everywhere
def test_dicom_series_with_a_mistake(examples: int) -> None:
    @holds(
        examples, matrix=places(mirrored=False), mistake=st.sampled_from(MISTAKES), one=st.integers(-1, SHAPE[0] - 1)
    )
    def check(matrix: np.ndarray, mistake: str, one: int) -> None:
        def change(k: int, elements: dict[int, Any]) -> None:
            if one in (-1, k):
                spoil(mistake, elements, matrix, k)

        with tempfile.TemporaryDirectory() as folder:
            series = write_slices(Path(folder) / "slices", voxels(), matrix, change)
            found = read_unless_refused(series, mistake)
        assert (
            found is None or (one == -1 and mistake in NO_MISTAKE_IF_ALL) or miss(found, matrix) < half_a_voxel(matrix)
        )


@everywhere
def test_dicom_frames_with_a_mistake(examples: int) -> None:
    mistakes = st.sampled_from([*MISTAKES, "two echoes", "two stacks"])

    @holds(
        examples,
        matrix=places(mirrored=False),
        mistake=mistakes,
        one=st.integers(-1, SHAPE[0] - 1),
        seed=st.integers(0, 99),
        bare=st.booleans(),
        own=st.booleans(),
    )
    def check(matrix: np.ndarray, mistake: str, one: int, seed: int, bare: bool, own: bool) -> None:
        order = np.random.default_rng(seed).permutation(SHAPE[0]).tolist()
        steps = np.linalg.norm(matrix[:3, :3], axis=0)
        axes = matrix[:3, :3] / steps

        def change(frame: int, groups: dict[int, Any]) -> None:
            k = order[frame]
            elements: dict[int, Any] = {
                0x00200032: text("DS", *(matrix @ (0, 0, k, 1))[:3]),
                0x00200037: text("DS", *axes[:, 0], *axes[:, 1]),
                0x00280030: text("DS", float(steps[1]), float(steps[0])),
            }
            spoiled = one in (-1, k)
            if spoiled:
                spoil(mistake, elements, matrix, k)
            if own or spoiled:
                for group, tag in ((0x00209113, 0x00200032), (0x00209116, 0x00200037), (0x00289110, 0x00280030)):
                    groups[group] = items({tag: elements[tag]} if tag in elements else {})
            if mistake == "two echoes":
                groups[0x00189114] = items({0x00189082: double(10.0 if spoiled else 20.0)})
            if mistake == "two stacks":
                groups[0x00209111] = items({0x00209056: text("SH", "1" if spoiled else "2")})

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "e.dcm"
            write_frames(path, voxels(), matrix, order, change, implicit=bare, open_ends=bare)
            found = read_unless_refused(path, mistake)
        assert (
            found is None or (one == -1 and mistake in NO_MISTAKE_IF_ALL) or miss(found, matrix) < half_a_voxel(matrix)
        )
