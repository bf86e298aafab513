"""A network whose numbers are not finite is an error of its own, never an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from GliomaSAMLib.errors import ModelError, WeightsError
from GliomaSAMLib.models import Model, load_model
from GliomaSAMLib.models.model import is_finite
from GliomaSAMLib.models.prompt_maps import PromptSet, prompt_maps
from GliomaSAMLib.models.registry import METHODS, Parts
from GliomaSAMLib.models.weights import save_weights

SIDE = 32
IMAGE = np.random.default_rng(0).random((SIDE, SIDE, SIDE), np.float32)


@pytest.fixture
def model(small_method: Callable[..., Parts], small_config: Callable[..., Any]) -> Model:
    parts = small_method("segresnet")
    return Model("small", small_config("segresnet"), parts.embedder, parts.network, torch.device("cpu"))


def decoded(model: Model) -> np.ndarray:
    features = model.encode({"flair": IMAGE}, None)
    maps = prompt_maps(PromptSet(), (SIDE // 2,) * 3, 2.0, None)
    return model.decode(features, maps, PromptSet())


def spoiling(function: Callable[..., Any], value: float) -> Callable[..., Any]:
    """A function whose last tensor holds a number that is not finite."""

    def spoil(*arguments: Any) -> Any:
        with torch.inference_mode():
            found = function(*arguments)
            (found[-1] if isinstance(found, list) else found).view(-1)[-1] = value
        return found

    return spoil


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("step", ["encode", "decode"])
def test_no_answer_from_numbers_that_are_not_finite(
    model: Model, monkeypatch: pytest.MonkeyPatch, step: str, value: float
) -> None:
    assert np.isfinite(decoded(model)).all()
    monkeypatch.setattr(model.decoder, step, spoiling(getattr(model.decoder, step), value))
    with pytest.raises(ModelError, match=r"^The model small gave numbers that are not finite on the device cpu"):
        decoded(model)


def test_no_embedding_that_float16_does_not_hold(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "encoder", object())
    monkeypatch.setattr("GliomaSAMLib.models.model.embed_slice", lambda *given: torch.full((2, 3, 3), 1e5))
    with pytest.raises(ModelError, match="not finite"):
        model.embed([IMAGE[0]])


@pytest.mark.parametrize(("field", "value"), [("filters", 10**6), ("filters", 0), ("filters", 1.5), ("filters", "x")])
def test_a_weights_file_whose_config_makes_no_network_is_refused(tmp_path: Path, field: str, value: object) -> None:
    config = METHODS["segresnet"].config.to_json()
    config["decoder"][field] = value
    save_weights(tmp_path / "odd.safetensors", {"w": torch.zeros(2)}, config, None)
    with pytest.raises((ModelError, WeightsError)):
        load_model(tmp_path / "odd.safetensors", "cpu")


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_numbers_are_finite_or_not(kind: type) -> None:
    values = np.zeros((3, 4, 5), kind)
    values[0, 1], values[1, 2], values[2] = np.finfo(kind).max, np.finfo(kind).min, np.finfo(kind).smallest_subnormal
    assert is_finite(values) and is_finite(values[::2, :, 1:]) and is_finite(values[:0])
    for bad in (np.nan, np.inf, -np.inf, -np.nan):
        values[2, 3, 4] = bad
        assert not is_finite(values) and not is_finite(values[::2, :, 1:])
        assert is_finite(values[:, :, :-1])
