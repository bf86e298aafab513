import math
from collections.abc import Mapping

import pytest
import torch
from torch import nn

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.registry import VolumeDecoder
from GliomaSAMLib.training.optimiser import averaging_decay, make_optimiser, scheduled, set_learning_rate


class Layers(VolumeDecoder):
    """Twelve linear layers of one weight each, the first one frozen, and factors for some of them."""

    def __init__(self, factors: Mapping[str, float]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(12))
        self.blocks[0].requires_grad_(False)
        self.head = nn.Linear(1, 1)
        self.factors = factors

    def learning_rate_factors(self) -> Mapping[str, float]:
        return self.factors


def rates(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {names[id(one)]: group["lr"] for group in optimiser.param_groups for one in group["params"]}


def test_the_longest_beginning_of_a_name_counts() -> None:
    network = Layers({"blocks.": 0.1, "blocks.1": 0.2, "blocks.1.": 0.5})
    found = rates(network, make_optimiser(network, 1e-2, 0.0))
    assert found["blocks.2.weight"] == pytest.approx(1e-3)
    assert found["blocks.1.weight"] == pytest.approx(5e-3)
    assert found["blocks.11.weight"] == pytest.approx(2e-3)
    assert found["head.weight"] == found["head.bias"] == pytest.approx(1e-2)


def test_one_rate_for_all_parts() -> None:
    network = Layers({"blocks.": 0.1})
    assert set(rates(network, make_optimiser(network, 1e-2, 0.0, one_rate=True)).values()) == {1e-2}


def test_frozen_parameters_are_given_to_no_optimiser() -> None:
    network = Layers({})
    optimiser = make_optimiser(network, 1e-2, 0.0)
    assert len(optimiser.param_groups) == 1
    assert set(rates(network, optimiser)) == {
        name for name, _ in network.named_parameters() if name != "blocks.0.weight"
    }
    with pytest.raises(ModelError, match="no parameter to be trained"):
        make_optimiser(Layers({}).requires_grad_(False), 1e-2, 0.0)


def test_a_network_without_factors_has_one_group_in_its_own_order() -> None:
    network = Layers({})
    (group,) = make_optimiser(network, 0.3, 0.02).param_groups
    assert [id(one) for one in group["params"]] == [id(one) for one in network.parameters() if one.requires_grad]
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.02)


def test_one_step_moves_each_part_by_its_own_rate() -> None:
    network = Layers({"blocks.": 0.25})
    optimiser = make_optimiser(network, 1.0, 0.0)
    set_learning_rate(optimiser, 0.04)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()  # the first step of Adam is as long as the rate
    moved = {name: float((before[name] - value.detach()).abs().max()) for name, value in network.named_parameters()}
    assert moved["head.weight"] == pytest.approx(0.04, rel=1e-4)
    assert moved["blocks.5.weight"] == pytest.approx(0.01, rel=1e-4)
    assert moved["blocks.0.weight"] == 0


@pytest.mark.parametrize(
    ("factors", "said"),
    [({"blocks.": 0.0}, "above 0"), ({"head": math.nan}, "above 0"), ({"bloks.": 0.5}, r"'bloks\.' has a factor")],
)
def test_factors_that_make_no_sense(factors: dict[str, float], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        make_optimiser(Layers(factors), 1e-2, 0.0)


def test_the_schedule_warms_up_and_falls_to_a_hundredth() -> None:
    assert scheduled(0, 4, 0.0) == pytest.approx(0.25)
    assert scheduled(3, 4, 0.0) == scheduled(0, 0, 0.0) == 1
    assert scheduled(50, 4, 0.5) == pytest.approx(0.505)
    assert scheduled(99, 4, 1.0) == scheduled(99, 4, 1.7) == pytest.approx(0.01)


def test_polynomial_decay() -> None:
    assert scheduled(0, 4, 0.0, power=2.0) == pytest.approx(0.25)
    assert scheduled(50, 4, 0.5, power=2.0) == pytest.approx(0.54**2)
    assert scheduled(50, 4, 0.5, power=0.5) == pytest.approx(0.54**0.5)
    assert scheduled(99, 0, 1.7, power=7.0) == 0


def test_polynomial_decay_begins_at_the_highest_rate() -> None:
    """As in the code of MA-SAM: 250 steps of warm-up, then (1 - (step - 250) / 25000) to the power of 7."""
    rates = [scheduled(step, 250, step / 25000, power=7.0) for step in range(25000)]
    assert max(rates) == rates[249] == 1
    assert rates[10250] == pytest.approx((1 - 10000 / 25000) ** 7)


def test_a_short_training_is_not_all_warm_up() -> None:
    rates = [scheduled(step, 100, step / 60) for step in range(60)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) > 0.95 and rates.index(max(rates)) == 6


def test_the_average_soon_forgets_the_first_weights() -> None:
    left = 1.0
    for step in range(60):
        left *= averaging_decay(step, 0.998)
    assert left < 1e-6
    assert averaging_decay(10**6, 0.998) == 0.998
