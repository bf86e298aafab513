"""The shipped model on the small synthetic study, of which less is brain."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from user.small_session import study_of, within

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.models import Model, load_model
from GliomaSAMLib.session import Session
from GliomaSAMLib.study import Study


@pytest.fixture(scope="session")
def small_arrays(small_arrays: dict[str, np.ndarray], small_grid: Geometry) -> dict[str, np.ndarray]:
    """Half as much brain as elsewhere, still long enough for what is far from a click."""
    return within(small_arrays, small_grid, (26.0, 40.0, 18.0))


@pytest.fixture(scope="session")
def small_study(small_arrays: dict[str, np.ndarray], small_grid: Geometry) -> Study:
    return study_of(small_arrays, small_grid)


@pytest.fixture(scope="session")
def model() -> Model:
    """The shipped model on the CPU."""
    return load_model("gliomasam", device="cpu")


@pytest.fixture(scope="session")
def embedding_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for embeddings that the tests of this room share, so that the small study is embedded once."""
    return tmp_path_factory.mktemp("embeddings")


@pytest.fixture
def new_session(small_study: Study, model: Model, embedding_folder: Path) -> Callable[[], Session]:
    """A function that makes a fresh session on the small study."""
    return lambda: Session(small_study, model, cache=embedding_folder)
