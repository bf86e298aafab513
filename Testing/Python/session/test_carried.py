"""Outlines of an earlier examination are a start, not a promise."""

from pathlib import Path

import numpy as np
import pytest

from GliomaSAMLib.errors import PromptError
from GliomaSAMLib.models import Model
from GliomaSAMLib.regions import REGIONS, dice
from GliomaSAMLib.session import Session
from GliomaSAMLib.session.pipeline import StudyDecoder
from GliomaSAMLib.session.predictor import ModelPredictor, reads_carried
from GliomaSAMLib.study import Study

ELSEWHERE = (-14.0, -8.0, 2.0)
"""RAS mm, in healthy tissue, where a tumour was once."""


def ball(study: Study, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    k, j, i = np.indices(study.reference.shape)
    ras = study.reference.to_ras(np.stack([i, j, k], axis=-1))
    return (((ras - centre) ** 2).sum(-1) < radius**2).astype(np.uint8)


def carrying(study: Study, model: Model, folder: Path, masks: dict[str, np.ndarray] | None) -> Session:
    return Session(study, predictor=ModelPredictor(study, model, folder, carried=masks))


def test_nothing_of_what_is_carried_has_to_stay_and_prompts_go_on(
    small_study: Study, small_arrays: dict[str, np.ndarray], model: Model, embedding_folder: Path
) -> None:
    gone = ball(small_study, ELSEWHERE, 8.0)
    alone = carrying(small_study, model, embedding_folder, None)
    session = carrying(small_study, model, embedding_folder, dict.fromkeys(REGIONS, gone))
    alone.update()
    session.update()
    own, stayed = (np.count_nonzero(one.mask("WT") & gone) for one in (alone, session))
    assert stayed <= own + 0.05 * np.count_nonzero(gone), "the small study has no texture: the model itself finds some"
    assert not np.array_equal(session.mask("WT"), alone.mask("WT")), "the masks were not given to the network"
    lesion = small_arrays["lesion"]
    assert dice(session.mask("WT"), lesion) >= dice(alone.mask("WT"), lesion) - 0.05
    session.add_point((12.0, 6.0, 4.0))
    session.update()
    k, j, i = np.rint(small_study.reference.to_ijk(np.array((12.0, 6.0, 4.0)))[::-1]).astype(int)
    assert session.mask("WT")[k, j, i]


def test_of_a_region_that_is_not_carried_the_proposal_counts(
    small_study: Study, small_arrays: dict[str, np.ndarray], model: Model, embedding_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It lies within what is known of the regions around it, and around what is known of those within it."""
    given: list[np.ndarray] = []
    decode = StudyDecoder.logits
    monkeypatch.setattr(
        StudyDecoder, "logits", lambda self, prompts, before: given.append(before) or decode(self, prompts, before)
    )

    def before(masks: dict[str, np.ndarray]) -> np.ndarray:
        given.clear()
        session = carrying(small_study, model, embedding_folder, masks)
        session.update()
        assert given[0].dtype == np.float32
        return given[0]

    lesion = small_arrays["lesion"]
    told = before(dict.fromkeys(REGIONS, lesion))
    whole, core = before({"WT": lesion}), before({"TC": lesion})
    assert np.array_equal(whole[0], told[0]) and np.array_equal(core[1], told[1])
    assert not np.array_equal(whole[1], told[1])
    assert (whole[1:] <= whole[:1]).all() and (core[:1] >= core[1:2]).all() and (core[2] <= core[1]).all()
    nothing = before({**dict.fromkeys(REGIONS, 0 * lesion), "WT": lesion})
    assert whole[2].max() > nothing[2].max() + 1, "an empty mask says that nothing enhances"


def test_masks_of_another_grid_are_refused(small_study: Study, model: Model) -> None:
    with pytest.raises(PromptError, match=r"carried mask of shape \(2, 2, 2\) does not fit the grid"):
        ModelPredictor(small_study, model, None, carried=dict.fromkeys(REGIONS, np.zeros((2, 2, 2), np.uint8)))


def test_a_model_that_is_not_given_the_answer_before_cannot(model: Model, untrained: Path) -> None:
    from GliomaSAMLib.models import load_model

    assert reads_carried(model)
    assert not reads_carried(load_model(str(untrained), device="cpu"))
