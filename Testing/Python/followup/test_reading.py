"""Folders of visits in, visits out, and what is no visit: one line each."""

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from heads import GRID, head, moved, write_visit

from GliomaSAMLib.errors import Cancelled, GliomaSAMError, ModelError, StudyError
from GliomaSAMLib.followup import reading
from GliomaSAMLib.followup.examination import read_examination
from GliomaSAMLib.followup.options import FollowUpOptions
from GliomaSAMLib.followup.reading import ReadingOptions, read_examinations, read_visits
from GliomaSAMLib.output import region_segments, write_segments

TODAY = date(2025, 1, 1)

ALIGNED = ReadingOptions(registered=True, today=TODAY)


@cache
def arrays() -> dict[str, np.ndarray]:
    return head()


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two visits of a segmentation alone."""
    return [write_visit(tmp_path / f"{name}_2024-0{n}-01", arrays(), ("seg",)) for n, name in ((3, "A"), (5, "B"))]


def say(folder: Path, **fields: Any) -> None:
    (folder / "visit.json").write_text(json.dumps(fields))


def write_labels(folder: Path, labels: np.ndarray, name: str = "seg.nii.gz") -> None:
    sitk.WriteImage(GRID.to_image(labels), str(folder / name))


def test_visits_of_segmentations_alone(two: list[Path]) -> None:
    first, second = read_visits(two, ALIGNED)
    assert [one.date for one in (first, second)] == [date(2024, 3, 1), date(2024, 5, 1)]
    assert (first.alignment.method, second.alignment.method) == ("reference", "identity")
    assert first.folder == "A_2024-03-01" and first.file == "seg.nii.gz" and first.source == "given"
    assert first.labels == "brats2023" and first.study is None and first.volumes == {}
    seg = arrays()["seg"]
    for mask, labels in ((first.masks.wt, (1, 2, 3)), (first.masks.tc, (1, 3)), (first.masks.et, (3,))):
        assert np.array_equal(mask, np.isin(seg, labels))
    assert first.masks.geometry.matches(GRID) and first.masks.cavity is None


def test_they_are_sorted_by_date_and_equal_dates_keep_their_order(two: list[Path]) -> None:
    visits = read_visits(two[::-1], ALIGNED)
    assert [one.folder[0] for one in visits] == ["A", "B"]
    assert "given as visit 2; sorted by date" in visits[0].notes
    same = ReadingOptions(dates=["2024-05-01", "2024-05-01"], registered=True, today=TODAY)
    assert [one.folder[0] for one in read_visits(two[::-1], same)] == ["B", "A"]


def test_folders_of_different_patients_are_told(two: list[Path], tmp_path: Path) -> None:
    for one, other, doubt in (("sub-01", "sub-02", True), ("sub-01", "sub-01", False), ("patient 3", "patient4", True)):
        places = [tmp_path / one / f"ses-1-{doubt}", tmp_path / other / f"ses-2-{doubt}"]
        folders = [Path(shutil.copytree(folder, place)) for folder, place in zip(two, places, strict=True)]
        dates = ("2024-03-01", "2024-05-01")
        found = read_examinations(folders, replace(ALIGNED, dates=dates))
        assert any("different patients" in note for note in found[1].notes) is doubt
        assert not any("different patients" in note for note in found[0].notes)
        said = read_examinations(folders, replace(ALIGNED, dates=dates, same_patient=True))[1].notes
        assert not any("different patients" in note for note in said)


def test_what_the_user_says_counts(two: list[Path]) -> None:
    say(two[0], date="2024-02-01", role="preoperative")
    other = two[1] / "mine.nii.gz"
    shutil.copy(two[1] / "seg.nii.gz", other)
    options = ReadingOptions(
        dates=["2024-01-01", "2024-05-01"], segmentations=[two[0] / "seg.nii.gz", other], registered=True, today=TODAY
    )
    first, second = read_visits(two, options)
    assert first.date == date(2024, 1, 1) and first.fields.role == "preoperative" and second.file == "mine.nii.gz"
    assert any("visit.json and the folder's name say otherwise" in note for note in first.notes)


def test_a_folder_goes_by_the_name_that_is_given(two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two[0])
    first, second = read_visits([".", Path("..") / two[1].name], ALIGNED)
    assert (first.folder, first.date) == ("A_2024-03-01", date(2024, 3, 1))
    assert second.folder == "B_2024-05-01"


def test_a_segmentation_is_no_volume_as_well(two: list[Path]) -> None:
    named = (two[0] / "seg.nii.gz").rename(two[0] / "tumour_t1c.nii.gz")
    with pytest.raises(StudyError, match=r"tumour_t1c.nii.gz is given as the segmentation.*it is the t1c volume"):
        read_examination(two[0], segmentation=named, today=TODAY)


def test_one_segmentation_for_two_visits(two: list[Path]) -> None:
    same = [two[0] / "seg.nii.gz", two[0] / ".." / two[0].name / "seg.nii.gz"]
    with pytest.raises(StudyError, match=r"seg\.nii\.gz is given for two visits"):
        read_visits(two, replace(ALIGNED, segmentations=same))
    said = "segmentation: equal voxel by voxel at V1 and V2: check that they are two examinations"
    assert said in read_visits(two, ALIGNED)[-1].notes
    write_labels(two[1], np.roll(arrays()["seg"], 1, 0))
    assert said not in read_visits(two, ALIGNED)[-1].notes
    for folder in two:
        write_labels(folder, np.zeros_like(arrays()["seg"]))
    assert said not in read_visits(two, ALIGNED)[-1].notes


def test_a_link_to_a_folder_has_its_own_name(two: list[Path], tmp_path: Path) -> None:
    link = tmp_path / "2024-02-02"
    try:
        link.symlink_to(two[0], target_is_directory=True)
    except OSError:
        pytest.skip("no links here")
    first, _ = read_visits([link, two[1]], ALIGNED)
    assert (first.folder, first.date) == ("2024-02-02", date(2024, 2, 2))


def test_labels_with_a_cavity(two: list[Path]) -> None:
    labels = arrays()["seg"].copy()
    labels[20:23, 20:23, 20:23] = 4
    write_labels(two[1], labels)
    visits = read_visits(two, ReadingOptions(labels="brats2024", registered=True, today=TODAY))
    assert visits[1].masks.cavity is not None and visits[1].masks.cavity.sum() == 27
    assert not (visits[1].masks.wt & visits[1].masks.cavity).any()


def test_a_slicer_segmentation(two: list[Path]) -> None:
    (two[0] / "seg.nii.gz").unlink()
    seg, cavity = arrays()["seg"], np.zeros(GRID.shape, np.uint8)
    cavity[:2, :2, :2] = 1
    masks = {region: np.isin(seg, labels).astype(np.uint8) for region, labels in
             {"WT": (1, 2, 3), "TC": (1, 3), "ET": (3,)}.items()}  # fmt: skip
    write_segments(two[0] / "Segmentation.seg.nrrd", region_segments(masks, cavity), GRID)
    first = read_visits(two, ALIGNED)[0]
    assert first.labels == "segments" and np.array_equal(first.masks.et, masks["ET"])
    assert first.masks.cavity is not None and first.masks.cavity.sum() == 8


def test_an_empty_segmentation_is_a_visit_without_lesions(two: list[Path]) -> None:
    write_labels(two[0], np.zeros(GRID.shape, np.uint8))
    first = read_visits(two, ALIGNED)[0]
    assert not first.masks.wt.any() and "its segmentation is empty: no lesion" in first.notes


@pytest.mark.parametrize(
    ("doses", "words"),
    [
        ((4, 8), (None, "increased")),
        ((4, 4), (None, "stable")),
        ((4, 2), (None, "decreased")),
        ((4, 0), (None, "none")),
        ((0, 0), ("none", "none")),
        ((None, 4), (None, None)),
    ],
)
def test_steroids_follow_from_doses(
    doses: tuple[float | None, ...], words: tuple[str | None, ...], two: list[Path]
) -> None:
    for folder, dose in zip(two, doses, strict=True):
        say(folder, steroid_mg_per_day=dose)
    assert tuple(one.fields.steroids for one in read_visits(two, ALIGNED)) == words


def test_weeks_follow_from_the_end_of_radiotherapy(two: list[Path]) -> None:
    say(two[1], radiotherapy_end="2024-04-10")
    say(two[0], radiotherapy_end="2024-04-10")
    first, second = read_visits(two, ALIGNED)
    assert second.fields.weeks_since_radiotherapy == 3.0
    assert first.fields.weeks_since_radiotherapy is None and "radiotherapy ended after this visit" in first.notes


# what is no visit


def folder_twice(two: list[Path]) -> None:
    two[1] = two[0] / ".." / two[0].name


def another_segmentation(two: list[Path]) -> None:
    shutil.copy(two[0] / "seg.nii.gz", two[0] / "mask.nii.gz")


def not_fetched(two: list[Path]) -> None:
    (two[0] / "seg.nii.gz").unlink()
    (two[0] / "seg.nii.gz").symlink_to(two[0] / "annex")


def four(two: list[Path]) -> None:
    write_labels(two[0], np.where(arrays()["seg"] == 3, 4, arrays()["seg"]).astype(np.uint8))


def nan(two: list[Path]) -> None:
    write_labels(two[0], np.where(arrays()["seg"] == 3, np.nan, arrays()["seg"]).astype(np.float32))


def sheared(two: list[Path]) -> None:
    image = GRID.to_image(arrays()["seg"])
    image.SetDirection((1, 0.2, 0, 0, 0.98, 0, 0, 0, 1))
    (two[0] / "seg.nii.gz").unlink()
    sitk.WriteImage(image, str(two[0] / "seg.mha"))


BAD: dict[str, tuple[Callable[[list[Path]], Any], ReadingOptions, str]] = {
    "one": (lambda two: two.pop(), ALIGNED, "1 visit given"),
    "one twice": (folder_twice, ALIGNED, "A_2024-03-01 is given twice"),
    "no folder": (lambda two: shutil.rmtree(two[0]), ALIGNED, "A_2024-03-01: the visit is no folder"),
    "a file": (lambda two: two.__setitem__(0, two[0] / "seg.nii.gz"), ALIGNED, "the visit is no folder"),
    "empty": (lambda two: (two[0] / "seg.nii.gz").unlink(), ALIGNED, "visit A_2024-03-01 cannot be used: "),
    "no date": (lambda two: two.__setitem__(0, two[0].rename(two[0].parent / "A")), ALIGNED, "visit A has no date"),
    "json": (lambda two: (two[0] / "visit.json").write_text("{"), ALIGNED, "visit.json cannot be read as JSON"),
    "field": (lambda two: say(two[0], role="post"), ALIGNED, "field role"),
    "several": (another_segmentation, ALIGNED, "2 segmentations: mask.nii.gz, seg.nii.gz"),
    "not fetched": (not_fetched, ALIGNED, "seg.nii.gz: the file that this link leads to is not there"),
    "four": (four, ALIGNED, r"A_2024-03-01/seg.nii.gz has the labels 1, 2, 4.*--labels brats2021"),
    "nan": (nan, ALIGNED, "NaN or infinite"),
    "sheared": (sheared, ALIGNED, "not at right angles"),
    "weeks": (lambda two: say(two[1], radiotherapy_end="2024-04-10", weeks_since_radiotherapy=5), ALIGNED, "3.0 weeks"),
    "not aligned": (lambda two: None, ReadingOptions(today=TODAY), "has no volumes to align it by.*--registered"),
    "order": (lambda two: None, ReadingOptions(labels="brats", registered=True), "Unknown order of labels"),
    "dates": (lambda two: None, ReadingOptions(dates=["2024-01-01"], registered=True), "--date is given 1 times for 2"),
    "future": (lambda two: None, ReadingOptions(registered=True, today=date(2024, 4, 1)), "in the future"),
    "said": (lambda two: None, ReadingOptions(dates=["2024-02-30"] * 2, today=TODAY), "2024-02-30 does not exist"),
    "file": (lambda two: None, ReadingOptions(segmentations=["x.nii", "-"], today=TODAY), "A_2024-03-01 is no file"),
    "none": (lambda two: None, ReadingOptions(segmentations=["-", "-"], today=TODAY), "no MR volume"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_visit(name: str, two: list[Path]) -> None:
    change, options, said = BAD[name]
    change(two)
    with pytest.raises(StudyError, match=said) as caught:
        read_visits(two, options)
    assert "\n" not in str(caught.value)


# with volumes


@pytest.fixture(scope="module")
def visits_with_volumes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two visits of one head, which lies otherwise at the second; not to be changed."""
    folder = tmp_path_factory.mktemp("visits")
    other, _ = moved(arrays(), (4, 0, 6), (8, 0, -6))
    return [write_visit(folder / "2024-03-01", arrays()), write_visit(folder / "2024-05-01", other)]


