"""Only the file that is named is read, whatever lies beside it; formats that carry no place are told."""

import errno
import gzip
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError, StudyError
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.image_file import read_image_file
from GliomaSAMLib.study.volume import read_volume


def values(seed: int, shape: tuple[int, int, int] = (12, 14, 16)) -> np.ndarray:
    k, j, i = np.indices(shape)
    inside = ((k - 6) / 5) ** 2 + ((j - 7) / 6) ** 2 + ((i - 8) / 7) ** 2 < 1
    return np.where(inside, np.random.default_rng(seed).integers(100, 900, shape), 0).astype(np.int16)


def image(seed: int) -> sitk.Image:
    made = sitk.GetImageFromArray(values(seed))
    made.SetOrigin((-8.0, -7.0, -6.0))
    return made


def put(path: Path, seed: int, content: sitk.Image | None = None) -> Path:
    """A file whose voxels are those of `seed`; its name says whether it is packed."""
    plain = path.parent / "other" / "plain.nii"
    plain.parent.mkdir(exist_ok=True)
    sitk.WriteImage(image(seed) if content is None else content, str(plain))
    raw = plain.read_bytes()
    path.write_bytes(gzip.compress(raw) if path.name.lower().endswith(".gz") else raw)
    shutil.rmtree(plain.parent)
    return path


