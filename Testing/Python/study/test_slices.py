"""Slices and frames of DICOM lie where their own headers say, or are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import Value, double, items, text, whole, write_dicom, write_frames, write_slices

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.dicom import find_series
from GliomaSAMLib.study.volume import read_volume

SHAPE = (14, 18, 16)
BALL = np.array([10.0, 7.0, 9.0])
"""Voxel (I, J, K) of the middle of the ball."""


@pytest.fixture(scope="module")
def voxels() -> np.ndarray:
    k, j, i = np.indices(SHAPE)
    ball = (i - BALL[0]) ** 2 + (j - BALL[1]) ** 2 + (k - BALL[2]) ** 2 <= 9
    return np.where(ball, 900, 100 + k * 5 + j + i).astype(np.int16)


def oblique(degrees: float = 25.0, spacing: tuple[float, float, float] = (0.9, 1.1, 3.0)) -> np.ndarray:
    turn = sitk.VersorTransform((1.0, 0.4, -0.3), np.radians(degrees)).GetMatrix()
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(turn, (3, 3)) @ np.diag(spacing)
    matrix[:3, 3] = (-30, -25, 12)
    return matrix


def miss(image: sitk.Image, matrix: np.ndarray) -> float:
    """How far in mm the ball lies from its place."""
    index = np.argwhere(sitk.GetArrayViewFromImage(image) == 900).mean(0)[::-1]
    place = image.TransformContinuousIndexToPhysicalPoint(index.tolist())
    return float(np.linalg.norm(place - (matrix @ (*BALL, 1))[:3]))


ORDERS = {
    "as they lie": np.arange(14),
    "backwards": np.arange(14)[::-1],
    "every second": np.r_[0:14:2, 1:14:2],
    "three packages": np.r_[0:14:3, 1:14:3, 2:14:3],
    "by chance": np.random.default_rng(3).permutation(14),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("degrees", [0.0, 25.0, 130.0])
@pytest.mark.parametrize("form", [{}, {"implicit": True}, {"open_ends": True}, {"implicit": True, "open_ends": True}])
def test_frames_are_sorted_by_their_places(
    tmp_path: Path, voxels: np.ndarray, order: np.ndarray, degrees: float, form: dict[str, bool]
) -> None:
    matrix = oblique(degrees)
    path = write_frames(tmp_path / "a" / "e.dcm", voxels, matrix, order.tolist(), **form)
    for source in (path, path.parent):
        image, _ = read_volume(source, "t1")
        assert miss(image, matrix) < 0.01
        assert image.GetSpacing() == pytest.approx((0.9, 1.1, 3.0), abs=1e-4)
        assert np.array_equal(sitk.GetArrayFromImage(image), voxels)


def _tell(tag: int, inner: int, values: Callable[[int], Value]) -> Callable[[int, dict[int, Value]], None]:
    def change(frame: int, groups: dict[int, Value]) -> None:
        groups[tag] = items({inner: values(frame)})

    return change


TWICE = [*range(14), *range(14)]


@pytest.mark.parametrize(
    ("order", "change", "said"),
    [
        ([*range(6), *range(9, 14)], None, "missing or unevenly"),
        ([0, *range(5, 14)], None, "missing or unevenly"),
        (TWICE, None, "one place"),
        (
            range(14),
            _tell(0x00189114, 0x00189082, lambda frame: double(20.0 if frame % 2 else 90.0)),
            r"different volumes: #1 .*echo time 20 \(7 slices\); #2 .*echo time 90 \(7 slices\)\. Choose one",
        ),
        (
            range(14),
            _tell(0x00209111, 0x00209056, lambda frame: text("SH", "AB"[frame > 6])),
            "#1 .*stack A .*#2 ",
        ),
        (
            TWICE,
            _tell(0x00189114, 0x00189082, lambda frame: double(20.0 if frame < 14 else 90.0)),
            "#1 .*echo time 20 .*#2 .*echo time 90",
        ),
        (
            TWICE,
            _tell(0x00189117, 0x00189087, lambda frame: double(0.0 if frame % 2 else 1000.0)),
            "#1 .*b-value 0 .*#2 .*b-value 1000",
        ),
        (
            TWICE,
            _tell(0x00209111, 0x00209056, lambda frame: text("SH", "A" if frame < 14 else "B")),
            "#1 .*stack A .*#2 ",
        ),
        (
            range(14),
            _tell(0x00209116, 0x00200037, lambda f: text("DS", *((1, 0, 0, 0, 1, 0) if f < 7 else (0, 1, 0, 0, 0, 1)))),
            "#1 .*orientation axial .*#2 .*orientation sagittal",
        ),
        (range(14), _tell(0x00289110, 0x00280030, lambda frame: text("DS", 1, 1 + (frame == 5))), "Pixel Spacing"),
        (range(14), _tell(0x00289145, 0x00281053, lambda frame: text("DS", 1 + (frame == 5))), "scale of their values"),
        (range(14), lambda frame, groups: groups.pop(0x00209113), "position"),
        (range(14), _tell(0x00209113, 0x00200032, lambda frame: text("DS", "nan", 0, frame)), "position"),
    ],
)
def test_frames_that_are_no_stack_are_refused(
    tmp_path: Path, voxels: np.ndarray, order: list[int], change: Callable[..., object], said: str
) -> None:
    path = write_frames(tmp_path / "e.dcm", voxels, oblique(), list(order), change)
    for source in (path, path.parent):
        with pytest.raises(StudyError, match=said):
            read_volume(source, "t1")


KINDS = {
    "echo time": _tell(0x00189114, 0x00189082, lambda frame: double(20.0 if frame % 2 else 90.0)),
    "b-value": _tell(0x00189117, 0x00189087, lambda frame: double(0.0 if frame % 2 else 1000.0)),
    "stack": _tell(0x00209111, 0x00209056, lambda frame: text("SH", "A" if frame % 2 else "B")),
    "type": _tell(0x00189226, 0x00089007, lambda frame: text("CS", "DERIVED", "M" if frame % 2 else "P")),
    "orientation": _tell(
        0x00209116, 0x00200037, lambda f: text("DS", *((1, 0, 0, 0, 1, 0) if f % 2 else (0, 1, 0, 1, 0, 0)))
    ),
}
"""What tells apart the frames of even and of odd numbers."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["file", "folder", "text", "among others"])
def test_one_of_several_volumes_is_chosen_by_its_number(
    kind: str, form: str, tmp_path: Path, voxels: np.ndarray
) -> None:
    matrix = oblique(0.0)
    order = [k for pair in zip(range(13, -1, -1), range(14), strict=True) for k in pair]
    path = write_frames(tmp_path / "a" / "e.dcm", voxels, matrix, order, KINDS[kind])
    source: Path | str = path if form in ("file", "text") else path.parent
    first = 0
    if form == "among others":
        write_slices(
            path.parent, voxels + 5, matrix, lambda k, elements: elements.update({0x0008103E: text("LO", "A")})
        )
        first = 1
    for number in (1, 2):
        chosen = f"{source}#{first + number}"
        image, name = read_volume(chosen if form == "text" else Path(chosen), "t1")
        assert name == chosen
        if kind != "orientation":
            assert miss(image, matrix) < 0.01
        assert np.array_equal(np.sort(sitk.GetArrayFromImage(image), None), np.sort(voxels, None))
    with pytest.raises(StudyError, match=rf"no volume #{first + 3}, only .*#1 .*#2 "):
        read_volume(f"{source}#{first + 3}", "t1")
    with pytest.raises(StudyError, match="no volume #0"):
        read_volume(f"{source}#0", "t1")


