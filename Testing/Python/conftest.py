"""Fixtures shared by all tests: the real cases, a small synthetic study, and the scene of Slicer's core."""

import json
import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.study import MODALITIES, Study

TESTING = Path(__file__).resolve().parents[1]
for folder in (TESTING, TESTING / "Python"):  # for `host`, the small Slicer, and for `support`
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

DATA_VARIABLE = "GLIOMASAM_DATA"
PROCESS_VARIABLE = "GLIOMASAM_TESTS"
"""Which tests a process runs, a key of PROCESS_FOLDERS or "plain" for those that need no Qt; all when it is not set."""

PROCESS_FOLDERS = {"qt": ("host", "module"), "host": ("host",), "module": ("module",)}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what another process runs, unless it was named on the command line."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return True if whole and belongs_to_another_process(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was named on the command line and another process runs."""
    others = [item for item in items if belongs_to_another_process(item.path)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def belongs_to_another_process(path: Path) -> bool:
    process = os.environ.get(PROCESS_VARIABLE)
    if process is None or not path.is_file():
        return False
    folder = path.relative_to(TESTING / "Python").parts[0]
    if process == "plain":
        return folder in PROCESS_FOLDERS["qt"]
    return folder not in PROCESS_FOLDERS[process]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real cases. Skips the test where it is absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get(DATA_VARIABLE, beside))
    if not (folder / "glioma").is_dir():
        pytest.skip(
            f"the real cases are not in {folder}; name their folder in the environment variable {DATA_VARIABLE}"
        )
    return folder


@pytest.fixture(scope="session")
def glioma_case(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from the name of a case to its folder with t1.nii, t1c.nii, t2.nii, flair.nii, seg.nii."""
    cases = tmp_path_factory.mktemp("glioma")

    def unpack(name: str) -> Path:
        archive = shared_data / "glioma" / f"{name}.tar.xz"
        if not archive.is_file():
            pytest.skip(f"the case {archive} is absent")
        if not (cases / name).is_dir():
            with tarfile.open(archive) as packed:
                safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
                packed.extractall(cases, **safely)
        return cases / name

    return unpack


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Path]:
    """A function that writes a small labelled case into a folder, its files named after it; ET is 4. The seed decides
    where the tumour lies.
    """
    from support import phantom_case

    def make(folder: Path, seed: int, et_label: int = 4) -> Path:
        tumour = np.random.default_rng(seed).uniform(16, 28, 3)
        return phantom_case(folder, tumour=tumour, seed=seed, et_label=et_label, prefix=f"{folder.name}_")

    return make


@pytest.fixture(scope="session")
def cases_folder(tmp_path_factory: pytest.TempPathFactory, make_case: Callable[..., Path]) -> Path:
    """Three cases, not to be changed, and a split.json that keeps the last for validation."""
    folder = tmp_path_factory.mktemp("cases")
    for seed, name in enumerate(("first", "second", "third")):
        make_case(folder / name, seed, et_label=3 + seed % 2)
    (folder / "split.json").write_text(json.dumps({"train": ["first", "second"], "val": ["third"]}))
    return folder


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of a plain network that is not trained: what a command does holds for any model."""
    from support import untrained_weights

    return untrained_weights(tmp_path_factory.mktemp("weights") / "untrained.safetensors")


@pytest.fixture
def mrml_scene() -> Iterator[Any]:
    """Slicer's real scene, holding what the application always holds; `slicer.app`, `slicer.modules` are there."""
    from host.core import clear_scene, start_core

    start_core()
    import slicer

    clear_scene()
    yield slicer.mrmlScene
    clear_scene()


SMALL_GRID = Geometry(
    (40, 48, 40), (2.0, 2.0, 2.0), (39.0, 47.0, -39.0), ((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
)
SMALL_LESION_CENTRE = (12.0, 6.0, 4.0)  # RAS mm; the radius is 10 mm


@pytest.fixture
def put_under_warp(mrml_scene: Any) -> Callable[[Any], Any]:
    """A function that puts a node under a new thin-plate spline."""
    import vtk

    def put(node: Any) -> Any:
        spline = vtk.vtkThinPlateSplineTransform()
        for landmarks, shift in ((vtk.vtkPoints(), 0.0), (vtk.vtkPoints(), 3.0)):
            for index in range(5):
                landmarks.InsertNextPoint(index * 10.0, index % 2 * 20.0 + shift * index, index % 3 * 15.0)
            (spline.SetTargetLandmarks if shift else spline.SetSourceLandmarks)(landmarks)
        transform_node = mrml_scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
        transform_node.SetAndObserveTransformToParent(spline)
        node.SetAndObserveTransformNodeID(transform_node.GetID())
        return transform_node

    return put


@pytest.fixture(scope="session")
def small_grid() -> Geometry:
    """The grid of the small study: 40 x 48 x 40 voxels of 2 mm, LPS, RAS (0, 0, 0) in the middle."""
    return SMALL_GRID


@pytest.fixture(scope="session")
def small_arrays() -> dict[str, np.ndarray]:
    """The arrays (K, J, I) of the small study, by modality, and the masks `brain` and `lesion`; do not change them."""
    k, j, i = np.indices(SMALL_GRID.shape)
    ras = SMALL_GRID.to_ras(np.stack([i, j, k], axis=-1))
    brain = ((ras / (32.0, 40.0, 30.0)) ** 2).sum(-1) < 1
    lesion = ((ras - SMALL_LESION_CENTRE) ** 2).sum(-1) < 10.0**2
    white = ((ras / (24.0, 30.0, 22.0)) ** 2).sum(-1) < 1
    noise = np.random.default_rng(0).normal(0, 12, (4, *SMALL_GRID.shape))
    levels = {"t1": (300, 420, 200), "t1c": (300, 420, 700), "t2": (400, 300, 700), "flair": (350, 300, 700)}
    arrays: dict[str, np.ndarray] = {"brain": brain, "lesion": lesion}
    for index, modality in enumerate(MODALITIES):
        grey, inner, bright = levels[modality]
        values = np.where(lesion, bright, np.where(white, inner, grey)) + noise[index]
        arrays[modality] = np.where(brain, np.maximum(values, 1), 0).astype(np.int16)
    return arrays


@pytest.fixture(scope="session")
def small_study(small_arrays: dict[str, np.ndarray]) -> Study:
    """Four modalities of 40 x 48 x 40 voxels of 2 mm: an ellipsoid brain, a lesion bright in t1c, t2 and flair."""
    return Study.read(**{modality: SMALL_GRID.to_image(small_arrays[modality]) for modality in MODALITIES})
