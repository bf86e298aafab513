"""The voxels of a grid that a prompt marks."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..errors import PromptError
from ..geometry import Geometry, box_corners, floats, resample
from . import prompt as make
from .prompt import FLAT_MM, Prompt, Ras, format_ras

TOLERANCE_MM = 1e-4
"""Rounding of coordinates that is let pass at the faces of a box."""

AIR_MM = 5.0
"""A prompt further than this from any tissue is in air, or outside the brain."""


def voxel_extent(geometry: Geometry) -> np.ndarray:
    """Thickness in mm, along R, A and S, of a flat layer of voxels: a plane that thick holds one voxel of every
    column.
    """
    steps = np.abs(np.asarray(geometry.direction) * np.asarray(geometry.spacing))
    return np.asarray(steps.max(axis=1))


def flat_axis(prompt: Prompt, geometry: Geometry) -> int | None:
    """The axis (0 R, 1 A, 2 S) in which a box is thinner than half a voxel, so that it is a 2D box; None for a 3D
    box.
    """
    extent = np.ptp(prompt.points, axis=0) / voxel_extent(geometry)
    thinnest = int(np.argmin(extent))
    return thinnest if extent[thinnest] < 0.5 else None


def scribble_points(prompt: Prompt, geometry: Geometry) -> np.ndarray:
    """Points (N, 3) in RAS mm along the line of a scribble (or the click itself), at most half a voxel apart, ends
    included.
    """
    line = np.asarray(prompt.points, float)
    step = 0.5 * min(geometry.spacing)
    parts = [line[:1]]
    for start, end in itertools.pairwise(line):
        count = int(np.ceil(np.linalg.norm(end - start) / step))
        fractions = np.arange(1, count + 1)[:, None] / max(count, 1)
        parts.append(start + fractions * (end - start))
    return np.concatenate(parts)


def prompt_voxels(prompt: Prompt, geometry: Geometry) -> np.ndarray:
    """The voxels (N, 3) as int64 (K, J, I) that a prompt marks on `geometry`, each once, those outside the grid
    left out.

    A click marks one voxel; a scribble those along its line, in the order of drawing; a box those inside (a 2D box
    one layer); a mask those that are 1. A mask must be on this very grid: `ValueError` otherwise.
    """
    mask = prompt.mask
    if mask is not None:
        if mask.shape != geometry.shape:
            raise ValueError(f"A mask of {mask.shape} does not fit a grid of {geometry.shape}")
        return np.argwhere(mask)
    if prompt.kind == "box":
        return box_voxels(prompt, geometry)
    points = scribble_points(prompt, geometry)
    voxels = np.floor(geometry.to_ijk(points[geometry.contains(points)]) + 0.5).astype(np.int64)[:, ::-1]
    voxels, first = np.unique(voxels, axis=0, return_index=True)
    return voxels[np.argsort(first)]


def box_voxels(prompt: Prompt, geometry: Geometry, margin_mm: float = 0.0) -> np.ndarray:
    """The voxels (N, 3) as int64 (K, J, I) whose centres lie in a box enlarged by `margin_mm`; where it is flat,
    one layer of them. Of a tilted box those of its `box_range`.
    """
    return np.concatenate([np.empty((0, 3), np.int64), *box_layers(prompt, geometry, margin_mm)])


def box_layers(prompt: Prompt, geometry: Geometry, margin_mm: float = 0.0) -> Iterator[np.ndarray]:
    """`box_voxels`, those of one K after the other: a large box has many millions."""
    (k0, k1), (j0, j1), (i0, i1) = box_range(prompt, geometry, margin_mm)
    j, i = (side.ravel() for side in np.meshgrid(np.arange(j0, j1), np.arange(i0, i1), indexing="ij"))
    layers = (np.stack([np.full_like(j, k), j, i], axis=1) for k in range(k0, k1))
    if _is_tilted(prompt):
        yield from layers
        return
    low, high, padded = _faces(prompt, geometry, margin_mm)
    for candidates in layers:
        ras = geometry.to_ras(candidates[:, ::-1])
        above = ras >= low - TOLERANCE_MM
        below = np.where(padded, ras < high - TOLERANCE_MM, ras <= high + TOLERANCE_MM)
        yield candidates[np.all(above & below, axis=1)]


def box_range(prompt: Prompt, geometry: Geometry, margin_mm: float = 0.0) -> tuple[tuple[int, int], ...]:
    """The smallest block of voxels, ((k0, k1), (j0, j1), (i0, i1)) with the ends outside, that holds a box enlarged
    by `margin_mm`.
    """
    if _is_tilted(prompt):
        ijk = geometry.to_ijk(np.asarray(prompt.points))
        margin = margin_mm / np.asarray(geometry.spacing)
        flat = np.ptp(ijk, axis=0) + 2 * margin < 1
        layer = np.floor(ijk.mean(axis=0) + 0.5 + 1e-3)
        low, high = np.where(flat, layer, (ijk.min(axis=0) - margin, ijk.max(axis=0) + margin))
    else:
        corners = geometry.to_ijk(box_corners(*_faces(prompt, geometry, margin_mm)[:2]))
        low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.asarray(geometry.size)
    start = np.clip(np.ceil(low - 1e-3), 0, size).astype(int)
    stop = np.clip(np.floor(high + 1e-3) + 1, start, size).astype(int)
    return tuple((int(a), int(b)) for a, b in zip(start[::-1], stop[::-1], strict=True))


def _is_tilted(box: Prompt) -> bool:
    return len(box.points) > 2


def _faces(prompt: Prompt, geometry: Geometry, margin_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower and upper faces of a box in RAS mm, at least one voxel apart, and the axes in which they were moved
    apart for that.
    """
    low, high = np.asarray(prompt.points, float)
    centre, half = (low + high) / 2, (high - low) / 2 + margin_mm
    least = voxel_extent(geometry) / 2
    return centre - np.maximum(half, least), centre + np.maximum(half, least), half < least


