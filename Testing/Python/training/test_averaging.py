"""The mean of weights files."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from GliomaSAMLib.errors import WeightsError
from GliomaSAMLib.models.registry import MethodConfig
from GliomaSAMLib.models.weights import load_weights, save_weights
from GliomaSAMLib.training.averaging import average_weights

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, tiny_config: MethodConfig) -> Write:
    """Write a weights file whose tensors are all one number."""

    def make(name: str, value: float, base: str = "0" * 64, tensor: str = "levels.0.aux_head.weight") -> Path:
        path = tmp_path / f"{name}.safetensors"
        save_weights(path, {tensor: torch.full((3,), value)}, tiny_config.to_json(), base)
        return path

    return make


def test_the_mean_is_that_of_each_tensor(write: Write, tmp_path: Path) -> None:
    output = tmp_path / "mean.safetensors"
    average_weights([write("a", 1.0), write("b", 2.0), write("c", 6.0)], output)
    state, metadata = load_weights(output)
    first, _ = load_weights(tmp_path / "a.safetensors")
    assert state.keys() == first.keys()
    assert all(torch.allclose(tensor, torch.tensor(3.0)) for tensor in state.values())
    assert metadata.extra["mean_of"] == "a.safetensors, b.safetensors, c.safetensors"


@pytest.mark.parametrize("other", [{"base": "1" * 64}, {"tensor": "other.weight"}])
def test_what_does_not_fit_has_no_mean(other: dict, write: Write, tmp_path: Path) -> None:
    paths = [write("a", 1.0), write("b", 2.0, **other)]
    with pytest.raises(WeightsError, match=r"b.safetensors is of another method"):
        average_weights(paths, tmp_path / "mean.safetensors")
    with pytest.raises(WeightsError, match="two or more"):
        average_weights(paths[:1], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()
