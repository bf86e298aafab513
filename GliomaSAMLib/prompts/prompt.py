"""One prompt: a point, a box, a scribble or an edited mask of a region, in RAS mm."""

import reprlib
import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from ..errors import PromptError
from ..geometry import Geometry, floats, ints
from ..packed import PackedMask, Shape
from ..regions import check_region

Kind = Literal["point", "box", "scribble", "mask"]

Ras = tuple[float, float, float]

KINDS: tuple[str, ...] = get_args(Kind)

FLAT_MM = 1e-6
"""A box is flat in an axis in which its corners differ by less than this, whatever the voxels."""


def new_id() -> str:
    """An id that no other prompt has, in this program or in any file."""
    return uuid.uuid4().hex


@dataclass(frozen=True, eq=False)
class Prompt:
    """A click, box, scribble or edited mask for one region. Made by `point`, `box`, `scribble` and `mask`, which
    check it.

    Two prompts are equal when every field but the grid is, a mask by its voxels; prompts can be put in sets.

    Args:
        kind: "point", "box", "scribble" or "mask".
        region: "WT", "TC" or "ET".
        positive: Whether what is marked belongs to the region.
        points: RAS mm: the click; two opposite corners of the box, the smaller coordinates first (its edges run
            along R, A and S), or the four corners of a 2D box in a tilted plane; or the line of the scribble.
        drawn: The voxels of an edited mask, kept small as every step keeps them; None for other kinds.
        shape: (K, J, I) of the study's reference grid for an edited mask; None for other kinds.
        grid: The grid itself, for an edited mask that is known to be on one.
        id: Unique, and kept in files and when the prompt is moved.
    """

    kind: Kind
    region: str
    positive: bool = True
    points: tuple[Ras, ...] = ()
    drawn: PackedMask | None = None
    shape: Shape | None = None
    grid: Geometry | None = None
    id: str = field(default_factory=new_id)

    @property
    def is_stroke(self) -> bool:
        """True for points and scribbles, which correct the mask; boxes and edited masks restart the prediction."""
        return self.kind in ("point", "scribble")

    @property
    def mask(self) -> np.ndarray | None:
        """uint8 (K, J, I) of 0 and 1 on the study's reference grid, read-only, unpacked at each call; None but for the
        kind "mask".
        """
        if self.drawn is None or self.shape is None:
            return None
        voxels = np.zeros(self.shape, np.uint8)
        self.drawn.unpack_into(voxels)
        voxels.flags.writeable = False
        return voxels

    @cached_property
    def compressed_mask(self) -> bytes:
        """The bits of the mask, compressed; none without a mask. Made once, as it takes tens of milliseconds."""
        mask = self.mask
        return b"" if mask is None else zlib.compress(np.packbits(mask).tobytes(), 6)

    def has_mask_of(self, other: "Prompt") -> bool:
        """Whether both are edited masks of the same voxels."""
        if self.drawn is None or other.drawn is None:
            return False
        return self.shape == other.shape and self.drawn.equals(other.drawn)

    @property
    def centre(self) -> Ras:
        """The mean of its points in RAS mm. Raises `PromptError` for a mask, which has none."""
        if not self.points:
            raise PromptError("An edited mask has no position: edit its voxels instead")
        return floats(np.mean(self.points, axis=0))

    def moved(self, ras: Iterable[float]) -> "Prompt":
        """The same prompt, under the same id, shifted so that its centre lies at `ras` (mm). Raises `PromptError`
        for a mask.
        """
        shift = np.subtract(check_ras(ras), self.centre)
        if self.kind == "point":
            return replace(self, points=(check_ras(ras),))
        return replace(self, points=tuple(floats(np.add(p, shift)) for p in self.points))

    def _identity(self) -> tuple[object, ...]:
        return self.kind, self.region, self.positive, self.points, self.id, self.shape

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prompt):
            return NotImplemented
        return self._identity() == other._identity() and (self.drawn is None or self.has_mask_of(other))

    def __hash__(self) -> int:
        return hash(self._identity())


