"""A run goes on as what it is: what differs is named, and nothing of it is overwritten."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stopped_training import checkpoint, stop_after

from GliomaSAMLib.errors import CaseError
from GliomaSAMLib.models.registry import MethodConfig
from GliomaSAMLib.training import AugmentConfig, ClickConfig, LossConfig, TrainOptions, fit, reading, trainer
from GliomaSAMLib.training.checkpoint import CHECKPOINT
from GliomaSAMLib.training.identity import NOT_OF_THE_RUN, run_identity


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curve takes longer than the steps here."""
    monkeypatch.setattr(trainer, "plot_log", lambda folder: None)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir()}


def read_no_case(*_: Any, **__: Any) -> Iterator[Any]:
    raise AssertionError("a case is read")


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"augment": AugmentConfig(crop=(48, 48, 48), large_crop=(32, 48, 32))}, "augment: crop 32 32 32, now 48 48 48"),
    ({"clicks": ClickConfig(users=1, rounds=(0.5, 0.5))}, "clicks: users 2, now 1"),
    ({"loss": LossConfig(new_error_weight=3.0)}, r"loss: new error weight 1\.0, now 3\.0"),
    ({"one_rate": True}, "one rate False, now True"),
    ({"seed": 5}, "seed 0, now 5"),
    ({"batch": 2, "accumulate": 3}, "crops of a step 1, now 6"),
    ({"labels": "brats2021"}, "labels None, now brats2021"),
    ({"start": "csad"}, "weights to begin from: a file now"),
]


def test_what_makes_a_run_something_else_is_refused(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path, monkeypatch: Any
) -> None:
    options = tiny_options(steps=1)
    fit(options)
    before = files(options.output)
    monkeypatch.setattr(reading, "case_features", read_no_case)
    for changes, said in CHANGES:
        for steps in (1, 3):
            with pytest.raises(CaseError, match=said + r"\): choose another folder.*--start .*tiny\.safetensors"):
                fit(replace(options, steps=steps, **changes))
    make_case(tmp_path / "more" / "fourth", 9)
    with pytest.raises(CaseError, match="cases for training: fourth new"):
        fit(replace(options, extra=(tmp_path / "more",)))
    assert files(options.output) == before


def test_other_cases_in_the_folder_of_a_run_are_refused(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path
) -> None:
    for n in range(5):
        make_case(tmp_path / "ours" / f"a{n}", n)
    make_case(tmp_path / "others" / "b", 7)
    options = tiny_options(folder=tmp_path / "ours", split=None, steps=1)
    fit(options)
    before = files(options.output)
    said = r"for training: a\d, a\d, a\d and 1 more missing, b new; .*validation: a\d missing"
    with pytest.raises(CaseError, match=said):
        fit(replace(options, folder=tmp_path / "others", steps=2))
    (options.output / "split.json").rename(tmp_path / "split.json")
    with pytest.raises(CaseError, match="without its split: name that with --split"):
        fit(replace(options, steps=2))
    fit(replace(options, split=tmp_path / "split.json", steps=2))  # the same cases, however they are named
    assert before.keys() - files(options.output).keys() == {options.output / "split.json"}
    assert checkpoint(options.output)["step"] == 2


def test_a_split_without_a_training_is_made_anew_where_its_cases_are_not_there(
    tiny_options: Callable[..., TrainOptions], make_case: Callable[..., Path], tmp_path: Path
) -> None:
    for n in range(5):
        make_case(tmp_path / "cases" / f"a{n}", n)
    options = tiny_options(folder=tmp_path / "cases", split=None, steps=1)
    options.output.mkdir()
    (options.output / "split.json").write_text('{"train": ["x"], "val": ["y"]}')
    fit(options)
    made = checkpoint(options.output)["identity"]
    assert len(made["cases for training"]) == 4 and len(made["cases for validation"]) == 1


def test_what_may_differ_does(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    options = tiny_options(accumulate=2)
    stop_after(options, 2)
    fit(replace(options, steps=3, validate_minutes=0.0, patience=9, batch=2, accumulate=1, cache=tmp_path / "other"))
    assert checkpoint(options.output)["step"] == 3


def test_a_finished_training_says_so(tiny_options: Callable[..., TrainOptions]) -> None:
    options, said = tiny_options(steps=2), []
    fit(options, tell=said.append)
    assert said[-1] == f"{options.weights} written"
    said.clear()
    for steps in (2, 1):
        fit(replace(options, steps=steps), tell=said.append)
    assert len(said) == 2 and all("was trained already (2 steps) and nothing was done" in line for line in said)


def test_a_training_that_goes_on_does_not_begin_again(
    tiny_options: Callable[..., TrainOptions], tmp_path: Path
) -> None:
    first = tiny_options(steps=1, output=tmp_path / "first")
    fit(first)
    options, said = tiny_options(start=str(first.weights)), []
    stop_after(options, 2)
    fit(options, tell=said.append)
    assert not any("Begins from" in line for line in said)
    other = tmp_path / "other.safetensors"
    other.write_bytes(first.weights.read_bytes())
    fit(replace(options, start=str(other), steps=7))  # the same weights elsewhere
    fit(replace(options, output=tmp_path / "third"))
    with pytest.raises(CaseError, match="weights to begin from: another file"):
        fit(replace(options, start=str(tmp_path / "third" / "tiny.safetensors"), steps=8))
    with pytest.raises(CaseError, match="weights to begin from: none now"):
        fit(replace(options, start=None, steps=8))


def test_a_checkpoint_of_before_goes_on_with_a_note(tiny_options: Callable[..., TrainOptions]) -> None:
    options, said = tiny_options(steps=1), []
    fit(options)
    saved = torch.load(options.output / CHECKPOINT)
    del saved["identity"]
    torch.save(saved, options.output / CHECKPOINT)
    fit(replace(options, steps=2, seed=4), tell=said.append)
    assert "of an earlier version, which did not keep what it was trained on" in said[0]
    with pytest.raises(CaseError, match="seed 4, now 0"):
        fit(replace(options, steps=3))


def test_every_option_is_of_the_run_or_known_not_to_be(
    tiny_options: Callable[..., TrainOptions], tiny_config: MethodConfig
) -> None:
    names = set(TrainOptions.__dataclass_fields__)
    assert names >= NOT_OF_THE_RUN
    kept = {name.split(":")[0].replace(" ", "_") for name in run_identity(tiny_options(), [], [])}
    assert names - NOT_OF_THE_RUN <= kept
