"""Training: cached frozen features, simulated users, losses, and `fit`, which survives a kill.

The names below are loaded when they are first asked for, so that importing the package needs neither torch nor
Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..working_folder import import_elsewhere

if TYPE_CHECKING:
    from .augment import AugmentConfig
    from .click_simulation import ClickConfig
    from .options import TrainOptions
    from .step import LossConfig
    from .trainer import fit

import_elsewhere()  # before PyTorch and MONAI are imported

__all__ = ["AugmentConfig", "ClickConfig", "LossConfig", "TrainOptions", "fit"]

_HOMES = {
    "AugmentConfig": "augment",
    "ClickConfig": "click_simulation",
    "LossConfig": "step",
    "TrainOptions": "options",
    "fit": "trainer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
