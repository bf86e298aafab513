"""A temporary folder for what derives from a patient: for this user alone, and gone whatever ends the program.

A program that is killed cannot tidy up. Each folder holds a locked file as long as its program lives; a folder whose
lock is free was left behind, and the next start removes it.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import OutputError
from .files import check_name

PREFIX = "gliomasam-"

LOCK = "gliomasam.lock"
"""Name of the file that is locked; a folder without one is none of these and is never touched."""


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, and remove it when the block ends; remove those left behind first.

    Raises:
        OutputError: No temporary folder can be written.
    """
    remove_abandoned()
    check_name(tempfile.gettempdir(), OutputError)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise temporary_folder_error(error.strerror or str(error)) from error
    lock = None
    try:
        try:
            lock = _new_lock(folder)
        except OSError as error:
            raise temporary_folder_error(error.strerror or str(error)) from error
        yield folder
    finally:
        if lock is not None:
            os.close(lock)  # a locked file cannot be removed everywhere
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def folder_of_links(files: Mapping[str, Path]) -> Iterator[Path]:
    """A folder with nothing but links to some files, each under a name of its own; removed when the block ends.

    Raises:
        OutputError: The temporary folder is full or cannot be written.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix=PREFIX)
    except OSError as error:
        raise temporary_folder_error(error.strerror or str(error)) from error
    with temporary as name:
        folder = Path(name)
        for link, path in files.items():
            try:
                (folder / link).symlink_to(path.resolve())
            except OSError:  # where links need a privilege
                shutil.copyfile(path, folder / link)
        yield folder


def temporary_folder_error(reason: str) -> OutputError:
    """The error for a temporary folder that cannot be written, with what to do."""
    try:
        where = f"The temporary folder {tempfile.gettempdir()}"
    except OSError:
        where = "No temporary folder"
    return OutputError(f"{where} cannot be written: {reason}: free space, or set TMPDIR to another folder")


def remove_abandoned() -> None:
    """Remove the private folders of programs that were killed; those of programs that run stay."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                if _abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    """Whether a folder is one of ours, of this user, and its program is gone."""
    status = folder.lstat()
    owner = getattr(os, "getuid", lambda: status.st_uid)()
    if folder.is_symlink() or not folder.is_dir() or status.st_uid != owner or not (folder / LOCK).is_file():
        return False
    lock = _locked(folder / LOCK, os.O_RDWR)
    os.close(lock)
    return True


def _new_lock(folder: Path) -> int:
    """Lock a new file for this process. It gets its name once it is locked: no other program ever sees it free."""
    if os.name != "posix":  # a file that is open cannot be renamed
        return _locked(folder / LOCK)
    lock = _locked(folder / f".{LOCK}")
    os.rename(folder / f".{LOCK}", folder / LOCK)
    return lock


def _locked(path: Path, flags: int = os.O_RDWR | os.O_CREAT | os.O_EXCL) -> int:
    """Open a file and lock it for this process. Raises `OSError` when another one holds it."""
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        try:
            import fcntl
        except ImportError:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
