"""Whether a result can be written where the user wants it, found out before the work begins."""

import os
import tempfile
from pathlib import Path

from ..errors import OutputError

SEGMENTATION_SUFFIX = ".seg.nrrd"
LABEL_MAP_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
KNOWN_SUFFIXES = (SEGMENTATION_SUFFIX, *LABEL_MAP_SUFFIXES)


def output_suffix(path: str | os.PathLike[str]) -> str:
    """The known suffix that a path ends in, in lower case. Raises `OutputError` when it has none."""
    name = Path(path).name.lower()
    for suffix in KNOWN_SUFFIXES:
        if name.endswith(suffix) and name != suffix:
            return suffix
    raise OutputError(
        f"{os.fspath(path)} does not end in a known suffix: "
        "use .nii.gz, .nii, .nrrd or .mha for a label map, .seg.nrrd for a Slicer segmentation"
    )


def check_output_path(path: str | os.PathLike[str], suffixes: tuple[str, ...] | None = KNOWN_SUFFIXES) -> Path:
    """Return `path` when a file can be written there. Nothing is left behind.

    Args:
        path: Where a result is to go. A file that is there will be replaced.
        suffixes: The suffixes that will do (a report: (".json",)); None for any.

    Raises:
        OutputError: The suffix is not known; the folder does not exist, is none, or cannot be written; the path is
            a folder or a file that must not be written.
    """
    path = Path(path).expanduser()
    if suffixes == KNOWN_SUFFIXES:
        output_suffix(path)
    elif suffixes is not None and not path.name.lower().endswith(suffixes):
        raise OutputError(f"{path} does not end in {' or '.join(suffixes)}: choose a name that does")
    _check_folder(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give the name of a file")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{path} exists and must not be written: choose another name or change its permissions")
    return path


def _check_folder(path: Path) -> None:
    folder = path.parent
    if not folder.exists():
        raise OutputError(f"the folder {folder} does not exist: make it, or choose another for {path.name}")
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder: choose a folder for {path.name}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be written ({error.strerror or error}): choose another for {path.name}"
        ) from error
