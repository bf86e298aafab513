"""Nothing of the working folder is read or loaded by the libraries underneath."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize("room", ["models", "training.intensity", "evaluation.metrics"])
def test_libraries_take_nothing_from_the_working_folder(room: str, tmp_path: Path) -> None:
    """A pipe under a name that is opened would keep the program waiting for ever."""
    (tmp_path / "glibc-hwcaps" / "x86-64-v3").mkdir(parents=True)
    for name in ("matplotlibrc", "libcuda.so.1", "glibc-hwcaps/x86-64-v3/libcuda.so.1"):
        os.mkfifo(tmp_path / name)
    code = f"import GliomaSAMLib.{room}, torch, monai, matplotlib, os; torch.cuda.is_available(); print(os.getcwd())"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path.resolve())), done.stderr
