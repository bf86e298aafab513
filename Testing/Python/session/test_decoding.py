"""A slab is read once for all its prompts, and the model sees its own proposal beside them."""

from pathlib import Path

import numpy as np
import pytest

from GliomaSAMLib.models import Model
from GliomaSAMLib.prompts.maps import PROMPT_CHANNELS, PromptVoxels
from GliomaSAMLib.session import EmbeddingCache
from GliomaSAMLib.session.decoding import KEPT_SLABS, SlabDecoder, halve
from GliomaSAMLib.session.embeddings import StudyEmbeddings
from GliomaSAMLib.session.roi import Slab
from GliomaSAMLib.study import Study
from GliomaSAMLib.study.progress import Reporter


class Watched(Model):
    """Notes what it is asked for."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.name, model.config, model.encoder, model.decoder, model.device)
        self.encoded = 0
        self.maps: list[np.ndarray] = []

    def encode(self, images, embeddings, beat=lambda: None):  # type: ignore[no-untyped-def]
        self.encoded += 1
        return super().encode(images, embeddings, beat)

    def decode(self, features, maps, prompts):  # type: ignore[no-untyped-def]
        self.maps.append(maps)
        return super().decode(features, maps, prompts)


@pytest.fixture
def watched(model: Model) -> Watched:
    return Watched(model)


@pytest.fixture
def decoder(small_study: Study, watched: Watched, embedding_folder: Path) -> SlabDecoder:
    return SlabDecoder(watched, StudyEmbeddings(small_study, watched, EmbeddingCache(embedding_folder, 2**30)))


def test_a_slab_is_read_once(decoder: SlabDecoder, watched: Watched) -> None:
    whole = Slab.whole(decoder.embeddings.padded[0])
    for _ in range(3):
        read = decoder.read(whole, 8, Reporter())
    assert watched.encoded == 1 and len(watched.maps) == 1
    assert read.proposal.shape == (3, *decoder.embeddings.padded)
    assert np.array_equal(decoder.logits(read, PromptVoxels()), read.proposal) and len(watched.maps) == 1


def test_only_the_slabs_used_last_are_kept(decoder: SlabDecoder, watched: Watched) -> None:
    depth = decoder.embeddings.padded[0]
    slabs = [Slab(0, stop, depth) for stop in range(16, depth + 1, 16)][: KEPT_SLABS + 1]
    assert len(slabs) == KEPT_SLABS + 1
    for slab in (*slabs, slabs[-1], slabs[-2]):
        decoder.read(slab, 0, Reporter())
    assert watched.encoded == len(slabs)
    decoder.read(slabs[0], 0, Reporter())
    assert watched.encoded == len(slabs) + 1


def test_the_model_sees_its_proposal_beside_the_prompts(decoder: SlabDecoder, watched: Watched) -> None:
    read = decoder.read(Slab.whole(decoder.embeddings.padded[0]), 8, Reporter())
    decoder.logits(read, PromptVoxels(points=[((4.0, 5.0, 6.0), True, "WT")]))
    first, second = watched.maps
    assert not first.any()
    assert second[0, 4, 5, 6] == 1
    assert np.allclose(second[PROMPT_CHANNELS:], np.tanh(halve(read.proposal) / 2), atol=1e-6)
    assert np.sign(second[PROMPT_CHANNELS]).any()
