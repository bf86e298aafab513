"""`gliomasam` without one of its parts, as the ablation in the README has it."""

from typing import Any

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.prompt_maps import CHANNELS, PromptVoxels
from GliomaSAMLib.models.registry import build, chosen_config
from GliomaSAMLib.models.weights import trained_names

SHAPE = (32, 48, 64)

PARTS = {
    "cross_modality": "encoder.middle.",
    "depth": "encoder.before.",
    "image_skips": "decoder.skips.stem.",
}


def network(**changes: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(chosen_config("gliomasam", None, {"decoder": changes})).network


def answer(net: Any, images: torch.Tensor) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    tokens = torch.randn(1, 4, 160, 8, 8, 11, generator=draw)
    maps = torch.zeros(1, CHANNELS, *(n // 2 for n in SHAPE))
    return net.decode(net.encode(images, torch.ones(1, 4, dtype=torch.bool), tokens), maps, [PromptVoxels()])


@pytest.mark.parametrize("part", PARTS)
def test_a_part_left_out_has_no_parameters_and_the_rest_still_answers(part: str) -> None:
    whole, without = network(), network(**{part: False})
    assert any(name.startswith(PARTS[part]) for name in trained_names(whole))
    assert not any(name.startswith(PARTS[part]) for name in trained_names(without))
    assert trained_names(without) < trained_names(whole)
    with torch.inference_mode():
        found = answer(without.eval(), torch.rand(1, 4, *SHAPE))
    assert found.shape == (1, 3, *SHAPE) and bool(torch.isfinite(found).all())


def test_without_image_skips_the_decoder_does_not_see_the_images() -> None:
    images = [torch.full((1, 4, *SHAPE), value) for value in (0.2, 0.9)]
    for skips in (True, False):
        net = network(image_skips=skips).eval()
        with torch.inference_mode():
            one, other = (answer(net, image).numpy() for image in images)
        assert np.array_equal(one, other) is not skips


def test_the_loss_holds_as_much_distillation_as_is_asked_for() -> None:
    losses = []
    for weight in (0.0, 0.5, 1.0):
        net: Any = network(distillation=weight).train()
        torch.manual_seed(2)
        answer(net, torch.rand(1, 4, *SHAPE))
        losses.append(net.auxiliary_loss(torch.zeros(1, 3, *SHAPE)).item())
    none, half, whole = losses
    assert half > none + 1e-4 and whole - none == pytest.approx(2 * (half - none), rel=1e-3)
