"""The command, run in this process, and a case for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import phantom_case

from GliomaSAMLib.cli.app import run


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def gliomasam(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run `gliomasam` with the arguments given, with a cache of its own."""
    monkeypatch.setenv("GLIOMASAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Outcome:
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project."""
    return Path(__file__).resolve().parents[3]


@pytest.fixture
def small_case(tmp_path: Path) -> Path:
    """A folder with the four volumes of a small head with a tumour (40 x 48 x 44 voxels) and its labels."""
    return phantom_case(tmp_path / "case", (40, 48, 44), tumour=(20, 24, 30))
