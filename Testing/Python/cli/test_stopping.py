"""The command stopped from outside while the brain is extracted: no head is left, and no process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

COMMAND = """
from GliomaSAMLib.study import brain
brain._PROGRAM = "import os, sys, time; os.symlink(str(os.getpid()), sys.argv[2] + '.sign'); time.sleep(600)"
from GliomaSAMLib.cli import main
main()
"""
"""The command with a program that never ends in the place of deepbet."""


@pytest.fixture
def head(tmp_path: Path) -> Path:
    path = tmp_path / "t1.nii"
    values = np.random.default_rng(0).normal(100, 10, (40, 50, 45)).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((4.0, 4.0, 4.0))
    sitk.WriteImage(image, str(path))
    return path


def heed_signals() -> None:
    """Tests that run in the background of a shell have been told to pass over these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(head: Path, untrained: Path) -> tuple[subprocess.Popen, Path, int]:
    """The command, its temporary folder, and the process of the extraction."""
    temporary = head.parent / "tmp"
    temporary.mkdir()
    words = ["segment", "--t1", str(head), "--skull", "on", "--model", str(untrained), "-o", str(head.parent / "o.nii")]
    environment = {**os.environ, "TMPDIR": str(temporary), "GLIOMASAM_CACHE": str(head.parent / "cache")}
    command = [sys.executable, "-c", COMMAND, *words]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=heed_signals)
    end = time.monotonic() + 60
    while not (found := list(temporary.glob("*/*.sign"))) and time.monotonic() < end:
        time.sleep(0.05)
    assert found, "the extraction did not start"
    return process, temporary, int(os.readlink(found[0]))


def ends(pid: int) -> bool:
    """Whether a process is gone within five seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True  # nobody has fetched its status
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_leaves_no_head_and_no_process(number: int, status: int, head: Path, untrained: Path) -> None:
    process, temporary, extraction = start(head, untrained)
    process.send_signal(number)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == status
    assert error == "gliomasam: stopped\n"
    assert ends(extraction)
    assert list(temporary.iterdir()) == []
    assert not (head.parent / "o.nii").exists()


def test_a_program_that_is_killed_leaves_no_process_and_the_next_start_removes_the_head(
    head: Path, untrained: Path
) -> None:
    process, temporary, extraction = start(head, untrained)
    process.kill()
    process.communicate(timeout=30)
    assert ends(extraction)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", COMMAND, "--version"], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "module", ["typer", "rich.progress", "GliomaSAMLib.cli.segment", "torch", "GliomaSAMLib.study"]
)
def test_ctrl_c_while_a_module_is_loaded(module: str, tmp_path: Path, untrained: Path) -> None:
    code = f"""
import sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from GliomaSAMLib.cli import main
main()
"""
    words = ["segment", "--t1", str(tmp_path / "t1.nii"), "--model", str(untrained), "-o", str(tmp_path / "o.nii")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "gliomasam: stopped\n")
