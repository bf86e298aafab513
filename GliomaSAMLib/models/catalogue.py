"""The catalogue of weights: what there is, where it lies, and how to get what is not here."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch

from ..errors import ModelError, OutputError, WeightsError
from ..files import current_name, parse_json, replacing, resources_directory
from .weights import file_sha256


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue.

    Args:
        name: What the user calls it.
        file: Path relative to the folder Resources, or only a file name when it does not come with GliomaSAM; "" for a
            model of which there is none, so that it has to be trained.
        sha256: SHA-256 of the file, in hexadecimal; "" likewise.
        method: Method of the registry, or "base" for a base model's checkpoint.
        base: Name of the encoder that it needs, None when it needs none.
        url: Where it can be downloaded, None when nowhere.
        licence: Licence of the weights (SPDX).
        training_cases: What it was trained on.
        accuracy: Measured accuracy by name (for example "WT Dice, 3 clicks"), empty when not measured.
        description: One or two sentences for the user.
    """

    name: str
    file: str
    sha256: str
    method: str
    base: str | None
    url: str | None
    licence: str
    training_cases: str
    accuracy: dict[str, float]
    description: str


def list_models(catalogue: Path | None = None) -> tuple[CatalogueEntry, ...]:
    """Return the entries of the catalogue.

    Args:
        catalogue: The JSON file; None for the one that comes with GliomaSAM.

    Raises:
        ModelError: The file is absent or cannot be understood.
    """
    path = catalogue or resources_directory() / "catalogue.json"
    try:
        content: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        return tuple(_entry(entry) for entry in content["models"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error)[:LONGEST_REASON]
        raise ModelError(f"the model catalogue {path} cannot be read ({reason}): install GliomaSAM again") from error


LONGEST_FILE_NAME = 200

LONGEST_REASON = 300

LARGEST_ACCURACY = 1e6

OPTIONAL = ("base", "url")


def _entry(given: dict[str, Any]) -> CatalogueEntry:
    """One entry. Raises `TypeError` or `ValueError` where a value is not of its kind."""
    entry = CatalogueEntry(**given)
    for name, value in given.items():
        if name != "accuracy" and not (isinstance(value, str) or (value is None and name in OPTIONAL)):
            raise TypeError(f"{name} is no text")
    if not all(isinstance(value, int | float) and abs(value) <= LARGEST_ACCURACY for value in entry.accuracy.values()):
        raise TypeError("an accuracy is no number")
    if len(entry.file) > LONGEST_FILE_NAME or "\0" in entry.file:
        raise ValueError("the name of a file cannot be one")
    return entry


def find_entry(name: str, catalogue: Path | None = None) -> CatalogueEntry:
    """Return the entry with a name, also one of before. Raises `ModelError` that lists the names when there is none."""
    entries = list_models(catalogue)
    for entry in entries:
        if entry.name == current_name(name):
            return entry
    names = ", ".join(entry.name for entry in entries) or "(none)"
    raise ModelError(f"there is no model {name!r}: choose one of {names}, or give the path of a weights file")


def user_weights_directory() -> Path:
    """Return the user's folder of downloaded and imported weights: `$GLIOMASAM_WEIGHTS`, else one of the system's."""
    chosen = os.environ.get("GLIOMASAM_WEIGHTS")
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("gliomasam")) / "weights"


