"""NIfTI headers: whether the file is whole, and the places in the patient that its qform and its sform give."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..geometry import box_corners

ORIENTATIONS = ("auto", "qform", "sform")
"""Which form of a NIfTI header gives the place; `auto` does as 3D Slicer does."""

SAME_PLACE_MM = 0.1
"""Forms that put no voxel farther apart than this are one place."""

LARGEST_SHEAR = 0.25
"""In voxels: how far axes that are not at right angles may put a corner from where right angles would."""

SMALLEST_STEP_MM = 0.01

FARTHEST_MM = 10_000.0
"""From the middle of the scanner; a volume beyond lies nowhere."""

MOST_VOXELS = 1 << 29

HEADER_BYTES, NIFTI2_HEADER_BYTES = 348, 540

PLACE_BYTES = slice(252, 328)
"""The part of a header from the codes to the end of the sform."""

_GZIP = b"\x1f\x8b"

_CHUNK_BYTES = 1 << 20

_BYTES_BY_TYPE = {
    **{2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4},
    **{1024: 8, 1280: 8, 1536: 16, 1792: 16, 2048: 32, 2304: 4},
}

_NUMBERS = {16: "f4", 64: "f8"}
"""Types of voxels that may not be finite."""

_UNIT_IN_MM = {1: 1000.0, 3: 0.001}

_FLIP = np.diag([-1.0, -1.0, 1.0])


class NiftiError(ValueError):
    """What is wrong with a NIfTI or Analyze file, as the end of a sentence that begins with its name."""


@dataclass(frozen=True)
class NiftiPlace:
    """The part of a NIfTI header that says where the voxels lie, as it stands there.

    Args:
        codes: Of the qform and the sform: 0 unknown, 1 scanner, 2 aligned, 3 Talairach, 4 MNI.
        pixdim: The handedness of the qform (-1 or 1) and the voxel spacing along I, J, K.
        form: b, c, d of the quaternion, the offset of the qform, and the three rows of the sform.
        units: The code of the units, as it stands in `xyzt_units`.
    """

    codes: tuple[int, int]
    pixdim: tuple[float, ...]
    form: tuple[float, ...]
    units: int = 2

    @property
    def scale(self) -> float:
        """Millimetres in a unit of the header."""
        return _UNIT_IN_MM.get(self.units & 7, 1.0)

    @cached_property
    def qform(self) -> np.ndarray:
        """4 x 4, from voxels to RAS mm."""
        b, c, d = self.form[:3]
        if not np.isfinite(self.form[:6]).all():
            return np.full((4, 4), np.nan)
        a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
        a, b, c, d = np.array([a, b, c, d]) / max(1e-12, float(np.linalg.norm([a, b, c, d])))
        turn = [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
        handed = -1.0 if self.pixdim[0] < 0 else 1.0
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(turn) @ np.diag([*self.pixdim[1:3], handed * self.pixdim[3]])
        matrix[:3, 3] = self.form[3:6]
        matrix[:3] *= self.scale
        return matrix

    @cached_property
    def sform(self) -> np.ndarray:
        """4 x 4, from voxels to RAS mm."""
        matrix = np.eye(4)
        matrix[:3] = np.reshape(self.form[6:], (3, 4)) * self.scale
        return matrix

    @property
    def is_plain(self) -> bool:
        """Whether both forms are the scanner's and the same, as ITK writes them."""
        return self.codes == (1, 1) and self.scale == 1.0 and np.allclose(self.qform, self.sform, atol=1e-3)

    def written_into(self, header: bytes) -> bytes:
        """A little-endian NIfTI-1 header with this place in it."""
        changed = bytearray(header)
        struct.pack_into("<4f", changed, 76, *self.pixdim)
        changed[123] = (changed[123] & ~7) | (self.units & 7)
        struct.pack_into("<2h18f", changed, PLACE_BYTES.start, *self.codes, *self.form)
        return bytes(changed)


@dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI-1 or Analyze header says.

    Args:
        size: Voxels along I, J, K.
        place: Where they lie; None in an Analyze file, which does not say it.
        pair: Whether the voxels are in a file of their own.
        data: Of the file of the voxels the bytes that hold them, from the first to the one after the last.
        number: What a voxel is, where it is a number that may not be finite; else None.
    """

    size: tuple[int, int, int]
    place: NiftiPlace | None
    pair: bool
    data: tuple[int, int]
    number: np.dtype | None = None


def is_packed(path: Path) -> bool:
    """Whether a file is compressed with gzip, by its content."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def read_header(path: Path) -> NiftiHeader:
    """Read the header of a NIfTI or Analyze file, packed or not.

    Raises:
        NiftiError: There is no such header, or it says what cannot be.
        OSError: The file cannot be read.
    """
    header = b""
    try:
        for chunk in _chunks(path):
            header += chunk
            if len(header) >= HEADER_BYTES:
                break
    except (EOFError, zlib.error) as error:
        raise NiftiError(f"is damaged in its compression ({error})") from error
    if len(header) < HEADER_BYTES:
        raise NiftiError("is not a readable image: it has no NIfTI header")
    order = next((order for order in "<>" if struct.unpack_from(f"{order}i", header)[0] == HEADER_BYTES), None)
    if order is None:
        if any(struct.unpack_from(f"{order}i", header)[0] == NIFTI2_HEADER_BYTES for order in "<>"):
            raise NiftiError("is a NIfTI-2 file, which cannot be read: convert it to NIfTI-1")
        raise NiftiError("is not a readable image: it has no NIfTI header")
    return _parsed(header, order, single=not path.name.lower().endswith((".hdr", ".hdr.gz")))


def _parsed(header: bytes, order: str, single: bool) -> NiftiHeader:
    magic = header[344:347]
    if single and magic != b"n+1":
        raise NiftiError("is not a readable image: its header is not that of a NIfTI file")
    if not single and magic == b"n+1":
        raise NiftiError("has the header of a single NIfTI file, not of a pair: give it the suffix .nii")
    dim = struct.unpack_from(f"{order}8h", header, 40)
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
        raise NiftiError(f"is damaged: its header gives the size {' x '.join(map(str, dim[1 : max(dim[0], 0) + 1]))}")
    kind = struct.unpack_from(f"{order}h", header, 70)[0]
    if kind not in _BYTES_BY_TYPE:
        raise NiftiError(f"has voxels of the type {kind}, which is not known: export it again")
    offset = struct.unpack_from(f"{order}f", header, 108)[0]
    if not 0 <= offset < 2**31:
        raise NiftiError(f"is damaged: its voxels begin at byte {offset:g}")
    if any(np.isinf(struct.unpack_from(f"{order}2f", header, 112))):  # NaN is how some say that nothing is scaled
        raise NiftiError("is damaged: its grey values are scaled by an infinite number; export it again")
    voxels = 1
    for count in dim[1 : dim[0] + 1]:
        voxels *= count
    if voxels > MOST_VOXELS:
        raise NiftiError(f"has {voxels} voxels, more than {MOST_VOXELS}: give a smaller volume")
    size = (*dim[1 : min(dim[0], 3) + 1], 1, 1)[:3]
    end = int(offset) + voxels * _BYTES_BY_TYPE[kind]
    pixdim = struct.unpack_from(f"{order}4f", header, 76)
    for step in pixdim[1 : min(dim[0], 3) + 1]:
        if not np.isfinite(step) or step <= 0:
            raise NiftiError(f"has a voxel spacing of {step:g} mm in its header: export it again")
    place = None
    if magic in (b"n+1", b"ni1"):
        codes = struct.unpack_from(f"{order}2h", header, PLACE_BYTES.start)
        form = struct.unpack_from(f"{order}18f", header, PLACE_BYTES.start + 4)
        place = NiftiPlace(codes, pixdim, form, header[123])
    number = np.dtype(f"{order}{_NUMBERS[kind]}") if kind in _NUMBERS else None
    return NiftiHeader((int(size[0]), int(size[1]), int(size[2])), place, not single, (int(offset), end), number)


