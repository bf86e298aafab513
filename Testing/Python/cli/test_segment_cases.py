"""`gliomasam segment-cases`: many patients, results that stay, and what cannot be outlined."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from support import phantom_case

from GliomaSAMLib.cli import segment_cases
from GliomaSAMLib.cli.cases_table import Table
from GliomaSAMLib.cli.outlining import Outlined
from GliomaSAMLib.data.labels import read_label_map
from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.output import region_segments, write_segments

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


def test_rows_of_earlier_runs_stay(segment: Callable, cases: Path, tmp_path: Path, monkeypatch: Any) -> None:
    shutil.rmtree(cases / "bert")
    (cases / "carl").rename(tmp_path / "carl")
    assert segment().status == 0
    before = table(tmp_path / "out")["anna"]
    (cases / "anna").rename(tmp_path / "anna")
    (tmp_path / "carl").rename(cases / "carl")
    assert segment().status == 0
    assert table(tmp_path / "out")["anna"] == before and list(table(tmp_path / "out")) == ["anna", "carl"]

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "anna").rename(cases / "dora")
    monkeypatch.setattr(segment_cases.Outlined, "of", stopped)
    assert segment().status == 130
    assert table(tmp_path / "out")["anna"] == before and list(table(tmp_path / "out")) == ["anna", "carl"]
    (tmp_path / "out" / "anna.json").unlink()
    assert segment().status == 130
    assert list(table(tmp_path / "out")) == ["carl"]


def test_a_table_of_somebody_else_stays(segment: Callable, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "volumes.csv").write_text("name,ml\nanna,3\n")
    done = segment()
    assert done.status == 2 and "no table of segment-cases" in done.err
    assert (tmp_path / "out" / "volumes.csv").read_text() == "name,ml\nanna,3\n"
    assert contents(tmp_path / "out") == {}


def test_whatever_goes_wrong_with_a_patient_the_others_go_on(
    segment: Callable, cases: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    shutil.copytree(cases / "anna", cases / "bert", dirs_exist_ok=True)
    outline, wrong = Outlined.of, [ValueError("a row of numbers"), PermissionError(13, "Permission denied", "a.docx")]

    def of(*arguments: Any, **more: Any) -> Outlined:
        if wrong:
            raise wrong.pop()
        return outline(*arguments, **more)

    monkeypatch.setattr(segment_cases.Outlined, "of", of)
    done = segment()
    assert done.status == 2 and "1 outlined, 2 not outlined" in done.out
    rows = table(tmp_path / "out")
    assert "a.docx cannot be used: Permission denied" in rows["anna"]["error"]
    assert "a fault of GliomaSAM (ValueError: a row of numbers)" in rows["bert"]["error"]
    assert float(rows["carl"]["WT_ml"]) > 0 and rows["carl"]["error"] == ""


def test_a_table_that_another_program_has_open_is_written_later(
    segment: Callable, cases: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    shutil.rmtree(cases / "bert")
    write, closed = Table.write, [True, True, False]

    def once_open(self: Table) -> None:
        if not closed.pop():
            raise OutputError(f"{self.path} cannot be written: Permission denied")
        write(self)

    monkeypatch.setattr(Table, "write", once_open)
    done = segment()
    assert done.status == 0 and done.out.count("it is tried again after the next case") == 1
    assert list(table(tmp_path / "out")) == ["anna", "carl"]


def test_a_patient_too_large_for_the_card_sends_the_others_to_no_other_device(
    segment: Callable, cases: Path, monkeypatch: Any
) -> None:
    import torch

    from GliomaSAMLib import models

    shutil.rmtree(cases / "bert")
    load, loaded, outline = models.load_model, [], Outlined.of

    def counted(*arguments: Any, **more: Any) -> Any:
        loaded.append(load(*arguments, **more))
        return loaded[-1]

    def falls_back(study: Any, network: Any, *arguments: Any, **more: Any) -> Outlined:
        done = outline(study, network, *arguments, **more)
        network.device = torch.device("meta")
        return done

    monkeypatch.setattr(models, "load_model", counted)
    monkeypatch.setattr(segment_cases.Outlined, "of", falls_back)
    assert segment().status == 0 and len(loaded) == 2


def test_regions_that_a_corrected_file_does_not_tell_have_no_volume(
    segment: Callable, cases: Path, tmp_path: Path
) -> None:
    shutil.rmtree(cases / "bert")
    shutil.rmtree(cases / "carl")
    assert segment().status == 0
    path = tmp_path / "out" / "anna.seg.nrrd"
    found = read_label_map(path)
    core = found.masks["WT"]
    write_segments(path, region_segments({"WT": core, "TC": core, "ET": core})[1:2], found.geometry)
    (tmp_path / "out" / "anna.png").unlink()
    done = segment()
    row = table(tmp_path / "out")["anna"]
    assert (row["WT_ml"], row["ET_ml"]) == ("", "") and float(row["TC_ml"]) == pytest.approx(core.sum() / 1000)
    assert "no segment tells WT and ET" in done.out and "there is no picture of it" in done.out


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
        (("CHANGED",), "other images"),
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
    measured = table(tmp_path / "out")["anna"]
    done = segment(*more)
    assert done.status == 2
    assert told in done.out and "it stays as it is" in done.out
    row = table(tmp_path / "out")["anna"]
    assert "it stays as it is" in row.pop("error") and measured.pop("error") == ""
    if "without" not in told:
        assert rounded(row) == rounded(measured) and "1 there already but made otherwise" in done.out
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


@pytest.mark.parametrize("to", ["cases/out", "cases/derivatives/gliomasam"])
def test_folders_of_results_among_the_cases_are_no_cases(to: str, segment: Callable, cases: Path) -> None:
    shutil.rmtree(cases / "bert")
    shutil.rmtree(cases / "carl")
    assert segment(to="cases/earlier").status == 0
    assert segment(to=to).status == 0
    assert segment(to=to).out.count("there already") == 2


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
