"""`~` after `=`, which the shell leaves alone, is the home folder in every option that names a path."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from GliomaSAMLib.cli import app
from GliomaSAMLib.cli.paths import PathCommand, expand
from GliomaSAMLib.prompts import PromptHistory, point


@pytest.fixture
def home(tmp_path: Path, small_case: Path, untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with `cases/case`, `prompts.json` and `model.safetensors`; the working folder is an empty one."""
    folder, here = tmp_path / "home", tmp_path / "here"
    (folder / "cases").mkdir(parents=True)
    here.mkdir()
    small_case.rename(folder / "cases" / "case")
    PromptHistory().add(point((-24.0, -24.0, 24.0))).save(folder / "prompts.json")
    (folder / "model.safetensors").write_bytes(untrained.read_bytes())
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.chdir(here)
    return folder


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (
            ["segment", "--folder=~/cases/case", "--model=~/model.safetensors", "--prompts=~/prompts.json",
             "--output=~/o.nii.gz", "--json=~/r.json", "--picture=~/p.png"],
            ["o.nii.gz", "r.json", "p.png"],
        ),
        (["segment", "--t1c=~/cases/case/t1c.nii.gz", "--model=~/model.safetensors", "--output=~/o.mha"], ["o.mha"]),
        (["average", "~/model.safetensors", "~/model.safetensors", "--output=~/mean.safetensors"],
         ["mean.safetensors"]),
        (["evaluate", "~/cases", "--no-model", "--baseline=grow_ball", "--region=WT", "--prompts=0", "-o~/table"],
         ["table/table.md"]),
        (["demo", "--folder=~/cases/case", "--model=~/model.safetensors", "--output=~/demo"], ["demo/case.png"]),
    ],
)  # fmt: skip
def test_the_home_folder_in_options(arguments: list[str], written: list[str], home: Path, gliomasam: Callable) -> None:
    done = gliomasam(*arguments)
    assert (done.status, done.err) == (0, "")
    assert [name for name in written if not (home / name).is_file()] == []
    assert list(Path.cwd().iterdir()) == []
    if "r.json" in written:
        again = gliomasam("segment", "--from=~/r.json", "--output=~/again.nii.gz")
        assert (again.status, again.err, (home / "again.nii.gz").is_file()) == (0, "", True)


def test_a_name_that_begins_so_and_is_of_nobody_is_a_name(home: Path, gliomasam: Callable) -> None:
    path = Path("~nobody's.nii.gz")
    done = gliomasam("segment", f"--t1c={home / 'cases/case/t1c.nii.gz'}", "--model=~/model.safetensors", f"-o{path}")
    assert (done.status, done.err) == (0, "")
    assert [one.name for one in Path.cwd().iterdir()] == [path.name]
    assert expand(path) == Path.cwd() / path
    assert expand(Path("-")) == Path("-")


def test_every_command_knows_the_home_folder() -> None:
    group = typer.main.get_command(app)
    assert {type(command) for command in group.commands.values()} <= {  # type: ignore[attr-defined]
        PathCommand,
        *PathCommand.__subclasses__(),
    }
