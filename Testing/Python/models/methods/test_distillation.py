"""The attention distillation by hand, and modalities that are absent."""

import math
from itertools import permutations

import pytest
import torch

from GliomaSAMLib.models.methods.distillation import FORMS, distillation_losses

HALF = math.sqrt(0.5)


def stack(*modalities: list[list[float]]) -> torch.Tensor:
    """One study of one channel: (1, M, 1, h, w)."""
    return torch.tensor(modalities)[None, :, None]


def layers(batch: int = 2, modalities: int = 3, *, volumes: bool = False) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    sizes = [(4, 8, 6), (2, 4, 3)] if volumes else [(8, 6), (4, 3)]
    return [
        torch.randn(batch, modalities, c, *size, generator=generator) for c, size in zip((3, 5), sizes, strict=True)
    ]


def every(batch: int, modalities: int) -> torch.Tensor:
    return torch.ones(batch, modalities, dtype=torch.bool)


def test_cross_loss_by_hand() -> None:
    features = stack([[1.0, 0.0]], [[0.0, -3.0]], [[2.0, 2.0]])  # psi (1, 0), (0, 1) and (0.71, 0.71)
    cross, own = distillation_losses([features], every(1, 3))
    half = (1 - HALF) ** 2 + HALF**2
    assert cross.item() == pytest.approx((2 * 2.0 + 4 * half) / 6)
    assert own.item() == 0


def test_energy_is_the_sum_of_squares_over_channels() -> None:
    one = torch.tensor([[[3.0, 0.0]], [[4.0, 5.0]]])  # (C, h, w): energies 25 and 25
    other = torch.tensor([[[0.0, 0.0]], [[1.0, 0.0]]])  # 1 and 0
    cross, _ = distillation_losses([torch.stack([one, other])[None]], every(1, 2))
    assert cross.item() == pytest.approx((1 - HALF) ** 2 + HALF**2)


def test_self_loss_by_hand_on_the_smaller_grid() -> None:
    shallow = stack([[1.0, 1.0, 1.0, 3.0], [1.0, 1.0, 1.0, 3.0]])  # energies averaged over 2 x 2: 1 and 5
    deep = stack([[1.0, 0.0]])
    _, own = distillation_losses([shallow, deep], every(1, 1))
    n = math.sqrt(26)
    assert own.item() == pytest.approx((1 / n - 1) ** 2 + (5 / n) ** 2)
    _, back = distillation_losses([deep, shallow], every(1, 1))
    assert back.item() == pytest.approx(own.item())


def test_softmax_form_by_hand() -> None:
    features = stack([[0.0, 0.0]], [[math.sqrt(math.log(3)), 0.0]])  # softmax (1/2, 1/2) and (3/4, 1/4), times 2 cells
    cross, _ = distillation_losses([features], every(1, 2), "softmax")
    assert cross.item() == pytest.approx(0.25)
    twice = features.expand(-1, -1, 2, -1, -1)  # the mean over channels is the same
    assert distillation_losses([twice], every(1, 2), "softmax")[0].item() == pytest.approx(0.25)


def test_layers_and_studies_are_averaged() -> None:
    far = stack([[1.0, 0.0]], [[0.0, 1.0]])
    near = stack([[1.0, 0.0]], [[1.0, 0.0]])
    assert distillation_losses([far, near], every(1, 2))[0].item() == pytest.approx(1.0)
    assert distillation_losses([torch.cat([far, near])], every(2, 2))[0].item() == pytest.approx(1.0)
    one_only = torch.tensor([[True, True], [True, False]])
    assert distillation_losses([torch.cat([far, far])], one_only)[0].item() == pytest.approx(1.0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("volumes", [False, True])
def test_a_study_of_one_modality_has_no_cross_loss(form: str, volumes: bool) -> None:
    present = torch.tensor([[False, True, False]] * 2)
    cross, own = distillation_losses(layers(volumes=volumes), present, form)
    assert cross.item() == 0 and own.item() > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("volumes", [False, True])
def test_an_absent_modality_has_no_influence(form: str, volumes: bool) -> None:
    given = layers(volumes=volumes)
    present = torch.tensor([[True, False, True], [True, True, True]])
    losses = distillation_losses(given, present, form)
    assert losses[0] > 0 and losses[1] > 0
    for rubbish in (float("nan"), 1e3):
        for layer in given:
            layer.requires_grad_(False)[0, 1] = rubbish
            layer.requires_grad_(True).grad = None
        found = distillation_losses(given, present, form)
        assert torch.equal(torch.stack(found), torch.stack(losses))
        sum(found).backward()  # type: ignore[union-attr]
        for layer in given:
            assert layer.grad is not None and torch.isfinite(layer.grad).all()
            assert not layer.grad[0, 1].any() and layer.grad[1, 1].any()
    alone = distillation_losses([layer.detach()[:1, [0, 2]] for layer in given], every(1, 2), form)
    first = distillation_losses([layer.detach()[:1] for layer in given], present[:1], form)
    assert torch.allclose(torch.stack(alone), torch.stack(first))


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_modalities_does_not_matter(form: str) -> None:
    given, present = layers(), torch.tensor([[True, False, True], [True, True, True]])
    expected = torch.stack(distillation_losses(given, present, form))
    for order in permutations(range(3)):
        found = distillation_losses([layer[:, list(order)] for layer in given], present[:, list(order)], form)
        assert torch.allclose(torch.stack(found), expected)


def test_the_deeper_layer_only_teaches() -> None:
    given = [layer.requires_grad_() for layer in layers()]
    _, own = distillation_losses(given, every(2, 3))
    own.backward()
    assert given[0].grad is not None and given[0].grad.any()
    assert given[1].grad is None or not given[1].grad.any()


def test_a_modality_learns_from_the_others_and_not_for_them() -> None:
    features = torch.randn(1, 2, 2, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    distillation_losses([features], every(1, 2))[0].backward()
    psi = [F / F.norm() for F in features.detach().square().sum(dim=2)[0]]
    student = features.detach()[0, 0].requires_grad_()
    energy = student.square().sum(dim=0)
    (0.5 * (energy / energy.norm() - psi[1]).square().sum()).backward()  # one of two ordered pairs
    assert features.grad is not None and student.grad is not None
    assert torch.allclose(features.grad[0, 0], student.grad, atol=1e-6)


def test_illegal_arguments() -> None:
    with pytest.raises(ValueError, match="'median'"):
        distillation_losses(layers(), every(2, 3), "median")
    with pytest.raises(ValueError, match="at least one"):
        distillation_losses([], every(2, 3))
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        distillation_losses(layers(), every(2, 4))
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        distillation_losses([torch.zeros(2, 3, 4)], every(2, 3))
