"""Image embeddings kept on disk between runs, so that a study that was opened before answers at once."""

import contextlib
import hashlib
import io
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pooch

from ..errors import OutputError
from ..files import make_private_folder, replacing

MAGIC = b"GSAMEMB1"
DIGEST_BYTES = 32
SUFFIX = ".embedding"
ABANDONED_SECONDS = 3600.0
"""A temporary file older than this belongs to a program that was killed while writing."""

SPARE = 0.05
"""Share of the limit that is freed at once when a cache of many small entries is full."""


def default_cache_directory() -> Path:
    """The user's cache folder of GliomaSAM: `$GLIOMASAM_CACHE` when set, else where the system keeps caches."""
    return Path(os.environ.get("GLIOMASAM_CACHE") or pooch.os_cache("gliomasam")).expanduser()


class EmbeddingCache:
    """Arrays by key in a folder that never grows beyond a limit: those not used for longest go first.

    A cache is a convenience: nothing here raises. A folder that cannot be written, a full disk or a damaged file gives
    a warning, and the embedding is computed again. Several processes may use one folder at once: files appear whole, by
    renaming, and may vanish at any moment. Each file carries a SHA-256 of its key and content; arrays are stored as
    .npy, without pickle.

    Args:
        directory: The folder, made when first written to. Embeddings derive from patients' images: folder and files
            are for this user alone, whatever the umask and whoever made the folder; of a folder that is shared on
            purpose the user is told.
        limit_bytes: The most that the files together may take. An array larger than this is not kept.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self.directory = Path(directory)
        self.limit_bytes = limit_bytes
        self._unlooked = 0.0
        self._told: set[str] = set()

    def get(self, key: str) -> np.ndarray | None:
        """The array kept under `key`, writable, or None when it is not there or was damaged (then it is deleted,
        with a warning).
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn_once(
                "read",
                f"the embedding cache in {self.directory} cannot be read ({error.strerror or error}); "
                "embeddings are computed again",
            )
            return None
        array = _decode(key, content)
        with contextlib.suppress(OSError):
            if array is None:
                path.unlink()
            else:
                os.utime(path)
        if array is None:
            self._warn_once(
                "damage",
                f"the cached embedding {path} was damaged; it and others like it are deleted and computed again",
            )
        return array

    def put(self, key: str, array: np.ndarray) -> None:
        """Keep `array` under `key`, in the place of what was there; old entries go when the limit asks for it."""
        content = _encode(key, array)
        if len(content) > self.limit_bytes:
            return
        path = self._path(key)
        try:
            shared = make_private_folder(self.directory)
            if shared:
                self._warn_once("shared", f"{shared}: set GLIOMASAM_CACHE to a folder of your own")
            self._make_room(len(content), path)
            with replacing(path, durable=False, private=True) as temporary:
                temporary.write_bytes(content)
        except (OSError, OutputError) as error:
            self._warn_once("write", f"embeddings are not kept for the next run in {self.directory}: {error}")

    def size_bytes(self) -> int:
        """What the files take together."""
        return sum(size for _, size, _ in self._entries())

    def clear(self) -> None:
        """Delete every entry; other files in the folder stay."""
        for _, _, path in self._entries():
            with contextlib.suppress(OSError):
                path.unlink()

    def _warn_once(self, kind: str, text: str) -> None:
        """Warn where nothing of the kind was told before: a full disk is one message, not one a slice."""
        if kind not in self._told:
            self._told.add(kind)
            warnings.warn(text, RuntimeWarning, stacklevel=3)

    def _path(self, key: str) -> Path:
        return self.directory / (hashlib.sha256(key.encode()).hexdigest() + SUFFIX)

    def _make_room(self, needed: int, replaced: Path) -> None:
        """Delete the entries not used for longest until `needed` bytes more fit; what is to be replaced does not
        count. The folder is looked through only now and then, as it may hold thousands of files: at first, and when so
        much was written that it, and as much by three other programs, could have filled it.
        """
        self._unlooked -= needed
        if self._unlooked >= 0:
            return
        entries = sorted(entry for entry in self._entries() if entry[2] != replaced)
        total = sum(size for _, size, _ in entries) + needed
        spare = SPARE if needed < SPARE / 10 * self.limit_bytes else 0
        wanted = self.limit_bytes * (1 - spare) if total > self.limit_bytes else self.limit_bytes
        for _, _, path in entries:
            with contextlib.suppress(OSError):  # written by an earlier version
                if path.stat().st_mode & 0o077:
                    path.chmod(0o600)
        for _, size, path in entries:
            if total <= wanted:
                break
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                total -= size
        self._unlooked = (self.limit_bytes - total) / 4
        for path in self.directory.glob(f".*.part{SUFFIX}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    path.unlink()

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Time of last use, size and path of every entry. Files that vanish meanwhile are left out."""
        entries = []
        for path in self.directory.glob(f"[!.]*{SUFFIX}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                entries.append((status.st_mtime, status.st_size, path))
        return entries


def _encode(key: str, array: np.ndarray) -> memoryview:
    """A file's content: magic, SHA-256 of key and array, the array as .npy."""
    start = len(MAGIC) + DIGEST_BYTES
    buffer = io.BytesIO()
    buffer.write(MAGIC + bytes(DIGEST_BYTES))
    np.save(buffer, array, allow_pickle=False)
    content = buffer.getbuffer()
    content[len(MAGIC) : start] = _digest(key, content[start:])
    return content


def _decode(key: str, content: bytes) -> np.ndarray | None:
    """The array of a file's content, None when that was damaged or belongs to another key."""
    start = len(MAGIC) + DIGEST_BYTES
    payload = memoryview(content)[start:]
    if content[: len(MAGIC)] != MAGIC or content[len(MAGIC) : start] != _digest(key, payload):
        return None
    array: np.ndarray = np.load(io.BytesIO(payload), allow_pickle=False)
    return array


def _digest(key: str, payload: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key.encode() + b"\0")
    digest.update(payload)
    return digest.digest()
