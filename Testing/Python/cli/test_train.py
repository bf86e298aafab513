from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning", reason="training needs lightning")

from GliomaSAMLib import training
from GliomaSAMLib.errors import ModelError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options of trainings, none of which takes place."""
    options: list[Any] = []

    def remember(one: Any, progress: Any = None, tell: Any = None) -> Path:
        tell("a step takes 2 s")
        options.append(one)
        return one.weights

    monkeypatch.setattr(training, "fit", remember, raising=False)
    return options


def test_options_reach_the_training(gliomasam: Callable, asked: list[Any], tmp_path: Path) -> None:
    recipe = ["--pasted", 0.5, "--without-uptake", 0.3, "--extra", tmp_path / "a", "--extra", tmp_path / "b"]
    more = [*recipe, "--batch", 2, "--accumulate", 3, "--checkpointing", "--patience", 4, "--no-cache-features"]
    done = gliomasam("train", tmp_path, "-o", tmp_path / "run", *more, "--crop", 32, 48, 64)
    assert (done.status, done.err) == (0, "")
    assert done.out == "a step takes 2 s\n"
    (options,) = asked
    assert (options.batch, options.accumulate, options.checkpointing, options.patience) == (2, 3, True, 4)
    assert options.cache_features is False and options.augment.crop == (32, 48, 64)
    assert (options.augment.pasted, options.augment.without_uptake) == (0.5, 0.3)
    assert options.extra == (tmp_path / "a", tmp_path / "b")


def test_users_and_weights_reach_the_training(gliomasam: Callable, asked: list[Any], tmp_path: Path) -> None:
    shares = ["--users", 5, "--another-outline", 0.2, "--border-clicks", 0.3]
    replaced = ["--previous-truth", 0.1, "--previous-distorted", 0.25]
    weights = ["--new-error-weight", 3, "--clicked-error-weight", 2, "--start", "gliomasam"]
    done = gliomasam("train", tmp_path, "-o", tmp_path / "run", *shares, *replaced, *weights)
    assert (done.status, done.err) == (0, "")
    (options,) = asked
    assert options.clicks == training.ClickConfig(
        users=5, another_outline=0.2, border=0.3, previous_truth=0.1, previous_distorted=0.25
    )
    assert options.loss == training.LossConfig(new_error_weight=3, clicked_error_weight=2)
    assert options.start == "gliomasam"


def test_what_is_said_goes_before_a_recipe(gliomasam: Callable, asked: list[Any], tmp_path: Path) -> None:
    said = ["--border-clicks", 0.6, "--previous-truth", 0, "--new-error-weight", 1]
    gliomasam("train", tmp_path, "-o", tmp_path / "run", "--recipe", "clicks", *said)
    (options,) = asked
    clicks, loss = options.clicks, options.loss
    assert (clicks.border, clicks.previous_truth, clicks.previous_distorted) == (0.6, 0, 0.3)
    assert (loss.new_error_weight, loss.clicked_error_weight) == (1, 2)


def test_what_is_not_said_is_as_the_library_has_it(gliomasam: Callable, asked: list[Any], tmp_path: Path) -> None:
    gliomasam("train", tmp_path, "-o", tmp_path / "run")
    assert asked == [training.TrainOptions(tmp_path, tmp_path / "run")]


def test_another_encoder_and_other_sizes(gliomasam: Callable, asked: list[Any], tmp_path: Path) -> None:
    sizes = tmp_path / "sizes.json"
    sizes.write_text('{"decoder": {"width": 48}}')
    command = ("train", tmp_path, "-o", tmp_path / "run", "--method", "ma_sam", "--encoder", "sam_vit_256")
    done = gliomasam(*command, "--encoder-weights", tmp_path / "sam.pth", "--config", sizes)
    assert (done.status, done.err) == (0, "")
    (options,) = asked
    assert options.config.encoder == "sam_vit_256" and options.config.decoder.width == 48
    assert options.encoder_weights == tmp_path / "sam.pth"


@pytest.mark.parametrize("text", ['{"decoder": {"magic": 1}}', "[1]", "{", None])
def test_a_config_that_makes_no_sense_is_one_line(
    text: str | None, gliomasam: Callable, asked: list[Any], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "sizes.json").write_text(text)
    done = gliomasam("train", tmp_path, "-o", tmp_path / "run", "--config", tmp_path / "sizes.json")
    assert done.status == 2 and "config" in done.err and "Traceback" not in done.err and not asked


@pytest.mark.parametrize(
    "wrong", [["--accumulate", 0], ["--patience", 0], ["--batch", 0], ["--users", 0], ["--pasted", 2]]
)
def test_numbers_below_one_are_refused(wrong: list[Any], gliomasam: Callable, asked: list[Any], tmp_path: Path) -> None:
    done = gliomasam("train", tmp_path, "-o", tmp_path / "run", *wrong)
    assert done.status == 2 and wrong[0] in done.err and not asked


def test_too_little_memory_is_one_line(gliomasam: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: Any, **__: Any) -> Path:
        raise ModelError("the memory does not suffice: choose a smaller batch")

    monkeypatch.setattr(training, "fit", fail, raising=False)
    done = gliomasam("train", tmp_path, "-o", tmp_path / "run")
    assert done.status == 2 and "smaller batch" in done.err and done.err.count("\n") == 1