def test_the_chosen_volume_has_its_own_voxels(tmp_path: Path, voxels: np.ndarray) -> None:
    """The frames of two echoes take turns; each is read with its own values, in its own order."""
    both = np.stack([voxels, voxels[::-1] * 2], axis=1).reshape(28, *voxels.shape[1:])
    matrix = oblique()

    def tell(frame: int, groups: dict[int, Value]) -> None:
        k = frame // 2 if frame % 2 == 0 else 13 - frame // 2
        groups[0x00209113] = items({0x00200032: text("DS", *(matrix @ (0, 0, k, 1))[:3])})
        KINDS["echo time"](frame, groups)

    path = write_frames(tmp_path / "e.dcm", both, matrix, list(range(28)), tell)
    first, _ = read_volume(f"{path}#1", "t2")
    second, _ = read_volume(f"{path}#2", "t2")
    assert np.array_equal(sitk.GetArrayFromImage(first), voxels * 2)
    assert np.array_equal(sitk.GetArrayFromImage(second), voxels)


@pytest.mark.parametrize("tag", [0x00180081, 0x00189087, 0x00200100])
def test_one_of_several_volumes_of_a_classic_series(tag: int, tmp_path: Path, voxels: np.ndarray) -> None:
    matrix = oblique()
    for number, prefix in enumerate("ab"):
        kind = ("FD", np.float64(number * 70 + 20).tobytes()) if tag == 0x00189087 else text("DS", number * 70 + 20)
        kind = text("IS", number + 1) if tag == 0x00200100 else kind
        write_slices(tmp_path / "a", voxels * (1 + number), matrix, _set(tag, kind), prefix=prefix)
    with pytest.raises(StudyError, match=r"different volumes: #1 .*\(14 slices\); #2 .*such as a#1"):
        read_volume(tmp_path / "a", "t2")
    for number in (1, 2):
        image, _ = read_volume(tmp_path / f"a#{number}", "t2")
        assert np.array_equal(sitk.GetArrayFromImage(image), voxels * number)
        assert image.GetSpacing() == pytest.approx((0.9, 1.1, 3.0), abs=1e-4)


