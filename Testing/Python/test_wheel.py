"""The package as it is published: a wheel, installed into an environment of its own, runs the demonstration."""

import json
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import GliomaSAMLib

PROJECT = Path(__file__).resolve().parents[2]
LARGEST_WHEEL_MB = 30

pytestmark = pytest.mark.slow


def run(command: Sequence[object], folder: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, PROJECT], folder)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_is_small_and_holds_the_models_and_the_licence(wheel: Path) -> None:
    assert wheel.name.startswith(f"gliomasam-{GliomaSAMLib.__version__}-")
    assert wheel.stat().st_size < LARGEST_WHEEL_MB * 1e6
    names = zipfile.ZipFile(wheel).namelist()
    catalogue = json.loads((PROJECT / "Resources" / "catalogue.json").read_text(encoding="utf-8"))
    files = {entry["file"] for entry in catalogue["models"] if (PROJECT / "Resources" / entry["file"]).is_file()}
    assert {f"GliomaSAMLib/Resources/{name}" for name in files} <= set(names)
    assert [name for name in names if name.endswith("LICENSE")]
    assert [name for name in names if name.startswith(("Testing", "GliomaSAM/"))] == []


def test_installed_into_a_fresh_environment_it_runs_the_demonstration(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / "bin" / "python"
    run(
        [
            python,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-compile",
            "-c",
            PROJECT / "constraints.txt",
            f"gliomasam[demo] @ {wheel.as_uri()}",
        ],
        tmp_path,
    )
    printed = run([python.parent / "gliomasam", "demo"], tmp_path)
    assert "click 3" in printed and "not for clinical use" in printed
    assert {path.name for path in (tmp_path / "demo-output").iterdir()} >= {
        "phantom.seg.nrrd",
        "phantom.nii.gz",
        "phantom.png",
        "volumes",
    }
