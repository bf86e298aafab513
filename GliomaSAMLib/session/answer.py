"""From logits to masks: one correction at the clicks, one prior on the answer before, exact clicks. [ours]

A network answers a click everywhere. Its answer is used near the newest prompt; farther away the answer before stays:

    z = w z_new + (1 - w) z_before        w = sigmoid((reach - d) / (reach / 8)), d mm from the newest prompt

`z_new` are the network's logits and a Gaussian process on what the clicks still miss in them. The mask is where `z` is
positive, after three rules: a separate part (26-connected) with a negative click goes, dust that the prompt made goes,
and clicked voxels hold exactly. Six numbers serve all regions and signs; docs/benchmarks tells what each does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter
from skimage.measure import label

from ..geometry import Extent, Geometry, bounding_box
from ..prompts import Prompt, prompt_voxels
from ..regions import REGIONS, implied_regions
from .cells import CELL_MM, on_voxels, voxels_of

EVEN_CELLS = 1.0
"""Standard deviation, in cells, by which a correction is evened: the noise of grey values makes it ragged."""
LIMIT = 13 / 8
"""Reaches beyond which a mask does not change at all: there the new answer has a weight of 0.007."""

Point = tuple[Sequence[float], bool, Sequence[str]]
"""Position (k, j, i) in cells, whether it is positive, and the regions that it marks."""
Voxels = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class AnswerOptions:
    """The numbers between logits and masks.

    Args:
        distance_mm: Standard deviation of the correction's kernel in space.
        intensity: The same in the images, root mean square difference over the modalities, which lie in [0, 1].
        demanded_logit: What a click asks for at its own place; it asks for nothing where the network gives as much.
        noise: Variance of what clicks ask for, as a share of the kernel's: clicks that disagree are averaged.
        reach_mm: Distance from the first prompt at which the new answer and the one before count the same.
        dust_ml: A separate part smaller than this is removed.
    """

    distance_mm: float = 7.0
    intensity: float = 0.08
    demanded_logit: float = 9.0
    noise: float = 0.05
    reach_mm: float = 40.0
    dust_ml: float = 0.1


def add_gp_correction(logits: np.ndarray, images: np.ndarray, points: Sequence[Point], options: AnswerOptions) -> None:
    """Add to `logits`, in place, a Gaussian process regression of what the clicks miss in them. Its kernel falls off
    with the distance and with the difference in the images; it is evened over a cell, and linear between cells. Where
    the clicks get what they demand, nothing changes.

    Args:
        logits: float32 (3, 2k, 2j, 2i) of WT, TC, ET, voxels of 1 mm.
        images: float32 (M, k, j, i) in [0, 1], cells of 2 mm.
        points, options: The clicks; the widths of the kernel, the demanded logit and the noise.
    """
    scale = np.float32(CELL_MM / options.distance_mm)
    tail = int(np.ceil(3 / scale))

    def near(steps: np.ndarray) -> np.ndarray:  # cells along one axis
        return np.exp(-0.5 * (steps.astype(np.float32) * scale) ** 2)

    def alike(difference: np.ndarray) -> np.ndarray:  # (M, ...)
        squares = np.einsum("m...,m...->...", difference, difference)
        return np.asarray(np.exp(-0.5 * squares / np.float32(len(difference) * options.intensity**2)))

    for channel, region in enumerate(REGIONS):
        own = [(position, 1.0 if positive else -1.0) for position, positive, regions in points if region in regions]
        if not own:
            continue
        places = np.round([position for position, _ in own]).astype(int)
        places = np.clip(places, 0, np.array(images.shape[1:]) - 1)  # n x 3
        signs = np.array([sign for _, sign in own])
        given = np.array([logits[channel][voxels_of(tuple(slice(n, n + 1) for n in p))].mean() for p in places])
        missing = signs * np.maximum(options.demanded_logit - signs * given, 0)
        looks = images[(slice(None), *places.T)]  # M x n
        gram = near(places[:, None] - places[None]).prod(axis=-1) * alike(looks[:, :, None] - looks[:, None])
        weights = np.linalg.solve(gram + options.noise * np.eye(len(places)), missing).astype(np.float32)
        added = np.zeros(images.shape[1:], np.float32)
        for place, look, weight in zip(places, looks.T, weights, strict=True):
            if weight:
                low, high = np.maximum(place - tail, 0), np.minimum(place + tail + 1, images.shape[1:])
                box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
                k, j, i = (near(np.arange(a, b) - p) for a, b, p in zip(low, high, place, strict=True))
                kernel = weight * alike(images[(slice(None), *box)] - look[:, None, None, None])
                added[box] += kernel * k[:, None, None] * j[:, None] * i
        if added.any():
            box = bounding_box(added, margin=int(4 * EVEN_CELLS))
            logits[channel][voxels_of(box)] += on_voxels(gaussian_filter(added[box], EVEN_CELLS, mode="constant"))


def reach_mm(prompts: Sequence[Prompt], region: str, options: AnswerOptions) -> float:
    """How far the newest prompt reaches: the first finds a tumour, others correct; less where a mask was edited."""
    return options.reach_mm * (1.0 if len(prompts) == 1 else 0.5) * (0.5 if is_edited(prompts, region) else 1.0)


def is_edited(prompts: Sequence[Prompt], region: str) -> bool:
    """Whether a mask of the region, or of one inside it, was edited by hand."""
    inside = REGIONS[REGIONS.index(region) :]
    return any(prompt.kind == "mask" and prompt.region in inside for prompt in prompts)


def weight_of(marked: np.ndarray, geometry: Geometry, reach: float) -> tuple[Extent, np.ndarray]:
    """The box of a grid that a prompt may change, and on it the weight w, float32, 0 beyond the limit. `marked` are the
    positions (N, 3), K, J, I, that it marks; one alone may lie between voxels.
    """
    spacing = np.asarray(geometry.spacing)[::-1]
    window = window_of(marked, geometry, reach)
    if len(marked) == 1:
        steps = zip(window, marked[0], spacing, strict=True)
        k, j, i = ((np.arange(side.start, side.stop) - place) * mm for side, place, mm in steps)
        distance = np.sqrt(k[:, None, None] ** 2 + j[:, None] ** 2 + i**2).astype(np.float32)
    else:
        apart = np.ones([side.stop - side.start for side in window], bool)
        inside = np.round(marked - [side.start for side in window]).astype(int)
        apart[tuple(np.clip(inside, 0, np.array(apart.shape) - 1).T)] = False
        distance = distance_transform_edt(apart, spacing).astype(np.float32)
    weight = 1 / (1 + np.exp((distance - np.float32(reach)) * np.float32(8 / reach)))
    weight[distance > LIMIT * reach] = 0
    return window, weight


def window_of(marked: np.ndarray, geometry: Geometry, reach: float) -> Extent:
    """The box of voxels of a grid within the limit of positions (N, 3), K, J, I, in each axis."""
    steps = LIMIT * reach / np.asarray(geometry.spacing)[::-1]
    low = np.clip(np.ceil(marked.min(axis=0) - steps), 0, geometry.shape).astype(int)
    high = np.clip(np.floor(marked.max(axis=0) + steps) + 1, low, geometry.shape).astype(int)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def still_marked(prompts: Sequence[Prompt], n: int, voxels: np.ndarray) -> dict[str, np.ndarray]:
    """For each region that click or scribble `n` marks by nesting, which of its voxels (N, 3), K, J, I, it still marks:
    a mask edited since settles its own region, and in regions nested about it or inside it what it added or took away.
    """
    stroke = prompts[n]
    held = {region: np.ones(len(voxels), bool) for region in implied_regions(stroke.region, stroke.positive)}
    for edited, drawn in [(later.region, later.drawn) for later in prompts[n + 1 :] if later.drawn is not None]:
        settled = drawn.holds(voxels) != stroke.positive
        for region in held.keys() & implied_regions(edited, not stroke.positive):
            held[region] &= (region != edited) & ~settled
    return held


def keep_rules(
    masks: Mapping[str, np.ndarray],
    before: Mapping[str, np.ndarray] | None,
    prompts: Sequence[Prompt],
    geometry: Geometry,
    options: AnswerOptions,
) -> None:
    """Remove the parts that go, set the clicked voxels and nest the regions of bool (K, J, I) masks, in place; `before`
    is the answer to all prompts but the last, None for the proposal.
    """
    strokes = [(n, p, prompt_voxels(p, geometry)) for n, p in enumerate(prompts) if p.is_stroke]
    clicks = [(p, {r: tuple(at[held].T) for r, held in still_marked(prompts, n, at).items()}) for n, p, at in strokes]
    for region in REGIONS:
        mask, old = masks[region], before[region] if before is not None else None
        wanted = [marked[region] for p, marked in clicks if p.positive and region in marked]
        for p, marked in clicks[-1:]:
            if old is not None and p is prompts[-1] and not p.positive and region in marked:
                rejected = np.zeros(mask.shape, bool)
                rejected[marked[region]] = True
                _remove_parts(mask, old, rejected, wanted, np.inf)  # of the answer before: in the new one is a hole
        changed = mask if old is None else mask != old
        _remove_parts(mask, mask, changed, wanted, max(options.dust_ml / geometry.voxel_ml, 1))
    for p, marked in clicks:
        for region, voxels in marked.items():
            masks[region][voxels] = p.positive
    for outer, inner in pairwise(REGIONS):
        np.logical_and(masks[inner], masks[outer], out=masks[inner])


def _remove_parts(mask: np.ndarray, whole: np.ndarray, touched: np.ndarray, wanted: list[Voxels], least: float) -> None:
    """Remove from a mask the parts of `whole` of fewer than `least` voxels that have, or in the mask itself adjoin, a
    voxel of `touched`, but for the largest part and those with a wanted voxel.
    """
    if not whole.any() or not touched.any():
        return
    box, near = bounding_box(whole), bounding_box(touched, margin=1)
    at = np.zeros(mask.shape, bool)
    at[near] = binary_dilation(touched[near], np.ones((3, 3, 3), bool)) if whole is mask else touched[near]
    parts = np.zeros(mask.shape, np.int32)
    parts[box] = label(whole[box], connectivity=3)
    sizes = np.bincount(parts[box].ravel())
    sizes[0] = 0
    goes = np.zeros(len(sizes), bool)
    goes[np.unique(parts[near][at[near]])] = True
    goes &= sizes < least
    goes[[0, int(np.argmax(sizes)), *(part for voxels in wanted for part in np.unique(parts[voxels]))]] = False
    if goes.any():
        mask[box] &= ~goes[parts[box]]
