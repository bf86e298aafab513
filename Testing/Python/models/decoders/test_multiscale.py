"""The multi-scale 3D mask decoder."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.decoders.multiscale import MultiscaleDecoderConfig, MultiscaleMaskDecoder
from GliomaSAMLib.models.decoders.point_tokens import Relations, place_prompts
from GliomaSAMLib.models.prompt_maps import CHANNELS, POINT_CHANNELS, PromptSet

TINY = MultiscaleDecoderConfig(channels_in=(6, 10, 4, 8), width=16, skip_widths=(8, 8), heads=2)

NOTHING = PromptSet()

CLICKS = PromptSet([((3.0, 4.5, 6.0), True, "WT"), ((11.0, 20.0, 2.0), False, "TC"), ((8.0, 9.0, 12.0), True, "ET")])

EVERYTHING = PromptSet(CLICKS.points, [((1.0, 2.0, 3.0), (9.0, 12.0, 8.0), "TC")])


@pytest.fixture
def decoder() -> MultiscaleMaskDecoder:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return MultiscaleMaskDecoder(TINY).eval()


def levels(batch: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, n, 4, 8, 5, generator=generator) for n in TINY.channels_in]


def images(batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 4, 32, 48, 32, generator=torch.Generator().manual_seed(2))


def maps(batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, CHANNELS, 16, 24, 16, generator=torch.Generator().manual_seed(3))


def whole(batch: int = 1) -> torch.Tensor:
    return torch.ones(batch, 4, dtype=torch.bool)


def features(decoder: MultiscaleMaskDecoder, batch: int = 1) -> list[torch.Tensor]:
    return decoder.encode(levels(batch), images(batch), whole(batch))


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("prompts", [None, [NOTHING, NOTHING], [EVERYTHING, CLICKS]], ids=["none", "empty", "some"])
def test_logits_lie_on_the_grid_of_the_images(
    prompts: Sequence[PromptSet] | None, decoder: MultiscaleMaskDecoder
) -> None:
    logits = decoder.decode(features(decoder, 2), prompts, maps(2))
    assert logits.shape == (2, 3, 32, 48, 32)
    assert torch.isfinite(logits).all() and logits.std() > 0


def test_no_prompts_are_empty_prompts(decoder: MultiscaleMaskDecoder) -> None:
    seen = features(decoder)
    assert torch.equal(decoder.decode(seen), decoder.decode(seen, [NOTHING], torch.zeros_like(maps())))


def test_studies_of_a_batch_do_not_meet_whatever_their_number_of_points(decoder: MultiscaleMaskDecoder) -> None:
    torch.nn.init.normal_(decoder.maps.weight)
    prompts, order = [CLICKS, NOTHING, EVERYTHING], [2, 0, 1]
    seen = features(decoder, 3)
    together = decoder.decode(seen, prompts, maps(3))
    turned = decoder.decode([f[order] for f in seen], [prompts[n] for n in order], maps(3)[order])
    assert close(turned, together[order])
    for n in range(3):
        alone = decoder.decode([f[n : n + 1] for f in seen], [prompts[n]], maps(3)[n : n + 1])
        assert close(alone, together[n : n + 1])


def test_the_order_of_points_does_not_matter(decoder: MultiscaleMaskDecoder) -> None:
    seen = features(decoder)
    assert close(decoder.decode(seen, [PromptSet(CLICKS.points[::-1])]), decoder.decode(seen, [CLICKS]))


@pytest.mark.parametrize(
    "other",
    [((8.0, 9.0, 6.0), False, "TC"), ((8.0, 9.0, 6.0), True, "ET"), ((3.0, 20.0, 12.0), True, "TC"), None],
    ids=["label", "region", "place", "none"],
)
def test_a_point_is_heard_by_label_region_and_place(
    other: tuple[Sequence[float], bool, str] | None, decoder: MultiscaleMaskDecoder
) -> None:
    seen = features(decoder)
    answer = decoder.decode(seen, [PromptSet([((8.0, 9.0, 6.0), True, "TC")])])
    assert not close(decoder.decode(seen, [PromptSet([other] if other else [])]), answer)


def test_a_box_is_heard(decoder: MultiscaleMaskDecoder) -> None:
    seen = features(decoder)
    low, high = (1.0, 2.0, 3.0), (9.0, 12.0, 8.0)
    answer = decoder.decode(seen, [PromptSet(boxes=[(low, high, "TC")])])
    for other in ([], [(low, high, "ET")], [(low, (9.0, 20.0, 8.0), "TC")]):
        assert not close(decoder.decode(seen, [PromptSet(boxes=other)]), answer)
    corners = PromptSet([(low, True, "TC"), (high, True, "TC")])
    assert not close(decoder.decode(seen, [corners]), answer)


def test_a_click_changes_most_what_is_near(decoder: MultiscaleMaskDecoder) -> None:
    wide = [torch.zeros(1, n, 4, 8, 40) for n in TINY.channels_in]
    seen = decoder.encode(wide, torch.zeros(1, 4, 32, 48, 320), whole())
    clicked = decoder.decode(seen, [PromptSet([((8.0, 12.0, 10.0), True, "WT")])])
    change = (clicked - decoder.decode(seen)).abs().mean(dim=(0, 1, 2, 3))
    assert change[:40].mean() > 2 * change[-160:].mean()


def test_of_the_maps_only_points_are_left_out(decoder: MultiscaleMaskDecoder) -> None:
    seen, given = features(decoder), maps()
    assert torch.equal(decoder.decode(seen, maps=given), decoder.decode(seen)), "maps begin without influence"
    torch.nn.init.normal_(decoder.maps.weight)
    answer = decoder.decode(seen, maps=given)
    for channel in range(CHANNELS):
        other = given.clone()
        other[:, channel] = 0
        assert torch.equal(decoder.decode(seen, maps=other), answer) == (channel < POINT_CHANNELS)


@pytest.mark.parametrize("absent", [0, 3])
def test_the_content_of_an_absent_modality_has_no_influence(absent: int, decoder: MultiscaleMaskDecoder) -> None:
    present = whole()
    present[0, absent] = False
    scans = images()
    expected = decoder.decode(decoder.encode(levels(), scans, present))
    assert not close(decoder.decode(features(decoder)), expected)
    scans[:, absent] = torch.nan
    assert torch.equal(decoder.decode(decoder.encode(levels(), scans, present)), expected)


@pytest.mark.parametrize("level", range(4))
def test_every_level_is_heard(level: int, decoder: MultiscaleMaskDecoder) -> None:
    other = levels()
    other[level] = other[level].flip(2)
    found = decoder.decode(decoder.encode(other, images(), whole()))
    assert not close(found, decoder.decode(features(decoder)))


def test_tokens_and_features_of_the_deeper_level_are_both_heard(decoder: MultiscaleMaskDecoder) -> None:
    block, shape = decoder.levels[0], (16, 24, 16)
    level, *_ = features(decoder)
    placed = place_prompts([CLICKS], level.device)
    relations = Relations.of(placed, shape, level.shape[2:])
    tokens, below = block(level, None, relations)
    _, expected = block(level, (tokens, below), relations)
    for deeper in ((tokens.flip(2), below), (tokens, below.flip(2))):
        assert not close(block(level, deeper, relations)[1], expected)


def regions() -> torch.Tensor:
    truth = torch.zeros(1, 3, 32, 48, 32)
    truth[:, 0, 4:28, 6:40, 4:20] = 1
    truth[:, 1, 8:20, 12:30, 8:16] = 1
    return truth


def test_every_parameter_gets_a_gradient(decoder: MultiscaleMaskDecoder) -> None:
    decoder.train()
    logits, aux_logits = decoder.decode_with_auxiliary(features(decoder), [EVERYTHING], maps())
    ((logits * torch.randn_like(logits)).sum() + decoder.auxiliary_loss(aux_logits, regions())).backward()
    without = [name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_without_prompts_every_parameter_is_still_part_of_the_step(decoder: MultiscaleMaskDecoder) -> None:
    decoder.train()
    logits, aux_logits = decoder.decode_with_auxiliary(features(decoder), [NOTHING], maps())
    (logits.sum() + decoder.auxiliary_loss(aux_logits, regions())).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in decoder.parameters())


def test_the_logits_are_the_same_with_auxiliary_ones_beside_them(decoder: MultiscaleMaskDecoder) -> None:
    seen = features(decoder)
    logits, aux_logits = decoder.decode_with_auxiliary(seen, [CLICKS], maps())
    assert torch.equal(logits, decoder.decode(seen, [CLICKS], maps()))
    assert [one.shape for one in aux_logits] == [(1, 3, 4, 8, 5)] * len(TINY.channels_in)
    _, others = decoder.decode_with_auxiliary(seen, [NOTHING], maps())
    assert not any(close(one, other) for one, other in zip(aux_logits, others, strict=True))


def test_the_auxiliary_loss_is_the_weighted_loss_of_each_level(decoder: MultiscaleMaskDecoder) -> None:
    empty = torch.zeros_like(regions())
    undecided = [torch.zeros(1, 3, 4, 8, 5) for _ in TINY.channels_in]
    whole_loss = float(decoder.auxiliary_loss(undecided, empty))
    for n, weight in enumerate(TINY.auxiliary_weights):
        right = [torch.full_like(one, -20.0) if m == n else one for m, one in enumerate(undecided)]
        # from one half everywhere to nothing, which is right: all of the level's own loss is gone
        found = whole_loss - float(decoder.auxiliary_loss(right, empty))
        assert found == pytest.approx(weight * (1 - 1 / 81 + np.log(2)), rel=1e-3)
    assert float(decoder.auxiliary_loss(undecided, regions())) != pytest.approx(whole_loss)
