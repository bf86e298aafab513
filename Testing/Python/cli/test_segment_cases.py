"""`gliomasam segment-cases`: many patients, results that stay, and what cannot be outlined."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from support import phantom_case

from GliomaSAMLib.cli import segment_cases
from GliomaSAMLib.cli.outlining import Outlined

SHAPE = (40, 48, 44)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Two patients, and a folder without volumes between them."""
    folder = tmp_path / "cases"
    for seed, name in enumerate(("anna", "carl")):
        phantom_case(folder / name, SHAPE, tumour=(20, 24, 30), seed=seed)
    (folder / "bert").mkdir()
    (folder / "readme.txt").write_text("no case")
    return folder


@pytest.fixture
def segment(gliomasam: Callable, cases: Path, untrained: Path, tmp_path: Path) -> Callable:
    """Run the command on the cases, into the folder `out`."""

    def call(*more: object, to: str = "out") -> object:
        return gliomasam("segment-cases", cases, "-o", tmp_path / to, "--model", untrained, "--skull", "off", *more)

    return call


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the table."""
    files = [path for path in folder.iterdir() if path.name != "volumes.csv"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "volumes.csv").open(encoding="utf-8", newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def test_all_that_can_be_outlined_are_and_the_others_are_told(
    segment: Callable, gliomasam: Callable, cases: Path, untrained: Path, tmp_path: Path
) -> None:
    done, out = segment(), tmp_path / "out"
    assert done.status == 2 and done.err == ""
    assert "bert: " in done.out and "no MR volume was recognised" in done.out
    assert "2 outlined, 1 not outlined" in done.out and "not for clinical use" in done.out
    made = {f"{name}{suffix}" for name in ("anna", "carl") for suffix in (".seg.nrrd", ".json", ".png")}
    assert contents(out).keys() == made
    rows = table(out)
    assert list(rows) == ["anna", "bert", "carl"]
    assert "no MR volume" in rows["bert"]["error"] and rows["bert"]["WT_ml"] == ""
    report = json.loads((out / "anna.json").read_text(encoding="utf-8"))
    assert float(rows["anna"]["WT_ml"]) == pytest.approx(report["volumes_ml"]["WT"], abs=1e-3)
    assert float(rows["anna"]["WT_largest_mm"]) == pytest.approx(report["diameters"]["WT"]["largest_mm"], abs=1e-3)
    assert "t1 is t1.nii.gz" in rows["anna"]["notes"] and rows["anna"]["error"] == ""
    single = tmp_path / "single.seg.nrrd"
    arguments = ("--folder", cases / "anna", "--model", untrained, "--skull", "off", "-o", single)
    assert gliomasam("segment", *arguments).status == 0
    assert np.array_equal(voxels(single), voxels(out / "anna.seg.nrrd"))
    again = ("segment", "--from", out / "anna.json", "--point=-30,-24,20", "-o", tmp_path / "b.nii")
    assert gliomasam(*again).status == 0


def voxels(path: Path) -> np.ndarray:
    return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


def test_a_run_that_was_stopped_goes_on_and_replaces_nothing(
    segment: Callable, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(cases / "bert")
    out, outline = tmp_path / "out", Outlined.of

    def stopped_at_carl(study: object, *arguments: object, **more: object) -> Outlined:
        if (out / "anna.json").exists():
            raise KeyboardInterrupt
        return outline(study, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(segment_cases.Outlined, "of", stopped_at_carl)
        assert segment().status == 130
    before = contents(out)
    assert before.keys() == {"anna.seg.nrrd", "anna.json", "anna.png"} and list(table(out)) == ["anna"]
    done = segment()
    assert (done.status, done.err) == (0, "")
    assert "anna" in done.out and "there already" in done.out and "1 outlined, 1 there already" in done.out
    assert {name: contents(out)[name] for name in before} == before
    rows = table(out)
    assert segment().status == 0
    assert {name: rounded(row) for name, row in table(out).items()} == {
        name: rounded(row) for name, row in rows.items()
    }


def rounded(row: dict[str, str]) -> dict[str, object]:
    """A row with numbers that may differ by their rounding."""
    texts = ("case", "notes", "error")
    return {name: text if name in texts else pytest.approx(float(text or 0), abs=2e-3) for name, text in row.items()}


def test_the_table_holds_what_was_corrected_since(segment: Callable, cases: Path, tmp_path: Path) -> None:
    shutil.rmtree(cases / "bert")
    shutil.rmtree(cases / "carl")
    assert segment("--format", ".nii.gz", "--no-pictures", "--et-label", "4").status == 0
    path = tmp_path / "out" / "anna.nii.gz"
    image = sitk.ReadImage(str(path))
    corrected = np.zeros(voxels(path).shape, np.uint8)
    corrected[10:12, 20:30, 20:30] = 2
    corrected[10, 20:25, 20:24] = 4
    changed = sitk.GetImageFromArray(corrected)
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path))
    before = contents(tmp_path / "out")
    assert before.keys() == {"anna.nii.gz", "anna.json"}
    assert segment("--format", ".nii.gz", "--no-pictures", "--et-label", "4").status == 0
    row = table(tmp_path / "out")["anna"]
    assert [float(row[f"{region}_ml"]) for region in ("WT", "TC", "ET")] == pytest.approx([0.2, 0.02, 0.02])
    assert float(row["WT_largest_mm"]) == pytest.approx(np.hypot(10, 10), abs=1.5)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--same-patient",), "another --same-patient"),
        (("--reference", "flair"), "another --reference"),
        (("--model", "OTHER"), "another model"),
        (("CHANGED",), "another volumes"),
        (("--format", ".nii.gz"), "anna.json is there already without anna.nii.gz"),
    ],
)
def test_what_is_there_and_was_made_otherwise_stays(
    more: tuple[str, ...], told: str, segment: Callable, cases: Path, untrained: Path, tmp_path: Path
) -> None:
    shutil.rmtree(cases / "bert")
    shutil.rmtree(cases / "carl")
    assert segment().status == 0
    before = contents(tmp_path / "out")
    if more == ("CHANGED",):
        shutil.copy(cases / "anna" / "t2.nii.gz", cases / "anna" / "flair.nii.gz")
        more = ()
    if "OTHER" in more:
        from support import untrained_weights

        more = ("--model", str(untrained_weights(tmp_path / "other.safetensors", seed=1)))
    done = segment(*more)
    assert done.status == 2
    assert told in done.out and "it stays as it is" in done.out
    assert contents(tmp_path / "out") == before


def test_a_file_of_somebody_else_stays(segment: Callable, cases: Path, tmp_path: Path) -> None:
    shutil.rmtree(cases / "bert")
    out = tmp_path / "out"
    out.mkdir()
    (out / "anna.png").write_text("a holiday")
    (out / "carl.seg.nrrd").write_text("drawn by hand")
    (out / "carl.json").write_text("[]")
    before = contents(out)
    done = segment()
    assert done.status == 2
    assert "anna.png is there already without anna.seg.nrrd" in done.out
    assert "carl.json is there already and is no report of a segmentation" in done.out
    assert contents(out) == before


def test_the_folder_of_results_among_the_cases_is_no_case(segment: Callable, cases: Path) -> None:
    shutil.rmtree(cases / "bert")
    shutil.rmtree(cases / "carl")
    assert segment(to="cases/out").status == 0
    assert segment(to="cases/out").out.count("there already") == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ABSENT", "-o", "out"), "does not exist"),
        (("cases/anna", "-o", "out"), "holds no case folders"),
        (("cases", "-o", "cases/anna/out"), "would go into the case anna"),
        (("cases", "-o", "cases/readme.txt"), "is a file"),
        (("cases", "-o", ""), "--output is empty"),
        (("cases", "-o", "out", "--format", ".png"), "Unknown --format .png"),
        (("cases", "-o", "out", "--skull", "maybe"), "Unknown --skull maybe"),
        (("cases", "-o", "out", "--et-label", "5"), "Unknown --et-label 5"),
        (("cases", "-o", "out", "--model", "nobody"), "nobody"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], told: str, gliomasam: Callable, cases: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = gliomasam("segment-cases", *arguments)
    assert done.status == 2 and done.err.count("\n") == 1 and told in done.err
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.name != "out"] == []
