"""What can be measured, and a model of ours as a method to be measured."""

import hashlib
import json
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from ..data.cases import OpenCase
from ..data.placement import RobotPrompt
from ..models import Model, load_model
from ..models.device import number_format
from ..session import Session
from ..session.answer import AnswerOptions
from ..session.prediction import RULES

SHIPPED = AnswerOptions()


@runtime_checkable
class SegmentationMethod(Protocol):
    """Gives one mask of one region, from nothing or from prompts that it draws from the truth itself.

    Attributes:
        name: As it stands in tables.
        initial_input: What a person has to give for the first mask, in words: "nothing", "a box on every slice".
        signature: Changes whenever results may change (settings, weights), so that old results are not taken for new.
        weights: SHA-256 of the weights file, which tells methods of one name apart; "" without one.
        folder: Where it lies, as for `Model`.
    """

    @property
    def name(self) -> str: ...

    @property
    def initial_input(self) -> str: ...

    @property
    def signature(self) -> str: ...

    @property
    def weights(self) -> str: ...

    @property
    def folder(self) -> str: ...

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """Start anew on one region of a case and return the first mask: uint8 (K, J, I) on `case.geometry`."""
        ...


@runtime_checkable
class InteractiveMethod(SegmentationMethod, Protocol):
    """A method whose mask can be corrected by further prompts."""

    def prompt(self, prompt: RobotPrompt) -> np.ndarray:
        """Add a prompt on the region that was begun, and return the new mask."""
        ...

    def undo(self) -> np.ndarray:
        """Take the last prompt back and return the mask without it."""
        ...


class SessionMethod:
    """A model of ours, used through a `Session` as the panel uses it.

    The embeddings of a case are computed once and serve all its regions; prompts are forgotten between regions.

    Args:
        model: A name of the catalogue, the path of a weights file, or a model that was loaded.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps"; for a model to be loaded.
        cache: Where embeddings are kept on disk, as for `Session`.
        encoder_weights: As for `load_model`.
        answer: The numbers of the answer, as for `Session`.
        name: As it stands in tables; the model's when not given.
    """

    initial_input = "nothing"

    def __init__(
        self,
        model: str | Path | Model,
        device: str = "auto",
        cache: str | Path | None = "default",
        encoder_weights: Path | None = None,
        answer: AnswerOptions = SHIPPED,
        name: str | None = None,
    ) -> None:
        if not isinstance(model, Model):
            model = load_model(model, device=device, encoder_weights=encoder_weights)
        self._model = model
        self._cache = cache
        self._answer = answer
        self.name = name or self._model.name
        self.weights = self._model.weights_sha256 or ""
        self.folder = self._model.folder
        self._settings = f"{_sha256_of(self._model)} {answer} rules {RULES}"
        self._case: OpenCase | None = None

    @property
    def signature(self) -> str:
        """Of weights, answer, rules, and the number format of the device that the model is on now."""
        return f"{self._settings} {number_format(self._model.device)}"

    def begin(self, case: OpenCase, region: str) -> np.ndarray:
        """The automatic proposal of a region."""
        if self._case is not case:
            self._case = case
            self._session = Session(case.study, self._model, cache=self._cache, answer=self._answer)
        else:
            self._session.reset()
        self._region = region
        return self._updated()

    def prompt(self, prompt: RobotPrompt) -> np.ndarray:
        """Add a click or a box."""
        if prompt.is_box:
            corner, opposite = prompt.points
            self._session.add_box(corner, opposite, region=self._region)
        else:
            self._session.add_point(prompt.points[0], positive=prompt.positive, region=self._region)
        return self._updated()

    def undo(self) -> np.ndarray:
        """Take the last click or box back."""
        self._session.undo()
        return self._updated()

    def _updated(self) -> np.ndarray:
        self._session.update()
        return np.array(self._session.mask(self._region), np.uint8)


def _sha256_of(model: Model) -> str:
    """SHA-256 over the config, the base model and all trained weights."""
    digest = hashlib.sha256(json.dumps([model.config.to_json(), model.embedding_key], sort_keys=True).encode())
    for name, tensor in sorted(model.decoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.float().cpu().numpy()).data)
    return digest.hexdigest()