def test_one_of_several_series_is_chosen_by_its_number(tmp_path: Path, voxels: np.ndarray) -> None:
    for number in (1, 2):
        change = _set(0x0008103E, text("LO", f"T2 number {number}"))
        write_slices(tmp_path / "a", voxels * number, oblique(), change, series=str(number), prefix="ab"[number - 1])
    with pytest.raises(StudyError, match=r"2 DICOM series: #1 'T2 number 1' .*#2 'T2 number 2' .*such as a#1"):
        read_volume(tmp_path / "a", "t2")
    image, _ = read_volume(tmp_path / "a#2", "t2")
    assert np.array_equal(sitk.GetArrayFromImage(image), voxels * 2)
    with pytest.raises(StudyError, match=r"2 volumes look like t2.* by their number.*#1 .*#2 .*a#1"):
        Study.read_folder(tmp_path)


def test_a_number_is_for_dicom_and_a_sign_in_a_name_is_a_name(tmp_path: Path, voxels: np.ndarray) -> None:
    path = tmp_path / "scan#2"
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "a.nii"))
    with pytest.raises(StudyError, match="only DICOM holds volumes to choose from"):
        read_volume(tmp_path / "a.nii#1", "t1")
    write_slices(path, voxels, oblique())
    image, _ = read_volume(path, "t1")
    assert np.array_equal(sitk.GetArrayFromImage(image), voxels)
    with pytest.raises(StudyError, match="does not exist"):
        read_volume(tmp_path / "none#2", "t1")


def test_two_echoes_may_be_two_modalities_but_one_may_not(tmp_path: Path, voxels: np.ndarray) -> None:
    path = write_frames(tmp_path / "e.dcm", voxels, oblique(), [k for k in range(14) for _ in "ab"], KINDS["echo time"])
    with pytest.raises(StudyError, match="is given for t2 and for flair"):
        Study.read(t2=f"{path}#1", flair=tmp_path / "e.dcm#1")
    with pytest.raises(StudyError, match="no volume #9"):
        Study.read(t2=f"{path}#1", flair=f"{path}#9")


@pytest.mark.parametrize("left_out", [0x00209116, 0x00289110])
def test_frames_without_orientation_or_spacing_are_refused(tmp_path: Path, voxels: np.ndarray, left_out: int) -> None:
    shared = {
        0x00209116: items({0x00200037: text("DS", 1, 0, 0, 0, 1, 0)}),
        0x00289110: items({0x00280030: text("DS", 1, 1)}),
    }
    del shared[left_out]
    path = write_frames(tmp_path / "e.dcm", voxels, oblique(0), list(range(14)), shared=shared)
    with pytest.raises(StudyError, match=r"orientation|Pixel Spacing"):
        read_volume(path, "t1")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("group", "inner", "count"), [(0x00209113, 0x00200032, 3), (0x00209116, 0x00200037, 6)])
