import errno
import json
import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from stopped_training import StopAfter, checkpoint, stop_after

from GliomaSAMLib.errors import Cancelled, CaseError, ModelError, OutputError, WeightsError
from GliomaSAMLib.models.methods.segresnet import SegResNetConfig
from GliomaSAMLib.models.registry import MethodConfig, build, config_from_json, find_method
from GliomaSAMLib.models.weights import load_weights
from GliomaSAMLib.training import AugmentConfig, ClickConfig, LossConfig, TrainOptions, fit, step, trainer
from GliomaSAMLib.training.checkpoint import CHECKPOINT, LOG, read_log
from GliomaSAMLib.training.trainer import Run
from GliomaSAMLib.training.users import User


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Leaves of nested dictionaries and lists by their path."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {path: leaf for key, inner in items for path, leaf in flat(inner, f"{name}/{key}").items()}
    return {name: value}


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    left, right = flat(first), flat(second)
    assert left.keys() == right.keys()
    differing = [
        name
        for name, value in left.items()
        if not (torch.equal(value, right[name]) if isinstance(value, torch.Tensor) else value == right[name])
    ]
    assert differing == []


@pytest.fixture(autouse=True)
def pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most trainings here draw no curve, which takes longer than their steps."""
    if request.node.name != "test_what_a_training_leaves":
        monkeypatch.setattr(trainer, "plot_log", lambda folder: None)


SMALL_STEPS: dict[str, Any] = {"accumulate": 2, "checkpointing": True, "patience": 9}


@pytest.mark.parametrize("changes", [{}, SMALL_STEPS])
def test_three_steps_and_three_more_are_six(
    changes: dict[str, Any],
    tiny_options: Callable[..., TrainOptions],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if changes:
        network = find_method("tiny").build
        monkeypatch.setattr(network, "enable_checkpointing", lambda _: True)
        monkeypatch.setattr(network, "learning_rate_factors", lambda _: {"fusion.": 0.5})
    whole, parts = (tiny_options(output=tmp_path / name, **changes) for name in ("whole", "parts"))
    fit(whole)
    stop_after(parts, 3)
    assert checkpoint(parts.output)["step"] == 3
    fit(parts)
    first, second = checkpoint(whole.output), checkpoint(parts.output)
    for key in ("decoder", "average", "optimizer", "step", "best", "validations_without_improvement"):
        assert_same({key: first[key]}, {key: second[key]})
    logs = [
        [(line["step"], line.get("loss"), line.get("validation")) for line in read_log(run.output)]
        for run in (whole, parts)
    ]
    assert logs[0] == logs[1] and len(logs[0]) == 1 + 7
    assert_same(load_file(whole.weights), load_file(parts.weights))


def test_a_step_in_parts_is_the_step(
    tiny_options: Callable[..., TrainOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # by default a step of Adam is as long as the rate even where the gradient is nothing but rounding
    monkeypatch.setattr(torch.optim, "AdamW", partial(torch.optim.AdamW, eps=1.0))
    calm = tiny_options().config
    assert calm is not None
    calm = replace(calm, decoder=replace(calm.decoder, blank=0.0))  # chance in the network is a batch's
    done = []
    for batch, accumulate in ((4, 1), (2, 2), (1, 4)):
        output = tmp_path / f"{batch}x{accumulate}"
        shares = {"batch": batch, "accumulate": accumulate, "steps": 2, "learning_rate": 1.0}
        fit(tiny_options(output=output, config=calm, **shares))
        done.append((checkpoint(output)["decoder"], [line["loss"] for line in read_log(output)[1:3]]))
    (whole, losses), *parts = done
    for part, others in parts:
        assert others == pytest.approx(losses, abs=2e-4)
        # weights move by some 1e-2
        assert max(float((value - part[name]).abs().max()) for name, value in whole.items()) < 3e-4


def test_a_short_training_writes_what_it_has_learned(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=30, learning_rate=0.01)
    stop_after(options, 2)
    first = checkpoint(options.output)["decoder"]
    fit(options)
    last, written = checkpoint(options.output)["decoder"], load_file(options.weights)
    learned = sum(float((last[name] - first[name]).square().sum()) for name in written)
    missing = sum(float((last[name] - written[name].float()).square().sum()) for name in written)
    assert missing < 0.1 * learned


def test_checkpointing_is_handed_to_a_network_that_has_it(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, asked = find_method(tiny_options().method).build, []
    monkeypatch.setattr(network, "enable_checkpointing", lambda self: asked.append(self) or True)
    fit(tiny_options(checkpointing=True, steps=1))
    assert len(asked) == 1
    fit(tiny_options(steps=2))
    assert len(asked) == 1
    monkeypatch.setattr(network, "enable_checkpointing", lambda self: False)
    with pytest.raises(ModelError, match=r"'tiny' cannot compute its activations again.*--accumulate"):
        fit(tiny_options(checkpointing=True))


def test_what_a_training_leaves(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=3)
    user = StopAfter(100)
    assert fit(options, user.progress) == options.weights
    assert sorted(path.name for path in options.output.iterdir()) == [
        "card.md", "curve.png", CHECKPOINT, LOG, "tiny.safetensors",
    ]  # fmt: skip
    state, metadata = load_weights(options.weights)
    config = config_from_json(metadata.config)
    assert config == options.config
    metadata.check_base("0" * 64)
    assert metadata.extra["steps"] == "3"
    build(config).network.load_state_dict(state)
    lines = read_log(options.output)
    assert [line["step"] for line in lines] == [0, 1, 2, 3, 3]
    assert lines[0]["patients"] == "2 with all labels and volumes" and lines[0]["validation_cases"] == 1
    assert all(0 <= line["data_time"] <= 1 and len(line["dice"]) == 3 for line in lines[1:4])
    assert 0 <= lines[-1]["validation"]["WT3"] <= 1
    fractions = [fraction for fraction, _ in user.lines]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert any("min left" in text for _, text in user.lines)


def test_a_finished_training_is_left_alone(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=2)
    fit(options)
    before = {path: path.stat().st_mtime_ns for path in options.output.iterdir()}
    assert fit(options) == options.weights
    assert {path: path.stat().st_mtime_ns for path in options.output.iterdir()} == before
    fit(tiny_options(steps=3))
    assert checkpoint(options.output)["step"] == 3


def test_a_time_budget_ends_the_training(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=None, minutes=0.01, split=None)
    assert (options.most_steps, replace(options, minutes=None).most_steps) == (math.inf, 4000)
    fit(options)
    done = checkpoint(options.output)
    assert 1 <= done["step"] < 1000
    assert options.weights.exists()
    fit(options)
    assert checkpoint(options.output)["elapsed"] == done["elapsed"]


def test_a_full_disk_keeps_the_last_checkpoint(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tiny_options()
    stop_after(options, 2)
    before = (options.output / CHECKPOINT).read_bytes()
    save = torch.save

    def full(state: Any, path: Path) -> None:
        save({"step": 1}, path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"No space left.*last good one is kept"):
        fit(options)
    assert (options.output / CHECKPOINT).read_bytes() == before
    assert not list(options.output.glob(".*"))
    monkeypatch.setattr(torch, "save", save)
    fit(options)
    assert checkpoint(options.output)["step"] == 6


def test_a_checkpoint_of_something_else_is_refused(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=1)
    fit(options)
    before = {path: path.read_bytes() for path in options.output.iterdir()}
    segresnet = MethodConfig("segresnet", None, decoder=SegResNetConfig(filters=8))
    with pytest.raises(CaseError, match=r"of the method 'tiny', not 'segresnet'.*another folder"):
        fit(tiny_options(method="segresnet", config=segresnet))
    assert options.config is not None
    wider = replace(options.config, decoder=replace(options.config.decoder, width=16))
    with pytest.raises(CaseError, match="other sizes"):
        fit(tiny_options(config=wider))
    assert {path: path.read_bytes() for path in options.output.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk", None])
def test_a_damaged_checkpoint_is_refused(content: bytes | None, tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options()
    options.output.mkdir()
    path = options.output / CHECKPOINT
    if content is None:
        torch.save({"config": {"method": "tiny"}, "step": 3}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(CaseError, match=r"damaged.*remove it"):
        fit(options)
    assert not (options.output / LOG).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_after_a_checkpoint(number: int, tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options()
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]

    def progress(fraction: float, text: str) -> None:
        if text.startswith("step 2,"):
            os.kill(os.getpid(), number)

    with pytest.raises(Cancelled):
        fit(options, progress)
    assert checkpoint(options.output)["step"] == 3
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before


def test_cancel_while_cases_are_read(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    options = tiny_options(cache=tmp_path / "own")
    with pytest.raises(Cancelled):
        fit(options, cancel=lambda: True)
    assert not options.weights.exists() and not (options.output / CHECKPOINT).exists()


def test_cancel_while_validating_goes_on_with_the_validation(
    tiny_options: Callable[..., TrainOptions],
) -> None:
    options = tiny_options(steps=2)
    user = StopAfter(0)
    user.text = "step 2, validating"
    with pytest.raises(Cancelled):
        fit(options, user.progress, user.cancel)
    assert checkpoint(options.output)["step"] == 2 and not options.weights.exists()
    fit(options)
    assert options.weights.exists() and read_log(options.output)[-1]["validation"]


ON_CPU = RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: 4000 bytes")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), ON_CPU])
def test_too_little_memory_says_what_to_do(
    error: Exception, tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Run, "_optimise", fail)
    with pytest.raises(ModelError, match=r"2 crops of up to 32 x 48 x 32.*smaller batch or smaller crops"):
        fit(tiny_options(batch=2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "magic"}, "there is no method 'magic'|not of 'magic'"),
        ({"steps": 0}, "steps must be"),
        ({"minutes": float("nan")}, "minutes must be"),
        ({"learning_rate": -1.0}, "learning rate must be"),
        ({"validation": 1.0}, "share for validation must"),
        ({"augment": AugmentConfig(pasted=2.0)}, "pasted tumours must lie in 0 to 1"),
        ({"accumulate": 0}, "accumulate must be"),
        ({"patience": 0}, "patience must be"),
        ({"accelerator": "abacus"}, "abacus"),
        ({"precision": "7-bit"}, "7-bit"),
        ({"clicks": ClickConfig(border=2.0)}, "clicks at the border must lie in 0 to 1"),
        ({"loss": LossConfig(new_error_weight=-1.0)}, "weight of new errors must be"),
        ({"start": "nobody"}, "nobody"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"precision": "bf16-true"}, "precision must be auto, 32-true, bf16-mixed or 16-mixed, not bf16-true"),
        ({"precision": "64-true"}, "precision must be"),
    ],
)
def test_options_that_make_no_sense(
    changes: dict[str, Any], said: str, tiny_options: Callable[..., TrainOptions]
) -> None:
    with pytest.raises(ModelError, match=said):
        fit(tiny_options(**changes))


def test_an_answer_before_is_replaced_only_where_it_is_told(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=1, clicks=ClickConfig(users=1, previous_truth=0.5, previous_distorted=0.5))
    fit(options)
    assert options.config is not None
    told_the_proposal = replace(options.config, previous="proposal")
    with pytest.raises(ModelError, match="'tiny' is given no answer before"):
        fit(replace(options, config=told_the_proposal))


def test_the_config_says_what_step_and_validation_tell_the_network(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(trainer, "validate", lambda *given: told.append(given[4]) or {"WT0": 0.5})
    monkeypatch.setattr(step, "User", lambda *given: told.append(given[3]) or User(*given))
    options = tiny_options(steps=1)
    fit(options)
    assert set(told) == {"answer"} and len(told) == 2 + 1  # two users, a validation
    told.clear()
    assert options.config is not None
    fit(replace(options, output=options.output.parent / "other", config=replace(options.config, previous="proposal")))
    assert set(told) == {"proposal"}


def test_a_training_begins_from_weights(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    first = tiny_options(steps=4, learning_rate=0.1, output=tmp_path / "first")
    fit(first)
    before = load_file(first.weights)
    second = tiny_options(steps=1, learning_rate=1e-9, output=tmp_path / "second", start=str(first.weights))
    fit(second)
    for name, value in load_file(second.weights).items():
        torch.testing.assert_close(value, before[name], atol=1e-5, rtol=0)
    assert second.config is not None
    told: list[str] = []
    fit(replace(second, output=tmp_path / "told", config=replace(second.config, previous="proposal")), tell=told.append)
    assert any(
        f"Begins from {first.weights.name}, which were made with previous answer, now proposal" in line for line in told
    )
    other = tiny_options(steps=1, output=tmp_path / "third", start="3dmedsam")
    with pytest.raises(WeightsError, match=r"another base model|does not hold"):
        fit(other)


def test_a_step_without_a_finite_gradient_is_left_out(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    honest = step.segmentation_loss

    def broken_at_first(logits: torch.Tensor, *others: Any, **more: Any) -> torch.Tensor:
        calls.append(1)  # each step has a loss on the proposal and one on the answer to each of two users
        return (0 * logits).sqrt().sum() if len(calls) == 4 else honest(logits, *others, **more)

    monkeypatch.setattr(step, "segmentation_loss", broken_at_first)
    options = tiny_options(steps=3)
    fit(options)
    lines = [line for line in read_log(options.output) if "loss" in line]
    assert [line.get("skipped", False) for line in lines] == [False, True, False]
    assert all(torch.isfinite(tensor).all() for tensor in load_file(options.weights).values())
    monkeypatch.setattr(step, "segmentation_loss", lambda logits, *others, **more: (0 * logits).sqrt().sum())
    monkeypatch.setattr(trainer, "MAX_SKIPPED_STEPS", 3)
    with pytest.raises(CaseError, match="steps in a row are not finite"):
        fit(tiny_options(steps=10, output=options.output.parent / "hopeless", split=None))


def test_crops_must_fit_the_decoder(tiny_options: Callable[..., TrainOptions]) -> None:
    with pytest.raises(ModelError, match=r"multiples of 16, not \(32, 40, 32\)"):
        fit(tiny_options(augment=AugmentConfig(crop=(32, 40, 32))))


def test_an_output_that_is_a_file(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        fit(tiny_options(output=tmp_path / "file"))


def test_a_split_without_training_cases(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(json.dumps({"train": [], "val": ["first"]}))
    with pytest.raises(CaseError, match="no case for training"):
        fit(tiny_options(split=tmp_path / "split.json"))
