"""Headers of NRRD and MetaImage files: words that ITK's readers do not survive, and what of the place is missing."""

import math
import re
import zlib
from pathlib import Path

from .nifti import MOST_VOXELS

LONGEST_HEADER = 1 << 20

LONGEST_WORD = 100

LONGEST_NUMBERS = 2000

LONGEST_LINE = 16384

MOST_AXES = 16

BEST_PACKING = 1100
"""No file shrinks more than this many times, so that a small one cannot ask for all of the memory."""

_ANATOMICAL = {
    *("right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps"),
    *("right-anterior-superior-time", "rast", "left-anterior-superior-time", "last"),
    *("left-posterior-superior-time", "lpst"),
}

_NRRD_WORDS = ("type", "encoding", "endian", "space", "dimension", "spacedimension", "blocksize", "byteskip")
"""NRRD fields of one short word or number."""

_NRRD_NUMBERS = ("sizes", "spacings", "spacedirections", "spaceorigin", "axismins", "axismaxs", "thicknesses")

_NRRD_FIELDS = {
    *_NRRD_WORDS,
    *_NRRD_NUMBERS,
    *("content", "number", "centers", "centerings", "labels", "units", "min", "max", "oldmin", "oldmax", "lineskip"),
    *("datafile", "kinds", "sampleunits", "spaceunits", "measurementframe"),
}

