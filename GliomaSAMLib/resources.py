"""Where the files are that come with the library: model catalogue, trained weights, terminology."""

from pathlib import Path

from .errors import ModelError

_LIBRARY = Path(__file__).resolve().parent


def resources_directory() -> Path:
    """Return the folder `Resources`: inside the library when installed, beside it in a checkout.

    Raises:
        ModelError: There is none: the installation is not whole.
    """
    for folder in (_LIBRARY / "Resources", _LIBRARY.parent / "Resources"):
        if (folder / "catalogue.json").is_file():
            return folder
    raise ModelError(
        f"the folder Resources with catalogue.json is missing in {_LIBRARY} and beside it: install GliomaSAM again"
    )
