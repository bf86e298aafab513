"""Whether a NIfTI file is whole. ITK reads one that was cut short without a word, and makes up its end."""

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_HEADER_BYTES = 540
_CHUNK_BYTES = 1 << 20


def check_complete(path: Path) -> None:
    """Raise ValueError when a NIfTI file holds fewer voxels than its header says, or its compression is damaged.

    Follows the NIfTI-1 and NIfTI-2 headers (https://nifti.nimh.nih.gov). Files of other kinds are passed over.
    """
    name = path.name.lower()
    if name.endswith(".nii"):
        with path.open("rb") as file:
            _check_length(file.read(_HEADER_BYTES), path.stat().st_size)
    elif name.endswith(".nii.gz"):
        with path.open("rb") as raw:
            if raw.read(2) != b"\x1f\x8b":  # not compressed in spite of its name
                raise ValueError("not a gzip file")
        try:
            with gzip.open(path, "rb") as file:
                header = file.read(_HEADER_BYTES)
                _check_length(header, len(header) + _count(file))  # type: ignore[arg-type]
        except (EOFError, zlib.error) as error:
            raise ValueError("the compressed data end too early or are damaged") from error


def _count(file: BinaryIO) -> int:
    total = 0
    while chunk := file.read(_CHUNK_BYTES):
        total += len(chunk)
    return total


def _check_length(header: bytes, length: int) -> None:
    for order in "<>":
        if len(header) >= 348 and struct.unpack_from(f"{order}i", header)[0] == 348:
            dimensions = struct.unpack_from(f"{order}8h", header, 40)
            bits = struct.unpack_from(f"{order}h", header, 72)[0]
            offset = int(struct.unpack_from(f"{order}f", header, 108)[0])
            break
        if len(header) >= 540 and struct.unpack_from(f"{order}i", header)[0] == 540:
            dimensions = struct.unpack_from(f"{order}8q", header, 16)
            bits = struct.unpack_from(f"{order}h", header, 14)[0]
            offset = struct.unpack_from(f"{order}q", header, 168)[0]
            break
    else:
        raise ValueError("no NIfTI header")
    voxels = 1
    for size in dimensions[1 : 1 + max(dimensions[0], 0)]:
        voxels *= size
    if header[344:348] != b"ni1\0" and length < offset + voxels * bits // 8:
        raise ValueError("the file is shorter than its header says")
