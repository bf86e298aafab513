"""Weights files: written whole, read back exactly, and every kind of bad file refused with its name and hash."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from GliomaSAMLib.errors import OutputError, WeightsError
from GliomaSAMLib.models.registry import METHODS, Parts
from GliomaSAMLib.models.weights import (
    FORMAT,
    FORMAT_WITH_INTEGERS,
    keys_in_files,
    keys_in_networks,
    load_weights,
    read_checkpoint,
    save_weights,
    trainable_names,
    trainable_state_dict,
)

CONFIG = {"method": "gliomasam", "decoder": {"width": 32, "sizes": [1, 2]}}
BASE = "ab" * 32


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    shared = torch.randn(4, 3)
    return {"a.weight": shared, "a.tied": shared, "b": torch.randn(5, 2).T, "steps": torch.tensor(7)}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_weights(path, tensors(), CONFIG, BASE, {"steps": "700"})
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_come_back_as_they_were(weights: Path) -> None:
    state, metadata = load_weights(weights, sha256(weights))
    assert state.keys() == tensors().keys()
    for name, tensor in tensors().items():
        torch.testing.assert_close(state[name], tensor, atol=0, rtol=0)
    assert metadata.config == CONFIG
    assert metadata.base_sha256 == BASE
    assert metadata.extra == {"steps": "700"}
    assert metadata.sha256 == sha256(weights)


def test_half_precision_halves_the_file_and_is_read_as_float32(tmp_path: Path) -> None:
    state = {"w": torch.randn(100, 100), "n": torch.tensor(70000)}
    save_weights(tmp_path / "full.safetensors", state, CONFIG, None)
    save_weights(tmp_path / "half.safetensors", state, CONFIG, None, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.55 * (tmp_path / "full.safetensors").stat().st_size
    read, metadata = load_weights(tmp_path / "half.safetensors")
    assert read["w"].dtype == torch.float32
    torch.testing.assert_close(read["w"], state["w"], atol=4e-3, rtol=0)
    assert int(read["n"]) == 70000
    assert metadata.base_sha256 is None


def test_whole_numbers_take_a_quarter_and_are_read_as_float32(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rows = torch.logspace(-4, 2, 128)[:, None, None]
    state = {
        "w": torch.randn(128, 16, 9) * rows,
        "zero": torch.zeros(64, 64),
        "b": torch.randn(8, 3),
        "n": torch.tensor(7),
    }
    save_weights(tmp_path / "full.safetensors", state, CONFIG, None)
    save_weights(tmp_path / "small.safetensors", state, CONFIG, None, integers=True)
    assert (tmp_path / "small.safetensors").stat().st_size < 0.3 * (tmp_path / "full.safetensors").stat().st_size
    read, metadata = load_weights(tmp_path / "small.safetensors")
    assert read.keys() == state.keys() and metadata.config == CONFIG
    assert read["w"].dtype == torch.float32 and read["w"].shape == state["w"].shape
    largest = state["w"].abs().amax(dim=(1, 2), keepdim=True)  # a row's error is half a step of 127 to its largest
    rounding = 2.0**-11  # of float16 before, and of the scale as bfloat16
    assert bool(((read["w"] - state["w"]).abs() <= largest * (0.5 / 127 * (1 + 2.0**-8) + rounding)).all())
    assert not read["zero"].any() and int(read["n"]) == 7
    torch.testing.assert_close(read["b"], state["b"], atol=4e-3, rtol=0)


def test_numbers_up_to_31_of_earlier_versions_are_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "before.safetensors"
    numbers = torch.randint(-31, 32, (64, 64), dtype=torch.int8)
    scale = torch.rand(64, 1).bfloat16() / 31
    notes = {"format": "gliomasam-weights-2", "config": "{}"}
    safetensors.torch.save_file({"w": numbers, "w:scale": scale}, path, notes)
    read, _ = load_weights(path)
    assert torch.equal(read["w"], numbers.float() * scale.float())


def test_scales_without_their_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_weights(path, {"w": torch.randn(64, 64)}, CONFIG, None, integers=True)
    with safetensors.safe_open(path, framework="pt") as file:
        notes, scale = file.metadata(), file.get_tensor("w:scale")
    safetensors.torch.save_file({"w:scale": scale}, path, notes)
    with pytest.raises(WeightsError, match="scales of w but not the tensor"):
        load_weights(path)


@pytest.mark.parametrize("shape", [(3, 1), (64,), (1, 1), (64, 1, 1), (64, 32), ()])
def test_scales_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "w.safetensors"
    notes = {"format": FORMAT_WITH_INTEGERS, "config": "{}"}
    content = {"w": torch.ones(64, 32, dtype=torch.int8), "w:scale": torch.ones(shape).bfloat16()}
    safetensors.torch.save_file(content, path, notes)
    with pytest.raises(WeightsError, match=r"scales of w of the shape .*, not \(64, 1\): get the file again"):
        load_weights(path)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.complex64])
def test_numbers_that_networks_do_not_have_are_refused(tmp_path: Path, kind: torch.dtype) -> None:
    path, checkpoint = tmp_path / "w.safetensors", tmp_path / "w.pth"
    content = {"w": torch.ones(4).to(kind)}
    safetensors.torch.save_file(content, path, {"format": FORMAT, "config": "{}"})
    torch.save(content, checkpoint)
    for read, file in ((load_weights, path), (read_checkpoint, checkpoint)):
        with pytest.raises(WeightsError, match=r"its tensor w is of the kind (float8_e4m3fn|complex64)"):
            read(file)


def test_a_sparse_tensor_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.eye(3).to_sparse()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="its tensor w is of the kind sparse_coo"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_name_of_scales_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"'w:scale' .* reserved"):
        save_weights(tmp_path / "w.safetensors", {"w:scale": torch.zeros(3)}, CONFIG, None)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no weights file .*nowhere\.safetensors"):
        load_weights(tmp_path / "nowhere.safetensors")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(tmp_path)


def test_a_wrong_hash_names_file_expected_and_found(weights: Path) -> None:
    with pytest.raises(WeightsError) as error:
        load_weights(weights, "0" * 64)
    for part in (str(weights), "0" * 64, sha256(weights)):
        assert part in str(error.value)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file_is_refused(weights: Path, keep: int) -> None:
    content = weights.read_bytes()[:keep]
    weights.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"damaged.*{len(content)} bytes with SHA-256 {sha256(weights)}"):
        load_weights(weights)


def test_a_checkpoint_is_no_damaged_weights_file(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"decoder": tensors(), "step": 3}, path)
    for expected in (None, sha256(path)):
        with pytest.raises(WeightsError, match=r"last\.ckpt is a PyTorch checkpoint.*give the \.safetensors file"):
            load_weights(path, expected)


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.safetensors"
    path.write_text("these are no weights, only words " * 9)
    with pytest.raises(WeightsError, match=r"damaged or no \.safetensors"):
        load_weights(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="expected the format gliomasam-weights-1, found none"):
        load_weights(path)


@pytest.mark.parametrize("config", ["no json {", "[1, 2]"])
def test_an_unreadable_config_is_refused(tmp_path: Path, config: str) -> None:
    path = tmp_path / "odd.safetensors"
    safetensors.torch.save_file({"w": torch.zeros(2)}, path, {"format": "gliomasam-weights-1", "config": config})
    with pytest.raises(WeightsError, match="no readable config"):
        load_weights(path)


def test_another_base_model_is_refused(weights: Path) -> None:
    _, metadata = load_weights(weights)
    metadata.check_base(BASE)
    with pytest.raises(WeightsError, match=rf"another base model.*{BASE}.*found {'cd' * 32}"):
        metadata.check_base("cd" * 32)
    with pytest.raises(WeightsError, match="found none"):
        metadata.check_base(None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_numbers_that_cannot_be_stored_are_refused(weights: Path, value: float) -> None:
    before = weights.read_bytes()
    with pytest.raises(WeightsError, match=r"the tensor bad .* NaN or infinity"):
        save_weights(weights, {"bad": torch.tensor([value])}, CONFIG, None, half=True)
    assert weights.read_bytes() == before


def test_a_failed_write_leaves_the_old_file(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = weights.read_bytes()

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        save_weights(weights, tensors(), CONFIG, BASE)
    assert weights.read_bytes() == before
    assert list(weights.parent.iterdir()) == [weights]


def test_a_folder_that_does_not_exist_and_a_wrong_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save_weights(tmp_path / "no" / "w.safetensors", tensors(), CONFIG, BASE)
    with pytest.raises(WeightsError, match=r"\.safetensors"):
        save_weights(tmp_path / "w.pth", tensors(), CONFIG, BASE)


def test_a_reserved_note_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="'config'"):
        save_weights(tmp_path / "w.safetensors", tensors(), CONFIG, BASE, {"config": "x"})


class Bomb:
    """An object that would write a file when it is unpickled without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (self.target,))  # type: ignore[return-value]


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    torch.save({"w": torch.zeros(1), "bomb": Bomb(target)}, tmp_path / "bomb.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Bomb(target)))
    for name in ("bomb.pth", "bare.pth"):
        with pytest.raises(WeightsError, match=name):
            read_checkpoint(tmp_path / name)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"just words", b"PK\x03\x04 and no archive"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "base.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"base\.pth is damaged.*{sha256(path)}"):
        read_checkpoint(path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "base.pth"
    torch.save({"w": torch.randn(1000)}, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(WeightsError, match=r"base\.pth is damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [torch.zeros(3), {}, {"w": "words"}, [torch.zeros(1)]])
def test_a_checkpoint_without_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "base.pth")
    with pytest.raises(WeightsError, match="expected a dictionary of tensors by name"):
        read_checkpoint(tmp_path / "base.pth")


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_a_training_checkpoint_is_unpacked(tmp_path: Path, key: str) -> None:
    torch.save({key: {"w": torch.ones(2)}, "epoch": 3}, tmp_path / "base.pth")
    state, found = read_checkpoint(tmp_path / "base.pth")
    assert list(state) == ["w"]
    assert found == sha256(tmp_path / "base.pth")


@pytest.mark.parametrize("name", METHODS)
def test_files_keep_the_names_of_tensors_that_they_were_first_written_with(
    name: str, small_method: Callable[..., Parts], tmp_path: Path
) -> None:
    network = small_method(name).network
    state = trainable_state_dict(network, trainable_names(network))
    path = tmp_path / "mine.safetensors"
    save_weights(path, state, {}, None)
    in_file = set(safetensors.torch.load_file(path))
    assert not in_file & {key for key in state if "adapters." in key or "mask_tokens" in key or "aux_head" in key}
    loaded, _ = load_weights(path)
    assert loaded.keys() == state.keys() and all(torch.equal(loaded[key], tensor) for key, tensor in state.items())


@pytest.mark.parametrize("name", METHODS)
def test_all_tensors_of_a_network_keep_apart_in_files(name: str, small_method: Callable[..., Parts]) -> None:
    state = small_method(name).network.state_dict()
    in_file = keys_in_files(state)
    assert len(in_file) == len(state)
    assert list(keys_in_networks(in_file)) == list(state) == list(keys_in_networks(state))


def test_names_in_files_are_those_of_before() -> None:
    tensor = torch.zeros(1)
    expected = {
        "encoder.mid_adapters.3.up.weight": "encoder.middle.3.up.weight",
        "decoder.levels.0.tokens.pos_proj.weight": "decoder.levels.0.tokens.place.weight",
        "decoder.levels.2.attention.self_attn.query.bias": "decoder.levels.2.attention.own.query.bias",
        "head.mask_tokens.weight": "head.regions.weight",
        "module.encoder.blocks.blocks.1.downsample.conv1.bn": "module.encoder.blocks.blocks.1.leave.conv1.bn",
        "decoder.levels.0.tokens.regions.weight": "decoder.levels.0.tokens.regions.weight",
    }
    assert list(keys_in_files(dict.fromkeys(expected, tensor))) == list(expected.values())


NOT_FINITE = [
    (torch.float32, float("nan")),
    (torch.float32, float("inf")),
    (torch.float16, float("-inf")),
    (torch.bfloat16, float("nan")),
    (torch.float64, float("inf")),
]


@pytest.mark.parametrize(("kind", "value"), NOT_FINITE)
def test_a_number_that_is_not_finite_is_damage(weights: Path, tmp_path: Path, kind: torch.dtype, value: float) -> None:
    with safe_open(weights, "pt") as file:
        notes, state = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state["b"] = state["b"].to(kind)
    state["b"][1, 1] = value
    safetensors.torch.save_file(state, weights, notes)
    with pytest.raises(WeightsError, match=rf"^The weights file .* tensor b holds NaN or infinity.*{sha256(weights)}"):
        load_weights(weights)
    torch.save(state, tmp_path / "base.pth")
    with pytest.raises(WeightsError, match="tensor b holds NaN or infinity"):
        read_checkpoint(tmp_path / "base.pth")


def test_a_scale_that_is_not_finite_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "integers.safetensors"
    save_weights(path, {"w": torch.randn(100, 100)}, CONFIG, None, integers=True)
    with safe_open(path, "pt") as file:
        notes, state = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state["w:scale"][3] = float("inf")
    safetensors.torch.save_file(state, path, notes)
    with pytest.raises(WeightsError, match="tensor w holds NaN or infinity"):
        load_weights(path)