def test_visits_are_aligned_and_told_what_they_hold(visits_with_volumes: list[Path]) -> None:
    told: list[str] = []
    options = ReadingOptions(skull="off", today=TODAY)
    first, second = read_visits(visits_with_volumes, options, progress=lambda done, text: told.append(text))
    assert second.alignment.method == "rigid" and second.alignment.translation_mm == pytest.approx(10, abs=1)
    assert second.volumes == {"t1c": "t1c.nii.gz", "flair": "flair.nii.gz"} and second.study is not None
    assert first.alignment.method == "reference" and any(text.startswith("visit 2: reading") for text in told)
    assert any("aligning The visit 2024-05-01" in text for text in told)
    assert not [note for note in second.notes if "t1c is" in note]


def test_it_can_be_stopped(visits_with_volumes: list[Path]) -> None:
    with pytest.raises(Cancelled):
        read_visits(visits_with_volumes, ReadingOptions(skull="off", today=TODAY), cancel=lambda: True)


def test_a_segmentation_beside_the_head(visits_with_volumes: list[Path], tmp_path: Path) -> None:
    shutil.copytree(visits_with_volumes[0], tmp_path / "2024-03-01")
    image = sitk.ReadImage(str(tmp_path / "2024-03-01" / "seg.nii.gz"))
    image.SetOrigin((900.0, 0.0, 0.0))
    sitk.WriteImage(image, str(tmp_path / "2024-03-01" / "seg.nii.gz"))
    with pytest.raises(StudyError, match="segmentation and volumes do not overlap"):
        read_examination(tmp_path / "2024-03-01", skull="off", today=TODAY)


