"""Small cases and a small interactive method, so that the protocol is tested without a network."""

import json
from pathlib import Path

import numpy as np
import pytest
from support import phantom_case

from GliomaSAMLib.data.cases import OpenCase, find_cases, open_case
from GliomaSAMLib.data.placement import RobotPrompt

SHAPE = (28, 36, 32)
BRAIN_RADII = (13.5, 13.5, 13.5)


class Painter:
    """A real interactive method of the simplest kind: every click paints a ball with its sign."""

    name = "painter"
    initial_input = "nothing"
    signature = "painter 1"
    weights = folder = ""

    def __init__(self, radius: float = 4.0, obey: bool = True, undo_right: bool = True, forget: bool = False):
        self.radius, self.obey, self.undo_right, self.forget = radius, obey, undo_right, forget
        self.begun: list[tuple[str, str]] = []

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        self.begun.append((case.name, region))
        self.spacing = case.geometry.spacing[::-1]
        self.masks = [np.zeros(case.geometry.shape, np.uint8)]
        return self.masks[-1]

    def prompt(self, prompt: RobotPrompt) -> np.ndarray:
        mask = np.zeros_like(self.masks[-1]) if self.forget else self.masks[-1].copy()
        if prompt.is_box:
            (k0, j0, i0), (k1, j1, i1) = prompt.voxels
            mask[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] = 1
        elif self.obey or prompt.positive:
            mask[ball(mask.shape, prompt.voxels[0], self.radius, self.spacing)] = prompt.positive
        self.masks.append(mask)
        return mask

    def undo(self) -> np.ndarray:
        self.masks.pop()
        return self.masks[-1] if self.undo_right else 1 - self.masks[-1]


def ball(shape: tuple[int, ...], middle: tuple[int, ...], radius: float, spacing=(1.0, 1.0, 1.0)) -> np.ndarray:
    grid = np.indices(shape).reshape(3, -1).T
    distance = np.linalg.norm((grid - np.asarray(middle)) * np.asarray(spacing), axis=1)
    return (distance <= radius).reshape(shape)


@pytest.fixture(scope="session")
def cases_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases, the second without enhancing tumour, and a split that names both for validation."""
    folder = tmp_path_factory.mktemp("cases")
    core = {"necrosis": 5.0, "oedema": 8.0}
    phantom_case(folder / "first", SHAPE, (12, 16, 14), {"enhancing": 3.0, **core}, BRAIN_RADII)
    phantom_case(folder / "second", SHAPE, (16, 20, 18), core, BRAIN_RADII)
    (folder / "split.json").write_text(json.dumps({"train": [], "val": ["second", "first"]}))
    return folder


@pytest.fixture(scope="session")
def first_case(cases_folder: Path) -> OpenCase:
    return open_case(find_cases(cases_folder, ["first"])[0])


@pytest.fixture(scope="session")
def second_case(cases_folder: Path) -> OpenCase:
    return open_case(find_cases(cases_folder, ["second"])[0])


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def make_painter() -> type[Painter]:
    return Painter