def seen(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(read_volume(path, "t1")[0])


@pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz", "T1.NII", "T1.Nii.Gz", "t1.nii.GZ", "a b.nii.gz", "ä.nii.gz"])
def test_a_packed_file_beside_an_unpacked_one(tmp_path: Path, name: str) -> None:
    stem = name[: name.lower().index(".nii")]
    for suffix, seed in ((".nii", 1), (".nii.gz", 2), (".NII", 3), (".hdr", 4), (".img", 5), (".img.gz", 6)):
        put(tmp_path / f"{stem}{suffix}", seed)
    assert np.array_equal(seen(put(tmp_path / name, 9)), values(9))


def test_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    put(tmp_path / "a" / "real.nii.gz", 1)
    put(tmp_path / "a" / "real.nii", 2)
    put(tmp_path / "link.nii", 3)
    (tmp_path / "link.nii.gz").symlink_to(tmp_path / "a" / "real.nii.gz")
    assert np.array_equal(seen(tmp_path / "link.nii.gz"), values(1))


@pytest.mark.parametrize("name", ["t1.nii", "t1.nii.gz"])
def test_packed_or_not_by_the_content(tmp_path: Path, name: str) -> None:
    put(tmp_path / "a.nii", 1)
    put(tmp_path / "a.nii.gz", 1)
    (tmp_path / "a.nii.gz" if name == "t1.nii" else tmp_path / "a.nii").rename(tmp_path / name)
    assert np.array_equal(seen(tmp_path / name), values(1))


def pair(folder: Path, seed: int, kind: type = nibabel.Nifti1Pair, name: str = "t1", packed: str = "") -> None:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[:3, 3] = (8, 7, -6)
    nibabel.save(kind(values(seed).T, affine), folder / f"{name}.hdr")
    if packed:
        raw = (folder / f"{name}.img").read_bytes()
        (folder / f"{name}.img").unlink()
        (folder / f"{name}.img.gz").write_bytes(gzip.compress(raw))


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("named", ["t1.hdr", "t1.img"])
def test_a_pair(tmp_path: Path, named: str, packed: str) -> None:
    pair(tmp_path, 1, packed=packed)
    path = tmp_path / (named + packed if named.endswith("img") else named)
    put(tmp_path / "t1.nii", 2)
    put(tmp_path / "t1.nii.gz", 3)
    assert np.array_equal(seen(path), values(1))
    voxels = tmp_path / f"t1.img{packed}"
    voxels.write_bytes(voxels.read_bytes()[: voxels.stat().st_size // 2])
    with pytest.raises(StudyError, match="cut short"):
        read_volume(path, "t1")
    voxels.unlink()
    with pytest.raises(StudyError, match=r"not beside it|does not exist"):
        read_volume(path, "t1")


def test_a_header_with_packed_and_unpacked_voxels(tmp_path: Path) -> None:
    pair(tmp_path, 1, packed=".gz")
    pair(tmp_path, 2)
    with pytest.raises(StudyError, match=r"two files \(t1.img and t1.img.gz\)"):
        read_volume(tmp_path / "t1.hdr", "t1")
    assert np.array_equal(seen(tmp_path / "t1.img"), values(2))
    assert np.array_equal(seen(tmp_path / "t1.img.gz"), values(1))


def nrrd(path: Path, *lines: str, shape: tuple[int, ...] = (12, 14, 16)) -> Path:
    head = ["NRRD0004", "type: int16", f"dimension: {len(shape)}", f"sizes: {' '.join(map(str, shape[::-1]))}"]
    head += ["encoding: raw", "endian: little", *lines]
    path.write_bytes("\n".join(head).encode() + b"\n\n" + values(1).tobytes())
    return path


def mha(path: Path, *lines: str) -> Path:
    named = {line.split()[0]: line for line in lines}
    head = ["ObjectType = Image", "NDims = 3", named.pop("DimSize", "DimSize = 16 14 12")]
    end = ["ElementType = MET_SHORT", named.pop("ElementDataFile", "ElementDataFile = LOCAL")]
    path.write_bytes("\n".join([*head, *named.values(), *end]).encode() + b"\n" + values(1).tobytes())
    return path


AXES = "space directions: (1,0,0) (0,1,0) (0,0,1)"

ORIGIN = "space origin: (-8,-7,-6)"

SPACE = "space: left-posterior-superior"

FIELDS = ("Offset = -8 -7 -6", "TransformMatrix = 1 0 0 0 1 0 0 0 1", "ElementSpacing = 1 1 1")


def write_without_place(folder: Path, name: str) -> Path:
    """A file whose format, or whose header, says nothing of the place."""
    path = folder / name
    if name == "analyze.hdr":
        pair(folder, 1, nibabel.AnalyzeImage, "analyze")
        return path
    made = {
        "bare.nrrd": lambda: nrrd(path),
        "spacings.nrrd": lambda: nrrd(path, "spacings: 1 1 1"),
        "no space.nrrd": lambda: nrrd(path, "space dimension: 3", AXES, ORIGIN),
        "no origin.nrrd": lambda: nrrd(path, SPACE, AXES),
        "origin of none.nrrd": lambda: nrrd(path, SPACE, AXES, "space origin: none"),
        "not the patient.nrrd": lambda: nrrd(path, "space: 3D-right-handed", AXES, ORIGIN),
        "bare.mha": lambda: mha(path),
        "no offset.mha": lambda: mha(path, *FIELDS[1:]),
        "no axes.mha": lambda: mha(path, FIELDS[0], FIELDS[2]),
    }
    return made[name]()


WITHOUT_PLACE = [
    *("analyze.hdr", "bare.nrrd", "spacings.nrrd", "no space.nrrd", "no origin.nrrd", "origin of none.nrrd"),
    *("not the patient.nrrd", "bare.mha", "no offset.mha", "no axes.mha"),
]


@pytest.mark.parametrize("name", WITHOUT_PLACE)
def test_a_file_without_a_place_is_told_and_never_laid_over_one_that_has_it(tmp_path: Path, name: str) -> None:
    path = write_without_place(tmp_path, name)
    study = Study.read(t1=path, skull="off")
    assert any("carries no" in note and note.startswith("t1: ") for note in study.notes), study.notes
    placed = put(tmp_path / "t2.nii", 2)
    with pytest.raises(StudyError, match=r"cannot be laid over the t2 volume.*carries no"):
        Study.read(t1=path, t2=placed, skull="off")
    (tmp_path / "flair").mkdir()
    other = write_without_place(tmp_path / "flair", name)
    voxels = other.with_suffix(".img") if name == "analyze.hdr" else other
    voxels.write_bytes(voxels.read_bytes()[:-2] + b"\1\0")  # another volume than t1
    assert Study.read(t1=path, flair=other, skull="off").modalities == ("t1", "flair")


def test_files_with_a_place_are_not_spoken_of(tmp_path: Path) -> None:
    sitk.WriteImage(image(1), str(tmp_path / "t1.nrrd"))
    sitk.WriteImage(image(1), str(tmp_path / "t2.mha"))
    put(tmp_path / "flair.nii", 1)
    paths = [nrrd(tmp_path / "a.nrrd", "key:=value: of = the writer", "DICOM:a:=b", "DICOM:b:=c", SPACE, AXES, ORIGIN)]
    for path in [*paths, mha(tmp_path / "b.mha", *FIELDS), *tmp_path.glob("t?.*"), tmp_path / "flair.nii"]:
        found = read_image_file(path)
        assert (found.note, found.placed) == ("", True), path
        assert found.image.GetOrigin() == pytest.approx((-8, -7, -6))


LONG = "x" * 3000

IMPOSSIBLE = {
    "long type": ("type", LONG),
    "unknown type": ("type", "quaternion"),
    "long encoding": ("encoding", LONG),
    "long endian": ("endian", LONG),
    "long space": ("space", LONG),
    "long kinds": ("kinds", f"{LONG} domain domain"),
    "long centers": ("centers", f"cell {LONG} cell"),
    "long sizes": ("sizes", "1" * 3000),
    "long field": (f"{LONG} field", "1"),
    "unknown field": ("colour", "blue"),
    "many voxels": ("sizes", "1600 1400 1200"),
    "too many voxels": ("sizes", "16000 14000 12000"),
    "many dimensions": ("dimension", "99"),
    "sizes below 0": ("sizes", "16 -14 12"),
    "origin that is no number": ("space origin", "(nan,0,0)"),
    "origin of infinity": ("space origin", "(0,inf,0)"),
    "axes that are no numbers": ("space directions", "(1,0,0) (0,nan,0) (0,0,1)"),
    "sheared": ("space directions", "(1,0,0) (0.3,1,0) (0,0,1)"),
    "axis of no length": ("space directions", "(1,0,0) (0,0,0) (0,0,1)"),
    "voxels elsewhere": ("data file", "../../secret.raw"),
    "lengths in cm": ("space units", '"cm" "cm" "cm"'),
    "one length in metres": ("units", '"" "m" "mm"'),
}


@pytest.mark.parametrize(("field", "value"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_nrrd_headers_that_cannot_be(tmp_path: Path, field: str, value: str) -> None:
    path = nrrd(tmp_path / "t1.nrrd", SPACE, AXES, ORIGIN)
    head, _, voxels = path.read_bytes().partition(b"\n\n")
    lines = [line for line in head.decode().split("\n") if not line.startswith(f"{field}:")]
    path.write_bytes("\n".join([*lines, f"{field}: {value}"]).encode() + b"\n\n" + voxels)
    with pytest.raises(StudyError, match=r"t1\.nrrd") as caught:
        read_volume(path, "t1")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["t1.nhdr", "t1.mhd"])
def test_voxels_beside_their_header_that_are_cut_short_or_absent(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(12 * 14 * 16, dtype=np.int16).reshape(12, 14, 16)), str(path))
    (voxels,) = (other for other in tmp_path.iterdir() if other != path)
    assert read_image_file(path).image.GetSize() == (16, 14, 12)
    voxels.write_bytes(voxels.read_bytes()[:-100])
    with pytest.raises(StudyError, match=rf"{name}.*cut short: {voxels.name} has 5276 bytes, its header promises 5376"):
        read_image_file(path)
    voxels.unlink()
    with pytest.raises(StudyError, match=f"{voxels.name}', which is not beside it"):
        read_image_file(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["t1.nhdr", "t1.mhd"])
def test_a_list_of_files_elsewhere_is_not_read(tmp_path: Path, name: str) -> None:
    """The names follow the header, so that they could be of any file."""
    path = tmp_path / "here" / name
    path.parent.mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(12 * 14 * 16, dtype=np.int16).reshape(12, 14, 16)), str(path))
    for number in range(12):
        (tmp_path / f"{number}.raw").write_bytes(bytes(2 * 14 * 16))
    head = [line for line in path.read_text().splitlines() if not line.lower().replace(" ", "").startswith(
        ("elementdatafile", "datafile", "encoding", "compresseddata"))]  # fmt: skip
    head += ["ElementDataFile = LIST"] if name == "t1.mhd" else ["encoding: raw", "data file: LIST"]
    path.write_text("\n".join([*head, *(f"../{number}.raw" for number in range(12))]) + "\n")
    with pytest.raises(StudyError, match=r"list of files|no line of a NRRD header"):
        read_image_file(path)


@pytest.mark.parametrize(
    "line",
    [
        "Offset = nan 0 0",
        "Offset = 0 0",
        "Offset = 1e300 0 0",
        "ElementSpacing = 1 nan 1",
        "ElementSpacing = 1 0 1",
        "ElementSpacing = 1 1e-30 1",
        "TransformMatrix = 1 0 0 0 inf 0 0 0 1",
        "TransformMatrix = 1 0 0 0.3 1 0 0 0 1",
        "TransformMatrix = 1 0 0",
        "TransformMatrix = 0 0 0 0 0 0 0 0 0",
        f"Comment = {LONG}",
        "ElementDataFile = LOCAL%s%n",
        "ElementDataFile = ../elsewhere.raw",
        "ElementDataFile : ../else=where.raw",
        "ElementDataFile = absent.raw",
        "ElementDataFile = LoCAL",
        "BinaryData = maybe",
        "CompressedData = %s",
        "DistanceUnits = cm",
        "HeaderSize = 100",
        "Position = 0 0 0",
        "Orientation = -1 0 0 0 1 0 0 0 1",
        "DimSize = 1600 1400 1200",
        "DimSize = 16000 14000 12000",
    ],
)
def test_metaimage_headers_that_cannot_be(tmp_path: Path, line: str) -> None:
    name = line.split()[0]
    path = mha(tmp_path / "t1.mha", *[field for field in FIELDS if field.split()[0] != name], line)
    with pytest.raises(StudyError, match=r"t1\.mha"):
        read_volume(path, "t1")


def test_what_a_header_says_twice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = mha(tmp_path / "t1.mha", *FIELDS, "Position = -8.0 -7.0 -6.0", "DistanceUnits = mm")
    content = path.read_bytes()
    for again, told in ((b"Offset = -8 -7 -6", ""), (b"Offset = 0 0 0", "Offset twice"), (b"DimSize = 1 1 1", "twice")):
        path.write_bytes(content.replace(b"DistanceUnits", again + b"\nDistanceUnits"))
        if told:
            with pytest.raises(StudyError, match=told):
                read_image_file(path)
        else:
            assert read_image_file(path).image.GetOrigin() == pytest.approx((-8, -7, -6))
    path.write_bytes(content.replace(b"NDims", b"Offset = -8 -7 -6\nNDims"))
    with pytest.raises(StudyError, match="Offset before NDims"):
        read_image_file(path)
    assert capfd.readouterr().err == ""
    told = nrrd(tmp_path / "told.nrrd", SPACE, AXES, ORIGIN, 'space units: "mm" "mm" "mm"')
    assert read_image_file(told).image.GetOrigin() == pytest.approx((-8, -7, -6))


@pytest.mark.parametrize("skipped", ["0", "100", "-1"])
def test_bytes_before_the_voxels_of_a_metaimage(
    tmp_path: Path, skipped: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = mha(tmp_path / "t1.mhd", *FIELDS, f"HeaderSize = {skipped}")
    head, _, raw = path.read_bytes().partition(b"LOCAL\n")
    path.write_bytes(head + b"t1.raw\n")
    beside = tmp_path / "t1.raw"
    beside.write_bytes(bytes(0 if skipped == "0" else 100) + raw)
    assert sitk.GetArrayFromImage(read_image_file(path).image).tobytes() == raw
    beside.write_bytes(beside.read_bytes()[-len(raw) + (skipped == "-1") :])  # too few
    if skipped != "0":
        with pytest.raises(StudyError, match="cut short"):
            read_image_file(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("name", "field"), [("t1.mhd", "HeaderSize = "), ("t1.nhdr", "byte skip: ")])
def test_more_bytes_beside_a_header_than_it_promises(tmp_path: Path, name: str, field: str) -> None:
    path = tmp_path / name
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(12 * 14 * 16, dtype=np.int16).reshape(12, 14, 16)), str(path))
    (beside,) = (other for other in tmp_path.iterdir() if other != path)
    voxels, head = beside.read_bytes(), path.read_text()
    beside.write_bytes(b"H" * 352 + voxels + b"end")
    with pytest.raises(StudyError, match=rf"{beside.name} has 355 bytes more than .*; give {field[:9]}"):
        read_image_file(path)
    line = next(line for line in head.splitlines() if line.lower().replace(" ", "").startswith(("element", "datafile")))
    path.write_text(head.replace(line, f"{field}352\n{line}"))
    assert sitk.GetArrayFromImage(read_image_file(path).image).tobytes() == voxels
    beside.write_bytes(voxels + b"end")
    path.write_text(head.replace(line, f"{field}0\n{line}"))
    assert sitk.GetArrayFromImage(read_image_file(path).image).tobytes() == voxels


