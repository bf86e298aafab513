"""From logits to masks: one correction at the clicks, one prior on the answer before, exact clicks. [ours]

A network answers a click everywhere. Its answer is used near the click; farther away the answer before stays:

    z = w z_new + (1 - w) z_before        w = sigmoid((reach - d) / (reach / 8)), d mm from the newest prompt

`z_new` are the network's logits and a Gaussian process on what the clicks still miss in them. Where `z` is positive is
the mask, after three rules on its parts (26-connected): a separate part with a negative click goes, dust that the click
made goes, and clicked voxels hold exactly. The same six numbers serve all regions and signs; `AnswerOptions` says what
each is for, and docs/benchmarks/answer_ablation.md what each does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.measure import label

from ..prompts import Prompt, prompt_voxels
from ..prompts.maps import implied_regions
from ..regions import REGIONS
from ..study import Geometry
from ..study.extent import Extent, extent_of

CELL_MM = 2.0
"""Edge of the cells on which logits are kept and corrected."""
SOFTNESS = 1 / 8
"""Width of the seam between the new answer and the one before, as a share of the reach."""
LIMIT = 13 / 8
"""Reaches beyond which a mask does not change at all: there the weight of the new answer is 0.007."""
TAIL = 3.0
"""Widths beyond which the kernel of the correction counts as zero."""
DRAWN_LOGIT = 4.0
"""Logit of a mask edited by hand, as in the training of the networks."""
DRAWN_SHARE = 1 / 4
"""Share of the reach within which a prompt changes a mask edited by hand."""
LEAST_LOGIT = 0.1
"""Least logit of a voxel whose mask says another thing than its cell."""

Point = tuple[Sequence[float], bool, Sequence[str]]
"""Position (k, j, i) in cells, whether it is positive, and the regions that it marks."""
Voxels = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class AnswerOptions:
    """The numbers between logits and masks, the same for all regions.

    Args:
        distance_mm: Standard deviation of the correction's kernel in space.
        intensity: The same in the images, root mean square difference over the modalities, which lie in [0, 1].
        demanded_logit: What a click asks for at its own place; it asks for nothing where the network gives as much.
        noise: Variance of what clicks ask for, as a share of the kernel's: clicks that disagree are averaged.
        reach_mm: Distance from the newest prompt at which the new answer and the one before count the same.
        dust_ml: A separate part smaller than this is removed.
    """

    distance_mm: float = 14.0
    intensity: float = 0.08
    demanded_logit: float = 2.0
    noise: float = 0.05
    reach_mm: float = 40.0
    dust_ml: float = 0.1


def correct_at_clicks(logits: np.ndarray, images: np.ndarray, points: Sequence[Point], options: AnswerOptions) -> None:
    """Add to `logits`, in place, a Gaussian process regression of what the clicks miss in them.

    The kernel falls off with the distance and with the difference in the images, so that tissue nearby that looks like
    the clicked tissue follows. Where the network obeys all clicks nothing changes.

    Args:
        logits: float32 (3, 2k, 2j, 2i) of WT, TC, ET, voxels of 1 mm.
        images: float32 (M, k, j, i) in [0, 1], cells of 2 mm.
        points: The clicks.
        options: The widths of the kernel, the demanded logit and the noise.
    """
    cells = np.array(images.shape[1:])
    for channel, region in enumerate(REGIONS):
        own = [(position, positive) for position, positive, regions in points if region in regions]
        if not own:
            continue
        places = np.clip(np.round([position for position, _ in own]).astype(int), 0, cells - 1)
        signs = np.where([positive for _, positive in own], 1.0, -1.0)
        given = np.array([_cell(logits[channel], place).mean() for place in places])
        missing = signs * np.maximum(options.demanded_logit - signs * given, 0)
        if not missing.any():
            continue
        looks = images[(slice(None), *places.T)]  # M x n
        gram = _near(places[:, None] - places[None], options).prod(axis=-1)
        gram *= _alike(looks[:, :, None] - looks[:, None], options)
        weights = np.linalg.solve(gram + options.noise * np.eye(len(places)), missing)
        for place, look, weight in zip(places, looks.T, weights, strict=True):
            _add_kernel(logits[channel], images, place, look, np.float32(weight), options)


def _cell(volume: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The voxels of a cell, from a volume (2k, 2j, 2i)."""
    k, j, i = 2 * place
    return volume[k : k + 2, j : j + 2, i : i + 2]


