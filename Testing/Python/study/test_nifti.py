"""The place of a NIfTI file: both forms, their codes, and headers that say what cannot be."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.nifti import NiftiPlace, chosen_place, read_header
from GliomaSAMLib.study.volume import read_volume

BALL = np.array([9.0, 6.0, 5.0])
"""Voxel (I, J, K) of the middle of the ball."""


def volume(shape: tuple[int, int, int] = (14, 16, 18)) -> sitk.Image:
    k, j, i = np.indices(shape)
    ball = (i - BALL[0]) ** 2 + (j - BALL[1]) ** 2 + (k - BALL[2]) ** 2 <= 9
    image = sitk.GetImageFromArray(np.where(ball, 900, 100 + (k + j + i) % 7).astype(np.int16))
    image.SetSpacing((1.0, 1.5, 2.0))
    image.SetOrigin((-30.0, -25.0, -20.0))
    image.SetDirection((0, 1, 0, -1, 0, 0, 0, 0, 1))
    return image


def write(path: Path, change: Callable[[bytearray], object]) -> Path:
    """A NIfTI file whose header `change` has changed."""
    sitk.WriteImage(volume(), str(path.with_name("plain.nii")))
    content = bytearray(path.with_name("plain.nii").read_bytes())
    path.with_name("plain.nii").unlink()
    change(content)
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def put(at: int, form: str, *values: float) -> Callable[[bytearray], None]:
    return lambda content: struct.pack_into(form, content, at, *values)


def both(*changes: Callable[[bytearray], object]) -> Callable[[bytearray], object]:
    return lambda content: [change(content) for change in changes]


def codes(qform: int, sform: int) -> Callable[[bytearray], None]:
    return put(252, "<2h", qform, sform)


def ball(image: sitk.Image) -> np.ndarray:
    """RAS mm of the middle of the ball."""
    index = np.argwhere(sitk.GetArrayViewFromImage(image) == 900).mean(0)[::-1]
    x, y, z = image.TransformContinuousIndexToPhysicalPoint(index.tolist())
    return np.array([-x, -y, z])


TRUTH = ball(volume())

MOVED = put(268, "<3f", 10.0, 30.0, -10.0)
"""The qform is moved from its first voxel at RAS 30, 25, -20."""


def moved_by(path: Path, orientation: str) -> np.ndarray:
    """How far a reading lies from the place before, RAS mm."""
    place = chosen_place(read_header(path), orientation)[0]
    assert place is not None
    study = Study.read(t1=path, skull="off", orientation=orientation)
    assert study.reference.to_ras(BALL) == pytest.approx((place @ (*BALL, 1))[:3], abs=1e-3)
    return study.reference.to_ras(BALL) - TRUTH


@pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz"])
@pytest.mark.parametrize(
    ("pair", "auto"), [((1, 1), "sform"), ((1, 2), "qform"), ((2, 1), "sform"), ((4, 4), "qform"), ((1, 4), "qform")]
)
def test_forms_that_differ_are_told_and_can_be_chosen(
    tmp_path: Path, name: str, pair: tuple[int, int], auto: str
) -> None:
    path = write(tmp_path / name, both(codes(*pair), MOVED))
    moves = {"qform": (-20, 5, 10), "sform": (0, 0, 0)}
    moves["auto"] = moves[auto]
    for orientation, move in moves.items():
        assert moved_by(path, orientation) == pytest.approx(move, abs=1e-3), orientation
    notes = [note for note in Study.read(t1=path, skull="off").notes if "form" in note]
    assert len(notes) == 1
    assert "(10.0, 30.0, -10.0)" in notes[0]
    assert "(30.0, 25.0, -20.0)" in notes[0]
    assert f"the {auto} is taken" in notes[0]
    assert "--orientation" in notes[0]


@pytest.mark.parametrize("turned", [0.1, 0.5, -0.7])
def test_forms_that_differ_in_their_axes_only_are_told(tmp_path: Path, turned: float) -> None:
    path = write(tmp_path / "t1.nii", both(codes(1, 2), put(256, "<3f", turned, 0.0, 0.0)))
    assert any("differ" in note for note in Study.read(t1=path, skull="off").notes)


@pytest.mark.parametrize("pair", [(1, 1), (2, 2), (4, 4), (1, 0), (0, 1), (2, 0), (0, 4), (1, 2)])
def test_forms_that_agree_are_not_spoken_of(tmp_path: Path, pair: tuple[int, int]) -> None:
    path = write(tmp_path / "t1.nii", codes(*pair))
    for orientation in ("auto", "qform", "sform"):
        study = Study.read(t1=path, skull="off", orientation=orientation)
        assert study.notes == Study.read(t1=volume(), skull="off").notes
        assert study.reference.to_ras(BALL) == pytest.approx(TRUTH, abs=1e-3)
    assert study.nifti is not None
    assert study.nifti.codes == pair


def test_codes_of_0_are_told_and_a_form_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "t1.nii", codes(0, 0))
    study = Study.read(t1=path, skull="off")
    assert any("left and right are not known" in note and "--orientation" in note for note in study.notes)
    assert study.reference.to_ras(np.zeros(3)) == pytest.approx((0, 0, 0))
    for orientation in ("qform", "sform"):
        assert moved_by(path, orientation) == pytest.approx((0, 0, 0), abs=1e-3)
    empty = write(tmp_path / "t2.nii", both(codes(0, 0), put(280, "<12f", *[0.0] * 12)))
    with pytest.raises(StudyError, match="spacing of 0 mm in its sform"):
        Study.read(t1=empty, orientation="sform")


def test_an_unknown_orientation_is_refused() -> None:
    with pytest.raises(StudyError, match="Unknown orientation 'both'"):
        Study.read(t1=volume(), orientation="both")


SHEAR = put(280, "<f", 0.3)
"""Into the first column of the first row of the sform."""

IMPOSSIBLE = {
    "sheared": (both(codes(0, 1), SHEAR), "sheared"),
    "sheared, with a qform": (both(codes(1, 1), SHEAR), "sheared.*--orientation qform"),
    "offset of infinity": (put(292, "<f", np.inf), "not finite"),
    "offset that is no number": (put(292, "<f", np.nan), "not finite"),
    "offset of the qform of infinity": (both(codes(1, 0), put(268, "<f", np.inf)), "not finite"),
    "quaternion of infinity": (both(codes(1, 0), put(256, "<f", np.inf)), "not finite"),
    "unknown type of voxels": (put(70, "<h", 5), "voxels of the type 5"),
    "quaternion that is no number": (both(codes(1, 0), put(256, "<f", np.nan)), "not finite"),
    "far away": (both(codes(0, 1), put(292, "<f", 1e9)), "away"),
    "spacing of 0": (put(80, "<f", 0.0), "spacing of 0 mm"),
    "spacing below 0": (put(84, "<f", -1.0), "spacing of -1 mm"),
    "spacing that is no number": (put(88, "<f", np.nan), "spacing of nan mm"),
    "spacing of infinity": (put(80, "<f", np.inf), "spacing of inf mm"),
    "spacing of next to nothing": (both(codes(1, 0), put(80, "<f", 1e-30)), "spacing of 1e-30 mm"),
    "axes of no length": (both(codes(0, 2), put(280, "<12f", *[0.0] * 12)), "spacing of 0 mm"),
    "NIfTI-2": (put(0, "<i", 540), "NIfTI-2"),
    "no NIfTI": (put(344, "<i", 0), "not a readable image"),
    "no header": (put(0, "<i", 7), "not a readable image"),
    "no size": (put(42, "<h", 0), "size"),
    "size below 0": (put(44, "<h", -4), "size"),
    "larger than the file": (put(42, "<h", 32000), "cut short"),
    "no axes": (put(40, "<h", 0), "size"),
    "voxels before the file": (put(108, "<f", -5.0), "begin at byte"),
    "scaled by infinity": (put(112, "<f", np.inf), "infinite"),
    "infinity added": (put(116, "<f", -np.inf), "infinite"),
    "voxels nowhere": (put(108, "<f", np.nan), "begin at byte"),
}


def test_a_scale_that_is_no_number_scales_nothing(tmp_path: Path) -> None:
    same = write(tmp_path / "same.nii", lambda header: None)
    told = write(tmp_path / "told.nii", put(112, "<2f", np.nan, np.nan))
    images = [Study.read(t1=path, skull="off").canonical.images["t1"] for path in (same, told)]
    assert np.array_equal(*images)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz"])
@pytest.mark.parametrize(("change", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_cannot_be_is_refused_in_one_line(
    tmp_path: Path, name: str, change: Callable[[bytearray], object], said: str
) -> None:
    path = write(tmp_path / name, change)
    with pytest.raises(StudyError, match=said) as caught:
        Study.read(t1=path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_what_follows_a_whole_packed_stream_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t1.nii.gz", lambda header: None)
    content, whole = gzip.decompress(path.read_bytes()), path.read_bytes()
    voxels = sitk.GetArrayFromImage(volume())
    for more in (b"\0" * 512, b"stray bytes", b"\x1f"):
        path.write_bytes(whole + more)
        assert np.array_equal(sitk.GetArrayFromImage(read_volume(path, "t1")[0]), voxels)
    two = gzip.compress(content[:400]) + gzip.compress(content[400:])
    path.write_bytes(two + b"stray bytes")
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(path, "t1")[0]), voxels)
    checksum = whole[:-8] + bytes(4) + whole[-4:]
    for broken in (whole[:-8], checksum, checksum + bytes(8), two[:-20], gzip.compress(content[:-9]) + bytes(9)):
        path.write_bytes(broken)
        with pytest.raises(StudyError, match="damaged"):
            read_volume(path, "t1")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz", "t1.hdr"])
def test_voxels_that_are_no_numbers_are_counted(tmp_path: Path, name: str, kind: str, order: str) -> None:
    """ITK reads them as 0."""
    values = sitk.GetArrayFromImage(volume()).T.astype(f"{order}{kind}")
    values[:3, 0, 0], values[4, 0, 0] = np.nan, -np.inf
    header = nibabel.Nifti1Header(endianness=order)
    header.set_data_dtype(values.dtype)
    kinds = nibabel.Nifti1Pair if name.endswith(".hdr") else nibabel.Nifti1Image
    nibabel.save(kinds(values, np.diag([-1.0, -1, 1, 1]), header), tmp_path / name)
    study = Study.read(t1=tmp_path / name, skull="off")
    assert "t1: 4 of 4032 voxels are NaN or infinite; taken as 0" in study.notes
    values[:] = np.nan
    nibabel.save(kinds(values, np.diag([-1.0, -1, 1, 1]), header), tmp_path / name)
    with pytest.raises(StudyError, match="every voxel is 0, for 4032 in the file are NaN or infinite"):
        Study.read(t1=tmp_path / name)


def test_where_volumes_do_not_fit_what_is_not_known_of_their_place_is_told(tmp_path: Path) -> None:
    placed = write(tmp_path / "t1.nii", codes(1, 1))
    nowhere = write(tmp_path / "t2.nii", both(codes(0, 0), put(600, "<h", 7)))
    with pytest.raises(StudyError, match=r"do not .*t2: its qform and its sform have the code 0"):
        Study.read(t1=placed, t2=nowhere, skull="off")


def test_a_sheared_sform_gives_way_to_the_qform_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "t1.nii", both(codes(1, 1), SHEAR))
    assert moved_by(path, "qform") == pytest.approx((0, 0, 0), abs=1e-3)


def test_a_hardly_sheared_sform_that_is_not_taken_gives_no_axes(tmp_path: Path) -> None:
    ras = np.diag([0.5, 1.0, -1.0, 1.0])
    ras[0, 1] = 0.01  # so little that ITK's place would do, which follows the sform
    image = nibabel.Nifti1Image(sitk.GetArrayFromImage(volume()).transpose(), None)
    image.set_sform(np.diag([0.001] * 3 + [1.0]) @ ras, 2)
    image.set_qform(np.diag([0.001] * 3 + [1.0]) @ ras, 1)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "t1.nii")
    found, _ = read_volume(tmp_path / "t1.nii", "t1")
    axes = np.reshape(found.GetDirection(), (3, 3))
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-6)
    assert np.abs(ball(found) - (ras @ (*BALL, 1))[:3]).max() < 0.1


def test_the_spacing_of_a_sform_that_stands_alone_is_taken_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "t1.nii", both(codes(0, 1), put(80, "<3f", 1.0, 1.0, 1.0)))
    study = Study.read(t1=path, skull="off")
    assert study.reference.spacing == pytest.approx((1.0, 1.5, 2.0))
    assert any("1 x 1.5 x 2 mm, its header says 1 x 1 x 1 mm" in note for note in study.notes)


@pytest.mark.parametrize(("unit", "scale"), [(1, 1e-3), (3, 1e3)])
def test_metres_and_micrometres(tmp_path: Path, unit: int, scale: float) -> None:
    def change(content: bytearray) -> None:
        for at, count in ((80, 3), (268, 3), (280, 12)):
            struct.pack_into(
                f"<{count}f", content, at, *np.multiply(struct.unpack_from(f"<{count}f", content, at), scale)
            )
        content[123] = unit

    read, _ = read_volume(write(tmp_path / "t1.nii", change), "t1")
    assert ball(read) == pytest.approx(TRUTH, abs=1e-2)


def test_big_endian(tmp_path: Path) -> None:
    import nibabel

    sitk.WriteImage(volume(), str(tmp_path / "a.nii"))
    little = nibabel.load(tmp_path / "a.nii")
    header = little.header.as_byteswapped(">")
    nibabel.save(nibabel.Nifti1Image(np.asarray(little.dataobj), little.affine, header), tmp_path / "b.nii")
    read, _ = read_volume(tmp_path / "b.nii", "t1")
    assert ball(read) == pytest.approx(TRUTH, abs=1e-3)


def test_a_place_is_written_as_it_was_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t1.nii", both(codes(2, 4), MOVED))
    place = read_header(path).place
    assert isinstance(place, NiftiPlace)
    plain = write(tmp_path / "t2.nii", lambda content: None).read_bytes()
    (tmp_path / "t3.nii").write_bytes(place.written_into(plain[:348]) + plain[348:])
    assert read_header(tmp_path / "t3.nii").place == place
