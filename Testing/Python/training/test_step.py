from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.decoder3d import DecoderConfig, PromptableDecoder3d
from GliomaSAMLib.training import ClickConfig
from GliomaSAMLib.training.features import CaseFeatures
from GliomaSAMLib.training.step import TrainingStep
from GliomaSAMLib.training.validate import dice, score, validate

TINY = DecoderConfig(embedding_channels=0, embedding_width=8, widths=(8, 8, 8, 8))
CPU = torch.device("cpu")


def batch(size: int = 2) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(size, 4, 32, 32, 32, generator=generator)
    regions = torch.zeros(size, 3, 32, 32, 32, dtype=torch.uint8)
    regions[:, :, 8:24, 8:24, 8:24] = 1
    return images, torch.ones(size, 4, dtype=torch.bool), regions, None, torch.arange(size)


class Recorder(torch.nn.Module):
    """A decoder that calls all background, and keeps the maps that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor(-1.0))
        self.maps: list[torch.Tensor] = []

    def encode(self, images: torch.Tensor, present: torch.Tensor, embeddings: None) -> list[torch.Tensor]:
        return [images]

    def decode(self, features: list[torch.Tensor], maps: torch.Tensor, prompts: list) -> torch.Tensor:
        self.maps.append(maps)
        return self.bias.expand(len(maps), 3, 32, 32, 32)


def test_a_step_gives_a_loss_with_gradients_and_dice() -> None:
    torch.manual_seed(0)
    module = TrainingStep(PromptableDecoder3d(TINY), ClickConfig(), seed=1)
    loss, dices = module(*batch())
    loss.backward()
    assert torch.isfinite(loss) and dices.shape == (3,)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


def test_the_same_index_meets_the_same_user() -> None:
    torch.manual_seed(0)
    module = TrainingStep(PromptableDecoder3d(TINY), ClickConfig(), seed=1)
    losses = [module(*batch())[0].item() for _ in range(2)]
    other = TrainingStep(module.decoder, ClickConfig(), seed=2)(*batch())[0].item()
    assert losses[0] == losses[1] != other


def test_samples_do_not_depend_on_which_are_together() -> None:
    torch.manual_seed(0)
    module = TrainingStep(PromptableDecoder3d(TINY), ClickConfig(), seed=1)
    images, present, regions, _, index = batch(6)
    together = module(images, present, regions, None, index)
    alone = [
        module(images[n : n + 1], present[n : n + 1], regions[n : n + 1], None, index[n : n + 1]) for n in range(6)
    ]
    for joint, single in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.allclose(joint, torch.stack(single).mean(dim=0), rtol=1e-4)


def test_rounds_add_clicks_where_the_mask_is_wrong() -> None:
    recorder = Recorder()
    users = ClickConfig(start_none=1.0, start_box=0.0, start_mask=0.0, rounds=(0.0, 0.0, 1.0))
    TrainingStep(recorder, users, seed=0)(*batch(1))
    assert len(recorder.maps) == 3
    clicks = [maps[:, :6].amax(dim=(0, 2, 3, 4)) for maps in recorder.maps]
    assert not clicks[0].any() and clicks[1].any()
    assert (recorder.maps[2] >= recorder.maps[1]).all() and not torch.equal(recorder.maps[2], recorder.maps[1])
    assert not recorder.maps[2][:, 3:6].any()  # all that is wrong is missing tumour: positive clicks only


class Painter(torch.nn.Module):
    """Marks the cube of 8 mm round each positive click."""

    def encode(self, images: torch.Tensor, present: torch.Tensor, embeddings: None) -> list[torch.Tensor]:
        return [images]

    def decode(self, features: list[torch.Tensor], maps: torch.Tensor, prompts: list) -> torch.Tensor:
        grown = torch.nn.functional.max_pool3d((maps[:, :3] > 0.99).float(), 9, stride=1, padding=4)
        return torch.nn.functional.interpolate(grown, scale_factor=2.0) - 0.5


@pytest.fixture
def cube() -> CaseFeatures:
    regions = np.zeros((48, 48, 48), np.uint8)
    regions[10:28, 10:28, 10:28] = 3
    return CaseFeatures("cube", np.zeros((4, 48, 48, 48), np.uint8), np.ones(4, bool), regions, (48, 48, 48), None)


def test_validation_clicks_the_middle_of_the_error(cube: CaseFeatures) -> None:
    measured = validate(Painter().eval(), [cube], CPU)
    assert [measured[f"{region}0"] for region in ("WT", "TC", "ET")] == [0, 0, 0]
    assert [measured[f"{region}1"] for region in ("WT", "TC", "ET")] == [1, 1, 1]
    assert set(measured) == {f"{region}{count}" for region in ("WT", "TC", "ET") for count in range(4)}
    assert score(measured) == pytest.approx(0.75) and score({}) == -1


def test_validation_stops_when_asked(cube: CaseFeatures) -> None:
    calls: list[int] = []

    def cancel() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        validate(Painter().eval(), [cube], CPU, cancel)


def test_dice_of_empty_masks() -> None:
    empty, full = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    assert (dice(empty, empty), dice(empty, full), dice(full, full)) == (1, 0, 1)


@pytest.mark.slow
def test_training_learns_the_cases(tiny_options: Callable) -> None:
    """Thirty small steps on two cases must at least find the whole tumour on them."""
    from GliomaSAMLib.training import fit
    from GliomaSAMLib.training.checkpoint import read_log

    options = tiny_options(steps=30, learning_rate=5e-3, split=None)
    fit(options)
    steps = [line for line in read_log(options.output) if "loss" in line]
    early, late = steps[:6], steps[-6:]
    assert np.mean([line["loss"] for line in late]) < 0.7 * np.mean([line["loss"] for line in early])
    assert np.mean([line["dice"][0] for line in late]) > 0.5