def check_whole(path: Path, header: NiftiHeader) -> int:
    """Read the file of the voxels; a packed one to its end, where its checksum is.

    Returns:
        How many voxels are NaN or infinite: ITK takes them for 0.

    Raises:
        NiftiError: Fewer bytes are in the file, unpacked, than its header promises, or its compression is damaged.
    """
    found, bad, rest = 0, 0, b""
    first, needed = header.data
    if header.number is None and not is_packed(path):
        found = path.stat().st_size
    else:
        try:
            for chunk in _chunks(path):
                if header.number is not None:
                    rest += chunk[max(first - found, 0) : max(needed - found, 0)]
                    whole = len(rest) // header.number.itemsize * header.number.itemsize
                    values, rest = np.frombuffer(rest[:whole], header.number), rest[whole:]
                    bad += len(values) - int(np.count_nonzero(np.isfinite(values)))
                found += len(chunk)
        except (EOFError, zlib.error) as error:
            raise NiftiError(f"is damaged or cut short in its compression ({error})") from error
    if found < needed:
        raise NiftiError(f"is damaged or cut short: it holds {found} of the {needed} bytes that its header promises")
    return bad


def voxel_file(header: Path) -> Path:
    """The file of the voxels that belongs to the header of a pair.

    Raises:
        NiftiError: There is none, or two.
    """
    stem = header.name[: header.name.lower().rindex(".hdr")]
    return _only(header, [header.with_name(stem + suffix) for suffix in (".img", ".img.gz", ".IMG", ".IMG.gz")])


def header_file(voxels: Path) -> Path:
    """The header that belongs to the voxels of a pair. Raises NiftiError when there is none, or two."""
    stem = voxels.name[: voxels.name.lower().rindex(".img")]
    return _only(voxels, [voxels.with_name(stem + suffix) for suffix in (".hdr", ".hdr.gz", ".HDR", ".HDR.gz")])


def _only(one: Path, others: list[Path]) -> Path:
    found: list[Path] = []
    for path in others:
        if path.is_file() and not any(path.samefile(other) for other in found):
            found.append(path)
    if not found:
        raise NiftiError(f"is one file of a pair, and the other ({others[0].name}) is not beside it")
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise NiftiError(f"belongs to two files ({names}), one packed and one not: move away the one that is not meant")
    return found[0]


def chosen_place(header: NiftiHeader, orientation: str) -> tuple[np.ndarray | None, str]:
    """Where the voxels lie: 4 x 4 from voxels to RAS mm, and what the user should know, the end of a sentence or "".

    None stands for the place that 3D Slicer gives to a file that does not say it: the axes to the left, to the back and
    up, the first voxel at 0.

    Raises:
        NiftiError: The place is not finite, its axes are not at right angles, or it is no place at all.
    """
    place = header.place
    if place is None:
        return None, f"an Analyze file carries no place in the patient: {_GUESS}"
    names = [name for name, code in zip(("qform", "sform"), place.codes, strict=True) if code > 0]
    if not names:
        if orientation == "auto":
            return None, f"its qform and its sform have the code 0, so left and right are not known: {_GUESS}"
        return _usable(header, orientation), f"its qform and its sform have the code 0: the {orientation} is taken"
    if len(names) == 1:
        return _usable(header, names[0]), _other_spacing(header) if names[0] == "sform" else ""
    if orientation == "auto":
        orientation = "sform" if place.codes[1] == 1 else "qform"
    other = "qform" if orientation == "sform" else "sform"
    try:
        chosen = _usable(header, orientation)
    except NiftiError as error:
        raise NiftiError(f"{error}, or take its other place with --orientation {other}") from error
    matrices = {orientation: chosen, other: getattr(place, other)}
    apart = _largest_distance(matrices["qform"], matrices["sform"], header.size)
    if apart <= SAME_PLACE_MM:
        return chosen, ""
    places = " and ".join(f"the {name} at {_span(matrices[name], header.size)}" for name in ("qform", "sform"))
    return chosen, (
        f"its qform and its sform differ: the first and the last voxel lie by {places} (RAS mm); "
        f"the {orientation} is taken, the option --orientation {other} takes the other"
    )


