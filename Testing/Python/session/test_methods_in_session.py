"""Every method in a session: it answers, keeps the promises on clicks, and says what it does not read."""

import numpy as np
import pytest
import torch
from user.small_session import study_of, within

from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.models.model import Model
from GliomaSAMLib.models.registry import METHODS, build
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session import Session
from GliomaSAMLib.study import MODALITIES, Study


def untrained(name: str) -> Model:
    torch.manual_seed(0)
    parts = build(METHODS[name].config)
    return Model(name, METHODS[name].config, parts.embedder, parts.network, torch.device("cpu"))


@pytest.fixture(scope="module")
def arrays(small_arrays: dict[str, np.ndarray], small_grid: Geometry) -> dict[str, np.ndarray]:
    """A brain of a few cells, as all methods are tried on it."""
    return within(small_arrays, small_grid, (18.0, 24.0, 14.0))


@pytest.fixture(scope="module")
def study(arrays: dict[str, np.ndarray], small_grid: Geometry) -> Study:
    return study_of(arrays, small_grid)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_answers_and_says_what_it_does_not_read(name: str, study: Study) -> None:
    session = Session(study, untrained(name), cache=None)
    assert session.update().notes == ()
    k, j, i = (side // 2 for side in study.reference.shape)
    inside = tuple(float(v) for v in study.reference.to_ras([i, j, k]))
    outside = tuple(float(v) for v in study.reference.to_ras([i + 5, j, k]))
    session.add_point(inside, positive=True, region="TC")
    session.add_point(outside, positive=False, region="WT")
    session.add_box(tuple(v - 6 for v in inside), tuple(v + 6 for v in inside), region="WT")
    notes = session.update().notes
    assert session.mask("TC")[k, j, i] == 1
    assert session.mask("WT")[k, j, i + 5] == 0
    read = METHODS[name].prompts
    assert any("does not read clicks" in note for note in notes) is ("point" not in read)
    assert any("does not read boxes" in note for note in notes) is ("box" not in read)
    assert all(note.startswith(f"{name} ") for note in notes)


@pytest.mark.parametrize("name", METHODS)
def test_the_order_in_which_volumes_are_given_changes_nothing(
    name: str, study: Study, arrays: dict[str, np.ndarray], small_grid: Geometry
) -> None:
    model = untrained(name)
    turned = study_of(arrays, small_grid, reversed(MODALITIES))
    sessions = [Session(study, model, cache=None) for study in (study, turned)]
    for session in sessions:
        session.update()
    first, second = sessions
    for region in REGIONS:
        assert np.array_equal(first.probability(region), second.probability(region))