def test_a_place_without_end_is_refused_without_a_warning(
    tmp_path: Path, voxels: np.ndarray, group: int, inner: int, count: int
) -> None:
    change = _tell(group, inner, lambda frame: text("DS", *[1e308] * count))
    path = write_frames(tmp_path / "e.dcm", voxels, oblique(), list(range(14)), change)
    with pytest.raises(StudyError, match="in the patient"):
        read_volume(path, "t1")


def test_frames_without_places_of_their_own(tmp_path: Path, voxels: np.ndarray) -> None:
    """As secondary captures have them; with one place, an orientation and a distance for all they are read."""
    elements: dict[int, Value | None] = {0x00280008: text("IS", 14)}
    with pytest.raises(StudyError, match="no places"):
        read_volume(write_dicom(tmp_path / "a.dcm", voxels, elements), "t1")
    elements |= {
        0x00200032: text("DS", -30, -25, 12),
        0x00200037: text("DS", 1, 0, 0, 0, 1, 0),
        0x00280030: text("DS", 1.1, 0.9),
        0x00180088: text("DS", 3),
    }
    image, _ = read_volume(write_dicom(tmp_path / "b.dcm", voxels, elements), "t1")
    assert miss(image, oblique(0)) < 0.01


@pytest.mark.parametrize("cut", [0.02, 0.1, 0.3, 0.9])
def test_frames_cut_short_are_refused(tmp_path: Path, voxels: np.ndarray, cut: float) -> None:
    path = write_frames(tmp_path / "e.dcm", voxels, oblique(), list(range(14)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(StudyError):
        read_volume(path, "t1")


@pytest.mark.parametrize("degrees", [0.0, 25.0, 130.0])
def test_slices_lie_where_they_say(tmp_path: Path, voxels: np.ndarray, degrees: float) -> None:
    matrix = oblique(degrees)
    image, _ = read_volume(write_slices(tmp_path / "a", voxels, matrix), "t1")
    assert miss(image, matrix) < 0.01
    assert image.GetSpacing() == pytest.approx((0.9, 1.1, 3.0), abs=1e-4)


def _set(tag: int, value: Value | None, of: Callable[[int], bool] = lambda k: True) -> Callable[..., None]:
    def change(k: int, elements: dict[int, Value | None]) -> None:
        if of(k):
            elements[tag] = value

    return change


SPOILED = {
    "no position": (_set(0x00200032, None), "position"),
    "no position of one": (_set(0x00200032, None, lambda k: k == 4), "position|size|missing"),
    "no orientation": (_set(0x00200037, None), "orientation"),
    "no orientation of one": (_set(0x00200037, None, lambda k: k == 4), "orientation"),
    "no spacing": (_set(0x00280030, None), "Pixel Spacing"),
    "no spacing of one": (_set(0x00280030, None, lambda k: k == 4), "Pixel Spacing"),
    "spacing of 0": (_set(0x00280030, text("DS", 0, 1)), "apart|Pixel Spacing"),
    "spacing that is no number": (_set(0x00280030, text("DS", "one", 1)), "Pixel Spacing"),
    "another spacing of one": (_set(0x00280030, text("DS", 1.1, 1.0), lambda k: k == 4), "Pixel Spacing"),
    "another orientation of one": (_set(0x00200037, text("DS", 0, 1, 0, 0, 0, 1), lambda k: k == 4), "orientation"),
    "slightly turned": (_set(0x00200037, text("DS", 0.9998, 0.0175, 0, -0.0175, 0.9998, 0), lambda k: k > 7), "orient"),
    "orientation that is none": (_set(0x00200037, text("DS", 1, 0, 0, 1, 0, 0)), "right angle"),
    "orientation of five": (_set(0x00200037, text("DS", 1, 0, 0, 0, 1)), "orientation"),
}


@pytest.mark.parametrize(("change", "said"), SPOILED.values(), ids=SPOILED.keys())
def test_slices_without_a_place_are_refused(
    tmp_path: Path, voxels: np.ndarray, change: Callable[..., None], said: str
) -> None:
    folder = write_slices(tmp_path / "a", voxels, oblique(0.0), change)
    with pytest.raises(StudyError, match=said):
        read_volume(folder, "t1")


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("intercept", [None, -1024])
def test_one_slice_stored_in_another_way_keeps_its_values(
    tmp_path: Path, voxels: np.ndarray, signed: bool, intercept: int | None
) -> None:
    """Among slices that hold numbers with a sign, one of large numbers without; or the other way round."""
    large, small = voxels.astype(np.int32) + 40000, voxels.astype(np.int32) - 700

    def change(k: int, elements: dict[int, Value | None]) -> None:
        own = signed if k != 4 else not signed
        elements[0x00280103] = whole(int(own))
        elements[0x7FE00010] = ("OW", (small if own else large)[k].astype("<i2" if own else "<u2").tobytes())
        if intercept is not None:
            elements[0x00281053], elements[0x00281052] = text("DS", 1), text("DS", intercept)

    image, _ = read_volume(write_slices(tmp_path / "a", voxels, oblique(0.0), change), "t1")
    wanted = (small if signed else large) + (intercept or 0)
    wanted[4] = (large if signed else small)[4] + (intercept or 0)
    assert np.array_equal(sitk.GetArrayFromImage(image), wanted)


@pytest.mark.parametrize("slope", [0.001, 1.5, 1000.0])
def test_slices_of_several_scales_keep_their_values(tmp_path: Path, voxels: np.ndarray, slope: float) -> None:
    """The type of the first slice holds 0 for 0.4, and no 300,000."""

    def scale(k: int, elements: dict[int, Value | None]) -> None:
        elements[0x00281053], elements[0x00281052] = text("DS", slope if k % 2 else 1.0), text("DS", 2)

    image, _ = read_volume(write_slices(tmp_path / "a", voxels, oblique(0.0), scale), "t1")
    wanted = voxels.astype(float)
    wanted[1::2] *= slope
    assert sitk.GetArrayFromImage(image) == pytest.approx(wanted + 2, rel=1e-5)


@pytest.mark.parametrize("shift", [0.4, 1.0, -2.0])
def test_a_tilted_series_is_refused(tmp_path: Path, voxels: np.ndarray, shift: float) -> None:
    matrix = oblique(0.0)
    matrix[1, 2] = shift  # each slice lies further to the back, as the gantry of a scanner tilts them

    def upright(k: int, elements: dict[int, Value | None]) -> None:
        elements[0x00200037] = text("DS", 1, 0, 0, 0, 1, 0)

    with pytest.raises(StudyError, match="tilted"):
        read_volume(write_slices(tmp_path / "a", voxels, matrix, upright), "t1")


def test_doubled_slices_are_called_so_with_what_tells_them_apart(tmp_path: Path, voxels: np.ndarray) -> None:
    write_slices(tmp_path, voxels, oblique(), _set(0x00180081, text("DS", 20)))
    write_slices(tmp_path, voxels, oblique(), _set(0x00180081, text("DS", 90)), prefix="OTHER")
    with pytest.raises(StudyError, match=r"one place.*#1 .*echo time 20 .*#2 "):
        read_volume(tmp_path, "t1")


def test_slices_of_two_sizes_and_several_enhanced_files(tmp_path: Path, voxels: np.ndarray) -> None:
    write_slices(tmp_path / "a", voxels, oblique(), kept=range(8))
    write_slices(tmp_path / "a", voxels[:, :12], oblique(), kept=range(8, 14), prefix="OTHER")
    with pytest.raises(StudyError, match="size"):
        read_volume(tmp_path / "a", "t1")
    for name in ("e", "f"):
        write_frames(tmp_path / "b" / f"{name}.dcm", voxels, oblique(), list(range(14)))
    with pytest.raises(StudyError, match=r"many frames|one place"):
        read_volume(tmp_path / "b", "t1")


def test_a_slice_named_alone_is_refused(tmp_path: Path, voxels: np.ndarray) -> None:
    folder = write_slices(tmp_path, voxels, oblique())
    assert len(find_series(folder)) == 1
    with pytest.raises(StudyError, match="folder with all slices"):
        read_volume(next(folder.iterdir()), "t1")