_GUESS = (
    "as in 3D Slicer, I is taken to run to the left, J to the back, K up, with the first voxel at RAS 0, 0, 0; other "
    "programs take I to the left, J to the front, K up, with the middle at 0, 0, 0. Check the orientation, or choose a "
    "form with --orientation qform or sform"
)


def _other_spacing(header: NiftiHeader) -> str:
    assert header.place is not None
    steps = np.linalg.norm(header.place.sform[:3, :3], axis=0)
    told = np.array(header.place.pixdim[1:]) * header.place.scale
    if np.all(np.abs(steps - told) * header.size <= SAME_PLACE_MM):
        return ""
    by_form, by_header = (" x ".join(f"{step:.3g}" for step in one) for one in (steps, told))
    return f"its sform has voxels of {by_form} mm, its header says {by_header} mm: those of the sform are taken"


def _usable(header: NiftiHeader, name: str) -> np.ndarray:
    matrix: np.ndarray = getattr(header.place, name)
    if not np.isfinite(matrix).all():
        raise NiftiError(f"has numbers in its {name} that are not finite: export it again")
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    if steps.min() < SMALLEST_STEP_MM:
        raise NiftiError(f"has a voxel spacing of {steps.min():g} mm in its {name}: export it again")
    if (far := np.abs(matrix[:3, 3]).max()) > FARTHEST_MM:
        raise NiftiError(f"has its first voxel {far:g} mm away in its {name}: export it again")
    straight = matrix.copy()
    straight[:3, :3] = right_angled(matrix[:3, :3] / steps) * steps
    if _largest_distance(matrix, straight, header.size) > LARGEST_SHEAR * steps.min():
        raise NiftiError(
            f"is sheared: the axes of its {name} are not at right angles; resample it onto a grid with right angles"
        )
    return straight


def right_angled(axes: np.ndarray) -> np.ndarray:
    """The orthogonal matrix (3, 3) next to one of unit columns."""
    left, _, right = np.linalg.svd(axes)
    return np.asarray(left @ right)


def _largest_distance(one: np.ndarray, other: np.ndarray, size: tuple[int, int, int]) -> float:
    """In mm, of the corners of a volume between two places; infinite when one of them is not finite."""
    corners = np.c_[box_corners((0, 0, 0), np.array(size) - 1), np.ones(8)]
    with np.errstate(all="ignore"):
        apart = np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max()
    return float(apart) if np.isfinite(apart) else np.inf


def _span(matrix: np.ndarray, size: tuple[int, int, int]) -> str:
    with np.errstate(all="ignore"):
        ends = [matrix @ (0, 0, 0, 1), matrix @ (*(np.array(size) - 1), 1)]
    return " to ".join("(" + ", ".join(f"{value:.1f}" for value in end[:3]) + ")" for end in ends)


def lps_place(matrix: np.ndarray) -> tuple[list[float], list[float], list[float]]:
    """Origin, spacing and direction of an ITK image (LPS) from a matrix of voxels to RAS mm, at right angles."""
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    direction = _FLIP @ (matrix[:3, :3] / steps)
    return (_FLIP @ matrix[:3, 3]).tolist(), steps.tolist(), direction.ravel().tolist()


def _chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked where it is packed; what follows its packed streams is left out, as ITK does.

    Raises:
        EOFError: A packed stream is cut short.
        zlib.error: It is damaged.
    """
    with path.open("rb") as file:
        rest = file.read(_CHUNK_BYTES)
        if not rest.startswith(_GZIP):
            while rest:
                yield rest
                rest = file.read(_CHUNK_BYTES)
        while rest.startswith(_GZIP):
            stream = zlib.decompressobj(wbits=31)  # with the header and the checksum of gzip
            while not stream.eof:
                if not rest:
                    raise EOFError("its end is missing")
                yield stream.decompress(rest, _CHUNK_BYTES)
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail or file.read(_CHUNK_BYTES)
            if len(rest) < len(_GZIP):
                rest += file.read(_CHUNK_BYTES)
