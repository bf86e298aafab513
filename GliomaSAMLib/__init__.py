"""GliomaSAM: one click on a patient's MR volumes, and a glioma in 3D.

`from GliomaSAMLib import Study, Session, load_model` is all that most programs need. Names are loaded when they are
first used, so that importing the package imports neither torch nor any model.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import Cancelled, CaseError, GliomaSAMError, ModelError, OutputError, PromptError, StudyError, WeightsError

if TYPE_CHECKING:
    from .models import load_model
    from .session import Session
    from .study import Study

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "CaseError",
    "GliomaSAMError",
    "ModelError",
    "OutputError",
    "PromptError",
    "Session",
    "Study",
    "StudyError",
    "WeightsError",
    "__version__",
    "load_model",
]

_ROOMS = {"Study": ".study", "Session": ".session", "load_model": ".models"}


def __getattr__(name: str) -> Any:
    """Load a public name of a room when it is first asked for."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ROOMS[name], __name__), name)
    globals()[name] = value
    return value