def test_voxels_in_letters_beside_their_header(tmp_path: Path) -> None:
    path = mha(tmp_path / "t1.mhd", *FIELDS, "BinaryData = False")
    head, _, raw = path.read_bytes().partition(b"LOCAL\n")
    path.write_bytes(head + b"t1.txt\n")
    voxels = np.frombuffer(raw, np.int16)
    (tmp_path / "t1.txt").write_text("".join(f"{voxel} " for voxel in voxels))
    assert np.array_equal(sitk.GetArrayFromImage(read_image_file(path).image).ravel(), voxels)


@pytest.mark.parametrize(
    "spoil", ["cut", "cut, of no stated size", "too short a size", "no size", "a size of 0", "no number", "spoiled"]
)
def test_packed_metaimage_voxels_that_are_not_whole(
    tmp_path: Path, spoil: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """ITK takes what it can unpack and speaks of it on the terminal."""
    path = tmp_path / "t1.mha"
    sitk.WriteImage(image(1), str(path), True)
    read_image_file(path)
    content = path.read_bytes()
    start = content.index(b"LOCAL\n") + 6
    head, voxels = content[:start], content[start:]
    size = b"CompressedDataSize = %d\n" % len(voxels)
    assert size in head
    path.write_bytes(
        {
            "cut": head + voxels[:-50],
            "cut, of no stated size": head.replace(size, b"") + voxels[:-50],
            "too short a size": head.replace(size, b"CompressedDataSize = 100\n") + voxels,
            "no size": head.replace(size, b"") + voxels,
            "a size of 0": head.replace(size, b"CompressedDataSize = 0\n") + voxels,
            "no number": head.replace(size, b"CompressedDataSize = nan\n") + voxels,
            "spoiled": head + b"x" * 50 + voxels[50:],
        }[spoil]
    )
    capfd.readouterr()
    with pytest.raises(StudyError, match=r"t1\.mha: the file is damaged"):
        read_image_file(path)
    assert capfd.readouterr().err == ""


def test_a_full_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sitk.WriteImage(image(1), str(tmp_path / "t1.nii.gz"))
    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(OutputError, match=r"temporary folder .* cannot be written: No space left.*TMPDIR"):
        read_image_file(tmp_path / "t1.nii.gz")


def test_the_reason_of_the_reader_is_told(tmp_path: Path) -> None:
    path = tmp_path / "t1.nrrd"
    sitk.WriteImage(image(1), str(path), useCompression=True)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(StudyError, match=r"damaged or cut short \(.{10,}\)"):
        read_volume(path, "t1")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".dcm"])
def test_a_name_that_is_not_utf_8_is_refused(suffix: str, tmp_path: Path) -> None:
    """The readers underneath would abort the program."""
    path = tmp_path / (os.fsdecode(b"M\xfcller") + suffix)
    path.write_bytes(b"voxels")
    for read in (read_image_file, lambda one: read_volume(one, "t1")):
        with pytest.raises(StudyError, match="is not UTF-8"):
            read(path)
