"""The methods that adapt an encoder, on segment-anything's ViT from a file of SAM's layout, at two sizes of input."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import nn

from GliomaSAMLib.errors import WeightsError
from GliomaSAMLib.models.encoders.adapted import stack_tokens
from GliomaSAMLib.models.prompt_maps import CHANNELS, PromptVoxels
from GliomaSAMLib.models.registry import ENCODERS, METHODS, MethodConfig, build
from GliomaSAMLib.models.weights import trained_names

ADAPTED = [name for name, method in METHODS.items() if method.encoder == "cut"]


@pytest.fixture(scope="module")
def sam_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SAM with weights by chance, saved as SAM and MedSAM are."""
    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=1024,
        patch_size=16,
        embed_dim=32,
        depth=4,
        num_heads=2,
        out_chans=256,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=6,
        global_attn_indexes=(3,),
    )
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.1)
    prompts = PromptEncoder(256, (64, 64), (1024, 1024), 16)
    transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = MaskDecoder(transformer_dim=256, transformer=transformer)
    path = tmp_path_factory.mktemp("sam") / "sam_vit.pth"
    torch.save(Sam(encoder, prompts, decoder).state_dict(), path)
    return path


def config(name: str, encoder: str) -> MethodConfig:
    method = METHODS[name].config
    return replace(method, encoder=encoder, decoder=replace(method.decoder, first=1))


@torch.inference_mode()
@pytest.mark.parametrize("encoder", ["sam_vit", "sam_vit_256", "medsam_vit_256"])
@pytest.mark.parametrize("name", ADAPTED)
def test_at_first_the_embedding_is_that_of_the_base(name: str, encoder: str, sam_file: Path) -> None:
    made = build(config(name, encoder), sam_file)
    network: Any = made.network.eval()
    assert made.embedder is not None
    slice_ = torch.rand(1, 1, 32, 48)
    expected = ENCODERS[encoder](sam_file)(slice_)
    tokens = made.embedder(slice_)[:, None, :, None].expand(-1, 4, -1, 2, -1, -1)
    grid, context = stack_tokens(tokens, torch.ones(1, 4, dtype=torch.bool))
    if hasattr(network, "patches"):
        grid, context = network.patches.stack(tokens, context.present)
    embedded, _ = network.encoder(grid, context)
    for volume in embedded[0]:
        torch.testing.assert_close(volume[:, 0], expected[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("encoder", ["sam_vit", "sam_vit_256"])
@pytest.mark.parametrize("name", ADAPTED)
def test_it_answers_and_learns_on_the_voxels_of_the_study(name: str, encoder: str, sam_file: Path) -> None:
    made = build(config(name, encoder), sam_file)
    network: Any = made.network.train()
    assert made.embedder is not None
    layout = METHODS[name].config.layout
    shape = (16, 48, 48)
    embeddings = torch.randn(1, 4, made.embedder.channels, *layout.shape(shape, made.embedder))
    features = network.encode(torch.rand(1, 4, *shape), torch.ones(1, 4, dtype=torch.bool), embeddings)
    prompts = PromptVoxels(points=[((4.0, 9.0, 9.0), True, "WT")])
    logits = network.decode(features, torch.zeros(1, CHANNELS, 8, 24, 24), [prompts])
    assert logits.shape == (1, 3, *shape)
    logits.float().square().mean().backward()
    moved = {key for key, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved and moved <= trained_names(network)
    assert any(key.startswith("encoder.") for key in moved)


def test_a_file_without_the_mask_decoder_is_refused(sam_file: Path, tmp_path: Path) -> None:
    state = torch.load(sam_file, weights_only=True)
    torch.save({key: value for key, value in state.items() if "hypernetworks" not in key}, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="no mask decoder of SAM"):
        build(config("cmaa", "sam_vit"), tmp_path / "part.pth")
