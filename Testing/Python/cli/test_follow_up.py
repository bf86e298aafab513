"""`gliomasam follow-up`: a report of two visits, and what is refused before anything is written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from support import phantom_case

from GliomaSAMLib.followup import reading

GROWN = {"necrosis": 3.0, "enhancing": 8.0, "oedema": 11.0}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two visits in one space, not to be changed; the tumour grows."""
    folder = tmp_path_factory.mktemp("visits")
    phantom_case(folder / "2024-01-15")
    phantom_case(folder / "2024-03-18", radii=GROWN, seed=1)
    return folder


@pytest.fixture
def visits(cases: Path) -> tuple[Path, Path]:
    return cases / "2024-01-15", cases / "2024-03-18"


@pytest.fixture
def masks_only(cases: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The two visits without volumes."""
    folders = tmp_path / "masks" / "20240115", tmp_path / "masks" / "20240318"
    for folder, name in zip(folders, ("2024-01-15", "2024-03-18"), strict=True):
        folder.mkdir(parents=True)
        shutil.copy(cases / name / "seg.nii.gz", folder)
    return folders


def test_a_report_of_two_visits(gliomasam: Callable, visits: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "report"
    options = ("--registered", "--patient", "P1", "--skull", "off", "--extent", "tc")
    done = gliomasam("follow-up", *visits, "--output", out, *options)
    assert done.status == 0, done.err
    assert "baseline" in done.out and "V2, 2D: PD: the sum of products" in done.out
    assert "report.html written" in done.out and "For research only, not for clinical use." in done.out
    report = json.loads((out / "report.json").read_text())
    assert report["patient"] == "P1" and report["options"]["registered"] and report["options"]["merge_mm"] == 4.0
    assert [visit["folder"] for visit in report["visits"]] == ["2024-01-15", "2024-03-18"]
    assert len(report["pictures"]) == 2
    assert set(report["visits"][0]["inputs"]) == {"t1", "t1c", "t2", "flair", "segmentation"}
    assert report["options"]["orientation"] == "auto"
    for text in (out / "report.json", out / "report.html", out / "measurements.csv"):
        assert str(visits[0].parent) not in text.read_text(encoding="utf-8")


def test_outlines_alone_make_a_report_without_pictures(
    gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "report"
    options = ("--registered", "--primary", "3D", "--baseline", "20240115")
    done = gliomasam("follow-up", *reversed(masks_only), "--output", out, *options)
    assert done.status == 0, done.err
    report = json.loads((out / "report.json").read_text())
    assert report["pictures"] == [] and report["baseline"] == "V1"
    assert report["options"]["extent"] == "et" and report["overall"][1]["dimension"] == "3D"
    assert report["options"]["baseline"] == "20240115"
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ["curve-dark.png", "curve.png"]


def test_a_region_that_is_not_told_has_a_dash(
    gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path
) -> None:
    file = masks_only[1] / "seg.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(file)) > 0, str(file))
    options = ("--registered", "--tumour", "nonCE", "--surgery", "V1", "V2")
    done = gliomasam("follow-up", *masks_only, "--output", tmp_path / "report", *options)
    assert done.status == 0, done.err
    (row,) = (line.split() for line in done.out.splitlines() if line.split()[:2] == ["V2", "2024-03-18"])
    assert float(row[3]) > 0 and row[4:6] == ["-", "-"]
    assert "ET is not told at V2 (2024-03-18): no extent of resection" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tumour", "other"), "Choose CE, nonCE, mixed"),
        (("--targets", "6"), "choose 1 to 5"),
        (("--orientation", "both"), "Choose auto, qform, sform"),
        (("--extent", "wt"), "Choose et, tc"),
        (("--two-slices", "no"), "Choose visible, measured"),
        (("--new-lesions", "no"), "Choose progression, sum"),
        (("--minor-response-volume", "50"), "choose 35 or 40"),
        (("--primary", "4D"), "Choose 2D, 3D"),
        (("--merge-mm=-1",), "at least 0"),
        (("--baseline", "V3"), "V3 is no visit: choose V1, V2"),
        (("--surgery", "V1", "other"), "other is no visit"),
        (("--date", "2024-01-15"), "--date is given 1 times for 2 visits"),
        (("--date", "2024-01-15", "--date", "2024-02-30"), "does not exist"),
        (("--segmentation", "-"), "--segmentation is given 1 times"),
        (("--labels", "other"), "brats2023"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(
    options: tuple[str, ...], words: str, gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path
) -> None:
    done = gliomasam("follow-up", *masks_only, "--output", tmp_path / "report", "--registered", *options)
    assert done.status == 2
    assert words in done.err and done.err.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_names_from_a_file_make_no_line_of_their_own(
    gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path
) -> None:
    (masks_only[0] / "visit.json").write_text(json.dumps({"a\nnote: all is well\x1b[2J": 1}))
    done = gliomasam("follow-up", *masks_only, "--output", tmp_path / "report", "--registered")
    assert done.status == 0 and "left out: a note: all is well\\x1b[2J\n" in done.out


def test_fewer_than_two_visits_or_one_twice(gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path) -> None:
    for folders, words in (
        (masks_only[:1], "at least two"),
        ((masks_only[0], masks_only[0]), "twice"),
        ((masks_only[0], tmp_path / "absent"), "absent"),
    ):
        done = gliomasam("follow-up", *folders, "--output", tmp_path / "report", "--registered")
        assert done.status == 2 and words in done.err and done.err.count("\n") == 1
        assert not (tmp_path / "report").exists()


def test_a_folder_for_the_report_that_cannot_be_used(
    gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    for out, more, words in (
        (taken, (), "is not empty"),
        (taken, ("--overwrite",), "something else than an earlier report"),
        (taken / "mine.txt", (), "is a file"),
        (masks_only[0] / "report", (), "lies in the folder of the visit"),
    ):
        done = gliomasam("follow-up", *masks_only, "--output", out, "--registered", *more)
        assert done.status == 2 and words in done.err and done.err.count("\n") == 1
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert [path.name for path in masks_only[0].iterdir()] == ["seg.nii.gz"]


def test_a_segmentation_is_not_replaced_by_the_report_made_of_it(
    gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "report"
    assert gliomasam("follow-up", *masks_only, "--output", out, "--registered").status == 0
    given = ("--segmentation", out / "V1.seg.nrrd", "--segmentation", out / "V2.seg.nrrd")
    before = (out / "V1.seg.nrrd").read_bytes()
    done = gliomasam("follow-up", *masks_only, "--output", out, "--registered", "--overwrite", *given)
    assert done.status == 2 and "lies in the report's folder" in done.err
    assert (out / "V1.seg.nrrd").read_bytes() == before
    (masks_only[0] / "seg.nii.gz").unlink()
    (masks_only[0] / "deeper").mkdir()
    (masks_only[0] / "deeper" / "seg.seg.nrrd").symlink_to(out / "V1.seg.nrrd")
    again = ("--output", out, "--registered", "--overwrite")
    for folders in (masks_only, (out, masks_only[1])):
        done = gliomasam("follow-up", *folders, "--date", "2024-01-15", "--date", "2024-03-18", *again)
        assert done.status == 2 and "report" in done.err and done.err.count("\n") == 1
    assert (out / "V1.seg.nrrd").read_bytes() == before


def test_ctrl_c_leaves_nothing(
    gliomasam: Callable, masks_only: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "read_visits", stopped)
    done = gliomasam("follow-up", *masks_only, "--output", tmp_path / "report", "--registered")
    assert done.status == 130 and "stopped" in done.err
    assert not (tmp_path / "report").exists()
