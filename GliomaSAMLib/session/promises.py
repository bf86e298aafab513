"""Exact promises on the result: clicks hold voxel by voxel, edited masks are kept, regions are nested."""

from collections.abc import Mapping, Sequence

import numpy as np
from skimage.measure import label

from ..prompts import Prompt, prompt_voxels
from ..prompts.maps import implied_regions
from ..regions import REGIONS
from ..study import Geometry
from ..study.extent import Extent, extent_of

Indices = tuple[np.ndarray, np.ndarray, np.ndarray]

ISLAND_ML = 0.1
"""Separate parts smaller than this are cleared."""
ISLAND_SHARE: Mapping[str, float] = {"WT": 0.1, "TC": 0.0, "ET": 0.0}
"""So are those below this share of the largest part, but where the model is sure of them: of the 26 training cases no
second part of the whole tumour has 1.3 % of the largest, while the core and its enhancing part may be in pieces."""
ISLAND_SURE = 0.88
"""Mean probability of a part from which on the model is sure of it: in what networks had not learned from, false parts
had at most 0.84, true ones at least 0.92."""

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
        if prompt.is_click:
            voxels = tuple(prompt_voxels(prompt, geometry).T)
            for region in implied_regions(prompt.region, prompt.positive):
                masks[region][voxels] = prompt.positive


def remove_islands(
    masks: Mapping[str, np.ndarray],
    prompts: Sequence[Prompt],
    geometry: Geometry,
    probability: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Clear separate parts that are tiny, or small with the model unsure of them, in place. The part with the most
    voxels and those with a positive click stay.

    Args:
        masks: bool (K, J, I) for each region.
        prompts: All prompts.
        geometry: The reference grid.
        probability: float32 (K, J, I); without it only the tiny parts go.
    """
    for region in REGIONS:
        wanted = clicked_voxels(prompts, region, True, geometry)
        box = extent_of(masks[region])
        if box is None:
            continue
        mask = masks[region][box]
        parts = label(mask, connectivity=3)
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        gone = sizes < max(ISLAND_ML / geometry.voxel_ml, 1)
        if probability is not None and ISLAND_SHARE[region]:
            mean = np.bincount(parts.ravel(), probability[region][box].ravel()) / np.maximum(sizes, 1)
            gone |= (sizes < ISLAND_SHARE[region] * sizes.max()) & (mean < ISLAND_SURE)
        _clear(mask, parts, gone, sizes, _within(box, wanted))


def remove_rejected(
    masks: Mapping[str, np.ndarray],
    proposal: Mapping[str, np.ndarray],
    prompts: Sequence[Prompt],
    geometry: Geometry,
) -> None:
    """Clear separate parts of which a negative click says that they are none, in place: one click on a false lesion
    removes the lesion, not a hole in it. The part with the most voxels and those with a positive click stay.

    Args:
        masks: bool (K, J, I) for each region.
        proposal: What the model found without a prompt: a click's part is looked up in both, for the mask may have a
            hole at the click already.
        prompts: All prompts.
        geometry: The reference grid.
    """
    for region in REGIONS:
        unwanted = clicked_voxels(prompts, region, False, geometry)
        if not len(unwanted[0]):
            continue
        everything = masks[region] | proposal[region]
        box = extent_of(everything)
        if box is None:
            continue
        mask = masks[region][box]
        parts = label(everything[box], connectivity=3)
        sizes = np.bincount(parts[mask], minlength=parts.max() + 1)
        rejected = np.zeros(len(sizes), bool)
        rejected[parts[_within(box, unwanted)]] = True
        _clear(mask, parts, rejected, sizes, _within(box, clicked_voxels(prompts, region, True, geometry)))


def _clear(mask: np.ndarray, parts: np.ndarray, gone: np.ndarray, sizes: np.ndarray, wanted: Indices) -> None:
    """Clear the numbered parts that are `gone`, but for the largest and those with a wanted voxel."""
    gone[int(np.argmax(sizes))] = False
    gone[parts[wanted]] = False
    gone[0] = False
    if gone.any():
        mask[gone[parts]] = False


def clicked_voxels(prompts: Sequence[Prompt], region: str, positive: bool, geometry: Geometry) -> Indices:
    """Index (K, J, I) of the voxels clicked or scribbled that say something of `region`."""
    own = [
        prompt_voxels(prompt, geometry)
        for prompt in prompts
        if prompt.is_click and prompt.positive is positive and region in implied_regions(prompt.region, positive)
    ]
    k, j, i = (np.concatenate(own) if own else np.zeros((0, 3), np.int64)).T
    return k, j, i


def _within(box: Extent, voxels: Indices) -> Indices:
    """The voxels inside `box`, counted from its corner."""
    inside = np.logical_and.reduce([(v >= s.start) & (v < s.stop) for v, s in zip(voxels, box, strict=True)])
    k, j, i = (v[inside] - s.start for v, s in zip(voxels, box, strict=True))
    return k, j, i
