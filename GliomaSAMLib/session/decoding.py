"""A study as the model encodes it, once, and its logits for any prompts."""

from itertools import count

import numpy as np

from ..models import Model
from ..models.model import Features
from ..models.prompt_maps import PromptSet, prompt_maps
from ..progress import Reporter
from .answer import CELL_MM
from .embeddings import StudyEmbeddings

STEM_SHARE = 0.35
"""Share of the time to the first mask that the stem of an adapted encoder takes."""
PACE = 0.98
"""Share of the progress left by each callback of an encoding network, whose number is not known before."""


class StudyDecoder:
    """Encodes one study with one model and decodes it for prompts.

    The whole brain is always encoded and decoded: the answer does not depend on where a prompt lies.

    Args:
        model: The model.
        embeddings: The study's slice embeddings, computed as needed.
    """

    def __init__(self, model: Model, embeddings: StudyEmbeddings) -> None:
        self.model = model
        self.embeddings = embeddings
        self.images = halve(np.stack(list(embeddings.images.values())))
        """float32 (M, k, j, i) in [0, 1], the modalities present, on cells of 2 mm."""
        self._features: Features | None = None
        self._proposal: np.ndarray | None = None

    def prepare(self, report: Reporter) -> None:
        """Compute all that needs no prompt: embeddings, features, and the logits without prompts. Raises `Cancelled`;
        the embeddings done by then are kept.
        """
        if self._proposal is not None:
            return
        share = STEM_SHARE if self.model.adapts else 0.9
        if self._features is None:
            self.embeddings.ensure(report.part(0, share))
            encoding = report.part(share, 0.92)
            calls = count(1)
            self._features = self.model.encode(
                self.embeddings.images,
                self.embeddings.array,
                lambda: encoding.report(1 - PACE ** next(calls), "encoding the study"),
            )
        report.report(0.92, "outlining")
        self._proposal = self._decode(PromptSet(), None)
        report.report(1.0, "outlining")

    @property
    def proposal(self) -> np.ndarray:
        """Logits float32 (3, K, J, I) without prompts, voxels of 1 mm of the padded volume; after `prepare`."""
        assert self._proposal is not None
        return self._proposal

    def logits(self, prompts: PromptSet, before: np.ndarray) -> np.ndarray:
        """Logits float32 (3, K, J, I) for prompts; after `prepare`.

        Args:
            prompts: All prompts, in cells of 2 mm.
            before: Logits (3, k, j, i) of the answer to all prompts but the last, in cells; for methods that are given
                the answer before.
        """
        given = before if self.model.config.previous == "answer" else halve(self.proposal)
        return self._decode(prompts, given)

    def _decode(self, prompts: PromptSet, previous: np.ndarray | None) -> np.ndarray:
        assert self._features is not None
        maps = prompt_maps(prompts, self.images.shape[1:], CELL_MM, previous)
        return self.model.decode(self._features, maps, prompts)


def halve(volume: np.ndarray) -> np.ndarray:
    """Mean of blocks of 2 x 2 x 2: (C, 2k, 2j, 2i) -> float32 (C, k, j, i)."""
    c, k, j, i = volume.shape
    return volume.reshape(c, k // 2, 2, j // 2, 2, i // 2, 2).mean(axis=(2, 4, 6), dtype=np.float32)
