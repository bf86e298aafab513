"""What every fuzz test asks of the program, whatever it is given."""

import multiprocessing
import os
import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import SimpleITK as sitk
from forks import MOST_MEMORY, SECONDS, Ended, in_forks
from fuzz.images import Change, Inputs
from support import phantom_case, untrained_weights

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
    """`gliomasam` in processes of their own: forks of a clean one that has imported everything, and nothing else."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["GliomaSAMLib.cli.app", "GliomaSAMLib.evaluation", "GliomaSAMLib.training.trainer"])
    ends = []
    for arguments in commands:
        process = server.Process(target=become_the_program, args=(arguments, dict(os.environ), str(errors)))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        assert process.exitcode is not None
        ends.append(Ended(process.exitcode, 0, errors.read_text(encoding="utf-8", errors="replace")))
    return ends


def become_the_program(arguments: Sequence[str], environment: dict[str, str], errors: str) -> None:
    """What the shell starts, but for the imports: standard error goes to a file."""
    os.environ.clear()
    os.environ.update(environment)
    opened = (os.open(os.devnull, os.O_RDWR), os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    for number, file in ((0, opened[0]), (1, opened[0]), (2, opened[1])):
        os.dup2(file, number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww")
    )
    from GliomaSAMLib.cli.app import main

    sys.argv = ["gliomasam", *arguments]
    main()
