"""Small labelled cases: heads with a glioma, in BraTS-style folders. Fixtures, imported by the conftest of a room."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

SHAPE = (44, 44, 44)
LEVELS = {
    "t1": (300, 150, 250, 260),
    "t1c": (300, 150, 250, 800),
    "t2": (300, 700, 600, 650),
    "flair": (300, 800, 700, 750),
}
"""Grey values of the brain, oedema, necrosis and rim in each modality."""


def write_case(folder: Path, seed: int, et_label: int = 4) -> Path:
    """A head of air, brain and a glioma with oedema, necrosis and rim; t1, t1c, t2, flair and seg as .nii.gz."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    place = np.stack(np.indices(SHAPE), axis=-1) - np.asarray(SHAPE) / 2
    brain = (place**2).sum(-1) < 19**2
    distance = np.sqrt(((place - rng.uniform(-6, 6, 3)) ** 2).sum(-1))
    labels = np.select([distance < 3, distance < 5.5, distance < 9], [1, et_label, 2], 0)
    labels = np.where(brain, labels, 0).astype(np.uint8)
    for name, (tissue, oedema, necrosis, rim) in LEVELS.items():
        grey = np.select([labels == 2, labels == 1, labels == et_label], [oedema, necrosis, rim], tissue)
        noisy = np.where(brain, np.maximum(grey + rng.normal(0, 20, SHAPE), 1), 0).astype(np.int16)
        sitk.WriteImage(sitk.GetImageFromArray(noisy), folder / f"{folder.name}_{name}.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(labels), folder / f"{folder.name}_seg.nii.gz")
    return folder


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Path]:
    return write_case


@pytest.fixture(scope="session")
def cases_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cases, not to be changed, and a split.json that keeps the last for validation."""
    folder = tmp_path_factory.mktemp("cases")
    for seed, name in enumerate(("first", "second", "third")):
        write_case(folder / name, seed, et_label=3 + seed % 2)
    (folder / "split.json").write_text(json.dumps({"train": ["first", "second"], "val": ["third"]}))
    return folder
