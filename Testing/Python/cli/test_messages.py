"""What the terminal shows: one line, the right exit status, and names as text, whatever they hold."""

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from GliomaSAMLib.cli.console import output, progress_bar
from GliomaSAMLib.study import Study

INSIDE = "--point=-30,-24,20"
COMMAND = (sys.executable, "-W", "ignore", "-c", "from GliomaSAMLib.cli import main; main()", "segment")
LATIN_1 = os.fsdecode(b"M\xfcller")


def shell(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
    """The command as a shell runs it."""
    settings = {**os.environ, "GLIOMASAM_CACHE": os.devnull, **environment}
    command = [*COMMAND, *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, env=settings, cwd=cwd, timeout=300)


@pytest.mark.parametrize("place", ["--flair", "--folder", "inside the folder", "--output", "--prompts", "--model"])
def test_a_name_that_is_not_utf_8_is_one_line(place: str, small_case: Path, untrained: Path, tmp_path: Path) -> None:
    """Either the name is read, or a line says what to do; the process is never aborted."""
    odd = tmp_path / LATIN_1
    odd.mkdir()
    words = {"--folder": small_case, "--output": tmp_path / "o.nii", "--model": untrained}
    if place == "--flair":
        shutil.copy(small_case / "flair.nii.gz", odd)
        words = {"--flair": odd / "flair.nii.gz", "--output": tmp_path / "o.nii", "--model": untrained}
    elif place == "--folder":
        words["--folder"] = Path(shutil.copytree(small_case, odd / "case"))
    elif place == "inside the folder":
        (small_case / "t2.nii.gz").rename(small_case / f"{LATIN_1}-t2.nii.gz")
    elif place == "--model":
        words["--model"] = Path(shutil.copy(untrained, odd))
    else:
        words[place] = odd / ("o.nii" if place == "--output" else "p.json")
    done = shell(*(word for pair in words.items() for word in pair), INSIDE)
    assert done.returncode in (0, 2), done.stderr
    if done.returncode == 2:
        assert done.stderr.count(b"\n") == 1
        assert b"is not UTF-8" in done.stderr and b"rename" in done.stderr
        assert not (tmp_path / "o.nii").exists()


def test_a_dicom_folder_with_a_name_that_is_not_utf_8(gliomasam: Callable, tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / LATIN_1).write_bytes(bytes(128) + b"DICM")
    done = gliomasam("segment", "--flair", tmp_path / "series", "-o", tmp_path / "o.nii")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "is not UTF-8" in done.err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_lacks_characters(encoding: str, small_case: Path, untrained: Path, tmp_path: Path) -> None:
    out = tmp_path / "Łódź" / "o.nii"
    out.parent.mkdir()
    done = shell("--folder", small_case, "--model", untrained, "-o", out, INSIDE, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"o.nii written" in done.stdout
    done = shell("--flair", tmp_path / "Łódź.nii", "-o", out, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("--flair", "LONG.nii.gz", "-o", "OUT/o.nii"),
        ("--folder", "LONG", "-o", "OUT/o.nii"),
        ("--folder", "CASE", "-o", "OUT/LONG.nii"),
        ("--folder", "CASE", "-o", "OUT/LONG/o.nii"),
        ("--folder", "CASE", "-o", "OUT/o.nii", "--json", "OUT/LONG.json"),
        ("--folder", "CASE", "-o", "OUT/o.nii", "--picture", "OUT/LONG.png"),
        ("--folder", "CASE", "-o", "OUT/o.nii", "--prompts", "OUT/LONG.json"),
        ("--folder", "CASE", "-o", "OUT/o.nii", "--model", "OUT/LONG.safetensors"),
        ("--folder", "CASE", "-o", "OUT/o.nii", "--model", "LONG"),
        ("--folder", "CASE", "-o", "OUT/o.nii", "--encoder-weights", "OUT/LONG.pth"),
        ("--flair", "OUT/loop/a.nii", "-o", "OUT/o.nii"),
        ("--folder", "OUT/loop", "-o", "OUT/o.nii"),
    ],
)
def test_a_path_that_cannot_be_is_one_line(
    words: tuple[str, ...], gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "loop").symlink_to(out / "loop")
    arguments = [word.replace("LONG", "x" * 300).replace("CASE", str(small_case)) for word in words]
    arguments = [word.replace("OUT", str(out)) for word in arguments]
    if "--model" not in arguments:
        arguments += ["--model", str(untrained)]
    done = gliomasam("segment", *arguments)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "fault of GliomaSAM" not in done.err
    assert [path.name for path in out.iterdir()] == ["loop"]


@pytest.mark.parametrize("text", ["\x1b[2J", "\x1b]0;t\x07", "\u202e", "[bold]", "[/x]", ":brain:"])
def test_names_are_shown_as_text(
    text: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path
) -> None:
    (small_case / "flair.nii.gz").rename(small_case / f"flair {text.replace('/', '')}.nii.gz")
    out = tmp_path / f"o {text.replace('/', '')}.nii"
    done = gliomasam("segment", "--folder", small_case, "--model", untrained, "-o", out, INSIDE)
    assert done.status == 0
    error = gliomasam("segment", "--flair", tmp_path / f"{text}.nii", "-o", out, "--model", untrained)
    assert error.status == 2
    unknown = gliomasam("segment", f"--{text}")
    assert unknown.status == 2
    for shown in (done.out, error.err, unknown.err):
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)
    if text.isprintable():
        assert str(out) in done.out
        assert text in error.err


