import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from GliomaSAMLib.errors import ModelError, WeightsError
from GliomaSAMLib.models.methods.csad import CsadConfig
from GliomaSAMLib.models.registry import (
    METHODS,
    MethodConfig,
    VolumeDecoder,
    build,
    check_encoder,
    chosen_config,
    config_from_json,
    find_method,
)
from GliomaSAMLib.models.slice_stack import StackLayout
from GliomaSAMLib.models.weights import trainable_names, trainable_state_dict


@pytest.mark.parametrize("name", METHODS)
def test_a_config_survives_json(name: str) -> None:
    config = find_method(name).config
    assert config.method == name
    assert config_from_json(json.loads(json.dumps(config.to_json()))) == config


def test_fields_have_the_names_of_weights_files_in_json() -> None:
    config = find_method("cmaa").config
    sizes = config.to_json()["decoder"]
    assert sizes["first"] == config.decoder.first_adapted_block and "first_adapted_block" not in sizes


def test_a_changed_config_survives_json() -> None:
    decoder = CsadConfig(widths=(8, 16), attention="softmax")
    config = MethodConfig("csad", None, StackLayout(2.0, 1.0), decoder, previous="answer")
    assert config_from_json(json.loads(json.dumps(config.to_json()))) == config
    assert config.decoder.multiple == 4


def test_who_gets_the_answer_before_is_saved_and_files_without_the_field_get_the_proposal() -> None:
    gets = {name for name, method in METHODS.items() if method.config.previous == "answer"}
    assert gets == {"gliomasam"}
    content = METHODS["gliomasam"].config.to_json()
    assert content.pop("previous") == "answer"
    assert config_from_json(content).previous == "proposal"
    assert chosen_config("gliomasam", changes={"previous": "proposal"}).previous == "proposal"
    for odd in ("nothing", None, ["answer"]):
        with pytest.raises(ModelError, match="'previous' of a config is one of proposal, answer, not"):
            config_from_json({**content, "previous": odd})
        with pytest.raises(ModelError, match="'previous' of a config is one of proposal, answer, not"):
            chosen_config("gliomasam", changes={"previous": odd})


def test_a_method_of_before_is_read_by_its_name_of_today() -> None:
    """The config as weights files of gliomasam_adapted hold it."""
    sizes = {
        **{"cross_modality": True, "decoder_width": 64, "depth": True, "distillation": 0.1, "fine_blocks": 1},
        **{"first": 2, "image_skips": True, "max_depth": 24, "modalities": 4, "multiple": 16, "patch": 2},
        **{"skip_widths": [32, 64], "width": None},
    }
    layout = {"pixel_mm": 1.5, "slice_mm": 4.0}
    content = {"method": "gliomasam_adapted", "encoder": "lite_medsam", "layout": layout, "decoder": sizes}
    assert config_from_json(content) == replace(METHODS["gliomasam"].config, previous="proposal")


@pytest.mark.parametrize(
    ("method", "sizes"),
    [("gliomasam", {"frozen": {"widths": [32, 64]}, "adapted": {}}), ("gliomasam_frozen", {"widths": [32, 64]})],
)
def test_a_file_of_the_pair_of_before_says_what_to_do(method: str, sizes: dict) -> None:
    content = {**METHODS["gliomasam"].config.to_json(), "method": method, "decoder": sizes}
    with pytest.raises(
        ModelError, match=rf"'{method}' .* choose the model gliomasam, or train anew with `gliomasam tr"
    ):
        config_from_json(content)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_builds_a_network_whose_trained_weights_take_at_most_16_mb(name: str) -> None:
    method = find_method(name)
    network = build(method.config).network
    trained = sum(tensor.numel() for tensor in trainable_state_dict(network, trainable_names(network)).values())
    assert isinstance(network, VolumeDecoder) and method.summary
    assert 100_000 < trained < 8_000_000  # two bytes each


def test_unknown_names_say_which_there_are() -> None:
    with pytest.raises(ModelError, match=r"no method 'magic': choose one of .*gliomasam"):
        find_method("magic")
    with pytest.raises(ModelError, match=r"no encoder 'magic': choose one of .*lite_medsam"):
        build(replace(METHODS["gliomasam"].config, encoder="magic"))


@pytest.mark.parametrize(
    "change",
    [
        {"decoder": {"magic": 1}},
        {"layout": {"slice_mm": 4.0, "magic": 1}},
        {"layout": {"slice_mm": 5.0, "pixel_mm": 1.0}},
        {"layout": {"slice_mm": 0}},
        {"layout": {"pixel_mm": "1.5"}},
        {"layout": None},
        {"decoder": 3},
    ],
)
def test_a_config_of_another_version_is_refused(change: dict) -> None:
    content = {**METHODS["gliomasam"].config.to_json(), **change}
    with pytest.raises(ModelError):
        config_from_json(content)
    with pytest.raises(ModelError, match="no method"):
        config_from_json({**content, "method": "magic"})