def validate_prompt(
    prompt: Prompt, geometry: Geometry, tissue: np.ndarray | None = None, is_cut_out: bool = False
) -> Prompt:
    """Return the prompt as it can be used on a volume: itself, a box clipped to the volume, or a mask brought onto its
    grid.

    Args:
        prompt: Any prompt.
        geometry: The reference grid of the study.
        tissue: bool (K, J, I) on that grid: voxels that are not air. Without it, air is not looked for.
        is_cut_out: Whether these are a brain cut out of a head, so that what lies outside need not be air.

    Raises:
        PromptError: A click or a point of a scribble lies outside the volume; a box lies wholly outside; a click, a
            box or the whole scribble is further than 5 mm from tissue; a mask without a grid has another shape, or
            nothing of one lies in the volume. The text says where, and what to do.
    """
    if prompt.kind == "mask":
        if prompt.shape != geometry.shape and prompt.grid is None:
            raise PromptError(
                f"The mask has the shape {prompt.shape}, the study {geometry.shape} (K, J, I): "
                "edit a mask on the grid of the study"
            )
        if prompt.grid is None:
            return replace(prompt, grid=geometry)
        moved = on_grid(prompt, geometry)
        if _is_empty(moved) and not _is_empty(prompt):
            raise PromptError(
                f"All of the mask of {prompt.region}, edited on another grid, lies outside the volume, which spans "
                f"{_span(geometry)}: give the volumes that it was edited on"
            )
        return moved
    if prompt.kind == "box":
        return _check_box(prompt, geometry, tissue, is_cut_out)
    name = "click" if prompt.kind == "point" else "scribble"
    for ras in prompt.points:
        if not bool(geometry.contains(np.asarray(ras))):
            raise PromptError(
                f"The {name} at {format_ras(ras)} lies outside the volume, which spans {_span(geometry)}: "
                + _advice(name)
            )
    if tissue is not None and not any(near_tissue(ras, geometry, tissue) for ras in prompt.points):
        raise PromptError(f"The {name} at {format_ras(prompt.points[0])} {_away(name, is_cut_out)}")
    return prompt


def is_on_grid(prompt: Prompt, geometry: Geometry) -> bool:
    """Whether a prompt can be used on a grid as it is: all but masks edited on another one."""
    return prompt.grid is None or prompt.grid.matches(geometry)


def on_grid(prompt: Prompt, geometry: Geometry) -> Prompt:
    """A mask edited on a grid, under its id on another, by the nearest voxel; itself where its grid is not known."""
    drawn = prompt.mask if prompt.grid != geometry else None
    if drawn is None or prompt.grid is None:
        return prompt
    if is_on_grid(prompt, geometry):
        return replace(prompt, grid=geometry)
    moved = resample(prompt.grid.to_image(drawn), geometry, nearest=True)
    return make.mask(moved, prompt.region, grid=geometry, prompt_id=prompt.id)


