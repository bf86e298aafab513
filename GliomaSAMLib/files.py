"""Files: names that can be used, their SHA-256, files written whole or not at all, those that come with the library,
and the names that earlier ones hold.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import GliomaSAMError, ModelError, OutputError, StudyError

_LIBRARY = Path(__file__).resolve().parent


def check_name(path: str | os.PathLike[str], kind: type[GliomaSAMError]) -> None:
    """Refuse a path that no file can have, or that the readers and writers underneath cannot take.

    Args:
        path: Of a file or a folder; it need not exist.
        kind: The error to raise.

    Raises:
        kind: The path is not UTF-8, holds a zero byte, is too long, goes round in links, or lies in a folder that must
            not be entered.
    """
    name = os.fspath(path)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
        raise kind(f"The name {shown} is not UTF-8 and cannot be used: rename the file or folder") from None
    try:
        os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except ValueError as error:  # a zero byte
        raise kind(f"The name {name!r} cannot be used: {error}: choose another") from error
    except OSError as error:
        advice = "choose another name, or change the permissions of its folder"
        raise kind(f"The path {name} cannot be used: {error.strerror or error}: {advice}") from error


LONGEST_NAME = 200
"""Bytes of a proposed file name, so that suffixes find room on every disk."""


def safe_name(name: str, instead: str) -> str:
    """A name as a file can have it on every system: what stands for folders, drives and wildcards, and what cannot be
    seen, becomes "_"; no dots or spaces at the ends. `instead` where nothing is left.
    """
    kept = "".join("_" if char in '<>:"/\\|?*' or not char.isprintable() else char for char in name)
    return kept.strip(" .").encode()[:LONGEST_NAME].decode(errors="ignore").rstrip(" .") or instead


def seen_in(folder: Path) -> list[Path]:
    """What lies directly in a folder, by name, hidden files left out. Raises `StudyError` where it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise StudyError(f"{folder} cannot be read: {error.strerror or error}: check its permissions") from error


def is_dangling(path: Path) -> bool:
    """Whether it is a link to what is not there, as git-annex and DataLad leave for a file that is not fetched yet."""
    return path.is_symlink() and not path.exists()


def refuse_dangling(path: Path) -> None:
    """Raise `StudyError` where `is_dangling`."""
    if is_dangling(path):
        raise StudyError(
            f"{path}: the file that this link leads to is not there; fetch it (as with datalad get), or remove the link"
        )


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for any other text, and for one nested deeper than can be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def sha256_of(files: Iterable[Path]) -> str:
    """SHA-256 of the bytes of files, one after the other. Raises `StudyError` when one cannot be read."""
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                hashlib.file_digest(file, lambda: digest)
        except OSError as error:
            raise StudyError(f"The file {path} cannot be read: {error.strerror or error}: check it") from error
    return digest.hexdigest()


def check_replaceable(path: Path) -> None:
    """Raise `OutputError` where a result would take the place of a link, whose file would stay as it was or be lost, or
    of a pipe, whose reader would wait for ever, a socket or a device.
    """
    if path.is_symlink():
        raise OutputError(
            f"{path} is a link to {os.path.realpath(path)}: choose another name, or give that file itself"
        )
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OutputError(f"{path} is a pipe, a socket or a device, not a file: choose another name")


