"""What runs in the worker's thread: reading a study, loading a model, answering prompts. No MRML here.

torch and all rooms that need it are imported by the first call, so that the panel opens without them.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from ..errors import ModelError, PromptError, WeightsError
from ..geometry import Geometry
from ..kept_masks import KeptMasks
from ..progress import Cancel, Progress, Reporter
from ..prompts import Prompt, mask
from ..regions import REGIONS
from ..study.canonical import resample
from .installing import note_broken
from .timeline import Step
from .volumes import VolumeCopy

T = TypeVar("T")


class StudyLike(Protocol):
    """What the panel asks of a `Study`."""

    reference: Geometry
    brain: np.ndarray
    notes: tuple[str, ...]


class SessionLike(Protocol):
    """What the panel asks of a `Session`."""

    @property
    def prompts(self) -> tuple[Prompt, ...]: ...
    def add(self, prompt: Prompt) -> Prompt: ...
    def remove(self, prompt: Prompt) -> None: ...
    def encode(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None: ...
    def update(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Any: ...
    def mask(self, region: str) -> np.ndarray: ...
    def probability(self, region: str) -> np.ndarray: ...


@dataclass(frozen=True)
class Choice:
    """The model and the device that the user chose: a name of the catalogue or a path, and auto, cuda, mps or cpu.

    `saved` says that it comes from a scene: a model that is not here then gives way to the default.
    """

    model: str = "gliomasam"
    device: str = "auto"
    saved: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Request:
    """What to prepare.

    Args:
        choice: Model and device.
        copies: For each modality its volume; not used when there is a study.
        register, skull: As for `Study.read`.
        study: One that was read before from the same volumes.
        masks: Masks edited by hand, to be brought onto the grid of the study.
        grid: The grid that they are on.
    """

    choice: Choice
    copies: Mapping[str, VolumeCopy] = field(default_factory=dict)
    register: bool = False
    skull: str = "auto"
    study: StudyLike | None = None
    masks: Sequence[Prompt] = ()
    grid: Geometry | None = None


@dataclass(frozen=True)
class Prepared:
    """A session that is ready for prompts.

    Args:
        choice: The model and device in it.
        study, session: What was made.
        masks: Those of the request by their ids, on the study's grid.
        weights: SHA-256 of the model's weights file; None for a model without one.
    """

    choice: Choice
    study: StudyLike
    session: SessionLike
    masks: Mapping[str, Prompt]
    weights: str | None


@dataclass(frozen=True)
class Answer:
    """The masks for a step, notes for the user, and the reasons why prompts, by their ids, could not be used."""

    step: Step
    masks: KeptMasks
    notes: tuple[str, ...]
    refused: Mapping[str, str]


@dataclass(frozen=True)
class Doubt:
    """Doubt about the whole tumour, float32 (K, J, I) in [0, 1], and the place (RAS mm) where a click helps most."""

    step: Step
    values: np.ndarray
    place: tuple[float, float, float] | None


def load_model_lazily(name: str, device: str) -> Any:
    """`load_model`, imported when called."""
    from ..models import load_model
    from ..models.device import use_threads

    use_threads()
    return load_model(name, device)


def read_study_lazily(**arguments: Any) -> StudyLike:
    """`Study.read`, imported when called."""
    from ..study import Study

    return Study.read(**arguments)


def new_session_lazily(study: Any, model: Any, cache: str | Path | None) -> SessionLike:
    """`Session`, imported when called."""
    from ..session import Session

    return Session(study, model, cache)


class Library:
    """The slow steps, as the worker calls them. Its methods are for the worker's thread only, but for `messages`.

    Args:
        load: From a model's name and a device to a model.
        read_study: Called as `Study.read`.
        new_session: From a study, a model and `cache` to a session.
        cache: Where embeddings are kept, as for `Session`.
    """

    def __init__(
        self,
        load: Callable[[str, str], Any] | None = None,
        read_study: Callable[..., StudyLike] | None = None,
        new_session: Callable[[Any, Any, str | Path | None], SessionLike] | None = None,
        cache: str | Path | None = "default",
    ) -> None:
        self._load = load or load_model_lazily
        self._read_study = read_study or read_study_lazily
        self._new_session = new_session or new_session_lazily
        self._cache = cache
        self._models: dict[Choice, Any] = {}
        self.messages: deque[str] = deque()
        """Sentences of the models for the user, such as a change of device; taken out on the main thread."""

    def prepare(self, request: Request, progress: Progress, cancel: Cancel) -> Prepared:
        """Read the volumes, load the model and make a session of both.

        Raises:
            GliomaSAMError: The volumes or the model cannot be used.
            Cancelled: `cancel` returned True.
        """
        report = Reporter(progress, cancel)
        study = request.study
        if study is None:
            reading = report.part(0, 0.6)
            images = {modality: copy.image() for modality, copy in request.copies.items()}
            study = _importing(
                lambda: self._read_study(
                    **images,
                    register=request.register,
                    skull=request.skull,
                    progress=reading.report,
                    cancel=cancel,
                )
            )
        report.report(0.6, f"loading the model {request.choice.model}")
        choice, model = self._model(request.choice)
        report.report(0.8, "preparing the volumes")
        session = self._new_session(study, model, self._cache)
        model.on_fallback = self.messages.append
        masks = {prompt.id: on_grid(prompt, request.grid, study.reference) for prompt in request.masks}
        report.report(1.0, "preparing the volumes")
        return Prepared(choice, study, session, masks, getattr(model, "weights_sha256", None))

    def _model(self, choice: Choice) -> tuple[Choice, Any]:
        """The model of a choice, or the default where a scene names one that is not here; with what it is."""
        if choice not in self._models:
            try:
                found = _importing(lambda: self._load(choice.model, choice.device), (ImportError, OSError))
            except (ModelError, WeightsError) as error:
                damaged = isinstance(error, WeightsError) and Path(choice.model).is_file()
                if not choice.saved or choice.model == Choice.model or damaged:
                    raise
                return self._model(replace(choice, model=Choice.model))
            self._models = {choice: found}  # one at a time: memory is dear
        return choice, self._models[choice]

    def answer(self, session: SessionLike, step: Step, shape: tuple[int, ...], report: Reporter) -> Answer:
        """The masks for a step. Raises `Cancelled`; the session then keeps what it has answered on the way."""
        prompts, proposed = step
        refused = give_prompts(session, prompts)
        if not session.prompts and not proposed:
            k, j, i = shape
            return Answer(step, KeptMasks.empty((k, j, i)), (), refused)
        result = session.update(progress=report.report, cancel=report.cancelled)
        masks = KeptMasks.of({region: session.mask(region) for region in REGIONS})
        return Answer(step, masks, tuple(result.notes), refused)

    def find_doubt(self, session: SessionLike, step: Step, grid: Geometry, report: Reporter) -> Doubt:
        """Where the whole tumour of a step is in doubt. Raises `Cancelled`."""
        from ..session.doubt import doubt, most_doubtful

        self.answer(session, step, grid.shape, report.part(0, 0.7))
        report.report(0.7, "looking for doubtful places")
        probability = session.probability("WT")
        report.report(0.9, "looking for doubtful places")
        place = most_doubtful(probability, session.mask("WT"), grid, step[0])
        return Doubt(step, doubt(probability), place)


def give_prompts(session: SessionLike, wanted: Sequence[Prompt]) -> dict[str, str]:
    """Make the prompts of a session those that are wanted, in their order.

    Returns:
        By their ids those that the study cannot use, with what to tell the user.
    """
    have = session.prompts
    same = 0
    while same < min(len(have), len(wanted)) and have[same] is wanted[same]:
        same += 1
    for prompt in reversed(have[same:]):
        session.remove(prompt)
    refused = {}
    for prompt in wanted[same:]:
        try:
            session.add(prompt)
        except PromptError as error:
            refused[prompt.id] = str(error)
    return refused


def on_grid(prompt: Prompt, grid: Geometry | None, target: Geometry) -> Prompt:
    """A mask edited on `grid`, under its id on `target`, by the nearest voxel; itself where both are the same."""
    assert prompt.mask is not None
    if grid is None or grid.matches(target):
        return prompt
    drawn = resample(grid.to_image(prompt.mask), target, nearest=True)
    return mask(drawn, prompt.region, prompt_id=prompt.id)


def _importing(work: Callable[[], T], broken: tuple[type[Exception], ...] = (ImportError,)) -> T:
    """Do work that imports packages. Raises `ModelError` that says what to do when one is absent, or does not work,
    which shows by an error of a type in `broken`.
    """
    try:
        return work()
    except ModuleNotFoundError as error:
        raise ModelError(
            f"the Python package {error.name} is not installed: press Install in the section Model and device"
        ) from error
    except broken as error:
        note_broken(f"PyTorch or a package that needs it cannot be loaded ({error})")
        raise ModelError(
            f"an installed Python package does not work here ({error}): "
            "install PyTorch again in the section Model and device, and start the program again"
        ) from error
