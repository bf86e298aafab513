"""Factor tuning of both kinds of attention: what it changes, and who owns the shared factors."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from GliomaSAMLib.errors import ModelError
from GliomaSAMLib.models.adapters.fact import FactorisedQKV, QKVSlots, SharedFactors

NewBlock = Callable[[], Any]

C, HEADS = 64, 2


class Network(nn.Module):
    """Two frozen blocks; tuned once `tune` is called."""

    def __init__(self, new_block: NewBlock) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(new_block() for _ in range(2))

    def tune(self, dropout: float = 0.0) -> "Network":
        self.factors = SharedFactors(C, C, rank=4)
        for block in self.blocks:
            attention = block.attention
            slots = (QKVSlots.of_vit if block.kind == "vit" else QKVSlots.of_tiny_vit)(attention)
            attention.qkv = FactorisedQKV(attention.qkv, self.factors, slots, dropout)
        return self

    def wrapped(self) -> list[FactorisedQKV]:
        return [block.attention.qkv for block in self.blocks]

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


@pytest.fixture
def network(new_block: NewBlock) -> Network:
    return Network(new_block)


@pytest.fixture
def moved(network: Network) -> Network:
    """A network that has left its first state."""
    return move(network.tune())


def move(network: Network) -> Network:
    nn.init.normal_(network.factors.v.weight, std=0.3)
    return network


def tokens() -> Tensor:
    return torch.randn(3, 4, 4, C, generator=torch.Generator().manual_seed(1))


def step(network: Network) -> None:
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.1)
    network(tokens()).square().mean().backward()
    optimiser.step()
    optimiser.zero_grad()


def with_gradient(network: Network) -> set[str]:
    network.zero_grad()
    network(tokens()).square().mean().backward()
    return {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


@torch.no_grad()
def test_it_is_the_base_model_at_first(network: Network) -> None:
    expected = network(tokens())
    assert torch.equal(network.tune()(tokens()), expected)
    assert not torch.allclose(move(network)(tokens()), expected)


def test_every_trained_parameter_gets_a_gradient_and_no_frozen_one(network: Network) -> None:
    network.tune()
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert {name for name in trained if "core" not in name} == {"factors.u.weight", "factors.v.weight"}
    assert sum("core_q" in name for name in trained) == sum("core_v" in name for name in trained) == 2
    assert with_gradient(network) == {"factors.v.weight"}  # it is zero, so nothing before it can matter yet
    step(network)
    assert with_gradient(network) == trained


def heads_of(kind: str, output: Tensor) -> Iterator[Tensor]:
    """q, k and v, each (N, cells, C) with the heads one after another, taken apart as the two encoders do it."""
    count = output.shape[0]
    cells = output.reshape(count, -1, output.shape[-1])
    if kind == "vit":
        parts = cells.reshape(count, -1, 3, HEADS, C // HEADS).unbind(2)
    else:
        parts = cells.view(count, -1, HEADS, 3 * C // HEADS).split(C // HEADS, dim=3)
    return (part.flatten(2) for part in parts)


def test_corrections_go_to_queries_and_values_alone(moved: Network) -> None:
    wrapped, factors, kind = moved.wrapped()[1], moved.factors, moved.blocks[1].kind
    x = tokens().flatten(1, 2) if kind == "tiny_vit" else tokens()
    q, k, v = heads_of(kind, wrapped.qkv(x))
    new_q, new_k, new_v = heads_of(kind, wrapped(x))
    inner = x.reshape(3, -1, C) @ factors.u.weight.T
    assert torch.allclose(new_q - q, inner @ wrapped.core_q.weight.T @ factors.v.weight.T, atol=1e-5)
    assert torch.allclose(new_v - v, inner @ wrapped.core_v.weight.T @ factors.v.weight.T, atol=1e-5)
    assert torch.equal(new_k, k)


def test_slots_of_a_layout_whose_values_are_wider() -> None:
    """Counted by hand: two heads of [q | k | v v]."""
    slots = QKVSlots(heads=2, key=1, value=2)
    added = slots.add(torch.zeros(8), torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0, 6.0]))
    assert added.tolist() == [1, 0, 3, 4, 2, 0, 5, 6] and slots.channels == 8


def test_shared_factors_appear_once(moved: Network) -> None:
    for names in (
        [name for name, _ in moved.named_parameters(remove_duplicate=False)],
        list(moved.state_dict()),
    ):
        assert [name for name in names if name.endswith((".u.weight", ".v.weight"))] == [
            "factors.u.weight",
            "factors.v.weight",
        ]
    assert sum(module is moved.factors for module in moved.modules()) == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_they_move_with_the_network(overwrite: bool, moved: Network) -> None:
    expected = moved(tokens())
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
    try:
        moved.to(torch.float64)
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
    assert torch.allclose(moved(tokens().double()).float(), expected, atol=1e-4)
    assert all(wrapped.factors is moved.factors for wrapped in moved.wrapped())


def test_a_copy_has_factors_of_its_own(moved: Network) -> None:
    """A running average copies the network, then follows it."""
    average = AveragedModel(moved, avg_fn=lambda old, new, _: (old + new) / 2)
    copy = average.module
    assert all(wrapped.factors is copy.factors for wrapped in copy.wrapped())
    assert copy.factors is not moved.factors
    expected = moved(tokens())
    assert torch.equal(average(tokens()), expected)
    with torch.no_grad():
        moved.factors.v.weight.mul_(-1)
    assert torch.equal(average(tokens()), expected)
    average.update_parameters(moved)  # the first time it takes what it is given
    assert torch.equal(average(tokens()), moved(tokens()))


def test_a_saved_state_gives_the_same_network(moved: Network, new_block: NewBlock) -> None:
    other = move(Network(new_block).tune())
    assert not torch.allclose(other(tokens()), moved(tokens()))
    other.load_state_dict(moved.state_dict())
    other.eval()
    assert torch.equal(other(tokens()), moved(tokens()))


def test_dropout_is_for_training_only(network: Network) -> None:
    wrapped = move(network.tune(dropout=0.5)).wrapped()[0]
    x = tokens()
    assert torch.equal(wrapped.eval()(x), wrapped(x))
    assert not torch.equal(wrapped.train()(x), wrapped(x))


@pytest.mark.parametrize(
    ("factors", "slots"),
    [
        ((C, C), QKVSlots(1, C, C // 2)),
        ((C, C // 2), QKVSlots(1, C, C)),
        ((C // 2, C), QKVSlots(1, C, C)),
    ],
)
def test_what_does_not_fit_is_refused(factors: tuple[int, int], slots: QKVSlots) -> None:
    with pytest.raises(ModelError, match="do not fit"):
        FactorisedQKV(nn.Linear(C, 3 * C), SharedFactors(*factors, rank=4), slots)


def trained_parameters(channels: int, blocks: int) -> int:
    with torch.device("meta"):
        shared = SharedFactors(channels, channels)
        parts = nn.ModuleList([shared])
        for _ in range(blocks):
            parts.append(FactorisedQKV(nn.Linear(channels, 3 * channels), shared, QKVSlots(1, channels, channels)))
    return sum(p.numel() for p in parts.parameters() if p.requires_grad)


def test_parameter_counts() -> None:
    assert trained_parameters(768, 12) == 2 * 768 * 32 + 12 * 2 * 32**2 == 73_728  # 0.07 M on ViT-B
    assert trained_parameters(160, 6) + trained_parameters(320, 2) == 47_104
