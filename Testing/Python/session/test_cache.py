"""The cache of embeddings on disk: it never lies, never grows too large, and never stops the work."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from GliomaSAMLib import files
from GliomaSAMLib.models import Model
from GliomaSAMLib.models import device as device_module
from GliomaSAMLib.session.cache import ABANDONED_SECONDS, SUFFIX, EmbeddingCache, default_cache_directory
from GliomaSAMLib.session.embeddings import StudyEmbeddings
from GliomaSAMLib.study import Study

LIMIT = 1_000_000


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache", LIMIT)


@pytest.fixture(autouse=True)
def no_surprises() -> object:
    """A warning that a test does not expect fails it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def embedding(seed: int, size: int = 1000) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, size)).astype(np.float16)


def entries(cache: EmbeddingCache) -> list[Path]:
    return sorted(cache.directory.iterdir())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_what_was_put_comes_back_bit_for_bit(cache: EmbeddingCache, dtype: type) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    cache.put("a/b: ü", array)
    again = EmbeddingCache(cache.directory, LIMIT).get("a/b: ü")
    assert again is not None
    assert again.dtype == dtype
    assert np.array_equal(again, array)
    again[:] = 0  # writable, and not shared with the file
    assert np.array_equal(cache.get("a/b: ü"), array)


def test_an_absent_key_and_an_absent_folder_give_none(cache: EmbeddingCache) -> None:
    assert cache.get("none") is None
    cache.put("a", embedding(0))
    assert cache.get("b") is None


def test_a_second_put_replaces_the_first(cache: EmbeddingCache) -> None:
    cache.put("a", embedding(0))
    cache.put("a", embedding(1))
    assert np.array_equal(cache.get("a"), embedding(1))
    assert len(entries(cache)) == 1


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    room_for_three = EmbeddingCache(tmp_path, 3 * 4400)
    for age, key in enumerate("cba"):
        room_for_three.put(key, embedding(age))
        os.utime(room_for_three._path(key), (1000 + age, 1000 + age))
    assert room_for_three.get("c") is not None  # the oldest is used, so b is next to go
    room_for_three.put("d", embedding(9))
    assert room_for_three.get("b") is None
    assert all(room_for_three.get(key) is not None for key in "acd")
    assert room_for_three.size_bytes() <= 3 * 4400


def test_replacing_an_entry_of_a_full_cache_pushes_nothing_out(tmp_path: Path) -> None:
    room_for_two = EmbeddingCache(tmp_path, 2 * 4400)
    room_for_two.put("a", embedding(0))
    room_for_two.put("b", embedding(1))
    room_for_two.put("b", embedding(2))
    assert room_for_two.get("a") is not None


def test_an_array_larger_than_the_limit_is_not_kept_and_pushes_nothing_out(tmp_path: Path) -> None:
    small = EmbeddingCache(tmp_path, 5000)
    small.put("a", embedding(0))
    small.put("b", embedding(1, size=100_000))
    assert small.get("b") is None
    assert small.get("a") is not None


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip_a_bit(content: bytes) -> bytes:
    return content[:3000] + bytes([content[3000] ^ 1]) + content[3001:]


@pytest.mark.parametrize(
    "damage", [truncate, flip_a_bit, lambda c: b"", lambda c: b"text", lambda c: c + b"\0", lambda c: c[:20]]
)
def test_a_damaged_file_is_reported_deleted_and_can_be_built_again(cache: EmbeddingCache, damage: object) -> None:
    cache.put("a", embedding(0))
    (path,) = entries(cache)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert cache.get("a") is None
    assert entries(cache) == []
    cache.put("a", embedding(0))
    assert np.array_equal(cache.get("a"), embedding(0))


def test_the_file_of_another_key_is_not_taken_for_this_one(cache: EmbeddingCache) -> None:
    cache.put("a", embedding(0))
    cache._path("a").rename(cache._path("b"))
    with pytest.warns(RuntimeWarning, match="damaged"):
        assert cache.get("b") is None


def test_a_pickle_is_never_loaded(cache: EmbeddingCache) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        cache.put("a", np.array([{}], dtype=object))