def check_ras(ras: object) -> Ras:
    """Three finite numbers R, A, S in mm as a tuple, or `PromptError` that says what was given instead."""
    advice = "give three numbers, R,A,S in mm, for example -32.5,18,40"
    try:
        array = np.asarray(ras, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise PromptError(f"The position {reprlib.repr(ras)} is not made of numbers: {advice}") from error
    if array.shape != (3,):
        raise PromptError(f"The position {reprlib.repr(ras)} does not have three coordinates: {advice}")
    if not np.all(np.isfinite(array)):
        raise PromptError(f"The position {reprlib.repr(ras)} has a coordinate that is not finite: {advice}")
    return floats(array)


def point(ras: Iterable[float], positive: bool = True, region: str = "WT", *, prompt_id: str | None = None) -> Prompt:
    """A click at `ras` (R, A, S in mm) that lies inside (`positive`) or outside the region. Raises `PromptError`."""
    return Prompt("point", check_region(region), bool(positive), (check_ras(ras),), id=prompt_id or new_id())


def box(
    corner: Iterable[float], opposite: Iterable[float], region: str = "WT", *, prompt_id: str | None = None
) -> Prompt:
    """A box round the region, from two opposite corners in RAS mm, in any order; its edges run along R, A and S.

    Flat in one axis it is a 2D box. Raises `PromptError` when it is flat in two or three.
    """
    ends = np.array([check_ras(corner), check_ras(opposite)])
    low, high = floats(ends.min(axis=0)), floats(ends.max(axis=0))
    if np.count_nonzero(np.subtract(high, low) < FLAT_MM) > 1:
        raise PromptError(
            f"The box from {format_ras(low)} to {format_ras(high)} has no area: "
            "give two corners that differ in at least two of R, A, S"
        )
    return Prompt("box", check_region(region), True, (low, high), id=prompt_id or new_id())


def tilted_box(corners: Sequence[Iterable[float]], region: str = "WT", *, prompt_id: str | None = None) -> Prompt:
    """A 2D box in a plane across R, A and S, such as that of a tilted slice, from its four corners in RAS mm, each next
    to the one before. It counts as the block of the image's voxels round it.

    Raises `PromptError` when it has no area.
    """
    points = tuple(check_ras(ras) for ras in corners)
    if len(points) != 4:
        raise PromptError(f"A tilted box has four corners, not {len(points)}")
    first, second, _, last = np.array(points)
    if np.linalg.norm(np.cross(second - first, last - first)) < FLAT_MM:
        raise PromptError(f"The box at {format_ras(points[0])} has no area: give four corners of a rectangle")
    return Prompt("box", check_region(region), True, points, id=prompt_id or new_id())


def scribble(
    points: Sequence[Iterable[float]], positive: bool = True, region: str = "WT", *, prompt_id: str | None = None
) -> Prompt:
    """A line drawn through `points` (RAS mm) inside or outside the region. Raises `PromptError` when there is no
    point.
    """
    line = tuple(check_ras(ras) for ras in points)
    if not line:
        raise PromptError("The scribble is empty: draw at least one point")
    return Prompt("scribble", check_region(region), bool(positive), line, id=prompt_id or new_id())


def mask(
    array: np.ndarray, region: str = "WT", *, grid: Geometry | None = None, prompt_id: str | None = None
) -> Prompt:
    """A mask of the region edited by hand, (K, J, I) of 0 and 1. It is copied. Raises `PromptError`.

    Args:
        array: The mask.
        region: "WT", "TC" or "ET".
        grid: The grid that it is on; default that of the study to which it is given.
        prompt_id: Default a new one.
    """
    values = np.asarray(array)
    if values.ndim != 3 or 0 in values.shape:
        raise PromptError(f"The mask has the shape {values.shape}: give a 3D array (K, J, I) on the grid of the study")
    if values.dtype != bool and not (np.issubdtype(values.dtype, np.number) and np.all((values == 0) | (values == 1))):
        raise PromptError("The mask holds values other than 0 and 1: give 1 inside the region and 0 outside")
    if grid is not None and grid.shape != values.shape:
        raise PromptError(f"The mask has the shape {values.shape}, its grid {grid.shape} (K, J, I): give both alike")
    drawn, shape = PackedMask.of(values), ints(values.shape)
    return Prompt("mask", check_region(region), drawn=drawn, shape=shape, grid=grid, id=prompt_id or new_id())


def format_ras(ras: Sequence[float]) -> str:
    """A position for the user to read, such as "R -32.5, A 18.0, S 40.0 mm"."""
    return "R {:.1f}, A {:.1f}, S {:.1f} mm".format(*ras)
