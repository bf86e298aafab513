"""What a session asks a predictor for, what it gets, and whom it tells: plain data, no torch."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..geometry import Geometry
from ..progress import Cancel, Progress
from ..prompts import Prompt
from .masks import Boxes, PackedMasks

RULES = 3
"""Raised whenever the same prompts and weights give other masks, as by other numbers of the answer: what was saved
before is then known as made by other rules.
"""


@dataclass(frozen=True)
class Request:
    """The prompts to be answered, in their order; none for the automatic proposal."""

    prompts: tuple[Prompt, ...]

    def leads_to(self, other: "Request") -> bool:
        """Whether the answer to `other` rests on the answer to this one, as prompts are answered one by one."""
        return other.prompts[: len(self.prompts)] == self.prompts


@dataclass(frozen=True)
class Prediction:
    """The answer to a request.

    Args:
        prompts: The prompts answered.
        masks: WT, TC and ET on the study's reference grid.
        weights: SHA-256 of the weights that made it; None for a model without a weights file.
        notes: What the user should know, such as a change of device.
        study: What was outlined, so that an answer that comes late is not taken for one on another study; None where
            the predictor does not say.
    """

    prompts: tuple[Prompt, ...]
    masks: PackedMasks
    weights: str | None = None
    notes: tuple[str, ...] = ()
    study: "StudyLike | None" = None


@dataclass(frozen=True)
class Result:
    """What an update changed.

    Args:
        changed: For each region the smallest box (k0, k1, j0, j1, i0, i1) of voxels that are other than before, on
            the reference grid, ends excluded; None where nothing changed.
        seconds: Time the update took.
        notes: What the user should know, such as a change of device.
    """

    changed: Boxes
    seconds: float
    notes: tuple[str, ...] = ()


class StudyLike(Protocol):
    """What a session asks of a `Study`."""

    @property
    def reference(self) -> Geometry: ...
    @property
    def brain(self) -> np.ndarray: ...
    @property
    def brain_is_cut_out(self) -> bool: ...


class Predictor(Protocol):
    """Answers prompts on one study with one model; here by `ModelPredictor`, elsewhere perhaps by a server.

    Its methods may be called in any thread, and wait for each other. They raise `Cancelled` when `cancel` says so; what
    was computed by then is kept.
    """

    @property
    def weights(self) -> str | None:
        """SHA-256 of the model's weights file; None for a model without one."""

    def encode(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        """Compute all that needs no prompt, so that a click is answered at once."""

    def predict(self, request: Request, progress: Progress | None = None, cancel: Cancel | None = None) -> Prediction:
        """Answer prompts."""

    def probability(
        self, request: Request, region: str, progress: Progress | None = None, cancel: Cancel | None = None
    ) -> np.ndarray:
        """float32 (K, J, I) in [0, 1] on the reference grid: above 0.5 exactly in the mask of the prediction."""


class Observer(Protocol):
    """Who shows a session to a user; called in the thread that changes the prompts."""

    def before_prompt(self) -> None:
        """A prompt is about to be given or changed. What this raises refuses it."""

    def before_change(self) -> None:
        """A step is about to be made, undone or redone: the moment to `note_edits`."""

    def changed(self, boxes: Boxes) -> None:
        """Another step holds; `boxes` of the masks shown are others now, none as long as its result is not known."""