def test_a_full_disk_only_warns_and_leaves_nothing(cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put("a", embedding(0))

    def full(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        cache.put("a", embedding(1))
    assert np.array_equal(cache.get("a"), embedding(0))
    assert len(entries(cache)) == 1


def test_a_folder_that_cannot_be_made_only_warns(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = EmbeddingCache(tmp_path / "file" / "cache", LIMIT)
    with pytest.warns(RuntimeWarning, match="not kept"):
        cache.put("a", embedding(0))
    with pytest.warns(RuntimeWarning, match="cannot be read"):
        assert cache.get("a") is None


def test_a_disk_that_stays_full_is_told_once(cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device") as told:
        list(map(cache.put, "abcdef", map(embedding, range(6))))
    assert len(told) == 1


def test_a_cache_full_of_damage_is_told_once_and_healed(cache: EmbeddingCache) -> None:
    for number in range(5):
        cache.put(str(number), embedding(number))
    for path in entries(cache):
        path.write_bytes(b"x")
    with pytest.warns(RuntimeWarning, match="damaged") as told:
        assert [cache.get(str(number)) for number in range(5)] == [None] * 5
    assert len(told) == 1 and entries(cache) == []


@pytest.mark.parametrize(("limit", "most"), [(2**40, 1), (1000 * 4400, 250), (10 * 4400, 2000)])
def test_the_folder_is_looked_through_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, most: int
) -> None:
    looks = []
    cache = EmbeddingCache(tmp_path, limit)
    real = EmbeddingCache._entries
    monkeypatch.setattr(EmbeddingCache, "_entries", lambda self: looks.append(1) or real(self))
    for number in range(2000):
        cache.put(str(number), embedding(0))
        assert number % 100 or sum(size for _, size, _ in real(cache)) <= limit
    assert len(looks) <= most
    assert cache.get("1999") is not None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_only_warns(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.warns(RuntimeWarning, match="not kept"):
        EmbeddingCache(tmp_path, LIMIT).put("a", embedding(0))


def test_temporary_files_of_killed_programs_are_removed_and_fresh_ones_left(cache: EmbeddingCache) -> None:
    cache.put("a", embedding(0))
    old, fresh = cache.directory / ".1.part.embedding", cache.directory / ".2.part.embedding"
    for path in (old, fresh):
        path.write_bytes(b"half")
    past = time.time() - ABANDONED_SECONDS - 60
    os.utime(old, (past, past))
    EmbeddingCache(cache.directory, LIMIT).put("b", embedding(1))  # the next run
    assert not old.exists()
    assert fresh.exists()


def test_the_names_of_temporary_files_are_those_that_the_cleaning_looks_for(cache: EmbeddingCache) -> None:
    with files.replacing(cache.directory / "x.embedding", durable=False) as temporary:
        cache.directory.mkdir()
        temporary.write_bytes(b"half")
        assert list(cache.directory.glob(".*.part.embedding")) == [temporary]
        assert cache._entries() == []


def test_clear_deletes_entries_and_nothing_else(cache: EmbeddingCache) -> None:
    cache.put("a", embedding(0))
    (cache.directory / "notes.txt").write_text("mine")
    cache.clear()
    assert [path.name for path in entries(cache)] == ["notes.txt"]


def test_the_folder_is_that_of_the_environment_or_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GLIOMASAM_CACHE", str(tmp_path))
    assert default_cache_directory() == tmp_path
    monkeypatch.delenv("GLIOMASAM_CACHE")
    assert "gliomasam" in default_cache_directory().name.lower()


BUSY = """
import sys, warnings
from pathlib import Path
import numpy as np
from GliomaSAMLib.session.cache import EmbeddingCache
warnings.simplefilter("error")
cache = EmbeddingCache(Path(sys.argv[1]), 5 * 4400)
order = np.random.default_rng(int(sys.argv[2])).integers(0, 12, 600)
hits = 0
for number in order:
    array = np.random.default_rng(number).standard_normal((2, 1000)).astype(np.float16)
    found = cache.get(str(number))
    if found is None:
        cache.put(str(number), array)
    else:
        assert np.array_equal(found, array), "another array"
        hits += 1
print(hits)
"""


def test_two_processes_share_a_small_cache_without_error(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BUSY, str(tmp_path), str(seed)],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in (1, 2)
    ]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert int(out) > 0
    assert not list(tmp_path.glob(".*"))
    assert EmbeddingCache(tmp_path, LIMIT).size_bytes() <= 7 * 4400  # each process may be one file ahead of the other


@pytest.mark.parametrize("umask", [0o000, 0o022])
@pytest.mark.parametrize("before", [None, 0o755])
def test_entries_are_for_this_user_alone(umask: int, before: int | None, cache: EmbeddingCache) -> None:
    if before is not None:
        cache.directory.mkdir()
        cache.directory.chmod(before)
        (cache.directory / f"old{SUFFIX}").write_bytes(b"of an earlier version")
        (cache.directory / f"old{SUFFIX}").chmod(0o644)
    old = os.umask(umask)
    try:
        cache.put("a", embedding(0))
    finally:
        os.umask(old)
    assert cache.directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in entries(cache)} == {0o600}


def test_of_a_shared_folder_the_user_is_told_once(cache: EmbeddingCache) -> None:
    cache.directory.mkdir()
    cache.directory.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="shared with others"):
        cache.put("a", embedding(0))
    cache.put("b", embedding(1))
    assert {path.stat().st_mode & 0o777 for path in entries(cache)} == {0o600}


def test_an_embedding_is_kept_under_the_number_format_that_it_was_computed_in(
    tmp_path: Path, small_study: Study, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EmbeddingCache(tmp_path, 100 * LIMIT)
    found = StudyEmbeddings(small_study, model, cache)
    assert found.array is not None
    one, now, computed = np.ones_like(found.array[0, :, 0]), [torch.float32], []
    monkeypatch.setattr(device_module, "autocast_dtype", lambda device: now[0])

    def embed(images: list[np.ndarray], then: torch.dtype | None = None) -> list[np.ndarray]:
        computed.append(len(images))
        now[0] = then or now[0]
        return [one] * len(images)

    def is_computed(dtype: torch.dtype) -> bool:
        now[0] = dtype
        computed.clear()
        StudyEmbeddings(small_study, model, cache)._embed([("t1c", 0)])
        return bool(computed)

    monkeypatch.setattr(model, "embed", embed)
    assert [is_computed(dtype) for dtype in (torch.float32, torch.float32, torch.bfloat16, torch.bfloat16)] == [
        True,
        False,
        True,
        False,
    ]
    monkeypatch.setattr(model, "embed", lambda images: embed(images, torch.float32))
    assert is_computed(torch.float16)  # and the device is left for one that computes in float32
    assert is_computed(torch.float16) and not is_computed(torch.float32)
