"""Networks that were trained apart are joined; those that do not belong together are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from GliomaSAMLib.errors import ModelError, WeightsError
from GliomaSAMLib.models import load_model
from GliomaSAMLib.models.registry import METHODS, MethodConfig, build
from GliomaSAMLib.models.slices import StackLayout
from GliomaSAMLib.models.trained import trained_names, trained_state
from GliomaSAMLib.models.weights import save_weights
from GliomaSAMLib.prompts.maps import CHANNELS, PromptVoxels

SHAPE = (32, 32, 48)


def save(folder: Path, config: MethodConfig, seed: int) -> Path:
    """Random weights of a method."""
    torch.manual_seed(seed)
    parts = build(config)
    state = trained_state(parts.network, trained_names(parts.network))
    state = {name: tensor + 0.02 * torch.randn_like(tensor) for name, tensor in state.items()}
    path = folder / f"{config.method}.safetensors"
    assert parts.embedder is not None
    save_weights(path, state, config.to_json(), parts.embedder.base_sha256)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("members")
    frozen, adapted = (METHODS[f"gliomasam_{name}"].config for name in ("frozen", "adapted"))
    small = replace(frozen, decoder=replace(frozen.decoder, widths=(8, 8, 16, 16), prompt_width=8))
    return save(folder, small, 1), save(folder, adapted, 2)


@torch.inference_mode()
def test_the_answer_is_the_mean_of_both(files: tuple[Path, Path]) -> None:
    both = load_model("+".join(map(str, files)), device="cpu")
    frozen, adapted = (load_model(path, device="cpu") for path in files)
    assert both.config.method == "gliomasam"
    assert both.trained_parameters == frozen.trained_parameters + adapted.trained_parameters
    assert both.embedding_key == adapted.embedding_key
    images, present = torch.rand(1, 4, *SHAPE), torch.tensor([[True, True, False, True]])
    slice_ = torch.rand(1, 1, 24, 32)
    maps, nothing = torch.zeros(1, CHANNELS, *(n // 2 for n in SHAPE)), [PromptVoxels()]
    # all slices alike, so that those left out and interpolated are no other than the rest
    whole, front = (
        model.encoder(slice_)[:, None, :, None].expand(-1, 4, -1, 8, -1, -1)  # type: ignore[misc]
        for model in (frozen, adapted)
    )
    expected = [
        model.decoder.decode(model.decoder.encode(images, present, tokens), maps, nothing)  # type: ignore[operator]
        for model, tokens in ((frozen, whole), (adapted, front))
    ]
    network = both.decoder
    found = network.decode(network.encode(images, present, front), maps, nothing)  # type: ignore[operator]
    torch.testing.assert_close(found, (expected[0] + expected[1]) / 2, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_frozen_embeddings_between_slices_are_interpolated(files: tuple[Path, Path]) -> None:
    network = load_model("+".join(map(str, files)), device="cpu").decoder
    tokens, present = torch.randn(1, 4, 160, 5, 6, 7), torch.ones(1, 4, dtype=torch.bool)
    found = network._embed(tokens, present)  # type: ignore[operator]
    assert found.shape == (1, 4, 256, 5, 6, 7)
    torch.testing.assert_close(found[:, :, :, 1], (found[:, :, :, 0] + found[:, :, :, 2]) / 2)
    six = network._embed(torch.cat([tokens, tokens[:, :, :, :1]], dim=3), present)  # type: ignore[operator]
    assert torch.equal(six[:, :, :, 5], six[:, :, :, 4]), "beyond the last one embedded that one holds"


def test_what_does_not_belong_together_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    frozen, _ = files
    with pytest.raises(ModelError, match="gliomasam_frozen and gliomasam_frozen cannot be joined: there are only"):
        load_model(f"{frozen}+{frozen}", device="cpu")
    config = METHODS["gliomasam_adapted"].config
    other = save(tmp_path, replace(config, layout=StackLayout(slice_mm=8.0)), 3)
    with pytest.raises(WeightsError, match="trained on other slices or with another encoder"):
        load_model(f"{frozen}+{other}", device="cpu")
    with pytest.raises(WeightsError, match="there is no weights file"):
        load_model(f"{frozen}+{tmp_path / 'absent.safetensors'}", device="cpu")
