from dataclasses import replace
from itertools import combinations

import pytest
import torch

from GliomaSAMLib.models.decoder3d import DecoderConfig, PromptableDecoder3d
from GliomaSAMLib.models.segresnet import PromptableSegResNet, SegResNetConfig
from GliomaSAMLib.prompts.maps import CHANNELS, PROMPT_CHANNELS

TINY = DecoderConfig(embedding_channels=6, embedding_width=8, widths=(8, 8, 8, 8), embedding_dropout=0.0)
NETWORKS = {
    "decoder": lambda: PromptableDecoder3d(TINY),
    "decoder without embeddings": lambda: PromptableDecoder3d(replace(TINY, embedding_channels=0)),
    "segresnet": lambda: PromptableSegResNet(SegResNetConfig(filters=8)),
}
SUBSETS = [set(chosen) for count in (1, 2, 3, 4) for chosen in combinations(range(4), count)]

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = NETWORKS[request.param]()
    with torch.no_grad():  # so that the modalities can be told apart before any training
        if hasattr(network, "presence"):
            network.presence.normal_()
            for layer in network.context.tell:
                layer.weight.normal_(std=0.1)
    return network.eval()


def inputs(batch: int = 1) -> Inputs:
    """Images, embeddings and prompt maps."""
    generator = torch.Generator().manual_seed(1)
    return (
        torch.rand(batch, 4, 32, 48, 32, generator=generator),
        torch.randn(batch, 4, 6, 4, 8, 5, generator=generator),
        torch.rand(batch, CHANNELS, 16, 24, 16, generator=generator) ** 4,
    )


def answer(network: torch.nn.Module, given: Inputs, present: torch.Tensor) -> torch.Tensor:
    images, embeddings, maps = given
    return network.decode(network.encode(images, present, embeddings), maps)


def whole(batch: int = 1) -> torch.Tensor:
    return torch.ones(batch, 4, dtype=torch.bool)


def test_logits_lie_on_the_grid_of_the_images(network: torch.nn.Module) -> None:
    logits = answer(network, inputs(2), whole(2))
    assert logits.shape == (2, 3, 32, 48, 32)
    assert torch.isfinite(logits).all() and logits.std() > 0


def test_every_trained_parameter_gets_a_gradient(network: torch.nn.Module) -> None:
    network.train()
    (answer(network, inputs(), whole()) * torch.randn(1, 3, 32, 48, 32)).sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # all modalities share one score bias, which a softmax over them does not see
    assert [name for name in without if not name.endswith("score.bias")] == []


@pytest.mark.parametrize("absent", range(4))
def test_the_content_of_an_absent_modality_has_no_influence(absent: int, network: torch.nn.Module) -> None:
    present = whole()
    present[0, absent] = False
    images, embeddings, maps = inputs()
    expected = answer(network, (images, embeddings, maps), present)
    for rubbish in (float("nan"), 1e4):
        images[:, absent] = rubbish
        embeddings[:, absent] = rubbish
        assert torch.equal(answer(network, (images, embeddings, maps), present), expected)


@pytest.mark.parametrize("subset", SUBSETS, ids=str)
def test_any_subset_of_modalities_gives_an_answer_of_its_own(subset: set[int], network: torch.nn.Module) -> None:
    present = torch.tensor([[m in subset for m in range(4)]])
    logits = answer(network, inputs(), present)
    assert torch.isfinite(logits).all()
    if len(subset) < 4:
        assert not torch.allclose(logits, answer(network, inputs(), whole()))


def test_cases_of_a_batch_do_not_meet(network: torch.nn.Module) -> None:
    given = inputs(3)
    present = torch.tensor([[True] * 4, [True, False, True, False], [False, False, False, True]])
    together = answer(network, given, present)
    order = [2, 0, 1]
    permuted = answer(network, tuple(part[order] for part in given), present[order])  # type: ignore[arg-type]
    assert torch.allclose(permuted, together[order], atol=1e-5)
    alone = answer(network, tuple(part[1:2] for part in given), present[1:2])  # type: ignore[arg-type]
    assert torch.allclose(alone, together[1:2], atol=1e-4)


def test_prompts_change_the_answer_without_encoding_again(network: torch.nn.Module) -> None:
    images, embeddings, maps = inputs()
    features = network.encode(images, whole(), embeddings)
    assert not torch.allclose(network.decode(features, maps), network.decode(features, torch.zeros_like(maps)))
    assert torch.equal(network.decode(features, maps), network.decode(features, maps))


def test_embeddings_are_used_and_blanked_in_training_only() -> None:
    torch.manual_seed(0)
    network = PromptableDecoder3d(replace(TINY, embedding_dropout=1.0))
    given, present = inputs(), whole()
    blank = given[0], torch.zeros_like(given[1]), given[2]
    with torch.no_grad():
        assert not torch.allclose(answer(network.eval(), given, present), answer(network, blank, present))
        assert torch.equal(answer(network.train(), given, present), answer(network, blank, present))
        features = network.eval().encode(given[0], present, None)
    assert torch.isfinite(network.decode(features, given[2])).all()


def test_the_context_of_prompts_begins_as_nothing() -> None:
    torch.manual_seed(0)
    network = PromptableDecoder3d(TINY).eval()
    images, embeddings, maps = inputs()
    features = network.encode(images, whole(), embeddings)
    for before, after in zip(features, network.context(features, maps), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("channel", range(PROMPT_CHANNELS, CHANNELS))
def test_the_proposal_is_heard(channel: int) -> None:
    torch.manual_seed(0)
    network = PromptableDecoder3d(TINY).eval()
    images, embeddings, maps = inputs()
    features = network.encode(images, whole(), embeddings)
    other = maps.clone()
    other[:, channel] = -maps[:, channel]
    assert not torch.allclose(network.decode(features, maps), network.decode(features, other))