@contextlib.contextmanager
def replacing_together(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Give a temporary name for each path, with its suffixes; when the block ends, all that was written there replaces
    `paths`, or none of it.

    When the block fails, or one file cannot be put in its place, all `paths` are as they were.

    Raises:
        OutputError: A path is none to replace (`check_replaceable`), or a file cannot be written: the text names it,
            the reason, and that no result was written.
    """
    names = [path.with_name(f".{secrets.token_hex(8)}.part{_suffixes(path)}") for path in paths]
    kept = [path.with_name(f".{secrets.token_hex(8)}.before{_suffixes(path)}") for path in paths]
    try:
        yield tuple(names)
        for path, name in zip(paths, names, strict=True):
            with _told(path):
                _flush(name)
        _exchange(paths, names, kept)
    except OutputError as error:
        text = str(error)
        for path, name in zip(paths, names, strict=True):
            text = text.replace(str(name), str(path))
        raise OutputError(f"{text}; no result was written" if len(paths) > 1 else text) from error
    finally:
        for name in names:
            with contextlib.suppress(OSError):
                name.unlink(missing_ok=True)


def _exchange(paths: Sequence[Path], names: Sequence[Path], kept: Sequence[Path]) -> None:
    """Put every file in its place; when one cannot be, give back what was there before."""
    done: list[int] = []
    try:
        for index, (path, name, old) in enumerate(zip(paths, names, kept, strict=True)):
            with _told(path):
                check_replaceable(path)
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
                _take_permissions(path, name)
                if os.path.lexists(path):
                    _keep(path, old)
                done.append(index)
                os.replace(name, path)
    except BaseException:
        for index in reversed(done):
            with contextlib.suppress(OSError):
                if os.path.lexists(kept[index]):
                    os.replace(kept[index], paths[index])
                else:
                    paths[index].unlink(missing_ok=True)
        raise
    for old in kept:
        with contextlib.suppress(OSError):
            old.unlink(missing_ok=True)


def _keep(path: Path, old: Path) -> None:
    """Give what is at `path` a second name; where the disk cannot, its only one for now."""
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):
        os.replace(path, old)


def _take_permissions(path: Path, temporary: Path) -> None:
    """Let those read and write a file that may do so with the one that it will replace; as it is where there is none,
    or a disk knows no permissions.
    """
    with contextlib.suppress(OSError):
        before = path.lstat().st_mode
        if stat.S_ISREG(before):
            temporary.chmod(stat.S_IMODE(before) & 0o777)


def _suffixes(path: Path) -> str:
    """The suffixes of a file, in lower case, as ITK knows them."""
    return "".join(path.suffixes[-2:]).lower()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says into an `OutputError` that names the file, the reason, and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        advice = "free space or choose another folder; a file that was there before is unchanged"
        raise OutputError(f"{path} cannot be written: {reason}: {advice}") from error


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], durable: bool = True, private: bool = False) -> Iterator[Path]:
    """Give a temporary name beside `path`, with its suffixes; what was written there replaces `path` when the block
    ends.

    When the block fails, or the disk is full, what was at `path` stays as it was and the temporary file is removed.

    Args:
        path: The file to write.
        durable: Wait until the disk holds it; what can be made again need not.
        private: Only this user may read the file, whatever the umask. What writes must open the temporary file, not
            put another in its place. A link is replaced then, wherever it leads.

    Raises:
        OutputError: The path is none to replace (`check_replaceable`), or the file cannot be written: the text names
            it, the reason, and what to do.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part{_suffixes(path)}")
    try:
        with _told(path):
            if private:
                os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            else:
                check_replaceable(path)
            yield temporary
            if durable:
                _flush(temporary)
            if not private:
                _take_permissions(path, temporary)
            os.replace(temporary, path)
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


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let no other process of GliomaSAM that asks likewise write to a folder while the block goes on. Where the system
    or the disk knows no locks, nothing is kept off.

    Raises:
        OutputError: Another one is at work there.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(
                    f"Another gliomasam writes to {folder} at this moment: wait for it, or choose another folder"
                ) from None
        yield
    finally:
        os.close(place)


def make_private_folder(folder: Path) -> str | None:
    """Make a folder for this user alone, whatever the umask; one that is there is closed to others where that is safe:
    it is this user's and no group was given the right to write to it.

    Files in it are still to be written with `replacing(..., private=True)`.

    Returns:
        None, or a sentence for the user when others can enter the folder.

    Raises:
        OSError: It cannot be made.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was faster
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
    if not hasattr(os, "getuid"):
        return None  # Windows: the folders of a user are closed to others
    status = folder.stat()
    if not status.st_mode & 0o077:
        return None
    if status.st_uid == os.getuid() and not status.st_mode & 0o022 and folder.resolve() != Path.home().resolve():
        folder.chmod(0o700)
        return None
    return f"The folder {folder} is shared with others: they see what is kept there by name, but cannot read it"


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
