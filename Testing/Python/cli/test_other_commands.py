"""Help, version, doctor, models, demo and evaluate, as a user meets them."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk

from GliomaSAMLib import __version__
from GliomaSAMLib.cli import main

COMMANDS = ("segment", "follow-up", "measure", "train", "evaluate", "models", "doctor", "demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, gliomasam: Callable) -> None:
    done = gliomasam(command, "--help")
    assert done.status == 0
    assert f"gliomasam {command}" in done.out


def test_help_names_all_commands_and_what_it_is_not_for(gliomasam: Callable) -> None:
    done = gliomasam("--help")
    assert all(command in done.out for command in COMMANDS)
    assert "not for clinical use" in done.out


def test_version(gliomasam: Callable) -> None:
    assert gliomasam("--version").out == f"gliomasam {__version__}\n"


def test_a_process_ends_with_the_status(project: Path) -> None:
    code = "from GliomaSAMLib.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "dance"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_nothing_said_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert "Usage" in capsys.readouterr().out


def test_models_lists_the_default_and_the_methods(gliomasam: Callable) -> None:
    done = gliomasam("models")
    assert done.status == 0
    assert "gliomasam" in done.out
    listed = done.out.partition("methods, for gliomasam train")
    assert all("segresnet" in part for part in (listed[0], listed[2]))
    assert "none: train it" in " ".join(re.sub(r"[^\w: ]", " ", listed[0]).split())
    assert "gliomasam_" not in done.out, "one network"


def test_models_of_which_there_is_no_file_say_what_to_do(gliomasam: Callable) -> None:
    done = gliomasam("models", "--download", "segresnet")
    assert done.status == 2
    assert "gliomasam train CASES --output runs/segresnet --method segresnet" in " ".join(done.err.split())


def test_doctor_does_not_ask_for_weights_that_do_not_ship() -> None:
    from GliomaSAMLib.cli.doctor import weights

    found = {check.name: check for check in weights()}
    assert found["model gliomasam"].good and found["model segresnet"].good is None
    assert "trained" in found["model segresnet"].text


def test_doctor_reports_and_fails_where_there_is_no_model(gliomasam: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from GliomaSAMLib import models
    from GliomaSAMLib.errors import WeightsError

    def absent(*args: object, **kwargs: object) -> None:
        raise WeightsError("the weights are absent: download them")

    monkeypatch.setattr(models, "load_model", absent)
    done = gliomasam("doctor", "--device", "cpu")
    assert done.status == 2
    assert "download them" in done.out
    for word in ("torch", "device cpu", "memory", "cache", "disk", "self-check"):
        assert word in done.out


def test_doctor_segments_a_tiny_volume(untrained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from GliomaSAMLib import models
    from GliomaSAMLib.cli.doctor import self_check

    monkeypatch.setenv("GLIOMASAM_CACHE", str(tmp_path))
    load = models.load_model
    monkeypatch.setattr(models, "load_model", lambda name, device: load(untrained, device=device))
    check = self_check("cpu")
    assert check.good, check.text


def test_demo_on_a_case(gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = gliomasam("demo", "--folder", small_case, "--output", out, "--model", untrained, "--device", "cpu")
    assert (done.status, done.err) == (0, "")
    assert {path.name for path in out.iterdir()} == {"case.seg.nrrd", "case.nii.gz", "case.png"}
    assert "click 1, WT" in done.out
    assert "phantom" not in done.out


def test_demo_on_a_case_that_tells_the_whole_tumour_only(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    labels = sitk.ReadImage(str(small_case / "seg.nii.gz"))
    (small_case / "seg.nii.gz").unlink()
    sitk.WriteImage(sitk.Cast(labels > 0, sitk.sitkUInt8), str(small_case / "wt.nii.gz"))
    out = tmp_path / "demo"
    done = gliomasam("demo", "--folder", small_case, "--output", out, "--model", untrained, "--device", "cpu")
    assert (done.status, done.err) == (0, "")
    assert {path.name for path in out.iterdir()} == {"case.seg.nrrd", "case.nii.gz", "case.png"}
    assert "click 1, WT" in done.out and ", TC" not in done.out and " TC " not in done.out.split("mL")[0]


@pytest.mark.parametrize("what", ["absent", "without labels"])
def test_demo_on_what_is_no_case(
    what: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    folder = small_case if what == "without labels" else tmp_path / "none"
    (small_case / "seg.nii.gz").unlink()
    done = gliomasam("demo", "--folder", folder, "--output", tmp_path / "demo", "--model", untrained)
    assert done.status == 2
    assert str(folder.name) in done.err
    assert not (tmp_path / "demo").exists()


def test_evaluate_writes_a_table(gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path) -> None:
    out = tmp_path / "table"
    done = gliomasam(
        "evaluate",
        small_case.parent,
        "--case",
        "case",
        "--model",
        untrained,
        "--region",
        "wt",
        "--prompts",
        2,
        "-o",
        out,
    )
    assert done.status == 0, done.err
    assert {"table.md", "table.csv", "table.json", "dice.png", "results.jsonl"} <= {path.name for path in out.iterdir()}
    json.loads((out / "table.json").read_text())
    again = ("--no-model", "--baseline", "grow_ball", "--region", "TC", "--prompts", 0, "-o", out)
    done = gliomasam("evaluate", small_case.parent, *again)
    assert [row["region"] for row in json.loads((out / "table.json").read_text())] == ["WT", "TC"]
    shutil.copyfile(small_case / "t1.nii.gz", small_case / "t2.nii.gz")
    done = gliomasam("evaluate", small_case.parent, *again)
    assert done.status == 0 and f"note: results of {untrained.stem} of other cases" in done.out


def test_evaluate_measures_masks_that_exist(gliomasam: Callable, small_case: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my masks"
    shutil.copytree(small_case, tmp_path / "cases" / "case")
    shutil.copytree(small_case, tmp_path / "cases" / "other")
    folder.mkdir()
    sitk.WriteImage(sitk.ReadImage(str(small_case / "seg.nii.gz")) > 0, str(folder / "case.nrrd"))
    done = gliomasam("evaluate", tmp_path / "cases", "--no-model", "--masks", f"nnunet={folder}", "-o", tmp_path / "t")
    assert (done.status, done.err) == (0, "")
    failed = [line for line in done.out.splitlines() if line.startswith("failed: ")]
    assert [line.split(": ")[1] for line in failed] == [
        "case, nnunet, TC",
        "case, nnunet, ET",
        "other, nnunet, WT, TC, ET",
    ]
    assert "holds no mask other.nii.gz" in failed[2]
    assert "| WT | nnunet | masks of files | 1 | 1.000 |" in done.out
    (model,) = json.loads((tmp_path / "t" / "table.json").read_text())[:1]
    assert model["seconds_first"] is None
    given = ("--no-model", "--masks", f"nnunet={folder}", "--masks-labels", "magic", "-o", tmp_path / "u")
    done = gliomasam("evaluate", tmp_path / "cases", *given)
    assert done.status == 2 and "magic" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("name", ["flair.nii.gz", "seg.nii.gz"])
def test_an_evaluation_that_measures_nothing_fails(
    name: str, gliomasam: Callable, small_case: Path, tmp_path: Path
) -> None:
    (small_case / name).write_bytes(b"no image")
    little = ("--no-model", "--baseline", "grow_ball", "--region", "WT", "--prompts", 0)
    done = gliomasam("evaluate", small_case.parent, *little, "-o", tmp_path / "table")
    assert done.status == 2
    assert "Nothing of case could be measured" in done.err and name in done.err
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--baseline", "magic"], "magic"),
        (["--variant", "magic"], "magic"),
        (["--region", "XX"], "XX"),
        (["--start", "magic"], "magic"),
        (["--case", "nobody"], "nobody"),
        (["--masks", "nnunet"], "--masks nnunet is not NAME=FOLDER"),
        (["--masks", "=folder"], "--masks =folder is not NAME=FOLDER"),
        (["--masks", "nnunet="], "--masks nnunet= is not NAME=FOLDER"),
        (["--masks", "nnunet=nowhere"], "The folder nowhere of the masks nnunet does not exist"),
        (["--masks", "a=one", "--masks", "a=two"], "has the name a twice"),
    ],
)
def test_evaluate_refuses(
    arguments: list[str], said: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    done = gliomasam("evaluate", small_case.parent, "-o", tmp_path / "t", "--model", untrained, *arguments)
    assert done.status == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "t").exists()


def test_evaluate_says_which_labels_do_not_tell_a_region(gliomasam: Callable, small_case: Path, tmp_path: Path) -> None:
    (labels,) = small_case.glob("*seg.nii.gz")
    whole = sitk.ReadImage(str(labels)) > 0
    labels.unlink()
    sitk.WriteImage(sitk.Cast(whole, sitk.sitkUInt8), str(small_case / "wt.nii.gz"))
    little = ("--no-model", "--baseline", "grow_ball", "--prompts", 0, "-o", tmp_path / "table")
    done = gliomasam("evaluate", small_case.parent, *little)
    assert "the labels of case do not tell TC, which was not measured there" in " ".join(done.out.split())
    assert "failed" not in done.out


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_an_empty_output_is_not_the_working_folder(
    command: str, gliomasam: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = gliomasam(command, tmp_path / "absent", "--output", "")
    assert done.status == 2 and "--output is empty" in done.err
    assert not list((tmp_path / "here").iterdir())


def test_train_refuses_a_folder_without_cases(gliomasam: Callable, tmp_path: Path) -> None:
    pytest.importorskip("lightning", reason="training needs lightning")
    (tmp_path / "empty").mkdir()
    done = gliomasam("train", tmp_path / "empty", "--output", tmp_path / "run")
    assert done.status == 2
    assert "empty" in done.err
    assert not (tmp_path / "run").exists()


def test_the_follow_up_of_the_demonstration_is_of_the_phantom(gliomasam: Callable, tmp_path: Path) -> None:
    done = gliomasam("demo", "--follow-up", "--folder", tmp_path, "--output", tmp_path / "out")
    assert done.status == 2 and "leave --folder out" in done.err
    (tmp_path / "out" / "report").mkdir(parents=True)
    (tmp_path / "out" / "report" / "mine.txt").write_text("mine")
    done = gliomasam("demo", "--follow-up", "--output", tmp_path / "out")
    assert done.status == 2 and "something else than an earlier report" in done.err
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["mine.txt", "report"]