def near_tissue(ras: Ras, geometry: Geometry, tissue: np.ndarray, distance_mm: float = AIR_MM) -> bool:
    """Whether some voxel of `tissue`, bool (K, J, I), reaches within `distance_mm` of a point in RAS mm."""
    centre = geometry.to_ijk(np.asarray(ras))[::-1]
    spacing = np.asarray(geometry.spacing)[::-1]
    radius = distance_mm / spacing + 0.5
    start = np.clip(np.ceil(centre - radius), 0, geometry.shape).astype(int)
    stop = np.clip(np.floor(centre + radius) + 1, start, geometry.shape).astype(int)
    window = tissue[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    away = np.maximum(np.abs(np.argwhere(window) + start - centre) - 0.5, 0) * spacing
    return bool(np.any(np.linalg.norm(away, axis=1) <= distance_mm))


def _is_empty(prompt: Prompt) -> bool:
    return prompt.drawn is not None and prompt.drawn.box is None


def _check_box(prompt: Prompt, geometry: Geometry, tissue: np.ndarray | None, is_cut_out: bool) -> Prompt:
    low, high = np.min(prompt.points, axis=0), np.max(prompt.points, axis=0)
    where = f"The box from {format_ras(low)} to {format_ras(high)}"
    lowest, highest = _bounds(geometry)
    clipped = np.maximum(low, lowest), np.minimum(high, highest)
    extent = clipped[1] - clipped[0]
    outside = np.any(extent < 0) or np.count_nonzero(extent < FLAT_MM) > 1
    box = prompt if outside or _is_tilted(prompt) else replace(prompt, points=(floats(clipped[0]), floats(clipped[1])))
    if outside or not _box_holds(box, geometry):
        raise PromptError(f"{where} lies outside the volume, which spans {_span(geometry)}: {_advice('box')}")
    if tissue is not None and not _box_holds(box, geometry, tissue, AIR_MM):
        raise PromptError(f"{where} {_away('box', is_cut_out)}")
    return prompt if box.points == prompt.points else box


def _box_holds(box: Prompt, geometry: Geometry, tissue: np.ndarray | None = None, margin_mm: float = 0.0) -> bool:
    """Whether a box enlarged by `margin_mm` holds the centre of a voxel, one of `tissue` where that is given.

    Exact as `box_voxels`, of which it looks at one slice after the other, from the middle on, until one is found: the
    voxels of a large box are many.
    """
    (k0, k1), *sides = box_range(box, geometry, margin_mm)
    (j0, j1), (i0, i1) = sides
    if j1 <= j0 or i1 <= i0:
        return False
    if _is_tilted(box):
        return k1 > k0 and (tissue is None or bool(tissue[k0:k1, j0:j1, i0:i1].any()))
    for k in sorted(range(k0, k1), key=lambda k: abs(2 * k - k0 - k1 + 1)):
        held = None if tissue is None else tissue[k, j0:j1, i0:i1]
        if held is not None and not held.any():
            continue
        _, j, i = box_voxels(box, geometry.crop((k, j0, i0), (1, j1 - j0, i1 - i0)), margin_mm).T
        if len(j) and (held is None or held[j, i].any()):
            return True
    return False


def _bounds(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and largest R, A and S in mm that a voxel of the grid reaches."""
    corners = geometry.to_ras(box_corners((-0.5,) * 3, np.asarray(geometry.size) - 0.5))
    return corners.min(axis=0), corners.max(axis=0)


def _span(geometry: Geometry) -> str:
    lowest, highest = _bounds(geometry)
    return ", ".join(f"{axis} {a:.1f} to {b:.1f}" for axis, a, b in zip("RAS", lowest, highest, strict=True)) + " mm"


def _away(name: str, is_cut_out: bool) -> str:
    """Where a prompt lies that is far from all tissue, and what to do."""
    if is_cut_out:
        return (
            f"lies more than {AIR_MM:g} mm outside the brain that was found: {_advice(name)}. If that place belongs to "
            'the brain, choose skull off ("is gone, or leave it on" in 3D Slicer), which takes the whole head'
        )
    return f"lies in air, more than {AIR_MM:g} mm from the head: {_advice(name)}"


def _advice(name: str) -> str:
    verb = {"click": "click on", "scribble": "draw on", "box": "draw the box round tissue of"}[name]
    return f"{verb} the head in the images of this study (positions are RAS mm; LPS has R and A negated)"
