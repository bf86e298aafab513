"""What every fuzz test asks of the program, whatever it is given."""

import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import SimpleITK as sitk
from forks import MOST_MEMORY, Ended, in_forks
from fuzz.images import Change, Inputs
from support import phantom_case, untrained_weights

PROJECT = Path(__file__).resolve().parents[3]

DONE, REFUSED = 0, 2

LONGEST_MESSAGE = 2000


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check(ended: Ended, before: dict[str, bytes], folder: Path) -> None:
    """What holds for every input: done or refused in one line, no signal, little memory, nothing written if refused."""
    said = ended.text[-3000:]
    __tracebackhide__ = True
    assert ended.status in (DONE, REFUSED), f"status {ended.status}: {said}"
    assert "Traceback" not in ended.text and "fault of GliomaSAM" not in ended.text, said
    assert ended.memory < MOST_MEMORY
    after = contents(folder)
    assert all(after.get(name) == content for name, content in before.items()), "an input was changed"
    if ended.status == REFUSED:
        lines = ended.text.splitlines()
        one = len(lines) == 1 and lines[0].startswith("gliomasam: ") and len(lines[0]) < LONGEST_MESSAGE
        assert one, f"not one line: {said}"
        assert after.keys() == before.keys(), f"written: {sorted(after.keys() - before.keys())}"


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("fuzz")
    case = phantom_case(folder / "cases" / "first", (28, 28, 28), radii={"necrosis": 2, "enhancing": 3, "oedema": 5})
    return Inputs(case, untrained_weights(folder / "untrained.safetensors"))


@pytest.fixture(scope="session")
def ready(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> None:
    """This process has imported everything, with one thread, so that a fork of it can go on at once."""
    import torch

    from GliomaSAMLib.cli.app import run

    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    folder = tmp_path_factory.mktemp("fuzz")
    assert run(inputs.segment(folder)) == DONE
    assert run(inputs.evaluate(folder)) == DONE
    assert run(["train", str(inputs.case.parent), f"--output={folder / 'run'}", "--split=absent.json"]) == REFUSED


@pytest.fixture
def attack(
    ready: None, inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Change, range, bool], list[int]]:
    """A function that gives spoiled inputs, one a seed, to the program, in forks of this process or through the real
    command line; returns the exit statuses.
    """
    monkeypatch.setenv("GLIOMASAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GLIOMASAM_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("GLIOMASAM_DEBUG", raising=False)

    def run_all(change: Change, seeds: range, really: bool = False) -> list[int]:
        folders = [tmp_path / f"input{seed}" for seed in seeds]
        commands, before = [], []
        for seed, folder in zip(seeds, folders, strict=True):
            folder.mkdir()
            commands.append(change(random.Random(seed), folder, inputs))
            before.append(contents(folder))
        answer = as_the_shell if really else forked
        faults, ends = [], answer(commands, tmp_path / "errors")
        for seed, command, ended, held, folder in zip(seeds, commands, ends, before, folders, strict=True):
            try:
                check(ended, held, folder)
            except AssertionError as error:
                faults.append(f"seed {seed}, {' '.join(command)}: {str(error)[:LONGEST_MESSAGE]}")
        if faults:
            pytest.fail("\n\n".join(faults), pytrace=False)
        return [ended.status for ended in ends]

    return run_all


def forked(commands: Sequence[list[str]], errors: Path) -> list[Ended]:
    from GliomaSAMLib.cli.app import run

    return in_forks([partial(run, arguments) for arguments in commands], errors)


def as_the_shell(commands: Sequence[list[str]], errors: Path) -> list[Ended]:
    """`gliomasam` in processes of their own."""
    code = "from GliomaSAMLib.cli.app import main; main()"
    done = [
        subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=PROJECT, capture_output=True, text=True, errors="replace"
        )
        for arguments in commands
    ]
    return [Ended(one.returncode, 0, one.stderr) for one in done]
