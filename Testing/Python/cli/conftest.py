"""The command run in this process, and a model that is not trained: the command's promises hold for any model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

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
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the plain network, which needs no encoder, with weights by chance."""
    import torch

    from GliomaSAMLib.models.registry import find_method
    from GliomaSAMLib.models.weights import save_weights

    torch.manual_seed(0)
    method = find_method("segresnet")
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_weights(path, method.build(method.config.decoder).state_dict(), method.config.to_json(), None)
    return path


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project."""
    return Path(__file__).resolve().parents[3]


@pytest.fixture
def small_case(tmp_path: Path) -> Path:
    """A folder with the four volumes of a small head with a tumour (44 x 48 x 40 voxels of 2 mm) and its labels."""
    k, j, i = np.ogrid[:40, :48, :44]
    head = ((k - 20) / 18.0) ** 2 + ((j - 24) / 22.0) ** 2 + ((i - 22) / 20.0) ** 2 < 1.0
    distance = np.sqrt((k - 20) ** 2 + (j - 24) ** 2 + (i - 30) ** 2)
    labels = np.select([distance < 3, distance < 5, distance < 9], [1, 3, 2], 0) * head
    levels = {
        "t1": (100, 60, 80, 80),
        "t1c": (100, 60, 90, 200),
        "t2": (100, 220, 180, 170),
        "flair": (100, 150, 220, 210),
    }
    folder = tmp_path / "case"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, values in levels.items():
        image = np.where(head, np.asarray(values)[labels] + rng.normal(0.0, 4.0, head.shape), 0.0)
        _write(image.astype(np.float32), folder / f"{name}.nii.gz")
    _write(labels.astype(np.uint8), folder / "seg.nii.gz")
    return folder


def _write(array: np.ndarray, path: Path) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(image, str(path))
