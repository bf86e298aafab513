"""DICOM files as tests need them: slices, and enhanced multi-frame files, with any element left out or spoiled."""

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"

SEQUENCE = "SQ"

Value = tuple[str, Any]
"""The kind of an element, and its bytes or the items of a sequence."""


def text(kind: str, *values: object) -> Value:
    """An element of words or numbers in letters."""
    return kind, "\\".join(f"{v:.10g}" if isinstance(v, float) else str(v) for v in values).encode()


def whole(value: int) -> Value:
    """An element of one 16-bit number."""
    return "US", struct.pack("<H", value)


def double(value: float) -> Value:
    """An element of one double."""
    return "FD", struct.pack("<d", value)


def items(*contents: Mapping[int, Value]) -> Value:
    """A sequence."""
    return SEQUENCE, list(contents)


def encode(elements: Mapping[int, Value], implicit: bool = False, open_ends: bool = False) -> bytes:
    """Elements as bytes; sequences with their lengths, or with marks at their ends."""
    parts = []
    for tag in sorted(elements):
        kind, value = elements[tag]
        length = None
        if isinstance(value, list):
            content = b""
            for item in value:
                inner = encode(item, implicit, open_ends)
                size = 0xFFFFFFFF if open_ends else len(inner)
                content += struct.pack("<HHI", 0xFFFE, 0xE000, size) + inner
                content += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) if open_ends else b""
            if open_ends:
                content += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
                length = 0xFFFFFFFF
        else:
            content = value + (b"\0" if kind in ("UI", "OB", "OW") else b" ") * (len(value) % 2)
        length = len(content) if length is None else length
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if implicit:
            head += struct.pack("<I", length)
        elif kind in (SEQUENCE, "OB", "OW"):
            head += kind.encode() + struct.pack("<HI", 0, length)
        else:
            head += kind.encode() + struct.pack("<H", length)
        parts.append(head + content)
    return b"".join(parts)


def write_dicom(
    path: Path,
    voxels: np.ndarray,
    elements: Mapping[int, Value | None],
    series: str = "7",
    number: int = 1,
    kind: str = MR,
    implicit: bool = False,
    open_ends: bool = False,
) -> Path:
    """Write one file of int16 voxels (J, I) or (K, J, I); `elements` come in addition, None leaves one out."""
    instance = f"1.2.826.0.1.{series}.{number}"
    every: dict[int, Value] = {
        0x00080016: text("UI", kind),
        0x00080018: text("UI", instance),
        0x00080060: text("CS", "MR"),
        0x0008103E: text("LO", "FLAIR"),
        0x0020000D: text("UI", "1.2.826.0.1.1"),
        0x0020000E: text("UI", f"1.2.826.0.1.{series}"),
        0x00200013: text("IS", number),
        0x00280002: whole(1),
        0x00280004: text("CS", "MONOCHROME2"),
        0x00280010: whole(voxels.shape[-2]),
        0x00280011: whole(voxels.shape[-1]),
        0x00280100: whole(16),
        0x00280101: whole(16),
        0x00280102: whole(15),
        0x00280103: whole(1),
        0x7FE00010: ("OW", voxels.astype("<i2").tobytes()),
    }
    for tag, value in elements.items():
        if value is None:
            every.pop(tag, None)
        else:
            every[tag] = value
    meta = encode(
        {
            0x00020001: ("OB", b"\0\1"),
            0x00020002: text("UI", kind),
            0x00020003: text("UI", instance),
            0x00020010: text("UI", IMPLICIT if implicit else EXPLICIT),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    length = encode({0x00020000: ("UL", struct.pack("<I", len(meta)))})
    path.write_bytes(bytes(128) + b"DICM" + length + meta + encode(every, implicit, open_ends))
    return path


def write_slices(
    folder: Path,
    voxels: np.ndarray,
    matrix: np.ndarray,
    change: Callable[[int, dict[int, Value | None]], object] | None = None,
    series: str = "7",
    prefix: str = "IM",
    kept: Sequence[int] | None = None,
) -> Path:
    """A file a slice of (K, J, I); `matrix` leads from voxels to LPS mm; `change` may spoil the elements of a slice."""
    axes, steps = _axes(matrix)
    for k in range(len(voxels)) if kept is None else kept:
        elements: dict[int, Value | None] = {
            0x00180050: text("DS", float(steps[2])),
            0x00200032: text("DS", *(matrix @ (0, 0, k, 1))[:3]),
            0x00200037: text("DS", *axes[:, 0], *axes[:, 1]),
            0x00280030: text("DS", float(steps[1]), float(steps[0])),
        }
        if change is not None:
            change(k, elements)
        number = sum(map(ord, prefix)) * 1000 + k
        write_dicom(folder / f"{prefix}{number}.dcm", voxels[k], elements, series, number)
    return folder


def write_frames(
    path: Path,
    voxels: np.ndarray,
    matrix: np.ndarray,
    order: Sequence[int],
    change: Callable[[int, dict[int, Value]], object] | None = None,
    shared: dict[int, Value] | None = None,
    implicit: bool = False,
    open_ends: bool = False,
) -> Path:
    """An enhanced file of the frames `order` of (K, J, I); `change` may add to or spoil the groups of a frame."""
    axes, steps = _axes(matrix)
    frames = []
    for frame, k in enumerate(order):
        groups: dict[int, Value] = {0x00209113: items({0x00200032: text("DS", *(matrix @ (0, 0, k, 1))[:3])})}
        if change is not None:
            change(frame, groups)
        frames.append(groups)
    common: dict[int, Value] = {
        0x00209116: items({0x00200037: text("DS", *axes[:, 0], *axes[:, 1])}),
        0x00289110: items({0x00180050: text("DS", 1.0), 0x00280030: text("DS", float(steps[1]), float(steps[0]))}),
    }
    elements: dict[int, Value | None] = {
        0x00280008: text("IS", len(frames)),
        0x52009229: items(common if shared is None else shared),
        0x52009230: items(*frames),
    }
    stored = voxels[list(order)]
    return write_dicom(path, stored, elements, "9", 1, ENHANCED_MR, implicit, open_ends)


def _axes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    return matrix[:3, :3] / steps, steps