_NRRD_TYPES = {
    *("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    *("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    *("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    *("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"),
    *("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    *("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t", "float", "double"),
}

_BYTES = (("char", 1), ("int8", 1), ("short", 2), ("int16", 2), ("longlong", 8), ("int64", 8), ("double", 8))
"""Of a voxel, by a part of the name of its type; the first that fits counts, and 4 for all others."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")

_WHOLE = re.compile(r"\+?\d{1,18}(\.0*)?$")

_PIECE = 1 << 16
"""Bytes unpacked at a time."""

_PLACE = {"Offset", "Position", "Origin"}

_AXES = {"TransformMatrix", "Rotation", "Orientation"}

_SAME_MEANING = (_PLACE, _AXES)
"""MetaImage fields of several names: ITK takes one of them, whatever the others say."""

_META_NUMBERS = _PLACE | _AXES | {"ElementSpacing", "ElementSize", "DimSize", "NDims", "CenterOfRotation"}


_OTHER_LENGTHS = re.compile(r"([kdcnuµμ]?m|inch(es)?|in|microns?|((kilo|deci|centi|micro|nano)?met(er|re)s?))", re.I)
"""Units of length other than mm."""

_META_WORDS = ("BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB", "CompressedData")
"""MetaImage fields that are true or false."""


class HeaderError(ValueError):
    """What is wrong with a header, as the end of a sentence that begins with the file's name."""


def check_nrrd(path: Path) -> str:
    """Check the header of a NRRD file; what of its place it does not say, "" when nothing is missing.

    Raises:
        HeaderError: The header is not one, has words or numbers that cannot be, or names data elsewhere.
        OSError: The file cannot be read.
    """
    fields = _nrrd_fields(path)
    for name in ("type", "dimension", "sizes", "encoding"):
        if name not in fields:
            raise HeaderError(f"is not a readable image: its NRRD header has no {name}")
    if fields["type"].lower() not in _NRRD_TYPES:
        raise HeaderError(f"has voxels of the type {fields['type'][:40]!r}, which is not known: export it again")
    if not fields["dimension"].isdigit() or not 1 <= int(fields["dimension"]) <= MOST_AXES:
        raise HeaderError(f"is damaged: it has {fields['dimension'][:40]!r} dimensions")
    sizes = fields["sizes"].split()
    if len(sizes) != int(fields["dimension"]) or not all(n.isdigit() and int(n) > 0 for n in sizes):
        raise HeaderError(f"is damaged: its sizes are {fields['sizes'][:60]!r}")
    for name in ("spacedirections", "spaceorigin", "spacings"):
        _check_finite(name, re.sub(r"[(),]", " ", fields.get(name, "")).split())
    for name in ("spaceunits", "units"):
        _check_units(re.findall(r'"([^"]*)"', fields.get(name, "")))
    data, raw = _data_file(path, fields.get("datafile", "")), fields["encoding"].lower() == "raw"
    said = "datafile" not in fields or "byteskip" in fields or "lineskip" in fields
    skip = "" if said else "byte skip"
    _check_amount(data, [int(n) for n in sizes], fields["type"].lower().replace(" ", ""), raw, skip=skip)
    missing = []
    if fields.get("space", "").lower() not in _ANATOMICAL or "spacedirections" not in fields:
        missing.append("orientation")
    if fields.get("spaceorigin", "none").lower() == "none":
        missing.append("position")
    if "spacedirections" not in fields and "spacings" not in fields:
        missing.append("voxel spacing (1 mm is taken)")
    return _listed(missing)


def _nrrd_fields(path: Path) -> dict[str, str]:
    """The fields of a NRRD header by name, in lower case and without blanks."""
    lines = _header_lines(path)
    if not re.match(r"NRRD000[1-5]$", lines[0]):
        raise HeaderError("is not a readable image: it has no NRRD header")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        if not line:
            break
        if line[0] == "#":
            continue
        if 0 <= line.find(":=") < (line.find(": ") if ": " in line else len(line)):  # a key of the writer's own
            continue
        name, mark, value = line.partition(":")
        if not mark:
            raise HeaderError(f"is damaged: {line[:40]!r} is no line of a NRRD header")
        name, value = name.lower().replace(" ", ""), value.strip()
        if name not in _NRRD_FIELDS:
            raise HeaderError(f"is damaged: {line[:40]!r} is no line of a NRRD header")
        if name in fields:
            raise HeaderError(f"is damaged: its header has {name} twice")
        fields[name] = value
        _check_words(name, value)
    return fields


def _check_words(name: str, value: str) -> None:
    quoted = name in ("content", "labels", "units", "spaceunits", "sampleunits", "datafile")
    longest = LONGEST_NUMBERS if quoted or name in _NRRD_NUMBERS else LONGEST_WORD * MOST_AXES
    words = [value] if name in _NRRD_WORDS else value.split()
    if len(value) > longest or (not quoted and any(len(word) > LONGEST_WORD for word in words)):
        raise HeaderError(f"is damaged: the {name} of its header is too long")


def _check_units(units: list[str]) -> None:
    """Raise HeaderError for lengths in another unit than mm: ITK takes the numbers for mm."""
    for unit in units:
        if _OTHER_LENGTHS.fullmatch(unit.strip()):
            raise HeaderError(f"has lengths in {unit.strip()[:40]!r}, not in mm: export it again in mm")


def check_metaimage(path: Path) -> str:
    """As `check_nrrd`, of a MetaImage file."""
    fields = _metaimage_fields(path)
    for name in ("NDims", "DimSize", "ElementType", "ElementDataFile"):
        if not fields.get(name):
            raise HeaderError(f"is not a readable image: its MetaImage header has no {name}")
    _check_counts(fields)
    for name in _META_WORDS:
        if fields.get(name, "True").lower() not in ("true", "false"):
            raise HeaderError(f"is damaged: its {name} is {fields[name][:40]!r}, neither True nor False")
    _check_units([fields.get("DistanceUnits", "")])
    local, raw = (
        fields["ElementDataFile"] in ("LOCAL", "Local", "local"),
        fields.get("CompressedData", "").lower() != "true",
    )
    data = _data_file(path, "" if local else fields["ElementDataFile"])
    kind = fields["ElementType"].lower().replace("long_long", "longlong")
    sizes = [int(n) for n in fields["DimSize"].split()]
    channels = _count(fields, "ElementNumberOfChannels") or 1
    skipped = _skipped(fields, local)
    said = local or "HeaderSize" in fields or fields.get("BinaryData", "").lower() == "false"
    _check_amount(data, sizes, kind, raw, skipped, channels, "" if said else "HeaderSize")
    if not raw and data is not None and not skipped:
        needed = _bytes_of(kind) * math.prod(sizes) * channels
        stated = _count(fields, "CompressedDataSize")
        if local and not stated:  # ITK then takes other bytes for the voxels
            raise HeaderError("is damaged: its header has no CompressedDataSize; export it again")
        _check_packed(data, _header_length(path) if local else 0, stated, needed)
    missing = []
    if not _AXES & set(fields):
        missing.append("orientation")
    if not _PLACE & set(fields):
        missing.append("position")
    if not {"ElementSpacing", "ElementSize"} & set(fields):
        missing.append("voxel spacing (1 mm is taken)")
    return _listed(missing)


def _metaimage_fields(path: Path) -> dict[str, str]:
    """The fields of a MetaImage header by name."""
    fields: dict[str, str] = {}
    for line in _header_lines(path):
        name, *rest = (part.strip() for part in re.split("[=:]", line, maxsplit=1))  # ITK takes both
        value = rest[0] if rest else ""
        if not rest:
            if line.strip():
                raise HeaderError("is not a readable image: it has no MetaImage header")
            continue
        if len(name) > LONGEST_WORD or len(value) > LONGEST_NUMBERS:
            raise HeaderError(f"is damaged: the {name[:40]} of its header is too long")
        if fields.get(name, value) != value:
            raise HeaderError(f"is damaged: its header has {name} twice")
        fields[name] = value
        if name in _META_NUMBERS:
            if "NDims" not in fields:
                raise HeaderError(f"is damaged: its header has {name} before NDims")
            _check_finite(name, value.split())
        if name == "ElementDataFile":
            break
    return fields


def _check_counts(fields: dict[str, str]) -> None:
    """Raise HeaderError unless there are as many numbers of each kind as the image has axes."""
    if not fields["NDims"].isdigit() or not 1 <= int(fields["NDims"]) <= MOST_AXES:
        raise HeaderError(f"is damaged: it has {fields['NDims'][:40]!r} dimensions")
    sizes = fields["DimSize"].split()
    if len(sizes) != int(fields["NDims"]) or not all(n.isdigit() and int(n) > 0 for n in sizes):
        raise HeaderError(f"is damaged: its sizes are {fields['DimSize'][:60]!r}")
    for name in _META_NUMBERS - {"NDims"}:
        wanted = len(sizes) ** 2 if name in _AXES else len(sizes)
        if name in fields and len(fields[name].split()) != wanted:
            raise HeaderError(f"is damaged: its {name} has {len(fields[name].split())} numbers instead of {wanted}")
    for names in _SAME_MEANING:
        said = {name: [float(word) for word in fields[name].split()] for name in sorted(names & set(fields))}
        if any(numbers != next(iter(said.values())) for numbers in said.values()):
            raise HeaderError(f"is damaged: its {' and its '.join(said)} differ; leave one of them")


def _skipped(fields: dict[str, str], local: bool) -> int:
    """The bytes that stand before the voxels; -1 where the voxels stand at the end of the file. Raises HeaderError for
    a number in a file that is its own header: ITK would count from its beginning and take letters for voxels.
    """
    if fields.get("HeaderSize") == "-1":
        return -1
    if (skipped := _count(fields, "HeaderSize")) and local:
        raise HeaderError(f"is damaged: its HeaderSize is {skipped}, and its voxels follow the header; leave it out")
    return skipped


def _count(fields: dict[str, str], name: str) -> int:
    """A field that is a whole number; 0 where it is absent."""
    if not _WHOLE.match(fields.get(name, "0")):
        raise HeaderError(f"is damaged: its {name} is {fields[name][:40]!r}")
    return int(float(fields.get(name, "0")))


def _header_length(path: Path) -> int:
    """The bytes of a MetaImage header, to the end of the line that says where its voxels are."""
    length = 0
    with path.open("rb") as file:
        for line in file.read(LONGEST_HEADER).split(b"\n"):
            length += len(line) + 1
            if re.match(rb"\s*ElementDataFile\s*[=:]", line):
                break
    return length


def _check_packed(data: Path, start: int, stated: int, needed: int) -> None:
    """Raise HeaderError unless the packed voxels, from the byte `start` of `data`, are whole. ITK takes what it can
    unpack of them, and says so on the terminal only.

    Args:
        data: The file.
        start: Where they begin.
        stated: How many bytes the header says they have; 0 where it does not.
        needed: How many they have when unpacked.
    """
    found = data.stat().st_size - start
    if stated > found:
        raise HeaderError(
            f"is damaged or cut short: {data.name} has {found} packed bytes, its header promises {stated}"
        )
    unpacked, left, unpack = 0, stated or found, zlib.decompressobj(wbits=47)
    with data.open("rb") as file:
        file.seek(start)
        try:
            while unpacked < needed and left > 0 and (packed := file.read(min(left, _PIECE))):
                left -= len(packed)
                unpacked += len(unpack.decompress(packed))
        except zlib.error as error:
            raise HeaderError(f"is damaged: the voxels in {data.name} cannot be unpacked; export it again") from error
    if unpacked < needed:
        raise HeaderError(f"is damaged or cut short: {data.name} unpacks to {unpacked} of {needed} bytes")


def _header_lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        content = file.read(LONGEST_HEADER)
    lines: list[str] = []
    for line in content.split(b"\n"):
        if len(line) > LONGEST_LINE and not lines:
            raise HeaderError("is not a readable image: it begins with no header")
        lines.append(line.rstrip(b"\r").decode("latin-1"))
    return lines


def _check_finite(name: str, words: list[str]) -> None:
    for word in words:
        if word == "none":
            continue
        if not _NUMBER.match(word):
            raise HeaderError(f"has the word {word[:40]!r} among the numbers of its {name}: export it again")
        if not abs(float(word)) < 1e30:
            raise HeaderError(f"has a number in its {name} that is not finite: export it again")


def _data_file(path: Path, name: str) -> Path | None:
    """The file that holds the voxels, of a header that names `name`, "" for the header's own; None where there are
    several. Raises HeaderError when it does not lie beside its header.
    """
    if not name:
        return path
    if name.upper().startswith("LIST"):  # the names would follow, of files anywhere
        raise HeaderError("takes its voxels from a list of files: export it again as one file")
    if "%" in name and not re.fullmatch(r"[^%]*%0?\d{0,2}d[^%]*", name):
        raise HeaderError(f"takes its voxels from {name[:60]!r}, which is no name of a file: export it again")
    if "/" in name or "\\" in name:
        raise HeaderError(
            f"takes its voxels from {name[:60]!r}, which does not lie beside it: put both into one folder, and name "
            "the file alone in the header"
        )
    if "%" in name:  # several files, by their numbers
        return None
    data = beside(path, name)
    if not data.is_file():
        raise HeaderError(f"takes its voxels from {data.name[:60]!r}, which is not beside it: put both into one folder")
    return data


def beside(path: Path, name: str) -> Path:
    """The file beside a header of text that names it: `name` is what stands there, read as latin-1. ITK takes the bytes
    as they are, and so writes UTF-8.
    """
    old, data = path.parent / name, path.parent / name.encode("latin-1").decode("utf-8", "surrogateescape")
    return old if old.is_file() and not data.is_file() else data


def _check_amount(
    data: Path | None, sizes: list[int], kind: str, raw: bool, skipped: int = 0, channels: int = 1, skip: str = ""
) -> None:
    """Raise HeaderError when a header promises more voxels than fit in memory, or than the file `data` can hold after
    the bytes that are skipped; or fewer, and it leaves out the field `skip` that says where in `data` they begin.
    """
    voxels = 1
    for size in sizes:
        voxels *= size
    if voxels > MOST_VOXELS:
        raise HeaderError(f"has {voxels} voxels, more than {MOST_VOXELS}: give a smaller volume")
    if data is None:
        return
    found, needed = data.stat().st_size - max(skipped, 0), voxels * channels * _bytes_of(kind)
    if needed > found * (1 if raw else BEST_PACKING):
        raise HeaderError(f"is damaged or cut short: {data.name} has {found} bytes, its header promises {needed}")
    if raw and skip and found > needed:
        raise HeaderError(
            f"does not say where its voxels begin: {data.name} has {found - needed} bytes more than its header "
            f"promises; give {skip}, the bytes before them (-1 where they stand at the end)"
        )


def _bytes_of(kind: str) -> int:
    """Of a voxel."""
    return next((count for name, count in _BYTES if name in kind), 4)


def _listed(missing: list[str]) -> str:
    return f"it carries no {' and no '.join(missing)} in the patient" if missing else ""
