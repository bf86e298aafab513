"""A report of `gliomasam segment` given back gives the same masks; it reads nothing without a word."""

import inspect
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import typer
from dicom_files import text as element
from dicom_files import write_slices
from support import phantom_case

from GliomaSAMLib.cli.app import app, run
from GliomaSAMLib.cli.repeating import CHOICES
from GliomaSAMLib.cli.segment import segment
from GliomaSAMLib.geometry import Geometry, resample
from GliomaSAMLib.prompts import PromptHistory, mask

POINTS = ("--point=-30,-24,20", "--point=-20,-24,20,-,TC", "--box=-38,-32,14,-22,-16,26,WT")


def masks(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.fixture
def first(gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a report with what is given beside the case and the model, and its result `a.nii.gz`."""

    def make(*more: object) -> Path:
        path = tmp_path / "report.json"
        given = more or ("--folder", small_case)
        words = ("segment", *given, "--model", untrained, "--skull", "off", *POINTS)
        done = gliomasam(*words, "-o", tmp_path / "a.nii.gz", "--json", path)
        assert (done.status, done.err) == (0, "")
        return path

    return make


@pytest.fixture(scope="module")
def made(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a report of a case that stays as it is."""
    folder = tmp_path_factory.mktemp("made")
    case = phantom_case(folder / "case", (40, 48, 44), tumour=(20, 24, 30))
    words = ["--folder", case, "--model", untrained, "--skull", "off", "-o", folder / "a.nii.gz", "--json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLIOMASAM_CACHE", str(folder / "cache"))
        assert run(["segment", *map(str, words), str(folder / "a.json"), *POINTS]) == 0
    return (folder / "a.json").read_text()


@pytest.mark.parametrize("name", ["שלום\u200f", "a\x7fb"])
def test_names_that_are_shown_otherwise_are_found_again(
    name: str, gliomasam: Callable, first: Callable[..., Path], small_case: Path, tmp_path: Path
) -> None:
    case = small_case.rename(small_case.with_name(name))
    report = first("--t1c", case / "t1c.nii.gz", "--flair", case / "flair.nii.gz")
    assert all(line.isprintable() for line in report.read_text(encoding="utf-8").splitlines())
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz")
    assert (done.status, done.err) == (0, "")
    assert np.array_equal(masks(tmp_path / "a.nii.gz"), masks(tmp_path / "b.nii.gz"))


def spoilt(report: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The report with a change."""
    values = json.loads(report.read_text())
    change(values)
    report.write_text(json.dumps(values))
    return report


@pytest.mark.parametrize("form", ["folder", "single"])
def test_the_same_masks_again(
    form: str, first: Callable[..., Path], gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Also from another folder than that in which relative paths were typed."""
    monkeypatch.chdir(small_case.parent)
    single = ("--t1c", "case/t1c.nii.gz", "--flair", "case/flair.nii.gz", "--et-label", "4", "--orientation", "sform")
    report = first(*(single if form == "single" else ("--folder", "case")))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--json", tmp_path / "again.json")
    assert (done.status, done.err) == (0, "")
    assert masks(tmp_path / "a.nii.gz").any()
    assert np.array_equal(masks(tmp_path / "a.nii.gz"), masks(tmp_path / "b.nii.gz"))
    one, two = (json.loads(path.read_text()) for path in (report, tmp_path / "again.json"))
    same = ("model", "weights_sha256", "inputs", "options", "volumes_ml", "grid", "prompts", "notes")
    assert {name: one[name] for name in same} == {name: two[name] for name in same}
    wanted = [f"--folder {small_case}"] if form == "folder" else [f"--t1c {small_case / 't1c.nii.gz'}", "--flair"]
    for text in (*wanted, f"--model {untrained}", "3 prompts"):
        assert any(line.startswith(f"from report.json: {text}") for line in done.out.splitlines())


def test_every_option_of_a_report_is_given_back(made: str) -> None:
    options = json.loads(made)["options"]
    parameters = inspect.signature(segment).parameters
    assert set(options) <= {*CHOICES, "folder"}
    for name, kind in CHOICES.items():
        assert name not in parameters or parameters[name].default is None or type(parameters[name].default) is kind


def test_what_is_typed_wins_and_is_told(
    first: Callable[..., Path], gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    report = first()
    other = tmp_path / "other.nii.gz"
    shutil.copyfile(small_case / "t2.nii.gz", other)
    typed = ("--flair", other, "--et-label", 4, "--point=-28,-24,20", "--model", untrained)
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--json", tmp_path / "b.json", *typed)
    assert (done.status, done.err) == (0, "")
    assert "but for what was typed: --et-label, --flair, --model" in done.out
    assert "the points that were typed follow the prompts of report.json" in done.out
    again = json.loads((tmp_path / "b.json").read_text())
    assert again["inputs"]["flair"]["path"] == str(other)
    assert again["inputs"]["t1c"]["path"] == str(small_case / "t1c.nii.gz")
    assert (again["options"]["et_label"], again["options"]["skull"]) == (4, "off")
    assert len(again["prompts"]["prompts"]) == 4
    assert any("but for what was typed" in note for note in again["notes"])


def test_a_series_of_a_flat_folder_is_found_again_beside_one_that_is_typed(
    first: Callable[..., Path], gliomasam: Callable, small_case: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    for number, name in enumerate(("t1c", "flair")):
        image = sitk.ReadImage(str(small_case / f"{name}.nii.gz"))
        matrix = np.diag((-1, -1, 1, 1)) @ Geometry.of_image(image).ijk_to_ras
        described = {0x0008103E: element("LO", name)}
        values = sitk.GetArrayFromImage(image).astype(np.int16)
        write_slices(flat, values, matrix, lambda _, one, own=described: one.update(own), str(number), name)
    report = first("--folder", flat)
    told = {name: one["path"] for name, one in json.loads(report.read_text())["inputs"].items()}
    assert told == {"flair": f"{flat}#1", "t1c": f"{flat}#2"}
    typed = ("--t1", small_case / "t1.nii.gz")
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--json", tmp_path / "b.json", *typed)
    assert (done.status, done.err) == (0, "")
    one, two = (json.loads(path.read_text())["inputs"] for path in (report, tmp_path / "b.json"))
    assert {name: two[name] for name in one} == one and two["t1"]["path"] == str(small_case / "t1.nii.gz")


def test_what_a_report_says_yes_to_can_be_taken_back(
    first: Callable[..., Path], gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    report = first("--folder", small_case, "--register", "--same-patient")
    plain = ("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--json", tmp_path / "b.json")
    done = gliomasam(*plain, "--no-register", "--no-same-patient")
    assert (done.status, done.err) == (0, "")
    assert "but for what was typed: --no-register, --no-same-patient\n" in done.out
    options = [json.loads(path.read_text())["options"] for path in (report, tmp_path / "b.json")]
    assert [(one["register"], one["same_patient"]) for one in options] == [(True, True), (False, False)]
    assert gliomasam(*plain).status == 0
    assert json.loads((tmp_path / "b.json").read_text())["options"] == options[0]


def test_every_choice_of_a_report_can_be_made_otherwise() -> None:
    command = typer.main.get_command(app).commands["segment"]  # type: ignore[attr-defined]
    flags = {one.name: one.secondary_opts for one in command.params if CHOICES.get(one.name) is bool}
    assert flags == {"register": ["--no-register"], "same_patient": ["--no-same-patient"]}


@pytest.mark.parametrize("rules", [None, 1])
def test_other_rules_for_answers_are_told(
    rules: int | None, first: Callable[..., Path], gliomasam: Callable, tmp_path: Path
) -> None:
    report = first()
    values = {name: value for name, value in json.loads(report.read_text()).items() if name != "rules"}
    report.write_text(json.dumps(values if rules is None else {**values, "rules": rules}))
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--json", tmp_path / "b.json")
    assert (done.status, done.err) == (0, "") and "report.json was made by another version" in done.out
    assert any("another version" in note for note in json.loads((tmp_path / "b.json").read_text())["notes"])


@pytest.mark.parametrize("what", ["volume", "missing", "another volume", "weights", "missing weights"])
def test_what_is_not_the_file_of_then_is_refused(
    what: str, first: Callable[..., Path], gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model.safetensors"
    shutil.copyfile(untrained, model)
    report = spoilt(first(), lambda values: values.update(model=str(model)))
    if what == "volume":
        shutil.copyfile(small_case / "t2.nii.gz", small_case / "flair.nii.gz")
    elif what == "missing":
        shutil.rmtree(small_case)
    elif what == "another volume":
        (small_case / "t2.nii.gz").unlink()
    elif what == "missing weights":
        model.unlink()
    else:
        spoilt(report, lambda values: values.update(weights_sha256="0" * 64))
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz")
    assert (done.status, done.err.count("\n")) == (2, 1)
    said = {
        "volume": f"{small_case / 'flair.nii.gz'} is not the file of", "missing": str(small_case),
        "another volume": "other volumes than", "weights": "SHA-256 differs", "missing weights": str(model),
    }  # fmt: skip
    assert said[what] in done.err
    assert not (tmp_path / "b.nii.gz").exists()
    if what == "volume":  # as the message advises
        typed = ("--flair", small_case / "flair.nii.gz")
        assert gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", *typed).status == 0
    if what == "weights":
        assert gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--model", model).status == 0


STRANGE = {
    "another computer": lambda v: v["options"].update(folder="//elsewhere.example/share/case"),
    "a share": lambda v: v["options"].update(folder="\\\\elsewhere\\share"),
    "a device": lambda v: (v["options"].pop("folder"), v["inputs"]["t1"].update(path="/dev/zero")),
    "a pipe": lambda v: (v["options"].pop("folder"), v["inputs"]["t1"].update(path="PIPE")),
    "a zero byte": lambda v: v["options"].update(folder="a\0b"),
    "a number": lambda v: v["options"].update(folder=7),
    "a list": lambda v: v["inputs"].update(t1=[1]),
    "no path": lambda v: v["inputs"]["t1"].pop("path"),
    "an option that is none": lambda v: v["options"].update(skull=["on"]),
    "an unknown choice": lambda v: v["options"].update(skull="rm -rf"),
    "a flag that is none": lambda v: v["options"].update(same_patient="yes"),
    "no volumes": lambda v: v.update(inputs={}),
    "inputs that are none": lambda v: v.update(inputs=3),
    "no prompts": lambda v: v.pop("prompts"),
    "prompts that are none": lambda v: v["prompts"].update(prompts=[{"kind": "point"}]),
    "no model": lambda v: v.pop("model"),
    "another program": lambda v: v.update(program="other"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_report_is_refused_in_one_line(name: str, made: str, gliomasam: Callable, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(made)
    spoilt(report, STRANGE[name])
    if name == "a pipe":
        os.mkfifo(tmp_path / "pipe")
        report.write_text(report.read_text().replace("PIPE", str(tmp_path / "pipe")))
    before = sorted(tmp_path.iterdir())
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz")
    assert (done.status, done.err.count("\n")) == (2, 1), done.err
    assert "fault of GliomaSAM" not in done.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "NaN", "[" * 100_000, "\x00", None])
def test_what_is_no_report_is_refused_in_one_line(content: str | None, gliomasam: Callable, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "r.json").write_text(content)
    done = gliomasam("segment", "--from", tmp_path / "r.json", "-o", tmp_path / "b.nii.gz")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "r.json" in done.err


def test_a_report_is_no_place_for_a_result(made: str, gliomasam: Callable, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(made)
    before = report.read_bytes()
    done = gliomasam("segment", "--from", report, "-o", tmp_path / "b.nii.gz", "--json", report)
    assert done.status == 2 and "choose another name" in done.err
    assert report.read_bytes() == before
    done = gliomasam("segment", "--from", report)
    assert done.status == 2 and "--output" in done.err


def test_a_mask_edited_on_the_grid_of_another_reference_stays_where_it_lies(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    image = sitk.ReadImage(str(small_case / "flair.nii.gz"))
    grid = Geometry.of_image(image)
    moved = Geometry(grid.size, grid.spacing, (grid.origin[0], grid.origin[1] + 3, grid.origin[2] + 4), grid.direction)
    shifted = moved.to_image(resample(image, moved).astype(np.int16))
    sitk.WriteImage(shifted, str(small_case / "flair.nii.gz"))
    drawn = (masks(small_case / "seg.nii.gz") > 0).astype(np.uint8)
    PromptHistory().add(mask(drawn, grid=grid)).save(tmp_path / "prompts.json")
    volumes = [f"--{name}={small_case / name}.nii.gz" for name in ("t1c", "flair")]
    words = ("segment", *volumes, "--model", untrained, "--skull", "off", "--prompts", tmp_path / "prompts.json")
    note = "edited by hand (WT) lies on another grid: it was brought onto that of flair by the nearest voxel"
    report, out = tmp_path / "a.json", tmp_path / "a.nii.gz"
    done = gliomasam(*words, "--reference", "t1c", "-o", out, "--json", report)
    assert done.status == 0 and note not in done.out and np.array_equal(masks(out) > 0, drawn > 0)
    wanted = grid.to_ras(np.argwhere(drawn)[:, ::-1])
    for again in (words, ("segment", "--from", report)):
        done = gliomasam(*again, "--reference", "flair", "-o", out, "--json", tmp_path / "b.json")
        assert (done.status, done.err) == (0, "") and note in done.out
        assert any(note in told for told in json.loads((tmp_path / "b.json").read_text())["notes"])
        assert np.allclose(moved.to_ras(np.argwhere(masks(out) > 0)[:, ::-1]), wanted)
