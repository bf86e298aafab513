"""Exact promises on the result: clicks hold voxel by voxel, edited masks are kept, regions are nested."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import find_objects
from skimage.measure import label

from ..prompts import Prompt, prompt_voxels
from ..prompts.maps import implied_regions
from ..regions import REGIONS
from ..study import Geometry

Indices = tuple[np.ndarray, np.ndarray, np.ndarray]

ISLAND_ML = 0.1
"""Separate parts smaller than this are cleared."""
ISLAND_SHARE: Mapping[str, float] = {"WT": 0.1, "TC": 0.0, "ET": 0.0}
"""So are those below this share of the largest part: in the 26 training cases no second part of the whole tumour has
1.3 % of the largest, while the core and its enhancing part may be in pieces."""

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


def remove_islands(
    masks: Mapping[str, np.ndarray],
    proposal: Mapping[str, np.ndarray] | None,
    prompts: Sequence[Prompt],
    geometry: Geometry,
) -> None:
    """Clear separate parts that nobody wants, in place.

    A part goes when it holds no positive click and is tiny, or when a negative click says of the whole part that it is
    none: one click on a false lesion removes the lesion, not a hole in it. The part with the most voxels and those
    with a positive click stay.

    Args:
        masks: bool (K, J, I) for each region.
        proposal: What the model found without a prompt: a click's part is looked up in both, for the mask may have a
            hole at the click already. Needed with negative clicks only.
        prompts: All prompts.
        geometry: The reference grid.
    """
    for region in REGIONS:
        unwanted = _voxels(prompts, region, False, geometry)
        proposed = proposal[region] if proposal is not None and len(unwanted[0]) else None
        everything = masks[region] if proposed is None else masks[region] | proposed
        for box in find_objects(everything.view(np.uint8)):  # one box, or none round nothing
            wanted = _within(box, _voxels(prompts, region, True, geometry))
            mask = masks[region][box]
            _remove_small(mask, max(ISLAND_ML / geometry.voxel_ml, 1), ISLAND_SHARE[region], wanted)
            if proposed is not None:
                _remove_rejected(mask, proposed[box], wanted, _within(box, unwanted))


def _remove_small(mask: np.ndarray, least: float, share: float, wanted: Indices) -> None:
    """Clear the parts of fewer than `least` voxels or of less than `share` of the largest, but that and the wanted."""
    parts = label(mask, connectivity=3)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    gone = sizes < max(least, share * sizes.max())
    gone[int(np.argmax(sizes))] = False
    gone[parts[wanted]] = False
    gone[0] = False
    if gone.any():
        mask[gone[parts]] = False


def _remove_rejected(mask: np.ndarray, proposal: np.ndarray, wanted: Indices, unwanted: Indices) -> None:
    """Clear the parts of `mask`, as they are together with `proposal`, that hold a negative click; the largest and
    those with a positive click stay.
    """
    parts = label(mask | proposal, connectivity=3)
    sizes = np.bincount(parts[mask], minlength=parts.max() + 1)
    rejected = np.zeros(len(sizes), bool)
    rejected[parts[unwanted]] = True
    rejected[parts[wanted]] = False
    rejected[[0, int(np.argmax(sizes))]] = False
    mask[rejected[parts]] = False


def _voxels(prompts: Sequence[Prompt], region: str, positive: bool, geometry: Geometry) -> Indices:
    """Index (K, J, I) of the voxels clicked or scribbled that say something of `region`."""
    own = [
        prompt_voxels(prompt, geometry)
        for prompt in prompts
        if prompt.kind in ("point", "scribble")
        and prompt.positive is positive
        and region in implied_regions(prompt.region, positive)
    ]
    k, j, i = (np.concatenate(own) if own else np.zeros((0, 3), np.int64)).T
    return k, j, i


def _within(box: tuple[slice, ...], voxels: Indices) -> Indices:
    """The voxels inside `box`, counted from its corner."""
    inside = np.logical_and.reduce([(v >= s.start) & (v < s.stop) for v, s in zip(voxels, box, strict=True)])
    k, j, i = (v[inside] - s.start for v, s in zip(voxels, box, strict=True))
    return k, j, i
