"""The elements of a DICOM file up to its pixels, sequences included, which SimpleITK does not give."""

import mmap
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import StudyError

PIXEL_DATA = 0x7FE00010

DEEPEST = 16

LONGEST_VALUE = 1 << 16

MOST_ELEMENTS = 5_000_000

_UNDEFINED = 0xFFFFFFFF

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}

_KINDS = _LONG | {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS"),
    *(b"ST", b"TM", b"UI", b"UL", b"US"),
    *(b"??", b"  ", b"OX"),  # that some programs write
}
"""Of elements."""

_SAMPLES = 0x00280002

_SYNTAX = 0x00020010

_IMPLICIT, _DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"

_SEQUENCES = {
    *(0x52009229, 0x52009230, 0x00209113, 0x00209116, 0x00289110, 0x00209111, 0x00189114, 0x00189117),
    *(0x00289145, 0x00189226),
}
"""Those that are read; in files without the kinds of their elements, others are passed over."""


@dataclass(frozen=True)
class Elements:
    """The elements of a file or of an item of a sequence, by tag.

    Args:
        values: Of those that are no sequences, as bytes; long ones are left out.
        items: Of those that are sequences.
        big_endian: The order of the bytes in binary values.
    """

    values: dict[int, bytes]
    items: dict[int, list["Elements"]]
    big_endian: bool = False

    def text(self, tag: int) -> str:
        """An element of letters; "" when it is absent."""
        return self.values.get(tag, b"").decode("latin-1").strip(" \0")

    def decimals(self, tag: int) -> tuple[float, ...]:
        """An element of numbers in letters (DS, IS). Empty when it is absent or is none."""
        try:
            return tuple(float(word) for word in self.text(tag).split("\\") if word.strip())
        except ValueError:
            return ()

    def binary(self, tag: int) -> tuple[float, ...]:
        """An element of doubles, 16-bit or 32-bit whole numbers (FD, US, UL), by its length. Empty when absent."""
        value, order = self.values.get(tag, b""), ">" if self.big_endian else "<"
        form = {2: "H", 4: "I", 8: "d"}.get(len(value))
        return struct.unpack(order + form, value) if form else ()

    def first(self, tag: int) -> "Elements":
        """The first item of a sequence; one without elements when it is absent."""
        return next(iter(self.items.get(tag, ())), _EMPTY)


_EMPTY = Elements({}, {})


def is_dicom(path: Path) -> bool:
    """Whether a file says at its beginning that it is DICOM."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_elements(path: Path) -> Elements:
    """The elements of a DICOM file before its pixels.

    Also looks whether every element, the pixels included, is of a known kind and lies within the file: GDCM believes
    any length, and takes gigabytes of memory for a file that was cut short.

    Raises:
        StudyError: The file is none, is damaged or cut short.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise StudyError(f"{path}: the file is empty; copy or export it again") from error
        with content:
            try:
                return _read_file(content)
            except (struct.error, IndexError, RecursionError, ValueError, zlib.error) as error:
                raise StudyError(f"{path}: the DICOM file is damaged or cut short; export it again") from error


def _read_file(content: mmap.mmap) -> Elements:
    if content[128:132] != b"DICM":
        raise ValueError("no DICOM file")
    meta = _Parser(content, explicit=True, big_endian=False)
    head, start = meta.elements(132, len(content), 0, group=2)
    syntax = head.text(_SYNTAX)
    body: bytes | mmap.mmap = content
    if syntax == _DEFLATED:
        body, start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[start:], 1 << 30), 0
    parser = _Parser(body, syntax != _IMPLICIT, syntax == _BIG_ENDIAN)
    found, at = parser.elements(start, len(body), 0)
    if found.binary(_SAMPLES) not in ((), (1,), (3,), (4,)):
        raise ValueError("samples of a pixel")
    if at + 8 <= len(body):
        parser.pass_over_pixels(at, len(body))
    return found


