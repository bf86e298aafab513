"""Exact promises on the result: clicks hold voxel by voxel, edited masks are kept, regions are nested."""

from collections.abc import Mapping, Sequence

import numpy as np
from skimage.measure import label

from ..prompts import Prompt, prompt_voxels
from ..prompts.maps import implied_regions
from ..regions import REGIONS
from ..study import Geometry

KEEP_MM = 12.0
"""A later click changes an edited mask within about this distance."""


def nest(masks: dict[str, np.ndarray], prompts: Sequence[Prompt]) -> None:
    """Make ET part of TC and TC part of WT, in place; of two that disagree the one edited by hand later wins."""
    edited = {prompt.region: n for n, prompt in enumerate(prompts) if prompt.kind == "mask"}
    for inner, outer in (("TC", "WT"), ("ET", "TC"), ("TC", "WT")):
        if edited.get(inner, -1) > edited.get(outer, -1):
            masks[outer] |= masks[inner]
    for inner, outer in (("TC", "WT"), ("ET", "TC")):
        masks[inner] &= masks[outer]


def keep_edits(masks: dict[str, np.ndarray], prompts: Sequence[Prompt], geometry: Geometry) -> None:
    """Put masks edited by hand in place of the network's, but for the surroundings of later prompts. In place.

    Args:
        masks: bool (K, J, I) on `geometry`, the network's answer to all prompts.
        prompts: All prompts in their order.
        geometry: The reference grid.
    """
    for number, prompt in enumerate(prompts):
        if prompt.mask is None or any(p.kind == "mask" and p.region == prompt.region for p in prompts[number + 1 :]):
            continue
        later = np.zeros(geometry.shape, bool)
        for other in prompts[number + 1 :]:
            if other.kind != "mask" and prompt.region in implied_regions(other.region, other.positive):
                _mark(later, prompt_voxels(other, geometry), geometry)
        masks[prompt.region] = np.where(later, masks[prompt.region], prompt.mask > 0)


def _mark(near: np.ndarray, voxels: np.ndarray, geometry: Geometry) -> None:
    """Set `near` within `KEEP_MM` of the voxels (N, 3)."""
    if not len(voxels):
        return
    spacing = np.asarray(geometry.spacing)[::-1]
    reach = np.ceil(KEEP_MM / spacing).astype(int)
    offsets = np.stack(np.meshgrid(*[np.arange(-r, r + 1) for r in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = offsets[((offsets * spacing) ** 2).sum(axis=1) <= KEEP_MM**2]
    for voxel in voxels:
        places = voxel + offsets
        places = places[np.all((places >= 0) & (places < near.shape), axis=1)]
        near[tuple(places.T)] = True


def obey(masks: Mapping[str, np.ndarray], prompts: Sequence[Prompt], geometry: Geometry) -> None:
    """Set every clicked or scribbled voxel as the user said, in place; of two on one voxel the later wins.

    By nesting a positive ET voxel is also one of TC and WT, a negative WT voxel none of any.
    """
    for prompt in prompts:
        if prompt.kind in ("point", "scribble"):
            voxels = tuple(prompt_voxels(prompt, geometry).T)
            for region in implied_regions(prompt.region, prompt.positive):
                masks[region][voxels] = prompt.positive


def remove_islands(masks: Mapping[str, np.ndarray], seeds: Mapping[str, np.ndarray], smallest: int) -> None:
    """Clear connected parts of fewer than `smallest` voxels that hold no positive click, in place.

    Args:
        masks: bool (K, J, I) for each region.
        seeds: For each region the voxels (N, 3) of positive clicks.
        smallest: In voxels.
    """
    for region in REGIONS:
        parts = label(masks[region], connectivity=3)
        sizes = np.bincount(parts.ravel())
        small = sizes < smallest
        small[0] = False
        if len(sizes) > 1:
            small[int(np.argmax(sizes[1:])) + 1] = False
        if len(seeds[region]):
            small[parts[tuple(seeds[region].T)]] = False
        if small.any():
            masks[region][small[parts]] = False
