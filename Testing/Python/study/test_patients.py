"""Volumes of several patients or examinations, and one volume under two names, are refused or told."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.data import find_cases
from GliomaSAMLib.data.cases import open_case
from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import Study

MODALITIES = ("t1", "t1c", "t2", "flair")

Write = Callable[..., dict[str, Path]]


def noisy(values: np.ndarray, seed: int) -> np.ndarray:
    """A head in air of 0 with a noise of its own."""
    noise = np.random.default_rng(seed).integers(0, 60, values.shape)
    return np.where(values > 0, values + noise, 0).astype(np.int16)


@pytest.fixture
def write(tmp_path: Path, small_grid: Geometry, small_arrays: dict[str, np.ndarray]) -> Write:
    """A function that writes files below `tmp_path`, each with a noise of its own."""

    def write_all(*names: str) -> dict[str, Path]:
        for number, name in enumerate(names):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(small_grid.to_image(noisy(small_arrays["flair"], number)), str(tmp_path / name))
        return {name: tmp_path / name for name in names}

    return write_all


@pytest.fixture
def write_dicom(tmp_path: Path, small_arrays: dict[str, np.ndarray]) -> Callable[..., Path]:
    """A function that writes a DICOM series with a description and tags."""

    def write_one(folder: str, description: str, tags: dict[str, str], number: int = 1) -> Path:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        for index, values in enumerate(noisy(small_arrays["flair"], number)[:, None]):
            image = sitk.GetImageFromArray(values)
            image.SetSpacing((2, 2, 2))
            header = {
                "0008|0060": "MR",
                "0008|103e": description,
                "0020|000e": f"1.2.3.{number}",
                "0008|0018": f"1.2.3.{number}.{index}",
                "0020|0032": f"0\\0\\{2 * index}",
                "0020|0037": "1\\0\\0\\0\\1\\0",
                "0020|0013": str(index),
                **tags,
            }
            for key, value in header.items():
                image.SetMetaData(key, value)
            writer.SetFileName(str(tmp_path / folder / f"{number}_{index:03d}.dcm"))
            writer.Execute(image)
        return tmp_path / folder

    return write_one


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("patient-A/t1.nii.gz", "patient-B/flair.nii.gz"), ("patient-A", "patient-B")),
        (("001/t1.nii.gz", "002/flair.nii.gz"), ("001", "002")),
        (("a/t1.nii", "b/t1c.nii", "a/flair.nii"), ("t1 in a", "t1c in b")),
        (("sub-01/anat/sub-01_T1w.nii.gz", "sub-02/anat/sub-02_FLAIR.nii.gz"), ("sub-01", "sub-02")),
        (("ses-1/anat/x_T1w.nii.gz", "ses-2/anat/x_FLAIR.nii.gz"), ("ses-1", "ses-2")),
        (("A/T1/t1.nii", "B/FLAIR/flair.nii"), ("t1 in A", "flair in B")),
        (("20200101/t1.nii.gz", "20210101/flair.nii.gz"), ("20200101", "20210101")),
        (("BraTS-GLI-00001-000-t1n.nii.gz", "BraTS-GLI-00002-000-t2f.nii.gz"), ("00001", "00002")),
        (("BraTS-GLI-00001-000-t1n.nii.gz", "BraTS-GLI-00001-001-t2f.nii.gz"), ("00001-000", "00001-001")),
        (("UPENN-GBM-00001_11_T1.nii.gz", "UPENN-GBM-00002_11_FLAIR.nii.gz"), ("00001", "00002")),
        (("UCSF-PDGM-0004_T1.nii.gz", "UCSF-PDGM-0005_FLAIR.nii.gz"), ("0004", "0005")),
        (("sub-01_T1w.nii.gz", "sub-02_FLAIR.nii.gz"), ("sub-01", "sub-02")),
        (("PatientID_0003_Timepoint_1_t1n.nii", "PatientID_0004_Timepoint_1_t2f.nii"), ("0003", "0004")),
        (("patient1_t1.nii.gz", "patient2_flair.nii.gz"), ("patient1", "patient2")),
        (("Brats18_2013_2_1_t1.nii.gz", "Brats18_2013_3_1_flair.nii.gz"), ("2013_2_1", "2013_3_1")),
        (
            ("BraTS20_001_t1.nii/x.nii", "BraTS20_002_flair.nii/y_flair.nii", "BraTS20_001_t1.nii/t1.nii"),
            ("001", "002"),
        ),
    ],
)
def test_several_cases_under_one_folder(
    names: Sequence[str], told: Sequence[str], write: Write, tmp_path: Path
) -> None:
    write(*names)
    with pytest.raises(StudyError, match=r"^The volumes are of several cases: .*--same-patient") as caught:
        Study.read_folder(tmp_path)
    assert all(text in str(caught.value) for text in told)
    study = Study.read_folder(tmp_path, same_patient=True)
    assert "flair" in study.modalities
    assert any("taken as one patient's" in note for note in study.notes)


@pytest.mark.parametrize(
    "names",
    [
        ("t1.nii.gz", "flair.nii.gz"),
        ("case/t1.nii.gz", "case/flair.nii.gz"),
        ("T1/t1.nii.gz", "FLAIR/flair.nii.gz"),
        ("5-AX T1/t1.nii.gz", "7-AX FLAIR/flair.nii.gz"),
        ("series_5/t1.nii.gz", "series_7/flair.nii.gz"),
        ("0005_t1.nii.gz", "0007_flair.nii.gz"),
        ("anon_20200101120000_T1_5.nii.gz", "anon_20200101121500_FLAIR_7.nii.gz"),
        ("x12345_5_T1.nii.gz", "x12345_7_FLAIR.nii.gz"),
        ("3d_t1.nii.gz", "2d_flair.nii.gz"),
        ("sub-01_T1w.nii.gz", "sub-01_FLAIR.nii.gz"),
        ("sub-01_ce-gadolinium_T1w.nii.gz", "sub-01_FLAIR.nii.gz"),
        ("BraTS-GLI-00001-000-t1n.nii.gz", "BraTS-GLI-00001-000-t2f.nii.gz"),
        ("BraTS20_001_t1.nii/BraTS20_001_t1.nii", "BraTS20_001_flair.nii/BraTS20_001_flair.nii"),
    ],
)
def test_one_case_is_taken_without_a_word(names: Sequence[str], write: Write, tmp_path: Path) -> None:
    files = write(*names)
    assert [note for note in Study.read_folder(tmp_path).notes if " is " not in note] == []
    t1, flair = files.values()
    assert Study.read(t1=t1, flair=flair).notes == ()


def test_a_case_of_several_patients_is_no_case_for_training(make_case: Callable[..., Path], tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", 0)
    for part, modality in (("patient-A", "t1"), ("patient-B", "flair")):
        (case / part).mkdir()
        shutil.move(case / f"case_{modality}.nii.gz", case / part / f"{modality}.nii.gz")
    for name in ("t1c", "t2"):
        (case / f"case_{name}.nii.gz").unlink()
    for some in (None, ("t1", "flair")):
        with pytest.raises(StudyError, match="several cases"):
            open_case(find_cases(tmp_path)[0], some)


def test_files_given_singly_from_several_places_are_told(write: Write) -> None:
    one, other = write("patient-A/t1.nii.gz", "patient-B/flair.nii.gz").values()
    (note,) = Study.read(t1=one, flair=other).notes
    assert note == (
        "the volumes lie in different places (t1 in patient-A, flair in patient-B): check that they are of one patient"
    )
    assert Study.read(t1=one, flair=other, same_patient=True).notes == ()


IDS = {"0010|0020": "SECRET1", "0020|000d": "1.2.3", "0008|0020": "20200101", "0010|0010": "DOE^JANE"}


@pytest.mark.parametrize("folders", [("A", "B"), ("one", "one")])
@pytest.mark.parametrize("singly", [False, True])
def test_different_patients(
    folders: tuple[str, str], singly: bool, write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    if singly and folders == ("one", "one"):
        pytest.skip("one folder with two series is no volume")
    first = write_dicom(folders[0], "T1", IDS, 1)
    second = write_dicom(folders[1], "FLAIR", {**IDS, "0010|0020": "SECRET2"}, 2)

    def read(**more: bool) -> Study:
        return Study.read(t1=first, flair=second, **more) if singly else Study.read_folder(tmp_path, **more)

    with pytest.raises(StudyError, match=r"^The volumes are of different patients: the DICOM tag PatientID") as caught:
        read()
    assert "SECRET" not in str(caught.value) and folders[1] in str(caught.value)
    study = read(same_patient=True)
    assert any("PatientID differs" in note for note in study.notes) and "SECRET" not in " ".join(study.notes)


@pytest.mark.parametrize(("tag", "name"), [("0010|0020", "PatientID"), ("0010|0010", "PatientName")])
@pytest.mark.parametrize("form", ["folder", "number", "case folder"])
def test_a_series_of_two_patients(
    tag: str, name: str, form: str, write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    """Slices of another patient that came into a series, as a faulty export leaves it."""
    series = write_dicom("A", "FLAIR", IDS)
    other = write_dicom("B", "FLAIR", {**IDS, tag: "SECRET2"})
    for file in sorted(other.iterdir())[-2:]:
        shutil.move(file, series / file.name)
    shutil.rmtree(other)

    def read(**more: bool) -> Study:
        if form == "case folder":
            return Study.read_folder(tmp_path, **more)
        return Study.read(flair=f"{series}#1" if form == "number" else series, **more)

    with pytest.raises(StudyError, match=f"^The slices of flair in A are of different patients: .*{name}") as caught:
        read()
    assert "--same-patient" in str(caught.value) and "SECRET" not in str(caught.value)
    notes = " ".join(read(same_patient=True).notes)
    assert f"{name} differs within the series of flair" in notes and "SECRET" not in notes and "DOE" not in notes


@pytest.mark.parametrize("other", [{"0010|0020": "secret1 "}, {"0010|0020": ""}, {"0010|0010": "Doe Jane"}])
def test_a_series_of_one_patient_written_in_two_ways(other: dict[str, str], write_dicom: Callable[..., Path]) -> None:
    series = write_dicom("A", "FLAIR", IDS)
    for file in sorted(write_dicom("B", "FLAIR", {**IDS, **other}).iterdir())[-2:]:
        shutil.move(file, series / file.name)
    assert Study.read(flair=series).notes == ()


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"0020|000d": "1.2.4"}, "StudyInstanceUID"),
        ({"0008|0020": "20210707"}, "StudyDate"),
        ({"0010|0010": "ROE^RICHARD"}, "PatientName"),
        ({"0010|0030": "19500101"}, "PatientBirthDate"),
    ],
)
def test_another_examination_is_told(
    changed: dict[str, str], name: str, write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    write_dicom("A", "T1", {**IDS, "0010|0030": "19490101"}, 1)
    write_dicom("B", "FLAIR", {**IDS, "0010|0030": "19490101", **changed}, 2)
    (note,) = [note for note in Study.read_folder(tmp_path).notes if "DICOM" in note]
    assert name in note and "t1 in A" in note and "flair in B" in note
    assert not any(value in note for value in (*IDS.values(), *changed.values()))


@pytest.mark.parametrize(
    ("frames", "told"), [(("1.2.9", "1.2.8"), True), (("1.2.9", "1.2.9"), False), (("1", ""), False)]
)
def test_different_frames_of_reference_are_told(
    frames: tuple[str, str], told: bool, write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    """A head that left the coil between two series, as for an injection."""
    for number, (name, frame) in enumerate(zip(("t1", "t1 post"), frames, strict=True), start=1):
        write_dicom(f"case/{name}", name, {"0010|0020": "A", "0020|000d": "1.2", "0020|0052": frame}, number)
    said = [note for note in Study.read_folder(tmp_path / "case").notes if "FrameOfReferenceUID" in note]
    assert len(said) == told
    aligned = Study.read_folder(tmp_path / "case", register=True)
    assert not any("FrameOfReferenceUID" in note for note in aligned.notes)


def test_one_examination_in_several_folders_is_taken_without_a_word(
    write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    write_dicom("S1", "T1", IDS, 1)
    write_dicom("S2", "FLAIR", IDS, 2)
    assert [note for note in Study.read_folder(tmp_path).notes if " is " not in note] == []


def test_series_without_identity_in_several_folders_are_refused(
    write_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    write_dicom("A", "T1", {"0020|000d": "1.2.3"}, 1)
    write_dicom("B", "FLAIR", {"0020|000d": "1.2.4"}, 2)
    with pytest.raises(StudyError, match="several cases: t1 in A, flair in B"):
        Study.read_folder(tmp_path)


def test_an_id_that_many_share_says_nothing(write_dicom: Callable[..., Path], tmp_path: Path) -> None:
    write_dicom("A", "T1", {"0010|0020": "ANONYMOUS", "0020|000d": "1.2.3"}, 1)
    write_dicom("B", "FLAIR", {"0010|0020": "Anonymous", "0020|000d": "1.2.4"}, 2)
    with pytest.raises(StudyError, match="several cases"):
        Study.read_folder(tmp_path)


def test_a_single_dicom_file_and_an_image_tell_their_patient(small_grid: Geometry, small_arrays: dict) -> None:
    images = {}
    for number, modality in enumerate(("t1", "flair")):
        images[modality] = small_grid.to_image(small_arrays[modality])
        images[modality].SetMetaData("0010|0020", f"P{number}")
    with pytest.raises(StudyError, match="PatientID"):
        Study.read(**images)


@pytest.mark.parametrize("pair", [("flair", "t1c"), ("t1", "t1c"), ("t2", "flair")])
@pytest.mark.parametrize("path", ["same", "text", "relative", "link", "hard link"])
def test_one_file_for_two_modalities(
    pair: tuple[str, str], path: str, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = write("x.nii.gz").values()
    other: Path | str = tmp_path / "y.nii.gz"
    if path == "link":
        (tmp_path / "y.nii.gz").symlink_to(file)
    elif path == "hard link":
        os.link(file, tmp_path / "y.nii.gz")
    else:
        monkeypatch.chdir(tmp_path)
        other = {"same": file, "text": str(file), "relative": Path("../") / tmp_path.name / "x.nii.gz"}[path]
    with pytest.raises(StudyError, match=f"^x.nii.gz is given for {pair[0]} and for|is given for .* and for"):
        Study.read(**{pair[0]: file, pair[1]: other}, same_patient=True)


def test_one_image_or_folder_for_two_modalities(
    small_grid: Geometry, small_arrays: dict, write_dicom: Callable[..., Path]
) -> None:
    image = small_grid.to_image(small_arrays["flair"])
    with pytest.raises(StudyError, match="One volume is given for t2 and for flair"):
        Study.read(t2=image, flair=image)
    folder = write_dicom("A", "T1", IDS)
    with pytest.raises(StudyError, match="A is given for t2 and for flair"):
        Study.read(t2=folder, flair=str(folder))


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_copies_of_one_volume(kind: type, small_grid: Geometry, small_arrays: dict) -> None:
    copies = {
        modality: small_grid.to_image(small_arrays["flair"].astype(kind if modality == "t1c" else np.int16))
        for modality in MODALITIES
    }
    with pytest.raises(StudyError, match=r"^The volumes t1 and t1c are equal voxel by voxel"):
        Study.read(**copies)
    del copies["t1"]
    assert (
        "t1c and flair are equal voxel by voxel: check that both are what they are called" in Study.read(**copies).notes
    )


@pytest.mark.parametrize("order", ["RAS", "PIR", "LPS"])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_copies_that_are_stored_otherwise(
    order: str, scale: float, small_grid: Geometry, small_arrays: dict[str, np.ndarray]
) -> None:
    image = small_grid.to_image(small_arrays["t1c"])
    copy = sitk.DICOMOrient(sitk.Cast(image, sitk.sitkFloat32) * scale + (scale - 1), order)
    if scale == 1:
        with pytest.raises(StudyError, match="t1 and t1c are equal voxel by voxel"):
            Study.read(t1=copy, t1c=image)
    else:
        said = [note for note in Study.read(t1=copy, t1c=image).notes if "scale" in note]
        assert len(said) == 1 and said[0].startswith("t1 and t1c differ by the scale of their grey values only")
    other = Study.read(t2=small_grid.to_image(small_arrays["t2"]), t1c=image)
    assert not any("equal" in note or "scale" in note for note in other.notes)


def test_a_label_map_given_for_a_volume_is_told(small_grid: Geometry, small_arrays: dict[str, np.ndarray]) -> None:
    labels = (np.digitize(small_arrays["flair"], [1, 300, 600])).astype(np.uint8)
    study = Study.read(flair=small_grid.to_image(labels), t2=small_grid.to_image(small_arrays["t2"]))
    said = [note for note in study.notes if "grey values" in note]
    assert said == ["flair has only 4 different grey values: check that it is no label map"]


def test_a_source_that_cannot_be_read_is_told_by_the_reader(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="does not exist"):
        Study.read(t1=tmp_path / "a.nii", flair=tmp_path / "b.nii")
    with pytest.raises(StudyError, match="is a int"):
        Study.read(t1=3, flair=4)  # type: ignore[arg-type]
