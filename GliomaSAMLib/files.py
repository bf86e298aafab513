"""Files: written whole or not at all, those that come with the library, and the names that earlier ones hold."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .errors import ModelError, OutputError

_LIBRARY = Path(__file__).resolve().parent


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], durable: bool = True) -> Iterator[Path]:
    """Give a temporary name beside `path`, with its suffixes; what was written there replaces `path` when the block
    ends.

    When the block fails, or the disk is full, what was at `path` stays as it was and the temporary file is removed.

    Args:
        path: The file to write.
        durable: Wait until the disk holds it; what can be made again need not.

    Raises:
        OutputError: The file cannot be written: the text names it, the reason, and what to do.
    """
    path = Path(path)
    suffixes = "".join(path.suffixes[-2:]).lower()  # ITK knows them in lower case only
    temporary = path.with_name(f".{secrets.token_hex(8)}.part{suffixes}")
    try:
        yield temporary
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        advice = "free space or choose another folder; a file that was there before is unchanged"
        raise OutputError(f"{path} cannot be written: {reason}: {advice}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have the system write the file out, so that a full disk shows now and not after the rename."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        OutputError: It cannot be made: the text names it, the reason, and what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made: {error.strerror or error}: choose another") from error


def resources_directory() -> Path:
    """Return the folder `Resources`: inside the library when installed, beside it in a checkout.

    Raises:
        ModelError: There is none: the installation is not whole.
    """
    for folder in (_LIBRARY / "Resources", _LIBRARY.parent / "Resources"):
        if (folder / "catalogue.json").is_file():
            return folder
    raise ModelError(
        f"The folder Resources with catalogue.json is missing in {_LIBRARY} and beside it: install GliomaSAM again"
    )


CURRENT = {"gliomasam_adapted": "gliomasam"}
"""The name of today by the name of before."""


def current_name(name: str) -> str:
    """The name that a model or a method has today; one that never changed is given back."""
    return CURRENT.get(name, name)