def _add_kernel(
    logits: np.ndarray, images: np.ndarray, place: np.ndarray, look: np.ndarray, weight: np.float32, o: AnswerOptions
) -> None:
    """Add the kernel round a cell whose images are `look` (M,), with a weight, to logits (2k, 2j, 2i)."""
    reach = int(np.ceil(TAIL * o.distance_mm / CELL_MM))
    box = tuple(slice(max(0, p - reach), min(n, p + reach + 1)) for p, n in zip(place, images.shape[1:], strict=True))
    k, j, i = (_near(np.arange(cut.start, cut.stop) - p, o) for cut, p in zip(box, place, strict=True))
    kernel = weight * _alike(images[(slice(None), *box)] - look[:, None, None, None], o)
    kernel *= k[:, None, None] * j[:, None] * i
    fine = logits[tuple(slice(2 * cut.start, 2 * cut.stop) for cut in box)]
    fine += kernel.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)


def _near(steps: np.ndarray, options: AnswerOptions) -> np.ndarray:
    """The kernel's factor of offsets in cells along one axis each."""
    return np.exp(-0.5 * (steps.astype(np.float32) * np.float32(CELL_MM / options.distance_mm)) ** 2)


def _alike(difference: np.ndarray, options: AnswerOptions) -> np.ndarray:
    """The kernel's factor of differences (M, ...) of the images."""
    squares = np.einsum("m...,m...->...", difference, difference)
    return np.asarray(np.exp(-0.5 * squares / np.float32(len(difference) * options.intensity**2)))


