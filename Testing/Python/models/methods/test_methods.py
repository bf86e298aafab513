"""What holds for each line of the registry, on small networks: subsets of modalities, prompts, gradients, losses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.flop_counter import FlopCounterMode

from GliomaSAMLib.errors import WeightsError
from GliomaSAMLib.models import load_model
from GliomaSAMLib.models.blocks import channels_last
from GliomaSAMLib.models.encoders.adapted import stack_tokens
from GliomaSAMLib.models.prompt_maps import CHANNELS, PromptSet, prompt_maps
from GliomaSAMLib.models.registry import ENCODERS, METHODS, Parts, VolumeDecoder, build
from GliomaSAMLib.models.slice_stack import embed_slice
from GliomaSAMLib.models.weights import file_sha256, save_weights, trainable_names, trainable_state_dict

SHAPE = (16, 32, 48)
CELLS = (8, 16, 24)
ADAPTED = [name for name, method in METHODS.items() if method.encoder == "split"]
CLICKS = PromptSet(points=[((4.0, 7.0, 9.0), True, "TC"), ((2.0, 6.0, 15.0), False, "WT")])
BOX = PromptSet(boxes=[((2.0, 3.0, 5.0), (6.0, 11.0, 16.0), "WT")])
SmallMethod = Callable[..., Parts]


@pytest.fixture(scope="module", params=METHODS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def parts(name: str, small_method: SmallMethod) -> Parts:
    return small_method(name, awake=True)


def study(parts: Parts, batch: int = 1) -> dict[str, Any]:
    """Images, and what the embedder would give of them (by chance, which serves as well here)."""
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(batch, 4, *SHAPE, generator=draw)
    embeddings = None
    if parts.embedder is not None:
        shape = METHODS["gliomasam"].config.layout.shape(SHAPE, parts.embedder)
        embeddings = torch.randn(batch, 4, parts.embedder.channels, *shape, generator=draw)
    return {"images": images, "present": torch.ones(batch, 4, dtype=torch.bool), "embeddings": embeddings}


def maps_of(*prompts: PromptSet) -> torch.Tensor:
    return torch.from_numpy(np.stack([prompt_maps(one, CELLS, 2.0) for one in prompts]))


def answer(network: VolumeDecoder, given: dict[str, Any], *prompts: PromptSet) -> torch.Tensor:
    return network.decode(network.encode(**given), maps_of(*prompts), prompts)


@torch.no_grad()
@pytest.mark.parametrize("kept", [[2], [1, 3], [0, 1, 2, 3]], ids=str)
def test_any_modalities_give_an_answer_and_absent_ones_have_no_influence(parts: Parts, kept: list[int]) -> None:
    network, given = parts.network.eval(), study(parts)
    given["present"][:] = False
    given["present"][:, kept] = True
    absent = [m for m in range(4) if m not in kept]
    other = {key: value.clone() for key, value in given.items() if value is not None}
    for key in other.keys() - {"present"}:
        other[key][:, absent] = torch.nan
    found = answer(network, given, CLICKS)
    assert found.shape == (1, 3, *SHAPE) and torch.isfinite(found).all()
    assert torch.equal(answer(network, other, CLICKS), found)


@torch.no_grad()
def test_studies_of_a_batch_do_not_mix(parts: Parts) -> None:
    network, given = parts.network.eval(), study(parts, batch=2)
    given["present"][1, 2] = False
    swapped = {key: None if value is None else value.flip(0) for key, value in given.items()}
    found = answer(network, given, CLICKS, BOX)
    torch.testing.assert_close(answer(network, swapped, BOX, CLICKS).flip(0), found, atol=2e-4, rtol=1e-3)


@torch.no_grad()
def test_prompts_that_a_method_reads_change_its_answer_and_others_do_not(name: str, parts: Parts) -> None:
    network, given = parts.network.eval(), study(parts)
    nothing = answer(network, given, PromptSet())
    for kind, prompts in (("point", CLICKS), ("box", BOX)):
        changed = not torch.equal(answer(network, given, prompts), nothing)
        assert changed is (kind in METHODS[name].prompts)


@torch.no_grad()
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.config.previous == "answer"])
def test_the_answer_before_changes_the_answer_where_a_method_gets_it(method: str, small_method: SmallMethod) -> None:
    made = small_method(method, awake=True)
    network = made.network.eval()
    features = network.encode(**study(made))
    for region in range(3):
        answers = []
        for inside in (-2.0, 2.0):
            before = np.full((3, *CELLS), -2.0, np.float32)
            before[region, 2:5, 4:10, 6:15] = inside
            maps = torch.from_numpy(prompt_maps(CLICKS, CELLS, 2.0, before))[None]
            answers.append(network.decode(features, maps, [CLICKS]))
        assert not torch.allclose(*answers)


def test_what_is_trained_gets_a_gradient_and_nothing_else_does(name: str, parts: Parts) -> None:
    network = parts.network.train()
    both = PromptSet(points=CLICKS.points, boxes=BOX.boxes)
    maps = torch.from_numpy(np.stack([prompt_maps(both, CELLS, 2.0, np.ones((3, *CELLS), np.float32))] * 2))
    torch.manual_seed(1)
    features, loss = network.encode_for_training(**study(parts, batch=2))
    regions = torch.zeros(2, 3, *SHAPE)
    logits, auxiliary = network.decode_for_training(features, maps, [both, both], regions)
    network.zero_grad()
    (loss + auxiliary + logits.float().square().mean()).backward()
    unmoved = {key for key, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    if name == "ma_sam":  # which reads no clicks
        unmoved -= {"head.prompts.distance_proj.weight"}
    assert not {key for key in unmoved if "presence" not in key}
    assert all(p.grad is None for p in network.parameters() if not p.requires_grad)


@torch.no_grad()
def test_training_sees_the_logits_that_are_used_and_a_second_call_gives_the_same(parts: Parts) -> None:
    network, given = parts.network.eval(), study(parts)
    regions = torch.zeros(1, 3, *SHAPE)
    found = []
    for _ in range(2):
        features, first = network.encode_for_training(**given, training_progress=0.5)
        logits, second = network.decode_for_training(features, maps_of(CLICKS), [CLICKS], regions)
        assert first.shape == second.shape == () and first >= 0 and second >= 0
        found.append((first, second, logits))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    torch.testing.assert_close(found[0][2], answer(network, given, CLICKS), atol=1e-4, rtol=1e-4)


def test_auxiliary_losses_of_the_methods(name: str, parts: Parts) -> None:
    """The distillation grows with the training; the levels of a decoder have losses against the truth."""
    network, given = parts.network.eval(), study(parts)
    with torch.no_grad():
        features, late = network.encode_for_training(**given, training_progress=1.0)
        _, early = network.encode_for_training(**given, training_progress=0.1)
        _, levels = network.decode_for_training(features, maps_of(CLICKS), [CLICKS], torch.zeros(1, 3, *SHAPE))
    distilled, levelled = name in ("gliomasam", "csad"), name in ("gliomasam", "3dmedsam")
    assert (0 < early < late) if distilled else (early == late == 0)
    assert levels > 0 if levelled else levels == 0


@pytest.mark.parametrize("method", METHODS)
def test_activations_that_are_computed_again_give_the_same_gradients(method: str, small_method: SmallMethod) -> None:
    made = small_method(method)
    network, found = made.network.train(), []
    for again in (False, True):
        if again and not network.enable_checkpointing():
            assert method not in ADAPTED
            return
        torch.manual_seed(5)
        network.zero_grad()
        answer(network, study(made), BOX).square().mean().backward()
        found.append({key: p.grad.clone() for key, p in network.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and any(key.startswith("encoder") for key in found[0])
    for key, gradient in found[0].items():
        torch.testing.assert_close(found[1][key], gradient, atol=1e-5, rtol=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("method", [*ADAPTED, "csad"])
def test_progress_is_told_while_a_study_is_encoded_and_can_stop_it(method: str, small_method: SmallMethod) -> None:
    made = small_method(method)
    calls: list[int] = []
    made.network.eval().encode(**study(made), progress_callback=lambda: calls.append(1))
    assert len(calls) > 1

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        made.network.encode(**study(made), progress_callback=stop)


@pytest.mark.parametrize("method", ["gliomasam", "cmaa"])
@torch.no_grad()
def test_distillation_is_weighted_and_lower_for_modalities_that_look_alike(
    method: str, small_method: SmallMethod
) -> None:
    def loss(weight: float, **changed: Any) -> float:
        made = small_method(method, distillation=weight)
        return float(made.network.train().encode_for_training(**{**study(made), **changed})[1])

    whole = loss(1.0)
    assert loss(0.0) == 0 < loss(0.5) == pytest.approx(whole / 2, rel=1e-4)
    embeddings = study(small_method(method))["embeddings"]
    assert loss(1.0, embeddings=embeddings[:, :1].expand(-1, 4, -1, -1, -1, -1)) < 0.8 * whole


@torch.no_grad()
def test_cost_told_by_the_registry_is_the_real_one(name: str) -> None:
    parts = build(METHODS[name].config)
    network = parts.network.eval()
    cost, slices, layout = METHODS[name].cost, (32, 192, 160), METHODS[name].config.layout
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in parts.embedder.parameters()) if parts.embedder is not None else 0
    total = frozen + sum(p.numel() for p in network.parameters())
    assert (cost.trained, cost.total) == (round(trained / 1e6, 2), round(total / 1e6, 2))
    meta = torch.device("meta")
    network.to(meta)
    embeddings, flops, count = None, 0.0, layout.count(slices[0])
    if parts.embedder is not None:
        with FlopCounterMode(display=False) as counter:
            embed_slice(parts.embedder.to(meta), layout, torch.rand(slices[1:], device=meta))
        flops = 4 * counter.get_total_flops()
        shape = layout.shape(slices, parts.embedder)
        embeddings = torch.randn(1, 4, parts.embedder.channels, *shape, device=meta)
    images, present = torch.rand(1, 4, *slices, device=meta), torch.ones(1, 4, dtype=torch.bool, device=meta)
    with FlopCounterMode(display=False) as counter:
        features = network.encode(images, present, embeddings)
    flops += counter.get_total_flops() / count
    maps = torch.zeros(1, CHANNELS, *(n // 2 for n in slices), device=meta)
    with FlopCounterMode(display=False) as counter:
        network.decode(features, maps, [PromptSet()])
    decoding = counter.get_total_flops() / count
    assert flops / 1e9 == pytest.approx(cost.encode, abs=0.06)
    assert decoding / 1e9 == pytest.approx(cost.answer, abs=0.06)


def test_a_moving_average_of_the_weights_can_be_kept(parts: Parts) -> None:
    average = AveragedModel(parts.network.eval(), multi_avg_fn=get_ema_multi_avg_fn(0.5))
    parts.network.train()
    average.update_parameters(parts.network)
    average.update_parameters(parts.network)
    average.eval()
    names = trainable_names(parts.network)
    mean, state = trainable_state_dict(average.module, names), trainable_state_dict(parts.network, names)
    assert mean.keys() == state.keys()
    assert all(torch.equal(mean[key], tensor) for key, tensor in state.items())


@torch.no_grad()
def test_saved_and_loaded_it_gives_the_same(name: str, tmp_path: Path) -> None:
    """At full size: as they are shipped."""
    parts = build(METHODS[name].config)
    network = parts.network.eval()
    path = tmp_path / "mine.safetensors"
    base = parts.embedder.base_sha256 if parts.embedder is not None else None
    save_weights(path, trainable_state_dict(network, trainable_names(network)), METHODS[name].config.to_json(), base)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    model = load_model(path, device="cpu")
    assert model.trained_parameters == trained and model.weights_sha256 == file_sha256(path)
    assert path.stat().st_size < 4 * trained + 200_000, "only what was trained is saved"
    channels_last(network)  # as a model on the CPU has them; the order of sums depends on it
    assert torch.equal(answer(model.decoder, study(parts), CLICKS), answer(network, study(parts), CLICKS))


@torch.inference_mode()
@pytest.mark.parametrize("encoder", ["lite_medsam", "sam_vit", "medsam_vit_256"])
@pytest.mark.parametrize("method", ADAPTED)
def test_a_freshly_adapted_encoder_gives_what_the_base_gives(
    method: str, encoder: str, small_method: SmallMethod, sam_file: Path
) -> None:
    """Slices that are all the same, as some methods join two to one."""
    made = build(METHODS[method].config) if encoder == "lite_medsam" else small_method(method, encoder)
    network: Any = made.network.eval()
    assert made.embedder is not None
    slice_ = torch.rand(1, 1, 32, 48)
    expected = ENCODERS[encoder](None if encoder == "lite_medsam" else sam_file)(slice_)
    tokens = made.embedder(slice_)[:, None, :, None].expand(-1, 4, -1, 2, -1, -1)
    grid, context = stack_tokens(tokens, torch.ones(1, 4, dtype=torch.bool))
    if method in ("gliomasam", "3dmedsam"):
        grid, context = network.patches.stack(tokens, context.present)
    embedded, _ = network.encoder(grid, context)
    for volume in embedded[0]:
        torch.testing.assert_close(volume[:, 0], expected[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("method", ADAPTED)
def test_it_learns_behind_an_encoder_of_wide_cells(method: str, small_method: SmallMethod) -> None:
    """Cells of 16 pixels, of which SAM's mask decoder has to make four doublings; two adapted blocks only."""
    made = small_method(method, "sam_vit_256", first_adapted_block=3)
    network = made.network.train()
    features, loss = network.encode_for_training(**study(made))
    logits, auxiliary = network.decode_for_training(features, maps_of(BOX), [BOX], torch.zeros(1, 3, *SHAPE))
    assert logits.shape == (1, 3, *SHAPE)
    (logits.float().square().mean() + loss + auxiliary).backward()
    moved = {key for key, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved <= trainable_names(network) and any(key.startswith("encoder.") for key in moved)


def test_a_file_without_the_mask_decoder_is_refused(sam_file: Path, small_config: Callable, tmp_path: Path) -> None:
    state = torch.load(sam_file, weights_only=True)
    torch.save({key: value for key, value in state.items() if "hypernetworks" not in key}, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="no mask decoder of SAM"):
        build(small_config("cmaa"), tmp_path / "part.pth")


PARTS = {
    "cross_modality": "encoder.mid_adapters.",
    "depth": "encoder.pre_adapters.",
    "image_skips": "decoder.skips.stem.",
}
"""Options of `gliomasam`, and where the parameters of the part are, as the ablation in the README has them."""


@pytest.mark.parametrize("part", PARTS)
@torch.inference_mode()
def test_a_part_left_out_has_no_parameters_and_the_rest_still_answers(part: str, small_method: SmallMethod) -> None:
    whole, without = small_method("gliomasam"), small_method("gliomasam", **{part: False})
    assert any(name.startswith(PARTS[part]) for name in trainable_names(whole.network))
    assert not any(name.startswith(PARTS[part]) for name in trainable_names(without.network))
    assert trainable_names(without.network) < trainable_names(whole.network)
    found = answer(without.network.eval(), study(without), CLICKS)
    assert found.shape == (1, 3, *SHAPE) and bool(torch.isfinite(found).all())


@torch.inference_mode()
def test_without_image_skips_the_decoder_does_not_see_the_images(small_method: SmallMethod) -> None:
    for skips in (True, False):
        made = small_method("gliomasam", image_skips=skips)
        one = study(made)
        other = {**one, "images": 1 - one["images"]}
        same = torch.equal(*(answer(made.network.eval(), given, CLICKS) for given in (one, other)))
        assert same is not skips
