"""Training: labelled cases, cached frozen features, simulated users, losses, and `fit`, which survives a kill.

The names below are loaded when they are first asked for, so that reading cases needs neither torch nor Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .augment import AugmentConfig
    from .cases import Case, Split, find_cases, read_split
    from .clicks import ClickConfig
    from .fitting import fit
    from .losses import LossConfig
    from .options import TrainOptions

__all__ = [
    "AugmentConfig",
    "Case",
    "ClickConfig",
    "LossConfig",
    "Split",
    "TrainOptions",
    "find_cases",
    "fit",
    "read_split",
]

_HOMES = {
    "AugmentConfig": "augment",
    "Case": "cases",
    "ClickConfig": "clicks",
    "LossConfig": "losses",
    "Split": "cases",
    "TrainOptions": "options",
    "find_cases": "cases",
    "fit": "fitting",
    "read_split": "cases",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