def spoil_place(path: Path, qform: int, sform: int, moved: float) -> None:
    """Codes of an unpacked NIfTI file, and its qform moved along R."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<2h", content, 252, qform, sform)
    struct.pack_into("<f", content, 268, struct.unpack_from("<f", content, 268)[0] + moved)
    path.write_bytes(content)


def test_what_is_not_known_of_the_place_of_a_segmentation_is_told(
    visits_with_volumes: list[Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(visits_with_volumes[0], tmp_path / "2024-01-15")
    (old,) = folder.glob("*seg*")
    labels = sitk.ReadImage(str(old))
    old.unlink()
    sitk.WriteImage(labels, str(folder / "seg.nii"))
    spoil_place(folder / "seg.nii", 1, 2, 6.0)
    found = {way: read_examination(folder, skull="off", orientation=way) for way in ("auto", "sform")}
    for way, other in (("auto", "sform"), ("sform", "qform")):
        assert any("seg.nii: its qform and its sform differ" in note for note in found[way].notes)
        assert any(note.endswith(f"--orientation {other} takes the other") for note in found[way].notes)
    places = [one.outlines.geometry.origin[0] for one in found.values() if one.outlines is not None]
    assert places[0] - places[1] == pytest.approx(6.0, abs=1e-3)
    spoil_place(folder / "seg.nii", 0, 0, 0.0)
    elsewhere = [folder, visits_with_volumes[1]]
    with pytest.raises(StudyError, match=r"seg\.nii: its qform and its sform have the code 0|do not overlap"):
        read_visits(elsewhere, replace(ALIGNED, registered=False))
    (folder / "seg.nii").unlink()
    voxels = sitk.GetArrayFromImage(labels)
    size = " ".join(map(str, voxels.shape[::-1]))
    head = ("ObjectType = Image", "NDims = 3", "BinaryData = True", "ElementSpacing = 1 1 1", f"DimSize = {size}")
    end = ("ElementType = MET_UCHAR", "ElementDataFile = LOCAL", "")
    (folder / "seg.mha").write_bytes("\n".join([*head, *end]).encode() + voxels.astype(np.uint8).tobytes())
    with pytest.raises(StudyError, match="the file of the segmentation carries no place in the patient"):
        read_examination(folder, skull="off", today=TODAY)


def test_what_is_read_is_listed_with_its_sha256(visits_with_volumes: list[Path], tmp_path: Path) -> None:
    folder = shutil.copytree(visits_with_volumes[0], tmp_path / "2024-01-15")
    say(folder, note="one")
    found = read_examination(folder, skull="off", today=TODAY)
    assert set(found.inputs) == {*found.volumes, "segmentation", "visit.json"}
    for name, file in {**found.volumes, "segmentation": found.file, "visit.json": "visit.json"}.items():
        (path,) = folder.rglob(str(file))
        assert found.inputs[name] == {"files": 1, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_notes_do_not_name_folders_above_the_visit(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from GliomaSAMLib.followup.examination import _study_notes
    from GliomaSAMLib.study.patients import Origin

    visit = tmp_path / "JONES" / "MRI"
    visit.mkdir(parents=True)
    above, below = Origin("t1", visit.parent, (), {}), Origin("t2", visit / "SUB", (), {})
    said = "t1 is something", f"the DICOM tag StudyDate differs ({above}, {below}): check"
    study: Any = SimpleNamespace(modalities=("t1", "t2"), notes=said)
    assert _study_notes(study, (above, below), visit) == ["the DICOM tag StudyDate differs (t1, t2 in SUB): check"]


def test_several_patients_are_refused_without_saying_who(
    visits_with_volumes: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from GliomaSAMLib.followup import examination
    from GliomaSAMLib.study.patients import PATIENT_ID, Origin

    class Named(Origin):
        @classmethod
        def of(cls, modality: str, source: Any) -> Origin:
            return Origin(modality, None, (), {PATIENT_ID: f"jones {Path(source).parent.name}"})

    monkeypatch.setattr(examination, "Origin", Named)
    for registered in (False, True):
        options = ReadingOptions(skull="off", registered=registered, today=TODAY)
        with pytest.raises(StudyError, match=r"different patients: the DICOM tag PatientID.*--same-patient") as caught:
            read_examinations(visits_with_volumes, options)
        assert "jones" not in str(caught.value)
    options = ReadingOptions(skull="off", same_patient=True, today=TODAY)
    assert (
        "tags of the patient (PatientID): taken as one patient's"
        in read_examinations(visits_with_volumes, options)[1].notes[-1]
    )


def test_other_doubts_about_one_patient_are_told(
    visits_with_volumes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from GliomaSAMLib.followup import examination
    from GliomaSAMLib.study.patients import PATIENT_NAME, STUDY_UID, Origin

    class Named(Origin):
        @classmethod
        def of(cls, modality: str, source: Any) -> Origin:
            name = f"jones {Path(source).parent.name}"
            return Origin(modality, None, (), {PATIENT_NAME: name, STUDY_UID: name, "0008|0020": name})

    monkeypatch.setattr(examination, "Origin", Named)
    folders = [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in visits_with_volumes]
    shutil.copy(folders[0] / "t1c.nii.gz", folders[1])
    found = read_examinations(folders, ReadingOptions(skull="off", registered=True, today=TODAY))
    assert not any("check" in note for note in found[0].notes)
    assert found[1].notes[-2:] == (
        "the visits differ in DICOM tags of the patient (PatientName): check that they are of one patient",
        "t1c: equal voxel by voxel at V1 and V2: check that they are two examinations",
    )


def test_a_visit_without_outlines_needs_a_model(visits_with_volumes: list[Path]) -> None:
    options = ReadingOptions(
        segmentations=[visits_with_volumes[0] / "seg.nii.gz", "-"], registered=True, skull="off", today=TODAY
    )
    with pytest.raises(GliomaSAMError, match="2024-05-01 has no segmentation, and no model was given"):
        read_visits(visits_with_volumes, options)


def test_what_can_be_refused_at_once_is(
    visits_with_volumes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before visits are aligned and outlined."""

    def no_model() -> Any:
        raise ModelError("There is no model mine")

    monkeypatch.setattr(reading, "_alignments", lambda *_: pytest.fail("aligned"))
    write_labels(tmp_path, (arrays()["seg"] > 0).astype(np.uint8), "wt.nii.gz")
    options = ReadingOptions(segmentations=[tmp_path / "wt.nii.gz", "-"], skull="off", today=TODAY)
    judged = replace(options, judged=FollowUpOptions())
    with pytest.raises(StudyError, match=r"^V1 \(2024-03-01\): its segmentation does not tell ET"):
        read_visits(visits_with_volumes, judged, no_model)
    for one in (options, replace(options, judged=FollowUpOptions(tumour="nonCE"))):
        with pytest.raises(ModelError, match="no model mine"):
            read_visits(visits_with_volumes, one, no_model)