def find_weights(name: str | Path, *, download: bool = False, catalogue: Path | None = None) -> tuple[Path, str | None]:
    """Return the weights file with a name or path, and the SHA-256 that whoever reads it must find.

    A file that comes with GliomaSAM is taken first, then one that was imported or downloaded before; where both are
    here, the one with the SHA-256 of the catalogue.

    Args:
        name: Name in the catalogue, or the path of a file (a `Path`, or text with a folder or a suffix).
        download: Check the file; when it is not here, or damaged, and the catalogue knows an address, fetch it. Without
            it nothing is fetched, and whoever reads the file has to check it.
        catalogue: The JSON file; None for the one that comes with GliomaSAM.

    Returns:
        The file and its SHA-256 in the catalogue, None for a file given by its path.

    Raises:
        ModelError: There is no such name.
        WeightsError: The file is not here, is damaged and cannot be fetched, or could not be downloaded; or there is
            none and the model has to be trained.
    """
    if isinstance(name, Path) or Path(name).suffix or Path(name).name != name:
        path = Path(name).expanduser()
        if not path.is_file():
            raise WeightsError(f"there is no weights file {path}: check the path, or choose a model of the catalogue")
        return path, None
    entry = find_entry(name, catalogue)
    if not entry.file:
        raise WeightsError(
            f"the weights of {entry.name!r} do not come with GliomaSAM: train it with `gliomasam train CASES --output "
            f"runs/{entry.name} --method {entry.method}`, and give the path of the file that this writes, "
            f"runs/{entry.name}/{entry.method}.safetensors, as the model"
        )
    shipped = (catalogue.parent if catalogue else resources_directory()) / entry.file
    own = user_weights_directory() / Path(entry.file).name
    there = [path for path in (shipped, own) if path.is_file()]
    if download or len(there) > 1:
        whole = [path for path in there if _is_whole(path, entry.sha256)]
        there = whole or ([] if download else there)
    if there:
        return there[0], entry.sha256
    if download and entry.url:
        return _download(entry, own), entry.sha256
    found = "a damaged or another file" if shipped.is_file() or own.is_file() else "none"
    advice = f"Download them from {entry.url}, or" if entry.url else "Install GliomaSAM again, or"
    raise WeightsError(
        f"the weights of {entry.name!r} are not on this computer: expected {own if entry.url else shipped} "
        f"with SHA-256 {entry.sha256}, found {found}. {advice} import the file when you have it."
    )


def _is_whole(path: Path, sha256: str) -> bool:
    """Whether a file can be read and has this SHA-256."""
    try:
        return file_sha256(path) == sha256
    except WeightsError:
        return False


def find_base(sha256: str | None, catalogue: Path | None = None) -> Path | None:
    """The file of a base model with that SHA-256, where it was downloaded or imported before; None when it was not."""
    for entry in list_models(catalogue):
        path = user_weights_directory() / Path(entry.file).name
        if entry.method == "base" and entry.sha256 == sha256 and path.is_file():
            return path
    return None


def import_weights(path: Path, catalogue: Path | None = None) -> CatalogueEntry:
    """Copy a file that the user has (from a USB stick, say) to where `find_weights` looks; it is known by its SHA-256.

    Returns:
        The entry that the file belongs to.

    Raises:
        WeightsError: The file is absent, or none of the catalogue's.
        OutputError: The copy cannot be written.
    """
    found = file_sha256(path)
    entries = list_models(catalogue)
    for entry in entries:
        if entry.sha256 == found:
            target = user_weights_directory() / Path(entry.file).name
            _make_directory(target.parent)
            with replacing(target) as temporary:
                shutil.copyfile(path, temporary)
            return entry
    expected = "; ".join(f"{entry.name} {entry.sha256}" for entry in entries if entry.sha256)
    raise WeightsError(
        f"the file {path} is none of the catalogue's: expected one of SHA-256 ({expected}), found {found}. "
        "It may be damaged; weights that you trained yourself are used by their path and need no import."
    )


def _download(entry: CatalogueEntry, target: Path) -> Path:
    """Fetch the file of an entry and check it; nothing is left behind when that fails."""
    _make_directory(target.parent)
    try:
        pooch.retrieve(entry.url, known_hash=f"sha256:{entry.sha256}", fname=target.name, path=target.parent)
    except Exception as error:  # the network layers below pooch raise many kinds
        raise WeightsError(
            f"the weights of {entry.name!r} could not be downloaded from {entry.url} to {target} "
            f"(expected SHA-256 {entry.sha256}): {error}. Check the connection, or download the file by other means "
            "and import it."
        ) from error
    return target


def _make_directory(folder: Path) -> None:
    """Make a folder for weights. Raises `OutputError` that says why when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} for weights cannot be made: {error.strerror or error}: "
            "free space or set GLIOMASAM_WEIGHTS to another folder"
        ) from error