@pytest.mark.parametrize("multiple", [0, -8, "16", 16.0, None, [16], True])
def test_sides_that_are_multiples_of_no_whole_number_are_refused(multiple: object) -> None:
    with pytest.raises(ModelError, match="multiple"):
        chosen_config("gliomasam", None, {"decoder": {"multiple": multiple}})
    with pytest.raises(ModelError, match="multiple is no whole number from 1 to 128"):
        chosen_config("csad", None, {"decoder": {"widths": [8] * 40}})


def test_encoders_and_their_checkpoints(tmp_path: Path) -> None:
    assert build(METHODS["segresnet"].config).embedder is None
    with pytest.raises(ModelError, match="no place for an encoder"):
        build(METHODS["segresnet"].config, tmp_path / "any.pth")
    with pytest.raises(WeightsError, match=r"name its \.pth file"):
        build(replace(METHODS["gliomasam"].config, encoder="sam_vit"))


def test_a_users_changes_of_a_config() -> None:
    changed = chosen_config("cmaa", "sam_vit_256", {"decoder": {"width": 48, "first_adapted_block": 0}})
    assert changed == chosen_config("cmaa", "sam_vit_256", {"decoder": {"width": 48, "first": 0}})  # as files have it
    assert (changed.encoder, changed.decoder.width, changed.decoder.first_adapted_block) == ("sam_vit_256", 48, 0)
    assert changed.decoder.modalities == METHODS["cmaa"].config.decoder.modalities
    assert chosen_config("ma_sam") == METHODS["ma_sam"].config


LONG = "x" * 70_000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decoder": {"widht": 48}}, "unknown fields .'widht'"),
        ({"magic": 1}, "no field 'magic': choose layout, decoder, encoder or previous"),
        ({"method": "csad"}, "no field 'method'"),
        ({"decoder": 3}, "'decoder' of a config holds fields by name, not 3"),
        ({"layout": {"slice": 1}}, "does not fit this version"),
        ({"encoder": "magic"}, "no encoder 'magic'"),
        ({"previous": LONG}, "'previous' of a config is one of"),
        ({"encoder": LONG}, "no encoder"),
        ({LONG: 1}, "no field"),
        ({"layout": {LONG: 1}}, "does not fit this version"),
        ({"decoder": {LONG: 1}}, "unknown fields"),
        ({"decoder": LONG}, "by name, not"),
    ],
)
def test_a_config_with_an_unknown_field_is_refused(changes: dict, said: str) -> None:
    with pytest.raises(ModelError, match=said) as told:
        chosen_config("cmaa", changes=changes)
    assert len(str(told.value)) < 600


def test_combinations_that_make_no_sense_are_refused_with_the_reason() -> None:
    with pytest.raises(ModelError, match="'csad' reads the images themselves and has no place for an encoder"):
        check_encoder(replace(METHODS["csad"].config, encoder="lite_medsam"))
    for name in ("cmaa", "ma_sam", "3dmedsam"):
        with pytest.raises(ModelError, match=f"'{name}' adapts an encoder: choose one of lite_medsam"):
            check_encoder(replace(METHODS[name].config, encoder=None))
    with pytest.raises(ModelError, match="cannot be adapted from stage 0"):
        build(replace(METHODS["cmaa"].config, decoder=replace(METHODS["cmaa"].config.decoder, first_adapted_block=0)))


def test_a_changed_config_comes_back_with_tuples_from_lists() -> None:
    changed = chosen_config("gliomasam", changes={"decoder": {"fine_blocks": 2, "skip_widths": [16, 32]}})
    assert changed.decoder.skip_widths == (16, 32) and changed.decoder.fine_blocks == 2
    assert config_from_json(changed.to_json()) == changed


def changed(content: Any, path: tuple[str, ...], value: Any) -> Any:
    """The same JSON values with another in one place."""
    if not path:
        return value
    return {**content, path[0]: changed(content.get(path[0], {}), path[1:], value)}


VALUES = [10**6, 10**400, -1, float("inf"), float("nan"), [8] * 1000, [10**9], "x" * 10**6, {}]


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_no_number_of_a_config_takes_the_memory(method: str, value: object) -> None:
    content = METHODS[method].config.to_json()
    places = [("decoder", name) for name in content["decoder"]] + [("layout", name) for name in content["layout"]]
    for place in places:
        with pytest.raises(ModelError) as told:
            config_from_json(changed(content, place, value))
        assert len(str(told.value)) < 400, place
    with pytest.raises(ModelError):
        config_from_json({**content, "encoder": []})


def test_the_limit_stands_in_the_message() -> None:
    content = changed(METHODS["segresnet"].config.to_json(), ("decoder", "filters"), 10**6)
    with pytest.raises(ModelError, match="'filters' of a config is 1000000: it has to lie between 0 and 192"):
        config_from_json(content)


@pytest.mark.parametrize("method", list(METHODS))
def test_sizes_that_are_a_few_times_the_default_are_allowed(method: str) -> None:
    content = METHODS[method].config.to_json()
    for name, value in content["decoder"].items():
        if type(value) is int:
            config_from_json(changed(content, ("decoder", name), 2 * value))
