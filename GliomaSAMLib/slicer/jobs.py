"""What runs in the worker's thread: reading a study, loading a model, looking for uncertain places. No MRML here.

torch and all rooms that need it are imported by the first call, so that the panel opens without them.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import ModelError, WeightsError
from ..geometry import Geometry
from ..progress import Cancel, Progress, Reporter
from ..prompts import Prompt, on_grid
from ..session import Predictor, Request
from .installing import note_broken
from .volumes import VolumeCopy

T = TypeVar("T")

PLAIN_NAME = re.compile(r"[A-Za-z0-9_+-]+")
"""What a name of the catalogue looks like, as against a path on any system."""


@dataclass(frozen=True)
class ModelChoice:
    """The model and the device that the user chose: a name of the catalogue or a path, and auto, cuda, mps or cpu.

    `saved` says that it comes from a scene: a model that is not here then gives way to the default.
    """

    model: str = "gliomasam"
    device: str = "auto"
    saved: bool = field(default=False, compare=False)

    @property
    def is_path(self) -> bool:
        """Whether the model is anything but a plain name of the catalogue, so that a file would be opened for it. Told
        from the text alone: a path such as a share on a network is not looked at.
        """
        return PLAIN_NAME.fullmatch(self.model) is None


@dataclass(frozen=True)
class Preparing:
    """What to prepare.

    Args:
        choice: Model and device.
        copies: For each modality its volume; not used when there is a study.
        register, skull: As for `Study.read`.
        study: One that was read before from the same volumes.
        masks: Masks edited by hand, to be brought onto the grid of the study.
        grid: The grid that they are on.
    """

    choice: ModelChoice
    copies: Mapping[str, VolumeCopy] = field(default_factory=dict)
    register: bool = False
    skull: str = "auto"
    study: Any = None
    masks: Sequence[Prompt] = ()
    grid: Geometry | None = None


@dataclass(frozen=True)
class Prepared:
    """A study and a predictor that answers prompts on it.

    Args:
        choice: The model and device in use.
        study, predictor: What was made.
        masks: Those of the request by their ids, on the study's grid.
    """

    choice: ModelChoice
    study: Any
    predictor: Predictor
    masks: Mapping[str, Prompt]


@dataclass(frozen=True)
class Uncertainty:
    """Uncertainty of the whole tumour, float32 (K, J, I) in [0, 1], and the place (RAS mm) where a click helps most."""

    request: Request
    values: np.ndarray
    place: tuple[float, float, float] | None


def load_model_lazily(name: str, device: str) -> Any:
    """`load_model`, imported when called."""
    from ..models import load_model
    from ..models.device import use_threads

    use_threads()
    return load_model(name, device)


def read_study_lazily(**arguments: Any) -> Any:
    """`Study.read`, imported when called."""
    from ..study import Study

    return Study.read(**arguments)


def new_predictor_lazily(study: Any, model: Any, cache: str | Path | None, on_note: Callable[[str], None]) -> Predictor:
    """`ModelPredictor`, imported when called."""
    from ..session.predictor import ModelPredictor

    return ModelPredictor(study, model, cache, on_note=on_note)


class Jobs:
    """The slow steps, as the worker calls them. Its methods are for the worker's thread only, but for `messages`.

    Args:
        load: From a model's name and a device to a model.
        read_study: Called as `Study.read`.
        new_predictor: From a study, a model, `cache` and a function that is told notes to a predictor.
        cache: Where embeddings are kept, as for `Session`.
    """

    def __init__(
        self,
        load: Callable[[str, str], Any] | None = None,
        read_study: Callable[..., Any] | None = None,
        new_predictor: Callable[[Any, Any, str | Path | None, Callable[[str], None]], Predictor] | None = None,
        cache: str | Path | None = "default",
    ) -> None:
        self._load = load or load_model_lazily
        self.read_study = read_study or read_study_lazily
        self._new_predictor = new_predictor or new_predictor_lazily
        self.cache = cache
        self._models: dict[ModelChoice, Any] = {}
        self.messages: deque[str] = deque()
        """Sentences of the models for the user, such as a change of device; taken out on the main thread."""

    def prepare(self, wanted: Preparing, progress: Progress, cancel: Cancel) -> Prepared:
        """Read the volumes, load the model and make a predictor of both.

        Raises:
            GliomaSAMError: The volumes or the model cannot be used.
            Cancelled: `cancel` returned True.
        """
        report = Reporter(progress, cancel)
        study = wanted.study
        if study is None:
            reading = report.part(0, 0.6)
            images = {modality: copy.image() for modality, copy in wanted.copies.items()}
            study = importing(
                lambda: self.read_study(
                    **images,
                    register=wanted.register,
                    skull=wanted.skull,
                    progress=reading.report,
                    cancel=cancel,
                )
            )
        report.report(0.6, f"loading the model {wanted.choice.model}")
        choice, model = self._model(wanted.choice)
        report.report(0.8, "preparing the volumes")
        predictor = importing(lambda: self._new_predictor(study, model, self.cache, self.messages.append))
        masks = [replace(prompt, grid=wanted.grid or prompt.grid) for prompt in wanted.masks]  # where it lies by now
        report.report(1.0, "preparing the volumes")
        return Prepared(choice, study, predictor, {mask.id: on_grid(mask, study.reference) for mask in masks})

    def _model(self, choice: ModelChoice) -> tuple[ModelChoice, Any]:
        """The model of a choice, or the default where a scene names one that is not here; with what it is."""
        if choice not in self._models:
            try:
                found = importing(lambda: self._load(choice.model, choice.device), (ImportError, OSError))
            except (ModelError, WeightsError) as error:
                damaged = isinstance(error, WeightsError) and Path(choice.model).is_file()
                if not choice.saved or choice.model == ModelChoice.model or damaged:
                    raise
                return self._model(replace(choice, model=ModelChoice.model))
            self._models = {choice: found}  # one at a time: memory is dear
        return choice, self._models[choice]


def find_uncertainty(predictor: Predictor, request: Request, grid: Geometry, report: Reporter) -> Uncertainty:
    """Where the whole tumour of a prediction is uncertain. Raises `Cancelled`."""
    from ..session.uncertainty import suggest_click, uncertainty

    probability = predictor.probability(request, "WT", report.part(0, 0.8).report, report.cancelled)
    report.report(0.8, "looking for uncertain places")
    place = suggest_click(probability, probability > 0.5, grid, request.prompts)
    return Uncertainty(request, uncertainty(probability), place)


def importing(work: Callable[[], T], broken: tuple[type[Exception], ...] = (ImportError,)) -> T:
    """Do work that imports packages. Raises `ModelError` that says what to do when one is absent, or does not work,
    which shows by an error of a type in `broken`.
    """
    try:
        return work()
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The Python package {error.name} is not installed: press Install in the section Model and device"
        ) from error
    except broken as error:
        note_broken(f"PyTorch or a package that needs it cannot be loaded ({error})")
        raise ModelError(
            f"An installed Python package does not work here ({error}): "
            "install PyTorch again in the section Model and device, and start the program again"
        ) from error
