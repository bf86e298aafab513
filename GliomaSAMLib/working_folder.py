"""No file of the working folder decides how libraries behave.

matplotlib takes its settings from a `matplotlibrc` in the working folder before all others, as soon as it is imported,
and MONAI imports it by itself.
"""

import importlib
import importlib.util
import os
from pathlib import Path

SETTINGS = "matplotlibrc"


def ignore_settings() -> None:
    """Import matplotlib now, from its own folder, where the working folder holds settings for it; to be called before
    anything that imports it. Nothing is done where it is not installed.
    """
    found = importlib.util.find_spec("matplotlib")
    if not os.path.lexists(SETTINGS) or found is None or found.origin is None:
        return
    before = os.getcwd()
    os.chdir(Path(found.origin).parent)
    try:
        importlib.import_module("matplotlib")
    finally:
        os.chdir(before)
