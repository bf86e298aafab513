from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from GliomaSAMLib.errors import OutputError
from GliomaSAMLib.training.checkpoint import LOG, TrainingLog, read_log, remove_leftovers
from GliomaSAMLib.training.plot import plot_log, smooth


def write_steps(log: TrainingLog, first: int, last: int) -> None:
    for step in range(first, last + 1):
        log.write(step=step, seconds=6.0 * step, loss=1 / step, dice=[0.8, 0.6, 0.4], data_time=0.25)


def test_a_log_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    write_steps(TrainingLog(tmp_path, 0), 1, 5)
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 6, "lo')  # a kill while writing
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3, 4, 5]
    write_steps(TrainingLog(tmp_path, 3), 4, 4)
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3, 4]


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path, 0)
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(OutputError, match=r"log\.jsonl cannot be written"):
        log.write(step=1)


def test_leftovers_of_a_kill_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".0123456789abcdef.part.ckpt").write_text("half")
    (tmp_path / "last.ckpt").write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_picture_shows_what_is_in_the_log(tmp_path: Path) -> None:
    assert plot_log(tmp_path) is None
    log = TrainingLog(tmp_path, 0)
    write_steps(log, 1, 40)
    before = plot_log(tmp_path)
    assert before is not None and before.name == "curve.png"
    first = matplotlib.image.imread(before)
    measured = {f"{region}{clicks}": 0.5 + 0.1 * clicks for region in ("WT", "TC", "ET") for clicks in range(4)}
    log.write(step=40, seconds=250.0, validation={**measured, "mended": 0.7, "broken": 900.0, "lowered": 0.1})
    plot_log(tmp_path)
    second = matplotlib.image.imread(before)
    assert first.shape == second.shape and first.shape[1] > 1000
    third = first.shape[1] // 3
    assert np.array_equal(first[:, :third], second[:, :third])  # the loss is the same
    assert np.abs(first[:, 2 * third :] - second[:, 2 * third :]).sum() > 100  # the validation is new


def test_smooth_keeps_the_mean_and_calms() -> None:
    noise = np.random.default_rng(0).normal(size=400)
    assert smooth(np.ones(7)).tolist() == [1] * 7
    assert smooth(noise).std() < 0.5 * noise.std()
    assert smooth(noise).shape == noise.shape
