"""The multi-scale 3D mask decoder and its tokens of points and boxes."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.decoders.multiscale import (
    MultiscaleDecoderConfig,
    MultiscaleMaskDecoder,
    PointTokens,
    cell_positions,
    place_prompts,
    sample,
)
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
    cells = cell_positions(shape, level.shape[2:], level.device)
    tokens, below = block(level, None, placed, shape, cells)
    _, expected = block(level, (tokens, below), placed, shape, cells)
    for deeper in ((tokens.flip(2), below), (tokens, below.flip(2))):
        assert not close(block(level, deeper, placed, shape, cells)[1], expected)


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


CPU = torch.device("cpu")


def test_points_and_corners_of_boxes_are_placed_and_filled_up() -> None:
    some = PromptSet([((1.0, 2.5, 3.0), True, "ET"), ((7.0, 8.0, 9.0), False, "WT")])
    box = PromptSet(boxes=[((0.0, 1.0, 2.0), (4.0, 5.0, 6.0), "TC")])
    one = PromptSet([((5.0, 5.0, 5.0), True, "WT")])
    placed = place_prompts([some, box, one, PromptSet()], CPU)
    assert placed.positions[0].tolist() == [[1.0, 2.5, 3.0], [7.0, 8.0, 9.0]]
    assert placed.positions[1].tolist() == [[0.0, 1.0, 2.0], [4.0, 5.0, 6.0]]
    assert placed.labels[:2].tolist() == [[1, 0], [2, 3]]
    assert placed.regions[:2].tolist() == [[2, 0], [1, 1]]
    assert placed.absent.tolist() == [[False, False], [False, False], [False, True], [True, True]]


def test_points_of_one_meaning_that_lie_together_are_one() -> None:
    lasso = [((4.0, float(j), float(i)), True, "WT") for j in range(20) for i in range(30)]
    others = [((4.0, 0.0, 0.0), False, "WT"), ((4.0, 0.0, 0.0), True, "TC")]
    placed = place_prompts([PromptSet(lasso + others)], CPU)
    assert placed.positions.shape == (1, 10 * 15 + 2, 3)
    assert placed.positions[0, 0].tolist() == [4.0, 0.5, 0.5]


@pytest.mark.parametrize("place", [(5.0, 9.0, 3.0), (0.0, 0.0, 23.0), (2.25, 7.5, 11.125)])
def test_places_of_grid_and_points_agree(place: tuple[float, float, float]) -> None:
    """A grid that holds its own coordinates gives a point's place back."""
    shape, grid = (12, 16, 24), (4, 8, 7)
    cells = cell_positions(shape, grid, CPU)
    assert torch.allclose(cells.amin(dim=0) + cells.amax(dim=0), torch.tensor(shape) - 1.0)
    level = cells.T.unflatten(1, grid)[None]
    expected = torch.tensor(place).clamp(cells.amin(dim=0), cells.amax(dim=0))
    assert torch.allclose(sample(level, torch.tensor([[place]]), shape)[0, 0], expected, atol=1e-4)


def test_a_token_says_what_is_seen_and_said() -> None:
    torch.manual_seed(0)
    tokens = PointTokens(8)
    level = torch.randn(1, 8, 4, 4, 4)
    points = [((3.0, 3.0, 3.0), True, "TC"), ((3.0, 3.0, 3.0), False, "TC"), ((3.0, 3.0, 3.0), True, "ET")]
    placed = place_prompts([PromptSet([*points, ((7.0, 3.0, 3.0), True, "TC")])], CPU)
    found = tokens(level, placed, (8, 8, 8))[0]
    assert torch.equal(found[:3], tokens.region_tokens)
    assert torch.allclose(found[3] - found[4], tokens.labels.weight[1] - tokens.labels.weight[0], atol=1e-5)
    assert torch.allclose(found[5] - found[3], tokens.regions.weight[2] - tokens.regions.weight[1], atol=1e-5)
    blank = tokens(torch.zeros_like(level), placed, (8, 8, 8))[0]
    assert not torch.allclose(found[6] - found[3], blank[6] - blank[3])
    assert not torch.allclose(blank[6], blank[3])