def test_a_model_outlines_what_is_not_outlined(visits_with_volumes: list[Path], untrained: Path) -> None:
    """A model by chance that does not read an answer before: the visit says that nothing was carried over."""
    from GliomaSAMLib.models import load_model

    options = ReadingOptions(
        segmentations=[visits_with_volumes[0] / "seg.nii.gz", "-"],
        registered=True,
        skull="off",
        cache=None,
        today=TODAY,
    )
    first, second = read_visits(visits_with_volumes, options, lambda: load_model(str(untrained), device="cpu"))
    assert first.source == "given" and second.source == "model" and second.file is None and second.labels is None
    assert any("cannot start from earlier outlines" in note for note in second.notes)
    assert second.study is not None and second.masks.geometry.matches(second.study.reference)


@pytest.mark.slow
def test_the_shipped_model_starts_from_the_earlier_outlines(visits_with_volumes: list[Path]) -> None:
    from GliomaSAMLib.models import load_model

    given = [visits_with_volumes[0] / "seg.nii.gz", "-"]
    for carry, source in ((True, "model with the mask of V1"), (False, "model")):
        options = ReadingOptions(
            segmentations=given, registered=True, skull="off", cache=None, carry=carry, today=TODAY
        )
        visits = read_visits(visits_with_volumes, options, lambda: load_model("gliomasam", device="cpu"))
        assert visits[1].source == source
