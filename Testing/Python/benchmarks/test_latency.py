"""The benchmark of waiting times, run on a small head with a network that is not trained."""

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import SimpleITK as sitk
from rich.console import Console

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "latency.py"


@pytest.fixture(scope="module")
def latency() -> ModuleType:
    spec = importlib.util.spec_from_file_location("latency_benchmark", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two volumes of a head of 32 x 36 x 40 voxels of 2 mm, whose tumour has an outline by chance."""
    k, j, i = np.ogrid[:32, :36, :40]
    head = ((k - 16) / 14.0) ** 2 + ((j - 18) / 16.0) ** 2 + ((i - 20) / 18.0) ** 2 < 1.0
    rng = np.random.default_rng(0)
    tumour = head & (rng.random(head.shape) < 0.5)
    folder = tmp_path_factory.mktemp("cases") / "case"
    folder.mkdir()
    volumes = {"t1c": 100 + 50 * tumour, "flair": 120 + 80 * tumour}
    for name, values in volumes.items():
        noisy = np.where(head, values + rng.normal(0.0, 4.0, head.shape), 0.0)
        write(noisy.astype(np.float32), folder / f"{name}.nii.gz")
    write(np.where(tumour, 2, 0).astype(np.uint8), folder / "seg.nii.gz")
    return folder


def write(array: np.ndarray, path: Path) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def run(
    latency: ModuleType, case: Path, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[dict, str]]:
    """Run the benchmark; returns the figures that it wrote and what it printed."""
    monkeypatch.setenv("GLIOMASAM_CACHE", str(tmp_path / "cache"))

    def call(*more: str) -> tuple[dict, str]:
        out = tmp_path / "latency.json"
        options = latency.parse([str(case), "--model", str(untrained), "--device", "cpu", "--output", str(out), *more])
        console = Console(width=160, record=True)
        latency.run(options, console)
        return json.loads(out.read_text()), console.export_text()

    return call


def test_the_three_figures_of_a_session(run: Callable, latency: ModuleType, untrained: Path) -> None:
    numbers, text = run("--clicks", "11")
    found = numbers["latency"]
    assert min(found[name] for name in ("ready", "ready_cached", "first_mask", "click_median", "peak_gb")) > 0
    assert found["clicks"] == 11
    assert found["click_p95"] >= found["click_median"] >= found["update_median"] >= found["network_median"] > 0
    assert found["peak_device_gb"] is None
    assert numbers["targets"] == latency.CPU_TARGETS
    assert {"kind", "cores", "threads", "card"} == set(numbers["machine"])
    assert (numbers["device"], numbers["model"], numbers["stock"]) == ("cpu", untrained.name, None)
    assert "study read to ready, slices cached on disk" in text
    assert "0.7" in text


@pytest.mark.slow
def test_the_stock_loop_is_timed_in_the_same_run(run: Callable) -> None:
    numbers, text = run("--stock", "--slices", "2")
    assert numbers["stock"]["timed"] == 2
    assert numbers["stock"]["extrapolated"]
    found = numbers["latency"]
    expected = numbers["stock"]["total"] / (found["ready"] + found["first_mask"])
    assert numbers["times_faster"] == pytest.approx(expected)
    assert "EXTRAPOLATED" in text


def test_what_is_slow_shows_in_its_own_figure(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's time is part of a click, the encoding is not; the second session finds its study read anew."""
    from GliomaSAMLib import Session
    from GliomaSAMLib.models import Model

    studies = []

    def slowly(work: Callable, seconds: float) -> Callable:
        def wrapped(self: object, *arguments: object, **named: object) -> object:
            if isinstance(self, Session):
                studies.append(self.study)
            time.sleep(seconds)
            return work(self, *arguments, **named)

        return wrapped

    monkeypatch.setattr(Session, "encode", slowly(Session.encode, 0.3))
    monkeypatch.setattr(Model, "decode", slowly(Model.decode, 0.03))
    found = run()[0]["latency"]
    assert min(found["ready"], found["ready_cached"]) >= 0.3
    assert found["network_median"] >= 0.03
    assert len(studies) == 2 and studies[0] is not studies[1]


@pytest.mark.parametrize("arguments", [["--clicks", "9"], ["--slices", "3"], ["--stock", "--slices", "0"]])
def test_arguments_that_would_mean_nothing(
    arguments: list[str], latency: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        latency.parse(["CASE", *arguments])
    assert arguments[-2] in capsys.readouterr().err