def test_cells_of_tables_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("name")
    table.add_row("a\x1b[2J[bold]:brain:")
    output().print(table)
    assert "a\\x1b[2J[bold]:brain:" in capsys.readouterr().out


def test_names_in_notes_are_whole_in_a_narrow_pipe(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "flair of a study whose name has many words and says all that a scanner can say of a series.nii.gz"
    (small_case / "flair.nii.gz").rename(small_case / name)
    words = ("--model", untrained, "-o", tmp_path / "o.nii")
    assert f"note: flair is {name}\n" in gliomasam("segment", "--folder", small_case, *words).out
    shutil.copytree(small_case, tmp_path / "cases" / "whole")
    broken = Path(shutil.copytree(small_case, tmp_path / "cases" / "broken")) / name
    broken.write_bytes(b"no image")
    little = ("--no-model", "--baseline", "grow_ball", "--region", "WT", "--prompts", 0, "-o", tmp_path / "table")
    told = gliomasam("evaluate", tmp_path / "cases", *little).out
    assert any(line.startswith("failed: broken,") and str(broken) in line for line in told.splitlines())


def test_a_table_is_as_wide_as_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.table import Table

    monkeypatch.setenv("COLUMNS", "40")
    table = Table("what")
    table.add_row("word " * 20)
    output().print(table)
    output().print("word " * 20)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[-1], max(map(len, lines[:-1]))) == ("word " * 20, 40)


def test_a_message_of_the_progress_bar_is_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar() as report:
        report(0.5, "a\x07b [/x]")
    assert "\x07" not in capsys.readouterr().err


FAILURES = {
    "numpy": (MemoryError("Unable to allocate 7.45 GiB for an array"), 2, "7.45 GiB"),
    "memory": (MemoryError(), 2, "memory of this computer does not suffice"),
    "torch": (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
        2,
        "99 bytes",
    ),
    "gpu": (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), 2, "2.00 GiB"),
    "library": (ImportError("libtorch.so: failed to map segment from shared object"), 2, "does not suffice"),
    "reader": (RuntimeError("itk: Failed to allocate memory for image."), 2, "does not suffice"),
    "disk": (OSError(28, "No space left on device", "/a/b"), 2, "/a/b cannot be used: No space left on device"),
    "permission": (PermissionError(13, "Permission denied", "/a/b"), 2, "Permission denied"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_the_computer_lacks_is_one_line(
    name: str, gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, status, said = FAILURES[name]

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.delenv("GLIOMASAM_DEBUG", raising=False)
    monkeypatch.setattr(Study, "read_folder", fail)
    done = gliomasam("segment", "--folder", small_case, "--model", untrained, "-o", tmp_path / "o.nii")
    assert (done.status, done.err.count("\n")) == (status, 1)
    assert said in done.err
    assert "fault of GliomaSAM" not in done.err


def test_a_warning_is_one_line_without_its_source(
    gliomasam: Callable, small_case: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Study.read_folder

    def warn(*arguments: object, **options: object) -> Study:
        warnings.warn("the cache is\nfull", RuntimeWarning, stacklevel=2)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Study, "read_folder", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        done = gliomasam("segment", "--folder", small_case, "--model", untrained, "-o", tmp_path / "o.nii", INSIDE)
    assert (done.status, done.err) == (0, "gliomasam: note: the cache is full\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_an_output_that_cannot_be_printed(small_case: Path, untrained: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "--folder", str(small_case), "--model", str(untrained), "-o", str(tmp_path / "o.nii"), INSIDE]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=300)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"No space left" in done.stderr
    assert np.any([path.name == "o.nii" for path in tmp_path.iterdir()])


LINES_UNDER_A_BAR = """
import time
from GliomaSAMLib.cli.console import output, progress_bar
with progress_bar() as report:
    for number in range(3):
        report(number / 3, "half way")
        time.sleep(0.2)
        output().print(f"line {number}")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("piped", [False, True])
def test_lines_stand_above_the_bar_and_reach_a_pipe(piped: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", LINES_UNDER_A_BAR]
    settings = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE if piped else theirs, stderr=theirs, env=settings, timeout=120
    )
    os.close(theirs)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    lines = "line 0\nline 1\nline 2\n"
    assert done.returncode == 0 and "half way" in drawn
    if piped:
        assert done.stdout.decode() == lines and "line" not in drawn
    else:
        shown = [re.sub(r"\x1b\[[\d;]*m", "", text) for text in re.findall(r"[^\r\n]*line \d", drawn)]
        assert [re.sub(r"\x1b\[\??[\d;]*[A-Za-z]", "", text) for text in shown] == lines.split("\n")[:3]
