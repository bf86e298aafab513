"""A visit without a segmentation is outlined by the model, which starts from the outlines of an earlier visit.

What was outlined before is a prior, not a promise: the network is given it together with its own proposal as the answer
before (the mean of both, what was outlined as logits of 4 and -4), and what it makes of that counts everywhere, so that
nothing of it has to stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..geometry import Geometry
from ..progress import Cancel, Progress
from ..regions import REGIONS
from ..study import Study
from .lesions import VisitMasks
from .registration import carried

if TYPE_CHECKING:
    from ..models import Model
    from ..session import Session

BY_MODEL = "model"
"""The source of outlines that the model made from the volumes alone."""


@dataclass(frozen=True, eq=False)
class Earlier:
    """The outlines of another visit.

    Args:
        masks: On their own grid.
        to_first: 4 x 4, of that visit.
        name: Of that visit, such as "V1".
    """

    masks: VisitMasks
    to_first: np.ndarray
    name: str


@dataclass(frozen=True, eq=False)
class Outlined:
    """What the model found.

    Args:
        masks: On the reference grid of the volumes.
        source: "model", or "model with the mask of V1".
        notes: What the user should know.
    """

    masks: VisitMasks
    source: str
    notes: tuple[str, ...] = ()


def outline(
    study: Study,
    model: "Model",
    earlier: Earlier | None = None,
    to_first: np.ndarray | None = None,
    cache: str | Path | None = "default",
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Outlined:
    """Outline a visit.

    Args:
        study: Its volumes.
        model: From `load_model`.
        earlier: The visit whose outlines are carried over; None: the volumes alone count.
        to_first: 4 x 4, of the visit to be outlined, as `Alignment.to_first`; default the identity.
        cache: As for `Session`.
        progress, cancel: As for `Session.update`.

    Raises:
        StudyError: A volume cannot be used.
        Cancelled: The user stopped.
    """
    from ..session import Session
    from ..session.predictor import ModelPredictor, reads_carried

    before: Mapping[str, np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    source = BY_MODEL
    if earlier is not None and not reads_carried(model):
        notes = (f"{model.name} cannot start from earlier outlines: outlined from the volumes alone",)
    elif earlier is not None:
        here = np.eye(4) if to_first is None else to_first
        before = carried(earlier.masks, study.reference, earlier.to_first, here)
        source = f"{BY_MODEL} with the mask of {earlier.name}"
    predictor = ModelPredictor(study, model, cache, carried=before)
    session = Session(study, predictor=predictor)
    done = session.update(progress, cancel)
    return Outlined(_visit_masks(study.reference, session), source, (*notes, *done.notes))


def _visit_masks(geometry: Geometry, session: "Session") -> VisitMasks:
    wt, tc, et = (session.mask(region) for region in REGIONS)
    return VisitMasks(geometry, wt, tc, et)
