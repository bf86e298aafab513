"""What every method promises, for each line of the registry; adapted encoders at first give what the base gives."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.flop_counter import FlopCounterMode

from GliomaSAMLib.models import load_model
from GliomaSAMLib.models.blocks import channels_last
from GliomaSAMLib.models.encoders.adapted import stack_tokens
from GliomaSAMLib.models.encoders.lite_medsam import LiteMedSAMEncoder
from GliomaSAMLib.models.methods.distillation import distillation_losses
from GliomaSAMLib.models.prompt_maps import CHANNELS, PromptVoxels, prompt_maps
from GliomaSAMLib.models.registry import METHODS, Parts, build
from GliomaSAMLib.models.slice_stack import embed_slice
from GliomaSAMLib.models.weights import file_sha256, save_weights, trained_names, trained_state
from GliomaSAMLib.training.trainer import use_checkpointing

SHAPE = (32, 48, 64)

CELLS = (16, 24, 32)

ADAPTED = [name for name, method in METHODS.items() if method.encoder == "cut"]


@pytest.fixture(scope="module", params=METHODS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def awake(name: str) -> Parts:
    """A method before any training, with numbers by chance where it begins with zeros."""
    torch.manual_seed(3)
    made = build(METHODS[name].config)
    with torch.no_grad():  # zero-initialised outputs would hide what they let through
        for key, tensor in made.network.named_parameters():
            if tensor.requires_grad and not tensor.any():
                torch.nn.init.normal_(tensor, std=0.02)
            assert key
    return made


@pytest.fixture(scope="module")
def parts(name: str) -> Parts:
    return awake(name)


def clicks() -> PromptVoxels:
    return PromptVoxels(points=[((8.0, 10.0, 12.0), True, "TC"), ((5.0, 6.0, 20.0), False, "WT")])


def boxed() -> PromptVoxels:
    return PromptVoxels(boxes=[((4.0, 5.0, 6.0), (11.0, 15.0, 20.0), "WT")])


def study(parts: Parts, batch: int = 2, seed: int = 0) -> dict[str, Any]:
    """Images, and what the embedder would give of them (by chance, which serves as well here)."""
    draw = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, 4, *SHAPE, generator=draw)
    embeddings = None
    if parts.embedder is not None:
        shape = METHODS["gliomasam"].config.layout.shape(SHAPE, parts.embedder)
        embeddings = torch.randn(batch, 4, parts.embedder.channels, *shape, generator=draw)
    return {"images": images, "present": torch.ones(batch, 4, dtype=torch.bool), "embeddings": embeddings}


def answer(network: Any, given: dict[str, Any], prompts: list[PromptVoxels]) -> torch.Tensor:
    maps = torch.from_numpy(np.stack([prompt_maps(one, CELLS, 2.0) for one in prompts]))
    return network.decode(network.encode(**given), maps, prompts)


@torch.no_grad()
def test_each_subset_of_modalities_gives_an_answer_that_what_is_absent_does_not_touch(parts: Parts) -> None:
    network = parts.network.eval()
    for kept in ([0], [1, 3], [0, 1, 2]):
        given = study(parts, batch=1)
        given["present"][:] = False
        given["present"][:, kept] = True
        other = {**given, "images": given["images"].clone()}
        absent = [m for m in range(4) if m not in kept]
        other["images"][:, absent] = torch.nan
        if given["embeddings"] is not None:
            other["embeddings"] = given["embeddings"].clone()
            other["embeddings"][:, absent] = torch.nan
        found = answer(network, given, [clicks()])
        assert found.shape == (1, 3, *SHAPE)
        assert torch.isfinite(found).all()
        assert torch.equal(answer(network, other, [clicks()]), found)


@torch.no_grad()
def test_studies_of_a_batch_do_not_mix(parts: Parts) -> None:
    network = parts.network.eval()
    given = study(parts)
    given["present"][1, 2] = False
    swapped = {key: None if value is None else value.flip(0) for key, value in given.items()}
    found = answer(network, given, [clicks(), boxed()])
    torch.testing.assert_close(answer(network, swapped, [boxed(), clicks()]).flip(0), found, atol=2e-4, rtol=1e-3)


@torch.no_grad()
def test_prompts_that_a_method_reads_change_its_answer_and_others_do_not(name: str, parts: Parts) -> None:
    network = parts.network.eval()
    given = study(parts, batch=1)
    nothing = answer(network, given, [PromptVoxels()])
    for kind, prompts in (("point", clicks()), ("box", boxed())):
        changed = not torch.equal(answer(network, given, [prompts]), nothing)
        assert changed is (kind in METHODS[name].prompts)


@torch.no_grad()
@pytest.mark.parametrize("region", range(3))
@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.config.previous == "answer"])
def test_the_answer_before_changes_the_answer_where_a_method_gets_it(name: str, region: int) -> None:
    made = awake(name)
    network: Any = made.network.eval()
    features, answers = network.encode(**study(made, batch=1)), []
    for inside in (-2.0, 2.0):
        before = np.full((3, *CELLS), -2.0, np.float32)
        before[region, 4:9, 6:14, 8:20] = inside
        maps = torch.from_numpy(prompt_maps(clicks(), CELLS, 2.0, before))[None]
        answers.append(network.decode(features, maps, [clicks()]))
    assert not torch.allclose(*answers)


def test_what_is_trained_gets_a_gradient_and_nothing_else_does(name: str, parts: Parts) -> None:
    network = parts.network.train()
    both = PromptVoxels(points=clicks().points, boxes=boxed().boxes)
    maps = torch.from_numpy(np.stack([prompt_maps(both, CELLS, 2.0, np.ones((3, *CELLS), np.float32))] * 2))
    torch.manual_seed(1)
    features = network.encode(**study(parts))  # type: ignore[operator]
    logits = network.decode(features, maps, [both, both])  # type: ignore[operator]
    loss = logits.float().square().mean()
    if hasattr(network, "auxiliary_loss"):
        loss = loss + network.auxiliary_loss((logits.detach() > 0).float())  # type: ignore[operator]
    network.zero_grad()
    loss.backward()
    unmoved = {key for key, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    if name == "ma_sam":  # which reads no clicks
        unmoved -= {"head.prompts.distance.weight"}
    assert not {key for key in unmoved if "presence" not in key}
    assert all(p.grad is None for p in network.parameters() if not p.requires_grad)


@pytest.mark.parametrize("name", ADAPTED)
def test_activations_that_are_computed_again_give_the_same_gradients(name: str) -> None:
    torch.manual_seed(4)
    made = build(METHODS[name].config)
    network: Any = made.network.train()
    given, found = study(made, batch=1), []
    for again in (False, True):
        if again:
            use_checkpointing(network, name)
        torch.manual_seed(5)
        network.zero_grad()
        answer(network, given, [boxed()]).square().mean().backward()
        found.append({key: p.grad.clone() for key, p in network.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and any(key.startswith("encoder") for key in found[0])
    for key, gradient in found[0].items():
        torch.testing.assert_close(found[1][key], gradient, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cmaa", {"distillation": 0.5, "fusion": "scff"}),
        ("gliomasam", {"distillation": 0.5}),
    ],
)
def test_distillation_is_that_of_the_features_and_grows(name: str, changes: dict[str, Any]) -> None:
    """Modalities whose tokens are the same and who are not told apart look at the same places: no loss across."""
    torch.manual_seed(6)
    config = METHODS[name].config
    made = build(replace(config, decoder=replace(config.decoder, **changes)))
    network: Any = made.network.train()
    given = study(made, batch=1)
    regions = torch.zeros(1, 3, *SHAPE)

    def loss(done: float, **other: Any) -> float:
        network.encode(**{**given, **other})
        network.done = done
        first, second = network.auxiliary_loss(regions), network.auxiliary_loss(regions)
        assert second.item() == 0, "the features of a step are let go with its loss"
        return first.item()

    full = loss(1.0)
    assert 0 < loss(0.1) == pytest.approx(0.3 * full, rel=1e-4)
    layers: list[torch.Tensor] = []
    with torch.no_grad():
        handle = network.encoder.register_forward_hook(lambda module, inputs, out: layers.extend([*out[1], out[0]]))
        network.encode(**given)
        handle.remove()
    wanted = layers if name != "cmaa" else layers[:-1]
    cross, own = distillation_losses(wanted, given["present"])
    assert full == pytest.approx(0.5 * float(cross + own), rel=1e-4)
    same = given["embeddings"][:, :1].expand(-1, 4, -1, -1, -1, -1)
    assert loss(1.0, embeddings=same) == pytest.approx(0.5 * float(_own(network, same, given, name)), rel=1e-3)
    network.eval()
    network.encode(**given)
    assert float(network.auxiliary_loss(regions)) == 0


def _own(network: Any, embeddings: torch.Tensor, given: dict[str, Any], name: str) -> torch.Tensor:
    """The loss between layers of one modality alone, which has no other to be unlike."""
    layers: list[torch.Tensor] = []
    with torch.no_grad():
        handle = network.encoder.register_forward_hook(lambda module, inputs, out: layers.extend([*out[1], out[0]]))
        network.encode(**{**given, "embeddings": embeddings})
        handle.remove()
    one = [layer[:, :1] for layer in (layers if name != "cmaa" else layers[:-1])]
    cross, own = distillation_losses(one, given["present"][:, :1])
    assert float(cross) == 0
    return own


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")  # the counter sees its own thread only
@torch.inference_mode()
def test_the_cost_that_the_registry_tells_is_the_real_one(name: str, parts: Parts) -> None:
    network: Any = parts.network.eval()
    cost, slices = METHODS[name].cost, (32, 192, 160)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in parts.embedder.parameters()) if parts.embedder is not None else 0
    total = frozen + sum(p.numel() for p in network.parameters())
    assert (cost.trained, cost.total) == (round(trained / 1e6, 2), round(total / 1e6, 2))
    embeddings, flops = None, 0.0
    layout = METHODS[name].config.layout
    count = layout.count(slices[0])
    if parts.embedder is not None:
        with FlopCounterMode(display=False) as counter:
            embed_slice(parts.embedder, layout, torch.rand(slices[1:]))
        flops = 4 * counter.get_total_flops()
        embeddings = torch.randn(1, 4, parts.embedder.channels, *layout.shape(slices, parts.embedder))
    with FlopCounterMode(display=False) as counter:
        features = network.encode(torch.rand(1, 4, *slices), torch.ones(1, 4, dtype=torch.bool), embeddings)
    flops += counter.get_total_flops() / count
    with FlopCounterMode(display=False) as counter:
        network.decode(features, torch.zeros(1, CHANNELS, *(n // 2 for n in slices)), [PromptVoxels()])
    answer = counter.get_total_flops() / count
    assert (round(flops / 1e9, 1), round(answer / 1e9, 1)) == (cost.encode, cost.answer)


def test_a_moving_average_of_the_weights_can_be_kept(parts: Parts) -> None:
    average = AveragedModel(parts.network.eval(), multi_avg_fn=get_ema_multi_avg_fn(0.5))
    parts.network.train()
    average.update_parameters(parts.network)
    average.update_parameters(parts.network)
    average.eval()
    names = trained_names(parts.network)
    mean, state = trained_state(average.module, names), trained_state(parts.network, names)
    assert mean.keys() == state.keys()
    assert all(torch.equal(mean[key], tensor) for key, tensor in state.items())


@torch.no_grad()
def test_saved_and_loaded_it_gives_the_same(name: str, parts: Parts, tmp_path: Path) -> None:
    network = parts.network.eval()
    path = tmp_path / "mine.safetensors"
    base = parts.embedder.base_sha256 if parts.embedder is not None else None
    save_weights(path, trained_state(network, trained_names(network)), METHODS[name].config.to_json(), base)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    model = load_model(path, device="cpu")
    assert model.trained_parameters == trained and model.weights_sha256 == file_sha256(path)
    assert path.stat().st_size < 4 * trained + 200_000, "only what was trained is saved"
    given = study(parts, batch=1)
    channels_last(network)  # as a model on the CPU has them; the order of sums depends on it
    assert torch.equal(answer(model.decoder, given, [clicks()]), answer(network, given, [clicks()]))


@torch.inference_mode()
@pytest.mark.parametrize("name", ADAPTED)
def test_a_freshly_adapted_encoder_gives_what_the_base_gives(name: str) -> None:
    """Slices that are all the same, as some methods join two to one."""
    made = build(METHODS[name].config)
    network: Any = made.network.eval()
    assert made.embedder is not None
    slice_ = torch.rand(1, 1, 32, 40)
    expected = LiteMedSAMEncoder()(slice_)
    tokens = made.embedder(slice_)[:, None, :, None].expand(-1, 4, -1, 4, -1, -1)
    grid, context = stack_tokens(tokens, torch.ones(1, 4, dtype=torch.bool))
    if hasattr(network, "patches"):
        grid, context = network.patches.stack(tokens, context.present)
    embedded, _ = network.encoder(grid, context)
    for volume in embedded[0]:
        for each in volume.transpose(0, 1):
            torch.testing.assert_close(each, expected[0], atol=1e-5, rtol=0)
