"""One training step: what users are told and give, and the loss."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from GliomaSAMLib.models.device import no_progress
from GliomaSAMLib.models.prompt_maps import CHANNELS, PROMPT_CHANNELS, PromptSet, prompt_maps
from GliomaSAMLib.models.registry import VolumeDecoder
from GliomaSAMLib.training import ClickConfig
from GliomaSAMLib.training.batches import Batch
from GliomaSAMLib.training.masks import nested
from GliomaSAMLib.training.step import CELL_MM, Before, LossConfig, TrainingStep, mean_dice, segmentation_loss


def batch(size: int = 2, whole_only: Sequence[bool] | None = None) -> Batch:
    """Samples with a cube in all regions, or known as the whole tumour only."""
    generator = torch.Generator().manual_seed(0)
    whole = tuple(whole_only or [False] * size)
    told = tuple(("WT",) if one else ("WT", "TC", "ET") for one in whole)
    levels = torch.zeros(size, 32, 32, 32, dtype=torch.uint8)
    levels[:, 8:24, 8:24, 8:24] = torch.tensor([1 if one else 3 for one in whole], dtype=torch.uint8)[
        :, None, None, None
    ]
    return Batch(
        images=torch.rand(size, 4, 32, 32, 32, generator=generator),
        present=torch.ones(size, 4, dtype=torch.bool),
        levels=levels,
        known=torch.tensor([[True, not one, not one] for one in whole]),
        embeddings=None,
        index=tuple(range(size)),
        present_on_host=tuple(np.ones((size, 4), bool)),
        told=told,
    )


def one_of(samples: Batch, n: int) -> Batch:
    """A batch of one sample of another."""
    cut = slice(n, n + 1)
    return Batch(
        samples.images[cut],
        samples.present[cut],
        samples.levels[cut],
        samples.known[cut],
        None,
        samples.index[cut],
        samples.present_on_host[cut],
        samples.told[cut],
    )


class Recorder(VolumeDecoder):
    """A decoder that calls all background, surer with every answer, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.tensor(-1.0))
        self.encoded = 0
        self.maps: list[torch.Tensor] = []
        self.prompts: list[list[PromptSet]] = []

    def encode(self, images, present, embeddings=None, progress_callback=no_progress):  # type: ignore[no-untyped-def]
        self.encoded += 1
        return [images]

    def decode(self, features, maps, prompts=None):  # type: ignore[no-untyped-def]
        self.maps.append(maps)
        self.prompts.append([PromptSet(list(one.points), list(one.boxes), dict(one.masks)) for one in prompts])
        return (self.bias * len(self.maps)).expand(len(maps), 3, *features[0].shape[2:])

    def previous(self) -> list[float]:
        """The logit that each answer was told of WT, at one place; the background is the same everywhere."""
        return [round(float(2 * torch.atanh(maps[0, PROMPT_CHANNELS, 0, 0, 0])), 3) for maps in self.maps]


def plain(**changes: Any) -> ClickConfig:
    """One user of each crop, who means the label and starts without a prompt."""
    values: dict[str, Any] = {"users": 1, "start_none": 1.0, "start_box": 0.0, "start_mask": 0.0}
    return ClickConfig(**{**values, "another_outline": 0.0, **changes})


def test_a_step_gives_a_loss_with_gradients_and_dice(tiny_network: Callable) -> None:
    module = TrainingStep(tiny_network(), ClickConfig(), seed=1)
    loss, dices = module(batch())
    loss.backward()
    assert torch.isfinite(loss) and dices.shape == (3,)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())