class _Parser:
    def __init__(self, content: bytes | mmap.mmap, explicit: bool, big_endian: bool) -> None:
        self._content, self._explicit, self._big = content, explicit, big_endian
        self._order = ">" if big_endian else "<"
        self._count = 0

    def elements(self, at: int, end: int, depth: int, group: int | None = None) -> tuple[Elements, int]:
        """The elements from a byte on, to `end`, the end of an item, the pixels, padding, or another `group`; and where
        that is.
        """
        found = Elements({}, {}, self._big)
        if depth > DEEPEST:
            raise ValueError("too deep")
        while at + 8 <= end:
            self._count += 1
            if self._count > MOST_ELEMENTS:
                raise ValueError("too many elements")
            tag = self._tag(at)
            if tag == _ITEM_END:
                return found, at + 8
            padding = tag == 0 and depth == 0
            if padding or tag == PIXEL_DATA or (group is not None and tag >> 16 != group):
                return found, at
            kind, length, start = self._head(at)
            if kind == b"SQ" or length == _UNDEFINED or (kind == b"" and tag in _SEQUENCES):
                implicit = kind == b"UN"
                parser = _Parser(self._content, False, False) if implicit else self
                limit = end if length == _UNDEFINED else start + length
                if limit > end:
                    raise ValueError("a sequence beyond the end")
                found.items[tag], at = parser._items(start, limit, depth, length == _UNDEFINED)
                continue
            if start + length > end:
                raise ValueError("an element beyond the end")
            if length <= LONGEST_VALUE:
                found.values[tag] = bytes(self._content[start : start + length])
            at = start + length
        return found, at

    def pass_over_pixels(self, at: int, end: int) -> None:
        """Look at the pixels, in one piece or in items, and at what follows them."""
        _, length, start = self._head(at)
        if length != _UNDEFINED:
            at = start + length
            if at > end:
                raise ValueError("pixels beyond the end")
        else:
            at = self._pass_over_pieces(start, end)
        _, at = self.elements(at, end, 0)
        if at + 8 <= end and self._tag(at) == 0 and self._content[at:end].strip(b"\0"):
            raise ValueError("neither elements nor padding after the pixels")

    def _pass_over_pieces(self, at: int, end: int) -> int:
        """Where the pieces of packed pixels end."""
        while at + 8 <= end:
            tag, length = self._tag(at), struct.unpack_from(f"{self._order}I", self._content, at + 4)[0]
            at += 8
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM or at + length > end:
                raise ValueError("no piece of the pixels")
            at += length
        raise ValueError("pixels without an end")

    def _items(self, at: int, end: int, depth: int, open_end: bool) -> tuple[list[Elements], int]:
        items: list[Elements] = []
        while at + 8 <= end:
            tag, length = self._tag(at), struct.unpack_from(f"{self._order}I", self._content, at + 4)[0]
            if tag == _SEQUENCE_END:
                return items, at + 8
            if tag != _ITEM:
                raise ValueError("no item")
            limit = end if length == _UNDEFINED else at + 8 + length
            if limit > end:
                raise ValueError("an item beyond the end")
            item, at = self.elements(at + 8, limit, depth + 1)
            if length != _UNDEFINED:
                at = limit
            items.append(item)
        if open_end:
            raise ValueError("a sequence without an end")
        return items, end

    def _tag(self, at: int) -> int:
        group, element = struct.unpack_from(f"{self._order}2H", self._content, at)
        return int(group) << 16 | int(element)

    def _head(self, at: int) -> tuple[bytes, int, int]:
        """The kind of an element (empty when the file does not say), its length, and where its value begins."""
        if not self._explicit:
            return b"", struct.unpack_from(f"{self._order}I", self._content, at + 4)[0], at + 8
        kind = bytes(self._content[at + 4 : at + 6])
        if kind not in _KINDS:
            raise ValueError("an element of no known kind")
        if kind in _LONG:
            return kind, struct.unpack_from(f"{self._order}I", self._content, at + 8)[0], at + 12
        return kind, struct.unpack_from(f"{self._order}H", self._content, at + 6)[0], at + 8
