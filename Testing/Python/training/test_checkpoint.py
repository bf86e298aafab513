"""Names of tensors in checkpoints."""

from pathlib import Path
from typing import Any

import torch

from GliomaSAMLib.files import replacing
from GliomaSAMLib.models.registry import MethodConfig
from GliomaSAMLib.training.checkpoint import CHECKPOINT, load_checkpoint, remove_leftovers, save_checkpoint


def test_checkpoints_have_the_names_of_weights_files_and_earlier_ones_are_read(
    tiny_config: MethodConfig, tmp_path: Path
) -> None:
    state: dict[str, Any] = dict.fromkeys(("optimizer", "step", "elapsed", "best"), 0)
    tensors = {"head.mask_tokens.weight": torch.ones(1)}
    state |= {"config": tiny_config.to_json(), "decoder": tensors, "average": tensors, "stale": 3}
    save_checkpoint(tmp_path, state)
    assert list(torch.load(tmp_path / CHECKPOINT, weights_only=True)["decoder"]) == ["head.regions.weight"]
    read = load_checkpoint(tmp_path, tiny_config)
    assert read is not None and read["decoder"].keys() == read["average"].keys() == tensors.keys()
    assert read["validations_without_improvement"] == 3


def test_only_what_was_half_written_is_removed(tmp_path: Path) -> None:
    with replacing(tmp_path / CHECKPOINT) as temporary:
        (tmp_path / temporary.name).write_text("half")
        (tmp_path / ".notes.part.txt").write_text("of the user")
        remove_leftovers(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [".notes.part.txt"]
        temporary.write_text("whole")
