"""What is wrong with cases, splits and configs is said by `fit`, before anything is trained or written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from GliomaSAMLib.errors import CaseError, ModelError, OutputError
from GliomaSAMLib.files import alone_in
from GliomaSAMLib.models.registry import config_from_json
from GliomaSAMLib.training import TrainOptions, fit
from GliomaSAMLib.training.checkpoint import CHECKPOINT


def labels_of(case: Path) -> Path:
    return next(case.glob("*_seg.nii.gz"))


def relabel(case: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    image = sitk.ReadImage(labels_of(case))
    sitk.WriteImage(sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image))), labels_of(case))


def without_labels(folder: Path) -> None:
    labels_of(folder / "second").unlink()


def unknown_labels(folder: Path) -> None:
    relabel(folder / "second", lambda labels: np.where(labels == 2, 9, labels).astype(np.uint8))


def smaller_labels(folder: Path) -> None:
    relabel(folder / "second", lambda labels: labels[:, :-4])


def no_case(folder: Path) -> None:
    for case in folder.iterdir():
        if case.is_dir():
            shutil.rmtree(case)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_labels, "second in .* has no label map"),
        (unknown_labels, r"second_seg.nii.gz has unknown labels \[9\]: expected 0, 1"),
        (smaller_labels, r"44 x 40 x 44 voxels and another grid than the volumes \(44 x 44 x 44\): resample"),
        (no_case, "first is not in .*: correct the split or the folder"),
    ],
)
def test_cases_that_cannot_be_used(
    spoil: Callable[[Path], None],
    said: str,
    cases_folder: Path,
    tiny_options: Callable[..., TrainOptions],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "cases"
    shutil.copytree(cases_folder, folder)
    spoil(folder)
    options = tiny_options(folder=folder, split=folder / "split.json", cache=tmp_path / "cache")
    with pytest.raises(CaseError, match=said):
        fit(options)
    assert not options.weights.exists() and not (options.output / CHECKPOINT).exists()


def test_a_folder_without_a_case(tiny_options: Callable[..., TrainOptions], tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    with pytest.raises(CaseError, match="No case in"):
        fit(tiny_options(folder=tmp_path / "cases", split=None))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"train": ["first", "nobody"], "val": ["third"]}, "The case nobody is not in"),
        ({"train": ["first"], "val": ["nobody"]}, "The case nobody is not in"),
        ({"train": ["first", "third"], "val": ["third"]}, "third for training and for validation"),
    ],
)
def test_splits_that_cannot_be_used(
    split: dict[str, Any], said: str, tiny_options: Callable[..., TrainOptions], tmp_path: Path
) -> None:
    (tmp_path / "split.json").write_text(json.dumps(split))
    options = tiny_options(split=tmp_path / "split.json")
    with pytest.raises(CaseError, match=said):
        fit(options)
    assert not options.output.exists()


def test_a_config_with_an_unknown_field(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=1)
    assert options.config is not None
    content = options.config.to_json()
    assert config_from_json(content) == options.config
    content["decoder"]["colour"] = "blue"
    with pytest.raises(ModelError, match=r"config of 'tiny' does not fit this version: .*colour"):
        config_from_json(content)
    fit(options)
    path = options.output / CHECKPOINT
    torch.save({**torch.load(path), "config": content}, path)
    with pytest.raises(CaseError, match=r"cannot be used: .*colour.*Choose another folder"):
        fit(tiny_options(steps=2))


def test_two_trainings_in_one_folder(tiny_options: Callable[..., TrainOptions]) -> None:
    options = tiny_options(steps=1)
    options.output.mkdir(parents=True)
    with alone_in(options.output), pytest.raises(OutputError, match="Another gliomasam writes to"):
        fit(options)
    assert not options.weights.exists()
