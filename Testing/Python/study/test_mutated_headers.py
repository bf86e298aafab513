"""Headers with chance mistakes in them are read or refused in one line; the process lives and memory stays small."""

import os
import random
import resource
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import write_frames

from GliomaSAMLib.errors import StudyError
from GliomaSAMLib.study.volume import read_volume

WORDS = [
    *(b"nan", b"inf", b"-1", b"0", b"99999999999", b"1e308", b"x" * 1500, b"\xff\xfe", b"(", b")", b"none", b'""'),
    *(b"%s%n", b"../../elsewhere", b"float", b"gzip", b"block", b"ascii", b"hex", b"LIST", b"True", b"15"),
]

READ, REFUSED = 0, 2

MOST_BYTES = 6 << 30
"""Of addresses, far more than of memory."""


def change_words(chance: random.Random, header: bytes) -> bytes:
    """A header of lines with one to three mistakes."""
    lines = header.split(b"\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        words = lines[at].split(b" ")
        words[chance.randrange(len(words))] = chance.choice(WORDS)
        spoiled = bytearray(lines[at] or b" ")
        spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        new = [[b" ".join(words)], [lines[at]] * 2, [], [bytes(spoiled)], [lines[at] + chance.choice(WORDS)]]
        lines[at : at + 1] = chance.choice(new)
        lines = lines or [b""]
    return b"\n".join(lines)


def change_numbers(chance: random.Random, header: bytes) -> bytes:
    """A header of binary numbers with one to six mistakes, sometimes cut short."""
    content = bytearray(header)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content) - 8)
        kind = chance.randrange(3)
        if kind == 0:
            content[at] = chance.randrange(256)
        elif kind == 1:
            value = chance.choice([0, -1, float("nan"), float("inf"), 1e30, 1e-30])
            struct.pack_into("<f", content, at & ~3, value)
        else:
            struct.pack_into("<h", content, at & ~1, chance.choice([0, -1, 32767, -32768, 1, 8, 5]))
    return bytes(content)


def read_in_a_process_of_its_own(path: Path) -> int:
    """How reading ends: `READ`, `REFUSED` in one line of our own, or another status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(30)
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            read_volume(path, "t1")
            status = READ
        except StudyError as error:
            status = REFUSED if "\n" not in str(error) else 3
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] if child else 1


@pytest.mark.parametrize(
    ("name", "end", "change"),
    [
        ("a.nrrd", b"\n\n", change_words),
        ("a.mha", b"LOCAL", change_words),
        ("a.nii", 348, change_numbers),
        ("a.hdr", 348, change_numbers),
        ("a.dcm", -5000, change_numbers),
        ("b.dcm", -5000, change_numbers),
    ],
)
def test_mistakes_by_chance(
    tmp_path: Path, name: str, end: bytes | int, change: Callable[[random.Random, bytes], bytes]
) -> None:
    path = tmp_path / name
    values = np.random.default_rng(0).integers(1, 900, (12, 14, 16)).astype(np.int16)
    if path.suffix == ".dcm":
        bare = name == "b.dcm"
        write_frames(path, values, np.eye(4), list(range(12)), implicit=bare, open_ends=bare)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    whole = path.read_bytes()
    length = whole.index(end) + len(end) if isinstance(end, bytes) else end % len(whole)
    chance, ends = random.Random(7), set()
    for _ in range(120):
        content = change(chance, whole[:length]) + whole[length:]
        path.write_bytes(content[: chance.randrange(len(content))] if chance.random() < 0.1 else content)
        before = set(tmp_path.iterdir())
        status = os.waitstatus_to_exitcode(read_in_a_process_of_its_own(path))
        if status not in (READ, REFUSED):
            pytest.fail(f"status {status} after {content[:length]!r}")
        assert set(tmp_path.iterdir()) == before
        ends.add(status)
    assert REFUSED in ends
