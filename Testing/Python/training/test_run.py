"""What a training tells its user and keeps: patients, time, table, card, and the split that it makes."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import SimpleITK as sitk

from GliomaSAMLib.data import read_split
from GliomaSAMLib.errors import CaseError, ModelError
from GliomaSAMLib.training import TrainOptions, fit, reading, trainer
from GliomaSAMLib.training.checkpoint import read_log
from GliomaSAMLib.training.chosen_cases import chosen_cases


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curve takes longer than the steps here."""
    monkeypatch.setattr(trainer, "plot_log", lambda folder: None)


def test_the_user_is_told_what_how_long_and_how_good(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    said: list[str] = []
    fit(tiny_options(steps=4), tell=said.append)
    kinds, long, table, card, weights = said
    assert kinds == "Training on 2 with all labels and volumes; 1 cases for validation; on cpu"
    assert re.match(r"A step takes \d+\.\d s: this takes about \d+ s, with 1 validations of \d+ s\.", long)
    assert table.splitlines()[0] == "| Dice after clicks | 0 | 1 | 2 | 3 | 4 | 5 |" and "| ET |" in table
    assert (card, weights) == tuple(f"{tmp_path / 'run' / name} written" for name in ("card.md", "tiny.safetensors"))
    text = (tmp_path / "run" / "card.md").read_text()
    assert "Not for clinical use" in text and table in text and "4 steps" in text


def test_without_a_split_one_is_made_and_kept(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path
) -> None:
    for n in range(5):
        make_case(tmp_path / "cases" / str(n), n)
    options = tiny_options(folder=tmp_path / "cases", split=None, steps=1)
    fit(options)
    made = read_split(options.output / "split.json")
    assert len(made.val) == 1 and sorted(made.train + made.val) == list("01234")
    make_case(tmp_path / "cases" / "later", 9)
    with pytest.raises(CaseError, match="cases for training: later new"):
        fit(replace(options, steps=2))
    assert read_split(options.output / "split.json") == made


def test_patients_are_not_trained_on_and_validated_on(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path
) -> None:
    for n in range(5):
        make_case(tmp_path / "cases" / f"sub-{n}_ses-1", n)
    options = tiny_options(folder=tmp_path / "cases", split=None, steps=1)
    (first,) = chosen_cases(options, goes_on=False)[1]
    make_case(tmp_path / "cases" / first.name.replace("ses-1", "ses-2"), 7)
    said: list[str] = []
    train, val = chosen_cases(options, False, said.append)
    assert len(train) == 4 and [one.name for one in val] == [first.name, first.name.replace("ses-1", "ses-2")]
    assert said == ["1 patients have several cases, by the names of their folders: all of one are on one side"]
    shutil.copytree(first.folder, tmp_path / "more" / first.name.replace("ses-1", "ses-3"))
    chosen_cases(replace(options, extra=(tmp_path / "more",)), False, said.append)
    assert re.match(r"note: .* 1 patients have cases for training and for validation \(sub-\d_ses-3, sub", said[1])


def test_masks_of_the_whole_tumour_are_validated_on(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path
) -> None:
    for n in range(5):
        labels = make_case(tmp_path / "cases" / str(n), n) / f"{n}_seg.nii.gz"
        sitk.WriteImage(sitk.Cast(sitk.ReadImage(str(labels)) > 0, sitk.sitkUInt8), str(labels))
    for n in range(2):  # computed, then from the cache
        said: list[str] = []
        fit(tiny_options(folder=tmp_path / "cases", split=None, steps=1, output=tmp_path / str(n)), tell=said.append)
        assert said[:2] == [
            "note: 0 and 4 other cases: its only label, 1, is taken as the whole tumour; core and enhancing tumour are "
            "not known",
            "Training on 4 with the whole tumour only; 1 cases for validation; on cpu",
        ]
        (table,) = (line for line in said if line.startswith("| Dice"))
        assert "| WT | 0" in table and "TC" not in table


def test_more_folders_are_for_training_alone(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path
) -> None:
    make_case(tmp_path / "more" / "fourth", 9)
    options = tiny_options(steps=1, extra=(tmp_path / "more",))
    fit(options)
    told = read_log(options.output)[0]["patients"]
    assert re.fullmatch(r"cases\d*: 2 with all labels and volumes; more: 1 with all labels and volumes", told)
    make_case(tmp_path / "more" / "third", 2)
    with pytest.raises(CaseError, match="third is for validation and lies in a folder of more cases"):
        fit(replace(options, output=tmp_path / "other"))


def test_a_long_reading_is_told_while_it_lasts(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr(reading, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    options = tiny_options(steps=1)
    fit(options, tell=said.append)
    assert re.match(
        r"Reading 3 cases takes about 2 min more, 50 s each, and some 0\.\d GB of the disk; they are kept in", said[0]
    )
    assert not any("Reading" in line for line in said[1:])


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_for_the_cases_speaks_of_cases(
    error: Exception, tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    for owner, name in ((reading, "case_features"), (trainer.Patient, "of")):
        with monkeypatch.context() as broken:
            broken.setattr(owner, name, fail)
            with pytest.raises(ModelError, match="memory does not suffice for reading one case after the other: close"):
                fit(tiny_options())
