"""A model of this library as the predictor of a session. The answers to the first prompts of a list are kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import PromptError
from ..models import Model
from ..progress import Cancel, Progress, Reporter
from ..prompts import Prompt
from ..study import Study
from .answer import AnswerOptions
from .cache import EmbeddingCache, default_cache_directory
from .embeddings import StudyEmbeddings
from .field_of_view import cut_off_notes
from .masks import PackedMasks
from .pipeline import Answer, Pipeline
from .prediction import Prediction, Request

CACHE_BYTES = 4 * 2**30
KEPT_PREFIXES = 64
"""Answers to the first prompts of a list that are kept; the others are computed again when they are needed."""
PROPOSAL_SHARE = 0.8
"""Share of the progress up to the proposal, where the study has not been encoded."""

_NAMES = {"point": "clicks", "scribble": "scribbles", "box": "boxes", "mask": "drawn masks"}
_EFFECTS = {
    "point": "each is obeyed where it is, and corrects its surroundings",
    "scribble": "each is obeyed where it is, and corrects its surroundings",
    "box": "they have no effect; give clicks, or choose a model that reads boxes",
    "mask": "what was drawn is kept as it is",
}


@dataclass(frozen=True)
class _Prefix:
    """The answer to the first prompts of a list: its masks packed, its logits float16 (3, k, j, i) on cells."""

    masks: PackedMasks
    cells: np.ndarray

    @classmethod
    def of(cls, answer: Answer) -> "_Prefix":
        return cls(PackedMasks.of(answer.masks), answer.cells)

    def answer(self) -> Answer:
        return Answer({region: mask.view(bool) for region, mask in self.masks.masks().items()}, self.cells)


class ModelPredictor:
    """Answers prompts on one study with one model; see `Predictor`.

    The answer to k prompts depends on them and on the answer to the first k - 1, so a list is answered one by one from
    the longest of its beginnings that is known.

    Args:
        study: The patient's volumes; never changed.
        model: From `load_model`.
        cache: Where embeddings are kept from one run of the program to the next: "default", a folder, or None.
        answer: The numbers between the network's logits and the masks.
        carried: Masks of an earlier examination, (K, J, I) on `study.reference` by region; of one that is absent
            nothing is known. What the network makes of them takes the place of its proposal, as answer 0. See
            `reads_carried`.
        on_note: Told at once of a change of device; without it the note comes with the next prediction.

    Raises:
        PromptError: A carried mask does not fit the grid.
    """

    def __init__(
        self,
        study: Study,
        model: Model,
        cache: str | Path | None = "default",
        *,
        answer: AnswerOptions | None = None,
        carried: Mapping[str, np.ndarray] | None = None,
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        self.study = study
        self.model = model
        folder = default_cache_directory() if cache == "default" else cache
        store = EmbeddingCache(Path(folder), CACHE_BYTES) if folder is not None else None
        self._pipeline = Pipeline(study, model, StudyEmbeddings(study, model, store), answer or AnswerOptions())
        for mask in (carried or {}).values():
            if mask.shape != study.reference.shape:
                raise PromptError(
                    f"A carried mask of shape {mask.shape} does not fit the grid of {study.reference.shape} voxels "
                    "(K, J, I): bring it onto the study"
                )
        self._carried = carried if reads_carried(model) else None
        self._prefixes: OrderedDict[tuple[Prompt, ...], _Prefix] = OrderedDict()
        self._notes: list[str] = []
        self._tell = on_note or self._notes.append
        self._lock = threading.RLock()

    @property
    def weights(self) -> str | None:
        """SHA-256 of the model's weights file; None for a model without one."""
        return self.model.weights_sha256

    def encode(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        """Compute all that needs no prompt: embeddings, features, and the proposal. Raises `Cancelled`."""
        with self._lock:
            self.model.on_fallback = self._tell  # several predictors may share a model
            self._propose(Reporter(progress, cancel))

    def predict(self, request: Request, progress: Progress | None = None, cancel: Cancel | None = None) -> Prediction:
        """Answer prompts. Raises `Cancelled`; the prompts answered by then are kept."""
        with self._lock:
            prefix = self._answered(request.prompts, Reporter(progress, cancel))
            ignored = _ignored_prompt_notes(self.model.name, self.model.prompts, request.prompts)
            notes = (*self._notes, *ignored, *cut_off_notes(prefix.masks, self.study.reference))
            self._notes.clear()
            return Prediction(request.prompts, prefix.masks, self.weights, notes, self.study)

    def probability(
        self, request: Request, region: str, progress: Progress | None = None, cancel: Cancel | None = None
    ) -> np.ndarray:
        """float32 (K, J, I) in [0, 1] on the reference grid: above 0.5 exactly in the mask of the prediction."""
        with self._lock:
            prefix = self._answered(request.prompts, Reporter(progress, cancel))
            return self._pipeline.probability(prefix.answer(), region)

    def _answered(self, prompts: tuple[Prompt, ...], report: Reporter) -> _Prefix:
        self.model.on_fallback = self._tell
        if prompts not in self._prefixes:
            self._compute(prompts, report)
        self._prefixes.move_to_end(prompts)
        return self._prefixes[prompts]

    def _compute(self, prompts: tuple[Prompt, ...], report: Reporter) -> None:
        self._propose(report.part(0, PROPOSAL_SHARE))  # at once where it is known
        known = next(count for count in range(len(prompts), -1, -1) if prompts[:count] in self._prefixes)
        self._prefixes.move_to_end(prompts[:known])
        for number in range(known + 1, len(prompts) + 1):
            done = (number - 1 - known) / (len(prompts) - known)
            text = f"prompt {number} of {len(prompts)}" if len(prompts) - known > 1 else "outlining"
            report.report(PROPOSAL_SHARE + (1 - PROPOSAL_SHARE) * done, text)
            before = self._prefixes[prompts[: number - 1]].answer()
            self._keep(prompts[:number], self._pipeline.answer(prompts[:number], before))
        report.report(1.0, "outlining")

    def _propose(self, report: Reporter) -> None:
        """Keep the answer without prompts."""
        if () not in self._prefixes:
            self._keep((), self._pipeline.proposal(report, self._carried))
        report.report(1.0, "outlining")

    def _keep(self, prompts: tuple[Prompt, ...], answer: Answer) -> None:
        """Keep an answer, and of those before the proposal and the ones used last."""
        self._prefixes[prompts] = _Prefix.of(answer)
        while len(self._prefixes) > KEPT_PREFIXES:
            del self._prefixes[next(kept for kept in self._prefixes if kept)]


def reads_carried(model: Model) -> bool:
    """Whether a model is given the answer before, so that masks of an earlier examination can be. Others propose
    without them.
    """
    return model.config.previous == "answer"


def _ignored_prompt_notes(model: str, read: Sequence[str], prompts: Sequence[Prompt]) -> list[str]:
    """A sentence for each kind among `prompts` that is not one of the kinds `read` by the model of that name."""
    kinds = dict.fromkeys(prompt.kind for prompt in prompts)
    return [f"{model} does not read {_NAMES[kind]}: {_EFFECTS[kind]}" for kind in kinds if kind not in read]
