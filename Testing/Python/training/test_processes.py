"""Real processes: a kill in the middle, and several at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from GliomaSAMLib.training.checkpoint import CHECKPOINT, read_log

PROJECT = Path(__file__).resolve().parents[3]
SCRIPT = """
import json, sys, time
from functools import partial
from pathlib import Path
import torch
from GliomaSAMLib.models.methods.gliomasam import GliomaSamConfig
from GliomaSAMLib.models.registry import MethodConfig
from GliomaSAMLib.models.methods.segresnet import SegResNetConfig
from GliomaSAMLib.models.slice_stack import StackLayout
from GliomaSAMLib.training import AugmentConfig, TrainOptions, fit, trainer

torch.set_num_threads(1)
cases, output, encoder, pause, changes = sys.argv[1:]
changes = {"steps": 8, **json.loads(changes)}
torch.optim.AdamW = partial(torch.optim.AdamW, eps=changes.pop("epsilon", 1e-8))
validate, seconds = trainer.validate, changes.pop("validation_seconds", 0)
trainer.validate = lambda *given: (time.sleep(seconds), validate(*given))[1]
method = "gliomasam" if encoder else "segresnet"
decoder = GliomaSamConfig(decoder_width=8, skip_widths=(8, 8)) if encoder else SegResNetConfig(filters=8)
options = TrainOptions(
    Path(cases), Path(output), split=Path(cases) / "split.json", checkpoint_minutes=0, accelerator="cpu",
    precision="32-true", augment=AugmentConfig(crop=(32, 32, 32), large_crop=(32, 48, 32)),
    method=method,
    config=MethodConfig(method, encoder or None, StackLayout(slice_mm=16), decoder),
    **changes,
)
fit(options, progress=lambda fraction, text: time.sleep(float(pause) * text.startswith("step")))
assert not torch.distributed.is_initialized(), "a group is left: its threads may abort a process that ends"
"""


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def start(
    tmp_path: Path,
    cases: Path,
    run: str,
    encoder: str = "",
    pause: float = 0.0,
    launcher: tuple[str, ...] = (),
    **changes: Any,
) -> subprocess.Popen:
    script = tmp_path / "train_script.py"
    script.write_text(SCRIPT)
    arguments = [str(cases), str(tmp_path / run), encoder, str(pause), json.dumps(changes)]
    command = [sys.executable, *launcher, str(script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen) -> None:
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said


@pytest.mark.slow
def test_a_kill_in_the_middle_costs_nothing(cases_folder: Path, tmp_path: Path) -> None:
    process = start(tmp_path, cases_folder, "run", pause=0.4)
    deadline = time.monotonic() + 500
    while len(read_log(tmp_path / "run")) < 4 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert 1 <= left["step"] < 8
    finish(start(tmp_path, cases_folder, "run"))
    finish(start(tmp_path, cases_folder, "unbroken"))
    lines = [[(line["step"], line.get("loss")) for line in read_log(tmp_path / run)] for run in ("run", "unbroken")]
    assert lines[0] == lines[1]
    assert [step for step, _ in lines[0]] == [*range(9), 8]
    weights = [torch.load(tmp_path / run / CHECKPOINT, weights_only=True)["average"] for run in ("run", "unbroken")]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert not list((tmp_path / "run").glob(".*.part.*"))


@pytest.mark.parametrize("launcher", [(), pytest.param(TORCHRUN, marks=pytest.mark.slow)])
def test_two_processes_are_one_with_twice_the_batch(
    launcher: tuple[str, ...], cases_folder: Path, tmp_path: Path
) -> None:
    # by default a step of Adam is as long as the rate even where the gradient is nothing but rounding
    common = {"steps": 2, "warmup": 0, "learning_rate": 1.0, "epsilon": 1.0}
    both = [
        start(tmp_path, cases_folder, "one", batch=2, **common),
        start(tmp_path, cases_folder, "two", devices=2, launcher=launcher, **common),
    ]
    for process in both:
        finish(process)
    one, two = (torch.load(tmp_path / run / CHECKPOINT, weights_only=True)["decoder"] for run in ("one", "two"))
    # weights move by some 1e-2
    assert max(float((value - two[name]).abs().max()) for name, value in one.items()) < 5e-5


@pytest.mark.slow
def test_two_processes_validate_at_the_same_steps(cases_folder: Path, tmp_path: Path) -> None:
    """The first learns with the estimate, after the third step, that a validation is too long to come now; the others
    have to learn it before they ask themselves, in that step.
    """
    times = {"validate_minutes": 8 / 60, "validation_seconds": 5}
    finish(start(tmp_path, cases_folder, "run", pause=3.0, devices=2, steps=4, **times))
    left = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)
    assert left["finished"] and left["validated_step"] == 4 and left["validation_takes"] > 5


@pytest.mark.slow
def test_two_processes_train_together(cases_folder: Path, tmp_path: Path) -> None:
    """With the real encoder."""
    finish(start(tmp_path, cases_folder, "run", devices=2, encoder="lite_medsam"))
    assert [line["step"] for line in read_log(tmp_path / "run")] == [*range(9), 8]
    assert (tmp_path / "run" / "gliomasam.safetensors").is_file()
    assert torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["finished"]


@pytest.mark.slow
def test_two_processes_from_the_command_line(cases_folder: Path, tmp_path: Path) -> None:
    entry = tmp_path / "gliomasam_entry.py"
    entry.write_text("from GliomaSAMLib.cli import main\nmain()\n")
    options = ["--method", "segresnet", "--steps", "2", "--devices", "2", "--accelerator", "cpu"]
    crops = ["--crop", "32", "32", "32", "--large-crop", "32", "32", "32"]
    command = [sys.executable, str(entry), "train", str(cases_folder), "-o", str(tmp_path / "run"), *options, *crops]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("segresnet.safetensors written") == 1
    assert [line["step"] for line in read_log(tmp_path / "run")] == [0, 1, 2, 2]