@dataclass(frozen=True)
class Update:
    """Where and how much a prompt changes the answer before, on one grid.

    Args:
        window: The box of voxels that may change; empty where the prompt marks no voxel.
        weight: float32 on the window: that of the new answer, 0 beyond the limit.
    """

    window: Extent
    weight: np.ndarray

    @classmethod
    @lru_cache(maxsize=4)
    def of(cls, prompt: Prompt, geometry: Geometry, reach_mm: float) -> "Update":
        """What the newest prompt, which is no mask, changes on a grid within so many mm."""
        marked = prompt_voxels(prompt, geometry)
        spacing = np.asarray(geometry.spacing)[::-1]
        limit = LIMIT * reach_mm
        if not len(marked):
            return cls((slice(0, 0),) * 3, np.zeros((0, 0, 0), np.float32))
        low = np.maximum(np.ceil(marked.min(axis=0) - limit / spacing), 0).astype(int)
        high = np.minimum(np.floor(marked.max(axis=0) + limit / spacing) + 1, geometry.shape).astype(int)
        window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        distance = _distance(marked - low, high - low, spacing)
        slope = np.float32(1 / (SOFTNESS * reach_mm))
        weight = 1 / (1 + np.exp((distance - np.float32(reach_mm)) * slope))
        return cls(window, np.where(distance <= limit, weight, np.float32(0)))

    def blend(self, new: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Logits of the new answer and of the one before, both on the window, as one."""
        return np.asarray(before + self.weight * (new - before))


def _distance(marked: np.ndarray, shape: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """float32 (shape): mm from each voxel to the nearest of the voxels `marked` (N, 3)."""
    if len(marked) == 1:
        axes = [
            ((np.arange(n) - p) * s).astype(np.float32) ** 2 for n, p, s in zip(shape, marked[0], spacing, strict=True)
        ]
        return np.asarray(np.sqrt(axes[0][:, None, None] + axes[1][:, None] + axes[2]))
    outside = np.ones(shape, bool)
    outside[tuple(marked.T)] = False
    return np.asarray(distance_transform_edt(outside, spacing), np.float32)


def signed(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Logits that agree with a mask: its sign, and the size of `logits`, of the same shape; never zero."""
    return np.copysign(
        np.maximum(np.abs(logits), np.float32(LEAST_LOGIT)), np.where(mask, np.float32(1), np.float32(-1))
    )


def marked_regions(prompts: Sequence[Prompt]) -> list[tuple[Prompt, tuple[str, ...]]]:
    """Each click or scribble with the regions of which it says something, by nesting, and which no mask edited later
    has settled since.
    """
    settled: dict[str, int] = {prompt.region: n for n, prompt in enumerate(prompts) if prompt.mask is not None}
    return [
        (prompt, tuple(r for r in implied_regions(prompt.region, prompt.positive) if settled.get(r, -1) < n))
        for n, prompt in enumerate(prompts)
        if prompt.is_click
    ]


def keep_rules(
    masks: Mapping[str, np.ndarray],
    before: Mapping[str, np.ndarray] | None,
    prompts: Sequence[Prompt],
    geometry: Geometry,
    options: AnswerOptions,
) -> None:
    """Remove the parts that go, set the clicked voxels, and nest the regions, in place.

    Args:
        masks: bool (K, J, I) for each region: where the logits are positive.
        before: bool (K, J, I): the answer to all prompts but the last; None for the proposal.
        prompts: All prompts.
        geometry: The reference grid.
        options: The size of dust.
    """
    clicks = marked_regions(prompts)
    for region in REGIONS:
        positive = _voxels([p for p, regions in clicks if p.positive and region in regions], geometry)
        newest = [p for p, regions in clicks[-1:] if not p.positive and region in regions and p is prompts[-1]]
        if before is not None and newest:
            _remove_rejected(masks[region], before[region], _voxels(newest, geometry), positive)
        changed = masks[region] if before is None else masks[region] != before[region]
        _remove_dust(masks[region], changed, positive, max(options.dust_ml / geometry.voxel_ml, 1))
    for prompt, regions in clicks:
        for region in regions:
            masks[region][tuple(prompt_voxels(prompt, geometry).T)] = prompt.positive
    for outer, inner in pairwise(REGIONS):
        np.logical_and(masks[inner], masks[outer], out=masks[inner])


def _voxels(prompts: Sequence[Prompt], geometry: Geometry) -> Voxels:
    """Index (K, J, I) of all voxels that prompts mark."""
    marked = [prompt_voxels(prompt, geometry) for prompt in prompts]
    return tuple((np.concatenate(marked) if marked else np.zeros((0, 3), np.int64)).T)


def _remove_rejected(mask: np.ndarray, before: np.ndarray, negative: Voxels, positive: Voxels) -> None:
    """Remove the parts of the mask before in which the newest click is negative, but for its largest part and those
    with a positive click. They are looked up there, as the click has made a hole in the new mask.
    """
    box = extent_of(before)
    if box is None or not before[negative].any():
        return
    parts = label(before[box], connectivity=3)
    goes = np.zeros(parts.max() + 1, bool)
    goes[parts[_within(box, negative)]] = True
    _keep_wanted(goes, parts, np.bincount(parts.ravel()), _within(box, positive))
    mask[box] &= ~goes[parts]


def _remove_dust(mask: np.ndarray, changed: np.ndarray, positive: Voxels, least: float) -> None:
    """Remove parts of fewer than `least` voxels that are new or have lost voxels, but for the largest of the region and
    those with a positive click.
    """
    box = extent_of(mask)
    touched = extent_of(changed, margin=1)
    if box is None or touched is None:
        return
    parts = label(mask[box], connectivity=3)
    sizes = np.bincount(parts.ravel())
    goes = np.zeros(len(sizes), bool)
    near = np.zeros(mask.shape, bool)
    near[touched] = binary_dilation(changed[touched], np.ones((3, 3, 3), bool))
    goes[np.unique(parts[near[box]])] = True
    goes &= sizes < least
    _keep_wanted(goes, parts, sizes, _within(box, positive))
    if goes.any():
        mask[box] &= ~goes[parts]


def _keep_wanted(goes: np.ndarray, parts: np.ndarray, sizes: np.ndarray, wanted: Voxels) -> None:
    """Of the numbered parts that go, keep the background, the largest and those with a wanted voxel, in place."""
    sizes[0] = 0
    goes[[0, int(np.argmax(sizes))]] = False
    goes[parts[wanted]] = False


def _within(box: Extent, voxels: Voxels) -> Voxels:
    """The voxels inside `box`, counted from its corner."""
    inside = np.logical_and.reduce([(v >= s.start) & (v < s.stop) for v, s in zip(voxels, box, strict=True)])
    return tuple(v[inside] - s.start for v, s in zip(voxels, box, strict=True))
