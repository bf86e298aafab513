"""When a training is validated, and when validations end it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from stopped_training import checkpoint, stop_after

from GliomaSAMLib.errors import CaseError, ModelError
from GliomaSAMLib.models.weights import load_weights
from GliomaSAMLib.training import TrainOptions, fit, trainer
from GliomaSAMLib.training.checkpoint import CHECKPOINT, read_log
from GliomaSAMLib.training.trainer import Run


def scores(monkeypatch: pytest.MonkeyPatch, *values: float) -> None:
    """Let the validations find these, one after the other."""
    left = iter(values)
    monkeypatch.setattr(trainer, "validate", lambda *_: {"WT0": next(left)})


def validations(options: TrainOptions) -> list[float]:
    return [line["validation"]["WT0"] for line in read_log(options.output) if "validation" in line]


def test_validations_without_a_better_score_end_the_training(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(monkeypatch, 0.5, 0.4, 0.6, 0.6, 0.1, 0.9, 0.9)
    options = tiny_options(steps=30, patience=2, validate_minutes=0.0)
    fit(options)
    assert validations(options) == [0.5, 0.4, 0.6, 0.6, 0.1]
    left = checkpoint(options.output)
    assert (left["step"], left["validations_without_improvement"], left["finished"], left["best"]) == (
        5,
        2,
        True,
        {"WT0": 0.6},
    )
    assert load_weights(options.weights)[1].extra["steps"] == "4"  # of equal ones the later is kept
    fit(options)  # it is over
    assert checkpoint(options.output)["step"] == 5
    fit(replace(options, patience=3, steps=6))
    assert validations(options)[5:] == [0.9] and checkpoint(options.output)["step"] == 6


def test_patience_survives_a_stop(tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    scores(monkeypatch, 0.5, 0.4, 0.3, 0.2, 0.1)
    options = tiny_options(steps=30, patience=3, validate_minutes=0.0)
    stop_after(options, 3)
    assert checkpoint(options.output)["validations_without_improvement"] == 1
    fit(options)
    assert validations(options) == [0.5, 0.4, 0.3, 0.2]


class SlowClock:
    """A clock on which a step takes 1 s and a validation 10 s, or what else is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, validation: float = 10) -> None:
        self.now = 0.0
        optimise = Run._optimise

        def one_step(run: Run) -> Any:
            self.now += 1
            return optimise(run)

        def validate(*_: Any) -> dict[str, float]:
            self.now += validation
            return {"WT0": 0.5}

        monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(Run, "_optimise", one_step)
        monkeypatch.setattr(trainer, "validate", validate)


def validated_at(options: TrainOptions) -> list[int]:
    return [line["step"] for line in read_log(options.output) if "validation" in line]


def test_short_validations_are_as_rare_as_was_asked(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    SlowClock(monkeypatch, 0.1)
    options, said = tiny_options(steps=10, validate_minutes=3.5 / 60), []
    fit(options, tell=said.append)
    assert validated_at(options) == [4, 8, 10]
    assert any("this takes about 7 s, with 3 validations of 1 s" in line for line in said)


def test_long_validations_take_a_tenth_of_the_time_and_are_told_at_the_start(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SlowClock(monkeypatch, 2)
    options, said = tiny_options(steps=1000, minutes=30 / 60, validate_minutes=3.5 / 60), []
    fit(options, tell=said.append)
    assert validated_at(options) == [17, 26]  # after 18 s, of which a trial took 2
    assert clock.now == 30 + 2
    assert any("this takes about 29 s, with 2 validations of 2 s" in line for line in said)


def test_what_was_validated_is_not_validated_again(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    SlowClock(monkeypatch, 0.1)
    options = tiny_options(steps=4, validate_minutes=3.5 / 60)
    fit(options)
    assert validated_at(options) == [4]
    assert checkpoint(options.output)["finished"]
    torch.save({**checkpoint(options.output), "finished": False}, options.output / CHECKPOINT)  # killed before the end
    fit(options)
    assert validated_at(options) == [4]
    options.weights.unlink()
    fit(options)
    assert options.weights.exists()


def test_the_card_tells_of_the_weights_in_the_file(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(monkeypatch, 0.5, 0.6, 0.4, 0.3)
    options = tiny_options(steps=4, validate_minutes=0.0)
    stop_after(options, 3)
    fit(options)
    card = (options.output / "card.md").read_text()
    assert "4 steps of 1 crops" in card and "these weights, the best in validation, are of step 2 (after" in card
    assert load_weights(options.weights)[1].extra["steps"] == "2"
    scores(monkeypatch, 0.7)
    fit(replace(options, steps=5, validate_minutes=9.0))
    assert "5 steps" in (options.output / "card.md").read_text()
    assert "these weights" not in (options.output / "card.md").read_text()


def test_a_training_that_is_often_stopped_is_validated_all_the_same(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    SlowClock(monkeypatch, 0.1)
    options = tiny_options(steps=10, validate_minutes=3.5 / 60)
    for steps in (2, 5, 7):
        stop_after(options, steps)
    fit(options)
    assert validated_at(options) == [4, 8, 10]


def test_patience_needs_validation_cases(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="leave out patience"):
        fit(tiny_options(split=None, validation=0.0, patience=2))
    (tmp_path / "split.json").write_text(json.dumps({"train": ["first"], "val": []}))
    with pytest.raises(CaseError, match="no case for validation, which patience needs"):
        fit(tiny_options(split=tmp_path / "split.json", patience=2))
