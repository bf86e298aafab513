"""What `gliomasam segment` leaves on the disk: never a result in the place of an input, all results or none."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.prompts import PromptHistory, point

INSIDE = "--point=-30,-24,20"


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path."""
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def dicom_series(folder: Path) -> Path:
    """A folder of 24 slices in DICOM, the first of them named as a result could be."""
    folder.mkdir()
    values = np.random.default_rng(0).integers(100, 200, (24, 32, 30)).astype(np.int16)
    for k, plane in enumerate(values):
        image = sitk.GetImageFromArray(plane[None])
        tags = {
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4", "0008|0060": "MR", "0008|103e": "FLAIR", "0010|0020": "1",
            "0020|000d": "1.2.3", "0020|000e": "1.2.3.4", "0020|0013": str(k + 1), "0018|0050": "4",
            "0020|0032": f"0\\0\\{4 * k}", "0020|0037": "1\\0\\0\\0\\1\\0",
        }  # fmt: skip
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        image.SetSpacing((5.0, 5.0, 4.0))
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(folder / f"{k:02d}.dcm"))
        writer.Execute(image)
    (folder / "00.dcm").rename(folder / "first.nii")
    return folder


OVER = {
    "the volume": ("--flair", "CASE/flair.nii.gz", "-o", "CASE/flair.nii.gz"),
    "one of two": ("--flair", "CASE/flair.nii.gz", "--t1c", "CASE/t1c.nii.gz", "-o", "CASE/t1c.nii.gz"),
    "in a folder": ("--folder", "CASE", "-o", "CASE/t2.nii.gz"),
    "in a folder, by a link": ("--folder", "CASE", "-o", "LINK/t2.nii.gz"),
    "unpacked beside it": ("--folder", "CASE", "-o", "CASE/t2.nii"),
    "report over prompts": ("--folder", "CASE", "--prompts", "PROMPTS", "--json", "PROMPTS", "-o", "OUT/o.nii"),
    "slice": ("--flair", "DICOM", "-o", "DICOM/first.nii"),
    "slice of a folder": ("--folder", "DICOM", "-o", "DICOM/first.nii"),
    "weights": ("--flair", "CASE/flair.nii.gz", "--model", "WEIGHTS", "-o", "WEIGHTS"),
    "base weights": ("--flair", "CASE/flair.nii.gz", "--encoder-weights", "WEIGHTS", "-o", "WEIGHTS"),
}


