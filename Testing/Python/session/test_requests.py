"""A session without torch: what it asks a predictor for, and what it does with what comes back."""

import subprocess
import sys
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.prompts import point
from GliomaSAMLib.regions import REGIONS
from GliomaSAMLib.session import Prediction, Request, Session
from GliomaSAMLib.session.masks import PackedMasks

GRID = Geometry((8, 8, 8), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
STUDY = SimpleNamespace(reference=GRID, brain=np.ones(GRID.shape, bool), brain_is_cut_out=False)


@dataclass
class Planes:
    """Answers n prompts with the first n planes along K, all regions alike; without prompts with all of them."""

    weights: str | None = "planes"
    asked: list[int] = field(default_factory=list)

    def encode(self, progress: Any = None, cancel: Any = None) -> None: ...

    def predict(self, request: Request, progress: Any = None, cancel: Any = None) -> Prediction:
        self.asked.append(len(request.prompts))
        mask = np.zeros(GRID.shape, np.uint8)
        mask[: len(request.prompts) or None] = 1
        return Prediction(request.prompts, PackedMasks.of(dict.fromkeys(REGIONS, mask)), self.weights)

    def probability(self, request: Request, region: str, progress: Any = None, cancel: Any = None) -> np.ndarray:
        return self.predict(request).masks.mask(region).astype(np.float32)


@pytest.fixture
def planes() -> Planes:
    return Planes()


@pytest.fixture
def session(planes: Planes) -> Session:
    return Session(STUDY, predictor=planes)


def height(session: Session) -> int:
    return int(session.mask("WT")[:, 0, 0].sum())


def test_a_session_imports_no_torch() -> None:
    code = "import sys; from GliomaSAMLib import Session; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_prompts_before_the_study_are_checked_once_it_is_read(planes: Planes) -> None:
    session = Session()
    kept, outside = session.add_point((4, 4, 4)), session.add_point((900, 0, 0))
    assert session.request() is not None and session.masks is None
    with pytest.raises(PromptError, match="No volume"):
        session.update()
    refused = session.open(STUDY, planes)
    assert set(refused) == {outside.id} and session.prompts == (kept,)
    assert not session.adopt(PackedMasks.empty(GRID.shape), {})
    request = session.request()
    assert request is not None and request.prompts == (kept,)
    assert session.apply(planes.predict(request)) == dict.fromkeys(REGIONS, (0, 1, 0, 8, 0, 8))
    assert height(session) == 1 and session.request() is None


def test_an_answer_that_was_overtaken_is_kept_and_not_shown(session: Session, planes: Planes) -> None:
    session.add_point((4, 4, 4))
    first = session.request()
    session.add_point((6, 4, 4))
    assert first is not None
    assert session.apply(planes.predict(first)) == dict.fromkeys(REGIONS) and height(session) == 0
    second = session.request()
    assert second is not None and first.leads_to(second) and not second.leads_to(first)
    session.apply(planes.predict(second))
    assert height(session) == 2
    session.undo()
    assert height(session) == 1 and session.request() is None and planes.asked == [1, 2]


@pytest.mark.parametrize("size", [8, 12])
def test_an_answer_on_a_study_of_before_is_not_shown_on_another(size: int, session: Session, planes: Planes) -> None:
    grid = Geometry((size,) * 3, GRID.spacing, GRID.origin, GRID.direction)
    session.add_point((4, 4, 4))
    request = session.request()
    assert request is not None
    late = replace(planes.predict(request), study=STUDY)
    session.open(SimpleNamespace(reference=grid, brain=np.ones(grid.shape, bool), brain_is_cut_out=False), planes)
    assert session.apply(late) == dict.fromkeys(REGIONS) and session.is_due
    session.adopt(PackedMasks.empty(grid.shape), {})
    assert session.masks is not None and session.masks.shape == grid.shape and height(session) == 0
    assert session.request() is not None
    session.open(STUDY, planes)
    session.adopt(PackedMasks.empty(GRID.shape), {})
    session.apply(late)
    assert height(session) == 1 and not session.is_due


def test_a_prompt_from_another_thread_is_kept_by_every_step(session: Session) -> None:
    class Late:
        """Gives a prompt in the moment before an undo."""

        def before_prompt(self) -> None: ...
        def changed(self, boxes: Any) -> None: ...

        def before_change(self) -> None:
            if not late:
                late.append(point((6, 6, 6)))
                session._history = session.history.add(late[0])

    late: list[Any] = []
    session.add_point((4, 4, 4))
    session._observer = Late()
    session.undo()
    assert late[0] in session.history.future[-1], "what was given is undone, and can be done again"


def test_edits_become_one_step_that_undo_takes_back(session: Session) -> None:
    session.add_point((4, 4, 4))
    session.update()
    painted = {region: session.mask(region) for region in ("WT", "TC")}
    for mask in painted.values():
        mask[5] = 1
    session.note_edits(painted)
    assert session.volumes()["WT"] == painted["WT"].sum() * GRID.voxel_ml and len(session.prompts) == 1
    assert session.take_edits() and not session.take_edits()
    assert [prompt.kind for prompt in session.prompts] == ["point", "mask", "mask"]
    assert session.undo() and height(session) == 1
    assert session.redo() and np.array_equal(session.mask("TC"), painted["TC"])


def test_another_study_forgets_results_and_keeps_prompts(session: Session, planes: Planes) -> None:
    session.add_point((4, 4, 4))
    session.update()
    other = SimpleNamespace(reference=GRID, brain=STUDY.brain, brain_is_cut_out=False)
    assert session.open(other, planes) == {} and len(session.prompts) == 1
    assert height(session) == 1  # as long as nothing is asked
    session.add_point((6, 4, 4))
    session.undo()
    assert session.request() is not None and planes.asked == [1]


def test_a_click_beside_a_brain_that_was_cut_out_is_not_said_to_be_in_air() -> None:
    brain = np.zeros(GRID.shape, bool)
    brain[:2, :2, :2] = True
    far = tuple(GRID.to_ras(np.asarray(GRID.size) - 1))
    for cut_out, reason in ((True, "outside the brain that was found"), (False, "lies in air")):
        study = SimpleNamespace(reference=GRID, brain=brain, brain_is_cut_out=cut_out)
        session = Session(study, predictor=SimpleNamespace(weights=None))
        with pytest.raises(PromptError, match=reason):
            session.add_point(far)
        session.close()
        lost = session.add_point(far)
        assert reason in session.open(study, SimpleNamespace(weights=None))[lost.id]
