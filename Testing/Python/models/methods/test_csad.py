"""The 2.5D U-Net of `csad`: which voxels it sees, chunks of slices, distillation between its encoders."""

import re
from dataclasses import replace

import pytest
import torch

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.methods.csad import CsadConfig, CsadUNet
from GliomaSAMLib.models.prompt_maps import CHANNELS
from GliomaSAMLib.training.step import segmentation_loss

TINY = CsadConfig(widths=(8, 16, 16, 24))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def network(config: CsadConfig = TINY) -> CsadUNet:
    torch.manual_seed(0)
    return CsadUNet(config)


def volumes(batch: int = 1, modalities: int = 4) -> torch.Tensor:
    return torch.rand(batch, modalities, 16, 32, 48, generator=torch.Generator().manual_seed(1))


def every(batch: int = 1, modalities: int = 4) -> torch.Tensor:
    return torch.ones(batch, modalities, dtype=torch.bool)


def no_maps(images: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(images), CHANNELS, *(side // 2 for side in images.shape[2:]))


def answer(net: CsadUNet, images: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    return net.decode(net.encode(images, present), no_maps(images))


def case(images: torch.Tensor) -> torch.Tensor:
    """Nested boxes as WT, TC, ET, drawn into the images."""
    regions = torch.zeros(len(images), 3, *images.shape[2:])
    for n, margin in enumerate((2, 4, 6)):
        regions[:, n, margin:-margin, 2 * margin : -2 * margin, 2 * margin : -2 * margin] = 1
    images *= 0.3
    images += 0.2 * regions.sum(dim=1, keepdim=True)
    return regions


@pytest.mark.parametrize("shape", [(16, 16, 16), (32, 48, 16)])
def test_logits_lie_on_the_grid_of_the_images(shape: tuple[int, ...]) -> None:
    images = torch.rand(2, 4, *shape)
    logits = answer(network().eval(), images, every(2))
    assert logits.shape == (2, 3, *shape)
    assert torch.isfinite(logits).all() and logits.std() > 0


@pytest.mark.parametrize("k", [8, 9])  # both of one pair, so that a window that is off by a slice is seen
def test_voxels_stay_where_they_are(k: int) -> None:
    """What one voxel changes lies round that voxel: its own and the neighbouring pairs of slices, no others."""
    net = network().eval()
    images = volumes()
    before = answer(net, images, every())
    images[0, 2, k, 16, 24] += 5
    changed = (answer(net, images, every()) - before).abs().amax(dim=(0, 1))
    slices = changed.amax(dim=(1, 2)) > 0
    assert [k for k in range(16) if slices[k]] == list(range(6, 12))
    place = (changed.amax(dim=0) == changed.max()).nonzero()[0]
    assert (place - torch.tensor([16, 24])).abs().max() <= 8


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_slices_read_in_parts_give_the_same(chunk: int) -> None:
    images, present = volumes(2), torch.tensor([[True] * 4, [True, False, True, False]])
    expected = answer(network().eval(), images, present)
    with torch.inference_mode():
        found = answer(network(replace(TINY, chunk=chunk)).eval(), images, present)
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("modalities", [1, 2, 4])
def test_every_parameter_gets_a_gradient(modalities: int) -> None:
    net = network(replace(TINY, modalities=modalities)).train()
    logits = answer(net, volumes(1, modalities), every(1, modalities))
    (logits * torch.randn(logits.shape)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def training_step(
    net: CsadUNet, images: torch.Tensor, present: torch.Tensor, regions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and loss in the middle of a training."""
    features, distillation = net.encode_for_training(images, present, training_progress=0.5)
    logits, auxiliary = net.decode_for_training(features, no_maps(images), None, regions)
    assert auxiliary == 0
    return logits, segmentation_loss(logits, regions, no_maps(images)) + distillation


@pytest.mark.parametrize("attention", ["norm", "softmax"])
def test_prostate_like_input_of_two_modalities(attention: str) -> None:
    net = network(replace(TINY, modalities=2, attention=attention)).train()
    images = volumes(2, 2)  # T2 and ADC; the second study has T2 alone
    regions = case(images)
    _, loss = training_step(net, images, torch.tensor([[True, True], [True, False]]), regions)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_distillation_is_ramped_up_and_reaches_the_encoders_only() -> None:
    net, images = network().train(), volumes()
    losses = [
        net.encode_for_training(images, every(), training_progress=progress)[1] for progress in (0.0, 0.15, 0.3, 1.0)
    ]
    assert losses[0].item() == 0 < losses[1].item()
    assert losses[2].item() == pytest.approx(2 * losses[1].item())
    assert losses[3].item() == pytest.approx(losses[2].item())
    losses[3].backward()
    with_gradient = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert with_gradient == {"encoders"}


def test_a_few_steps_learn_a_case() -> None:
    net = network().train()
    images = volumes()
    regions = case(images)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        _, loss = training_step(net, images, every(), regions)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_the_number_of_parameters_is_the_one_told() -> None:
    net = CsadUNet(CsadConfig())
    doc = CsadUNet.__doc__ or ""
    told = re.search(r"([\d ]+) parameters with four modalities: ([\d ]+) in the encoders, ([\d ]+) in", doc)
    assert told is not None
    parts = (net, net.encoders, net.fusions)
    assert [int(n.replace(" ", "")) for n in told.groups()] == [sum(p.numel() for p in m.parameters()) for m in parts]
    assert sum(p.numel() for p in net.parameters()) <= 2_500_000


def test_sides_are_multiples_that_the_levels_can_halve() -> None:
    assert CsadConfig().multiple == 16


def test_another_encoder_is_refused() -> None:
    with pytest.raises(ModelError, match="own"):
        CsadUNet(TINY, torch.nn.Identity())