@pytest.mark.parametrize("previous", ["proposal", "answer"])
def test_the_same_seed_and_index_meet_the_same_users(previous: Any, tiny_network: Callable) -> None:
    config = ClickConfig(users=2, border=0.3)
    if previous == "answer":
        config = ClickConfig(users=2, border=0.3, previous_truth=0.2, previous_distorted=0.3)

    def given(seed: int) -> list[Any]:
        recorder = Recorder()
        TrainingStep(recorder, config, seed, previous=previous)(batch(4))
        return [recorder.maps, [one.points for together in recorder.prompts for one in together]]

    first, again, other = given(1), given(1), given(2)
    assert first[1] == again[1] != other[1]
    assert all(torch.equal(a, b) for a, b in zip(first[0], again[0], strict=True))
    network = tiny_network()
    losses = [TrainingStep(network, config, seed, previous=previous)(batch(4))[0].item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_samples_do_not_depend_on_which_are_together(tiny_network: Callable) -> None:
    config = ClickConfig(users=2, previous_truth=0.2, previous_distorted=0.3)
    module = TrainingStep(
        tiny_network(),
        config,
        seed=1,
        previous="answer",
        loss=LossConfig(click_weight=15, new_error_weight=3, clicked_error_weight=2),
    )
    samples = batch(6, [False, True, False, False, True, False])
    together = module(samples)
    alone = [module(one_of(samples, n)) for n in range(6)]
    for joint, single in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.allclose(joint, torch.stack(single).nanmean(dim=0), rtol=1e-4)


def test_rounds_add_clicks_where_the_mask_is_wrong() -> None:
    recorder = Recorder()
    TrainingStep(recorder, plain(rounds=(0.0, 0.0, 1.0)), seed=1)(batch(1))
    assert len(recorder.maps) == 3  # the proposal, the answer that is corrected, the answer that is judged
    clicks = [maps[:, :6].amax(dim=(0, 2, 3, 4)) for maps in recorder.maps]
    assert not clicks[0].any() and clicks[1].any()
    assert (recorder.maps[2] >= recorder.maps[1])[:, :PROMPT_CHANNELS].all()
    assert not torch.equal(recorder.maps[2], recorder.maps[1])
    assert not recorder.maps[2][:, 3:6].any()  # all that is wrong is missing tumour: positive clicks only


def test_most_rounds_are_of_one_click() -> None:
    counts = []
    for seed in range(60):
        recorder = Recorder()
        TrainingStep(recorder, plain(rounds=(0.0, 1.0), several=0.3), seed)(batch(1))
        counts.append(len(recorder.prompts[-1][0].points))
    assert set(counts) == {1, 2, 3}
    assert np.mean(np.array(counts) == 1) == pytest.approx(0.7, abs=0.15)


def test_users_share_a_pass_of_the_encoder_and_click_on_their_own() -> None:
    recorder = Recorder()
    TrainingStep(recorder, plain(users=4, rounds=(0.0, 1.0)), seed=0)(batch(2))
    assert recorder.encoded == 1
    assert len(recorder.maps) == 1 + 4  # the proposal, and an answer to each user of each sample
    first_clicks = {together[0].points[0][0] for together in recorder.prompts[1:]}
    assert len(first_clicks) > 1


def test_the_loss_is_the_mean_over_users_and_the_proposal_counts_once(tiny_network: Callable) -> None:
    network = tiny_network()
    losses = [
        TrainingStep(network, plain(users=users, rounds=(0.0, 1.0)), seed=3)(batch(1))[0].item() for users in (1, 5)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_the_network_is_told_the_answer_before_the_newest_clicks() -> None:
    recorder = Recorder()
    module = TrainingStep(recorder, plain(rounds=(0.0, 0.0, 0.0, 1.0)), seed=0, previous="answer")
    module(batch(1))
    assert len(recorder.maps) == 4
    # answer n is -n everywhere: nothing is told while it is sought, then the proposal, then the answer before
    assert recorder.previous() == [0, -1, -2, -3]
    counts = [len(together[0].points) for together in recorder.prompts]
    assert counts[0] == 0 < counts[1] < counts[2] < counts[3]


def test_a_first_prompt_without_corrections_is_told_the_proposal() -> None:
    recorder = Recorder()
    config = plain(start_none=0.0, rounds=(1.0,), region=(1.0, 0.0, 0.0), one_region=1.0)
    TrainingStep(recorder, config, seed=0, previous="answer")(batch(1))
    assert recorder.previous() == [0, -1]


def test_other_methods_are_always_told_the_proposal() -> None:
    recorder = Recorder()
    TrainingStep(recorder, plain(rounds=(0.0, 0.0, 0.0, 1.0)), seed=0)(batch(1))
    assert recorder.previous() == [0, -1, -1, -1]


def test_samples_that_are_done_keep_what_they_were_told() -> None:
    config, recorder = plain(rounds=(0.0, 0.4, 0.0, 0.6)), Recorder()
    TrainingStep(recorder, config, seed=0, previous="answer")(batch(8))
    last = 2 * torch.atanh(recorder.maps[-1][:, PROMPT_CHANNELS, 0, 0, 0])
    assert set(last.round(decimals=3).tolist()) == {-1, -3}


def test_a_mask_by_hand_is_what_the_user_corrects_and_the_network_is_told() -> None:
    recorder = Recorder()
    config = plain(start_mask=1.0, rounds=(1.0,), several=0.0, region=(1.0, 0.0, 0.0), one_region=1.0)
    TrainingStep(recorder, config, seed=0, previous="answer")(batch(1))
    assert len(recorder.maps) == 2  # nobody asks the network what it makes of a mask that is the answer
    (prompts,) = recorder.prompts[-1]
    drawn = prompts.masks["WT"]
    told = 2 * torch.atanh(recorder.maps[-1][0, PROMPT_CHANNELS:])
    assert torch.allclose(told[0], 4 * torch.as_tensor(drawn), atol=1e-3)
    assert (told[1] <= told[0]).all() and (told[2] <= told[1]).all()
    ((where, positive, _),) = prompts.points
    assert (drawn[tuple(int(n) for n in where)] > 0) != positive


def test_networks_that_read_no_clicks_get_none() -> None:
    recorder = Recorder()
    config = ClickConfig(users=8, start_none=0.0, start_box=0.5, start_mask=0.2, another_outline=1.0)
    TrainingStep(recorder, config, seed=0, kinds=("box",), previous="answer")(batch(1))
    assert len(recorder.maps) == 1 + 8
    together = [prompts for (prompts,) in recorder.prompts]
    assert any(one.boxes for one in together) and not any(one.points or one.masks for one in together)


def test_what_a_user_means_is_what_the_answer_is_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    from GliomaSAMLib.training import step

    goals: list[torch.Tensor] = []
    honest = step.segmentation_loss

    def watched(logits: torch.Tensor, truth: torch.Tensor, *others: Any, **more: Any) -> torch.Tensor:
        goals.append(truth)
        return honest(logits, truth, *others, **more)

    monkeypatch.setattr(step, "segmentation_loss", watched)
    sample = batch(1)
    flat = replace(sample, images=torch.full_like(sample.images, 0.5))
    TrainingStep(Recorder(), plain(users=12, another_outline=1.0), seed=0)(flat)
    assert torch.equal(goals[0], nested(sample.levels))  # the proposal by the label
    assert any(not torch.equal(goal, goals[0]) for goal in goals[1:])


def test_of_a_whole_tumour_alone_nothing_else_is_learned(tiny_network: Callable) -> None:
    network = tiny_network()
    logits: list[torch.Tensor] = []
    honest = network.decode

    def watched(*given: Any) -> torch.Tensor:
        answer = honest(*given)
        if answer.requires_grad:
            answer.retain_grad()
            logits.append(answer)
        return answer

    network.decode = watched
    loss, dices = TrainingStep(network, ClickConfig(users=2), seed=1)(batch(1, [True]))
    loss.backward()
    assert torch.isfinite(dices[0]) and dices[1:].isnan().all()
    assert len(logits) == 3
    for answer in logits:
        assert answer.grad is not None
        assert answer.grad[:, 0].any() and not answer.grad[:, 1:].any()


def test_users_work_on_what_the_label_tells() -> None:
    recorder = Recorder()
    config = ClickConfig(users=12, region=(0.0, 0.5, 0.5), start_none=0.0, start_box=0.3, start_mask=0.0)
    TrainingStep(recorder, config, seed=0)(batch(1, [True]))
    given = [prompts for (prompts,) in recorder.prompts]
    regions = {region for one in given for *_, region in [*one.points, *one.boxes]}
    assert regions == {"WT"}


def test_losses_that_know_nothing_of_unknown_regions_are_left_out() -> None:
    losses = [TrainingStep(net(), plain(), seed=0)(batch(1, [True]))[0] for net in (Recorder, Auxiliary)]
    assert (losses[1] - losses[0]).item() == pytest.approx(100, rel=1e-4)  # that of the encoder needs no label


class Auxiliary(Recorder):
    """Has an auxiliary loss of each pass of the encoder, which grows, and one of each answer with a loss."""

    def encode_for_training(self, images, present, embeddings=None, training_progress=1.0):  # type: ignore[no-untyped-def]
        return self.encode(images, present), torch.tensor(100 * training_progress)

    def decode_for_training(self, features, maps, prompts, regions):  # type: ignore[no-untyped-def]
        return self.decode(features, maps, prompts), torch.tensor(10.0)


@pytest.mark.parametrize(("progress", "expected"), [(1.0, 100 + 10 + 10), (0.2, 20 + 10 + 10)])
def test_auxiliary_losses_are_those_of_the_encoder_the_proposal_and_the_mean_over_users(
    progress: float, expected: float
) -> None:
    plain_loss, _ = TrainingStep(Recorder(), plain(users=3), seed=0)(batch(1))
    auxiliary, _ = TrainingStep(Auxiliary(), plain(users=3), seed=0)(batch(1), progress)
    assert (auxiliary - plain_loss).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_training_learns_the_cases(tiny_options: Callable) -> None:
    """Forty small steps on two cases must at least find most of the whole tumour on them."""
    from GliomaSAMLib.training import fit
    from GliomaSAMLib.training.checkpoint import read_log

    options = tiny_options(steps=40, learning_rate=2e-2, split=None)
    fit(options)
    steps = [line for line in read_log(options.output) if "loss" in line]
    early, late = steps[:6], steps[-6:]
    assert np.mean([line["loss"] for line in late]) < 0.7 * np.mean([line["loss"] for line in early])
    assert np.mean([line["dice"][0] for line in late]) > 0.5


def maps_of(points: list, shape: tuple[int, int, int]) -> torch.Tensor:
    return torch.from_numpy(prompt_maps(PromptSet(points), shape, CELL_MM))[None]


def test_a_case_computed_by_hand() -> None:
    # logits 0: probability one half everywhere; truth: 2 of 8 voxels in each region
    logits, truth = torch.zeros(1, 3, 2, 2, 2), torch.zeros(1, 3, 2, 2, 2)
    truth[:, :, 0, 0] = 1
    dice = 1 - (2 * 1 + 1) / (4 + 2 + 1)  # both 1, probabilities 4, truth 2; smoothing 1
    expected = dice + 1.5 * math.log(2)
    assert float(segmentation_loss(logits, truth, torch.zeros(1, CHANNELS, 1, 1, 1))) == pytest.approx(expected)


def test_a_perfect_answer_costs_nothing() -> None:
    truth = (torch.rand(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    loss = segmentation_loss(40 * (truth - 0.5), truth, torch.zeros(2, CHANNELS, 4, 4, 4))
    assert float(loss) < 1e-4


def test_an_error_near_a_click_costs_more() -> None:
    truth = torch.zeros(1, 3, 32, 32, 32)
    near, far = torch.full_like(truth, -9.0), torch.full_like(truth, -9.0)
    near[..., 2:4, 2:4, 2:4] = 9
    far[..., 28:30, 28:30, 28:30] = 9
    maps = maps_of([((1.0, 1.0, 1.0), False, "WT")], (16, 16, 16))
    nothing = torch.zeros_like(maps)
    assert float(segmentation_loss(near, truth, nothing)) == pytest.approx(
        float(segmentation_loss(far, truth, nothing))
    )
    entropy_near, entropy_far = (
        float(segmentation_loss(mask, truth, maps) - segmentation_loss(mask, truth, nothing)) for mask in (near, far)
    )
    assert entropy_near > 0 > entropy_far
    off = LossConfig(click_weight=0.0)
    assert float(segmentation_loss(near, truth, maps, off)) == float(segmentation_loss(near, truth, nothing))


def test_mean_dice_asks_the_device_for_nothing() -> None:
    """On the device `meta` there are no values: whoever asked for one would fail."""
    logits = torch.zeros(2, 3, 4, 4, 4, device="meta")
    assert mean_dice(logits, logits, torch.ones(2, 3, dtype=torch.bool, device="meta")).shape == (3,)


def test_mean_dice_of_masks() -> None:
    logits = torch.full((2, 3, 2, 2, 2), -1.0)
    truth = torch.zeros(2, 3, 2, 2, 2)
    logits[:, 0, 0] = 1  # WT: 4 found, 2 of them right, none missed
    truth[:, 0, 0, 0] = 1
    truth[:, 1, 0, 0] = 1  # TC: nothing found; ET: empty and found empty
    assert mean_dice(logits, truth).tolist() == pytest.approx([2 * 2 / 6, 0, 1])
    assert np.isclose(CELL_MM, 2.0)


WRONG, RIGHT = -1.0, 1.0


def error_case(was_right: bool) -> tuple[torch.Tensor, torch.Tensor, Before]:
    """Logits that miss one of two cells of the truth, which the answer before had or had not."""
    truth = torch.zeros(1, 3, 8, 8, 8)
    truth[..., :4, :2, :2] = 1
    logits = torch.where(truth > 0, RIGHT, WRONG)
    logits[..., :2, :2, :2] = WRONG
    before = torch.zeros(1, 3, 4, 4, 4, dtype=torch.bool)
    before[..., 0, 0, 0] = was_right
    return logits, truth, Before(before, torch.zeros_like(before))


def entropy(weight: float) -> float:
    """The mean cross entropy of the case whose 8 of 512 wrong voxels count so much."""
    right, wrong = math.log1p(math.exp(-1)), math.log1p(math.exp(1))
    return ((512 - 8) * right + 8 * weight * wrong) / 512


@pytest.mark.parametrize(("was_right", "weight"), [(True, 3.0), (False, 1.0)])
def test_what_was_right_and_is_now_wrong_counts_more(was_right: bool, weight: float) -> None:
    logits, truth, before = error_case(was_right)
    nothing = torch.zeros(1, CHANNELS, 4, 4, 4)
    plain = segmentation_loss(logits, truth, nothing)
    weighted = segmentation_loss(logits, truth, nothing, LossConfig(new_error_weight=3.0), before)
    assert float(weighted - plain) == pytest.approx(1.5 * (entropy(weight) - entropy(1.0)), abs=1e-5)
    assert float(segmentation_loss(logits, truth, nothing, LossConfig(), before)) == pytest.approx(float(plain))


def test_the_clicked_error_counts_more_whether_it_is_mended_or_not() -> None:
    logits, truth, before = error_case(was_right=False)
    before.clicked[..., 0, 0, 0] = True
    nothing = torch.zeros(1, CHANNELS, 4, 4, 4)
    heavy = LossConfig(clicked_error_weight=4.0)
    missed = segmentation_loss(logits, truth, nothing, heavy, before) - segmentation_loss(logits, truth, nothing)
    assert float(missed) == pytest.approx(1.5 * (entropy(4.0) - entropy(1.0)), abs=1e-5)
    mended = torch.where(truth > 0, RIGHT, WRONG)
    kept = segmentation_loss(mended, truth, nothing, heavy, before) - segmentation_loss(mended, truth, nothing)
    assert float(missed) > 3 * float(kept) > 0


def test_gradients_are_finite_and_weights_have_none() -> None:
    logits, truth, before = error_case(was_right=True)
    logits.requires_grad_()
    maps = torch.zeros(1, CHANNELS, 4, 4, 4)
    segmentation_loss(logits, truth, maps, LossConfig(new_error_weight=3.0), before).backward()
    (plain,) = torch.autograd.grad(segmentation_loss(logits, truth, maps), logits)
    new = logits.grad[..., 0, 0, 0] / plain[..., 0, 0, 0]  # type: ignore[index]
    assert torch.isfinite(logits.grad).all() and (new > 1.5).all()  # type: ignore[arg-type]


def test_unknown_regions_cost_nothing() -> None:
    logits, truth = torch.randn(2, 3, 4, 4, 4), torch.zeros(2, 3, 4, 4, 4)
    truth[:, :, 0] = 1
    maps = torch.zeros(2, CHANNELS, 2, 2, 2)
    known = torch.tensor([[True, True, True], [True, False, False]])
    found = segmentation_loss(logits, truth, maps, known=known)
    full = segmentation_loss(logits[:1], truth[:1], maps[:1])
    only = segmentation_loss(logits[1:, :1], truth[1:, :1], maps[1:])
    assert float(found) == pytest.approx(float(full + only) / 2)
    everywhere = segmentation_loss(logits, truth, maps, known=torch.ones(2, 3, dtype=torch.bool))
    assert float(everywhere) == pytest.approx(float(segmentation_loss(logits, truth, maps)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"new_error_weight": -1.0}, "the weight of new errors must be"),
        ({"click_weight": math.nan}, "the weight of clicks must be"),
        ({"clicked_error_weight": math.inf}, "the weight of clicked errors must be"),
        ({"dice": -0.1}, "the weight of the Dice loss must be"),
        ({"dice": 0.0, "near_clicks": 0.0, "entropy": 0.0}, "must not all be 0"),
    ],
)
def test_weights_that_make_no_sense(changes: dict, said: str) -> None:
    (problem,) = LossConfig(**changes).problems()
    assert said in problem
    assert LossConfig().problems() == []
