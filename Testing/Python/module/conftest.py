"""Fixtures of the tests of the scripted module: the small Slicer with the module, a patient, and quick answers."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from host.fixtures import mini_slicer, qt_host, watch
from scene_visits import SECOND, Patient, ball, onion
from user.clinician import Clinician
from user.quick import QuickWork

from GliomaSAMLib.geometry import Geometry

with contextlib.suppress(ImportError):
    # PyTorch's compiler and Mesa's software renderer each bring their own LLVM: loading the first once the second has
    # drawn crashes. It concerns machines without a graphics card, which is where these tests run.
    import triton  # noqa: F401

__all__ = ["mini_slicer", "qt_host", "watch"]

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the project."""
    return PROJECT


@pytest.fixture
def module_file(project: Path) -> Path:
    """The scripted module."""
    return project / "GliomaSAM" / "GliomaSAM.py"


@pytest.fixture
def quick() -> QuickWork:
    """What answers in the place of the model."""
    return QuickWork()


@pytest.fixture
def slicer_with_module(mini_slicer: Any, module_file: Path, quick: QuickWork) -> Iterator[Any]:
    """The window with the module loaded and quick answers, not yet entered."""
    module = mini_slicer.load(module_file)
    module.widgetRepresentation().self().logic.engineOptions = quick.options()
    yield mini_slicer
    strays = mini_slicer.strays()
    assert strays == []


@pytest.fixture
def add_volume(mrml_scene: Any) -> Callable[..., Any]:
    """A function that puts an array into the scene, with a matrix and a name."""
    import slicer

    return lambda array, matrix, name: slicer.util.addVolumeFromArray(array, matrix, name)


@pytest.fixture
def patient(mrml_scene: Any, add_volume: Callable[..., Any]) -> Patient:
    """Somebody whose visits can be put into the scene."""
    return Patient(mrml_scene, add_volume)


@pytest.fixture
def later_visit(patient: Patient) -> tuple[Any, Any]:
    """Volume and segmentation of the second of two visits in the scene."""
    second = ball(6.2, SECOND)
    patient.visit("20240301", onion(7, second))
    volume, segmentation = patient.visit("20240603", onion(9, second))
    return volume, segmentation


@pytest.fixture
def at(slicer_with_module: Any) -> Callable[[Any], Clinician]:
    """A function that opens the module with a T1c volume chosen."""

    def open_with(volume: Any) -> Clinician:
        slicer_with_module.show(volume)
        user = Clinician(slicer_with_module)
        user.enter()
        user.wait()
        user.ui.t1cSelector.setCurrentNode(volume)
        user.wait()
        return user

    return open_with


@pytest.fixture
def add_patient(mrml_scene: Any, small_arrays: dict[str, np.ndarray], small_grid: Geometry) -> Callable[..., Any]:
    """A function that puts the volumes of the small study into the scene, as they are named in hospitals."""
    import slicer

    names = {"t1": "Patient t1", "t1c": "Patient t1c", "t2": "Patient t2", "flair": "Patient flair"}

    def add(*modalities: str) -> dict[str, Any]:
        return {
            modality: slicer.util.addVolumeFromArray(
                small_arrays[modality].copy(), small_grid.ijk_to_ras, names[modality]
            )
            for modality in modalities or names
        }

    return add


@pytest.fixture
def user(slicer_with_module: Any, add_patient: Callable[..., dict[str, Any]]) -> Clinician:
    """Somebody with a patient's four volumes who has opened the module."""
    volumes = add_patient()
    slicer_with_module.show(volumes["t1c"])
    clinician = Clinician(slicer_with_module)
    clinician.enter()
    clinician.wait()
    return clinician
