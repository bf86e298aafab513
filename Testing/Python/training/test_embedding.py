from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from GliomaSAMLib.models.slices import StackLayout, embed_slice
from GliomaSAMLib.training import ClickConfig, TrainOptions, fit, run
from GliomaSAMLib.training.checkpoint import read_log
from GliomaSAMLib.training.embedding import CropEmbedding
from GliomaSAMLib.training.step import TrainingStep

LAYOUT = StackLayout(slice_mm=8)


@pytest.fixture
def crops() -> torch.Tensor:
    images = torch.rand(2, 4, 32, 32, 48, generator=torch.Generator().manual_seed(0))
    images[1, 2] = 0
    return images


def test_slices_are_embedded_as_those_of_a_case(crops: torch.Tensor, tiny_encoder: Any) -> None:
    found = CropEmbedding(tiny_encoder, LAYOUT)(crops)
    assert found.shape == (2, 4, 8, 4, *LAYOUT.shape((32, 32, 48), tiny_encoder)[1:])
    assert not found.requires_grad and not found.is_inference()
    for z, k in enumerate(LAYOUT.indices(32)):
        assert torch.equal(found[1, 3, :, z], embed_slice(tiny_encoder, LAYOUT, crops[1, 3, k]))


def test_absent_modalities_are_not_embedded_and_bright_values_are_cut(crops: torch.Tensor, tiny_encoder: Any) -> None:
    embed = CropEmbedding(tiny_encoder, LAYOUT)
    found = embed(crops)
    assert tiny_encoder.calls == 7 * 4
    assert not found[1, 2].any() and found[1, 1].any()
    assert torch.equal(embed(crops * 10), embed((crops * 10).clamp(max=1)))


def test_the_step_embeds_only_what_comes_without(
    crops: torch.Tensor, tiny_encoder: Any, tiny_network: Callable
) -> None:
    network = tiny_network(embedding_channels=8, blank=0.0)
    embed = CropEmbedding(tiny_encoder, LAYOUT)
    module = TrainingStep(network, ClickConfig(), seed=1, embed=embed)
    present = torch.ones(2, 4, dtype=torch.bool)
    present[0, 1] = False
    regions = torch.zeros(2, 3, 32, 32, 48, dtype=torch.uint8)
    regions[:, :, 8:24, 8:24, 8:24] = 1
    loss, _ = module(crops, present, regions, None, torch.arange(2))
    calls = tiny_encoder.calls
    assert calls == 6 * 4  # neither what is absent nor what was dropped
    known, _ = module(crops, present, regions, embed(crops * present[..., None, None, None]), torch.arange(2))
    assert loss.item() == known.item() and tiny_encoder.calls == 2 * calls
    loss.backward()
    assert all(parameter.grad is not None for parameter in network.fusion.parameters())
    assert all(parameter.grad is None for parameter in tiny_encoder.parameters())
    assert not any("embed." in name for name in module.state_dict())


def test_a_training_without_cached_features(
    tiny_options: Callable[..., TrainOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []
    read = run.case_features

    def watched(case: Any, encoder: Any, *others: Any) -> Any:
        seen.append((case.name, encoder is not None))
        return read(case, encoder, *others)

    monkeypatch.setattr(run, "case_features", watched)
    options = tiny_options(steps=2, cache_features=False)
    fit(options)
    assert dict(seen) == {"first": False, "second": False, "third": True}  # validation has nothing augmented
    assert [line["step"] for line in read_log(options.output)] == [1, 2, 2]
    fit(replace(options, steps=3))
    assert read_log(options.output)[-1]["step"] == 3
