"""Small networks of every method: a SAM of five narrow blocks by chance, and decoders of few channels."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import nn

from GliomaSAMLib.models.registry import METHODS, MethodConfig, Parts, build

SMALL: dict[str, dict[str, Any]] = {
    "gliomasam": {"first_adapted_block": 1, "decoder_width": 16, "skip_widths": (8, 8)},
    "3dmedsam": {"first_adapted_block": 1, "decoder_width": 16, "skip_widths": (8, 8)},
    "cmaa": {"first_adapted_block": 1},
    "ma_sam": {"first_adapted_block": 1},
    "csad": {"widths": (8, 16, 16, 24)},
    "segresnet": {"filters": 8},
}
"""Sizes of the small networks."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sam_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SAM with weights by chance, saved as SAM and MedSAM are."""
    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=1024,
        patch_size=16,
        embed_dim=32,
        depth=5,
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


SmallConfig = Callable[..., MethodConfig]


@pytest.fixture(scope="session")
def small_config() -> SmallConfig:
    """Config of a small network, by the name of its method; other sizes by name."""

    def make(name: str, encoder: str = "sam_vit", **sizes: Any) -> MethodConfig:
        config = METHODS[name].config
        adapted = METHODS[name].encoder == "split"
        decoder = replace(config.decoder, **{**SMALL[name], **sizes})
        return replace(config, encoder=encoder if adapted else None, decoder=decoder)

    return make


@pytest.fixture(scope="session")
def small_method(sam_file: Path, small_config: SmallConfig) -> Callable[..., Parts]:
    """A small network of a method, as before its training; its zeros may be replaced by chance (`awake`)."""

    def make(name: str, encoder: str = "sam_vit", *, awake: bool = False, **sizes: Any) -> Parts:
        torch.manual_seed(3)
        config = small_config(name, encoder, **sizes)
        parts = build(config, sam_file if config.encoder is not None else None)
        for tensor in parts.network.parameters() if awake else ():
            if tensor.requires_grad and not tensor.any():  # zeros would hide what they let through
                torch.nn.init.normal_(tensor, std=0.02)
        return parts

    return make
