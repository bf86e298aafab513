"""A study is encoded once for all its prompts, and the model is given what came before beside them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from GliomaSAMLib.errors import Cancelled
from GliomaSAMLib.geometry import Geometry
from GliomaSAMLib.models import Model
from GliomaSAMLib.models.device import no_progress
from GliomaSAMLib.models.prompt_maps import PROMPT_CHANNELS, PromptSet
from GliomaSAMLib.progress import Reporter
from GliomaSAMLib.prompts import box, prompt_voxels
from GliomaSAMLib.session import EmbeddingCache
from GliomaSAMLib.session.answer import weight_of, window_of
from GliomaSAMLib.session.cells import halve
from GliomaSAMLib.session.embeddings import StudyEmbeddings
from GliomaSAMLib.session.pipeline import Pipeline, StudyDecoder
from GliomaSAMLib.study import Study

CLICK = PromptSet(points=[((4.0, 5.0, 6.0), True, "WT")])


class Watched(Model):
    """Notes what it is asked for."""

    def __init__(self, model: Model, previous: str) -> None:
        config = replace(model.config, previous=previous)
        super().__init__(model.name, config, model.encoder, model.decoder, model.device)
        self.encoded = 0
        self.maps: list[np.ndarray] = []

    def encode(self, images, embeddings, progress_callback=no_progress):  # type: ignore[no-untyped-def]
        self.encoded += 1
        return super().encode(images, embeddings, progress_callback)

    def decode(self, features, maps, prompts):  # type: ignore[no-untyped-def]
        self.maps.append(maps)
        return super().decode(features, maps, prompts)


def decoder_of(model: Watched, study: Study, folder: Path) -> StudyDecoder:
    return StudyDecoder(model, StudyEmbeddings(study, model, EmbeddingCache(folder, 2**30)))


def test_a_study_is_encoded_once_and_whole(small_study: Study, model: Model, embedding_folder: Path) -> None:
    watched = Watched(model, "answer")
    decoder = decoder_of(watched, small_study, embedding_folder)
    for _ in range(3):
        decoder.prepare(Reporter())
    assert watched.encoded == 1 and len(watched.maps) == 1
    assert decoder.proposal.shape == (3, *decoder.embeddings.padded)
    assert decoder.logits(CLICK, halve(decoder.proposal)).shape == decoder.proposal.shape


def test_encoding_that_was_stopped_goes_on(small_study: Study, model: Model, embedding_folder: Path) -> None:
    watched = Watched(model, "answer")
    decoder = decoder_of(watched, small_study, embedding_folder)
    told: list[str] = []
    with pytest.raises(Cancelled):
        decoder.prepare(Reporter(lambda fraction, text: told.append(text), lambda: "encoding the study" in told))
    assert not watched.maps
    decoder.prepare(Reporter())
    assert len(watched.maps) == 1


@pytest.mark.parametrize("previous", ["answer", "proposal"])
def test_the_model_is_given_what_its_config_says(
    previous: str, small_study: Study, model: Model, embedding_folder: Path
) -> None:
    watched = Watched(model, previous)
    decoder = decoder_of(watched, small_study, embedding_folder)
    decoder.prepare(Reporter())
    before = np.random.default_rng(0).normal(0, 3, (3, *decoder.images.shape[1:])).astype(np.float32)
    decoder.logits(CLICK, before)
    first, second = watched.maps
    assert not first.any(), "without prompts nothing came before"
    assert second[0, 4, 5, 6] == 1
    expected = before if previous == "answer" else halve(decoder.proposal)
    assert np.allclose(second[PROMPT_CHANNELS:], np.tanh(expected / 2), atol=1e-6)


AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
OBLIQUE = ((0.8, -0.6, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0))
CELLS = Geometry((40, 44, 48), (2.0, 2.0, 2.0), (-40.0, -44.0, -48.0), AXES)


@pytest.mark.parametrize("spacing", [0.5, 0.9, 2.0, 3.0])
@pytest.mark.parametrize("direction", [AXES, OBLIQUE])
def test_a_box_is_measured_as_by_all_its_voxels(spacing: float, direction: tuple) -> None:
    grid = Geometry((int(48 / spacing),) * 3, (spacing,) * 3, (-20.0, -22.0, -24.0), direction)
    pipeline = Pipeline.__new__(Pipeline)
    pipeline._cells, pipeline.study = CELLS, SimpleNamespace(reference=grid)  # type: ignore[assignment]
    middle = grid.to_ras(np.full(3, 24 / spacing))
    for half in ((12.0, 9.3, 7.0), (11.25, 0.0, 6.0), (0.6 * spacing,) * 3):
        prompt = box(middle - half, middle + half)
        every, some = prompt_voxels(prompt, grid), pipeline._box_marks(prompt)
        assert len(some) < len(every) or spacing > 1 or len(every) < 100
        for reach in (40.0, 10.0):
            assert window_of(every, grid, reach) == window_of(some, grid, reach)
            (box_of_all, weight), (box_of_some, found) = (
                weight_of(pipeline._on_cells(voxels), CELLS, reach) for voxels in (every, some)
            )
            assert box_of_all == box_of_some and np.array_equal(weight, found)