@pytest.mark.parametrize("name", OVER)
def test_no_result_takes_the_place_of_an_input(
    name: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(small_case)
    (tmp_path / "out").mkdir()
    weights = tmp_path / "weights.nii"
    shutil.copyfile(untrained, weights)
    prompts = tmp_path / "prompts.json"
    PromptHistory((point((-30, -24, 20)),)).save(prompts)
    places = {"CASE": small_case, "LINK": tmp_path / "link", "OUT": tmp_path / "out", "PROMPTS": prompts}
    places |= {"WEIGHTS": weights}
    if "DICOM" in " ".join(OVER[name]):
        places["DICOM"] = dicom_series(tmp_path / "series")
    arguments = list(OVER[name])
    for place, path in places.items():
        arguments = [argument.replace(place, str(path)) for argument in arguments]
    if "--model" not in arguments:
        arguments += ["--model", str(untrained)]
    before = contents(tmp_path)
    done = gliomasam("segment", *arguments, "--skull", "off")
    assert done.status == 2
    assert "choose another name" in done.err
    assert contents(tmp_path) == before


def test_a_result_in_the_folder_of_the_case_may_be_made_again(
    gliomasam: Callable, small_case: Path, untrained: Path
) -> None:
    out = small_case / "tumour-seg.nii.gz"
    for _ in range(2):
        done = gliomasam("segment", "--folder", small_case, "--model", untrained, "-o", out, INSIDE)
        assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("failing", ["write_report", "draw_overlay"])
@pytest.mark.parametrize("old", [True, False])
def test_all_results_or_none(
    failing: str, old: bool, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from GliomaSAMLib import output
    from GliomaSAMLib.output import picture

    def fail(path: Path, *_: object) -> None:
        raise OutputError(f"{path} cannot be written: no space")

    monkeypatch.setattr(output if failing == "write_report" else picture, failing, fail)
    folder = tmp_path / "out"
    folder.mkdir()
    if old:
        for name in ("o.nii.gz", "o.json", "o.png"):
            (folder / name).write_text("of yesterday")
    before = contents(folder)
    done = gliomasam(
        "segment", "--folder", small_case, "--model", untrained, "-o", folder / "o.nii.gz", "--json", folder / "o.json",
        "--picture", folder / "o.png", INSIDE,
    )  # fmt: skip
    assert done.status == 2
    assert "no result was written" in done.err
    assert str(folder / ("o.json" if failing == "write_report" else "o.png")) in done.err
    assert contents(folder) == before


def test_the_report_names_inputs_options_and_models(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    prompts = tmp_path / "prompts.json"
    PromptHistory((point((-30, -24, 20)),)).save(prompts)
    out = tmp_path / "o.json"
    arguments = ("segment", "--folder", small_case, "--skull", "off", "--prompts", prompts, "--model", untrained)
    assert gliomasam(*arguments, "-o", tmp_path / "o.nii", "--json", out).status == 0
    report = json.loads(out.read_text())
    assert set(report["inputs"]) == {"t1", "t1c", "t2", "flair", "prompts"}
    for name, path in {"t1c": small_case / "t1c.nii.gz", "prompts": prompts}.items():
        assert report["inputs"][name]["path"] == str(path)
        assert report["inputs"][name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    chosen = {"reference": "t1c", "register": False, "skull": "off", "orientation": "auto", "same_patient": False}
    assert report["options"] == {**chosen, "et_label": 3, "device": "auto", "folder": str(small_case)}
    assert (report["model"], report["weights_sha256"]) == (
        str(untrained),
        hashlib.sha256(untrained.read_bytes()).hexdigest(),
    )


def test_the_report_names_a_dicom_series_by_all_its_slices(
    gliomasam: Callable, untrained: Path, tmp_path: Path
) -> None:
    series = dicom_series(tmp_path / "series")
    arguments = ("segment", "--flair", series, "--skull", "off", "--model", untrained)
    done = gliomasam(*arguments, "-o", tmp_path / "o.nii", "--json", tmp_path / "o.json")
    assert (done.status, done.err) == (0, "")
    named = json.loads((tmp_path / "o.json").read_text())["inputs"]["flair"]
    assert (named["path"], named["files"]) == (str(series), 24)


def test_a_demo_of_a_case_leaves_its_files(gliomasam: Callable, small_case: Path, untrained: Path) -> None:
    """The results bear the name of the case, as a volume may."""
    case = small_case.rename(small_case.with_name("flair"))
    before = contents(case)
    done = gliomasam("demo", "--folder", case, "-o", case, "--model", untrained)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "choose another name" in done.err
    assert contents(case) == before


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "CASES", "--split", "OUT/table.json"),
        ("evaluate", "CASES", "--results", "OUT/table.json"),
        ("evaluate", "CASES", "--model", "OUT/table.json"),
        ("train", "CASES", "--split", "OUT/log.jsonl"),
        ("train", "CASES", "--config", "OUT/last.ckpt"),
        ("train", "CASES", "--start", "OUT/gliomasam.safetensors"),
    ],
)
def test_a_run_replaces_nothing_that_it_reads(
    words: tuple[str, ...], gliomasam: Callable, cases_folder: Path, untrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for name in ("table.json", "log.jsonl", "last.ckpt"):
        shutil.copyfile(cases_folder / "split.json", out / name)
    shutil.copyfile(untrained, out / "gliomasam.safetensors")
    before = contents(out)
    arguments = [word.replace("CASES", str(cases_folder)).replace("OUT", str(out)) for word in words]
    done = gliomasam(*arguments, "--output", out)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "choose another name" in done.err
    assert contents(out) == before
