"""What a click may change: what lies near it, and farther away only what the model is sure of. [ours]

A network that hears a click answers everywhere, and most of what it changes far away is a toss-up. A click therefore
changes the mask there was before it, in its own direction only: a positive one adds, a negative one removes. A voxel
follows when the model is the surer of it the farther it lies from the click, and when it lies nearer to this click than
to an earlier one that says the opposite, so that no correction undoes another.

An outline that is too tight is often too tight all round. While every click on a region says inside, the model is
therefore taken at its word wherever it adds. (Where the first clicks say outside, it gives up too much elsewhere.)
The more clicks there have been, the smaller what is left to correct, and the less a click may change far away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion
from scipy.spatial import KDTree

from ..prompts import Prompt, prompt_voxels
from ..prompts.maps import implied_regions
from ..study import Geometry
from ..study.extent import Extent, extent_of
from .promises import Indices, clicked_voxels


@dataclass(frozen=True)
class Sureness:
    """How far from a half the probability must be for a voxel to follow a click.

    Distances are counted in depths of the click: its distance from what was as it says already. A click in the middle
    of an error is as deep as half the error is thick.

    Args:
        free: Within so many depths any probability beyond a half will do.
        per_depth: With each depth more it must be so much farther from a half.
        most: Enough at any distance, while all clicks on the region say the same.
        most_mixed: Enough at any distance, once they have said both.
        trusted: So many first clicks are followed at any distance, while all say inside.
    """

    free: float
    per_depth: float
    most: float
    most_mixed: float
    trusted: float


SURENESS: Mapping[str, Sureness] = {
    "WT": Sureness(1.5, 0.15, 0.10, 0.25, inf),
    "TC": Sureness(1.5, 0.15, 0.25, 0.25, inf),
    "ET": Sureness(1.0, 0.40, 0.50, 0.50, 2),
}
"""The thinner a region, the sooner it is left alone; 0.5 at any distance leaves it alone altogether."""

GROWTH = 0.35
"""With each further click on a region the model must be so much surer, of what the first asked: what is left to correct
gets smaller, and so does what a click says of the rest."""

LEAST_MM = 1.0
"""Depth of a click that lies less deep, or where nothing was wrong."""


def leave_distant(
    masks: dict[str, np.ndarray],
    before: Mapping[str, np.ndarray],
    probability: Mapping[str, np.ndarray],
    prompts: Sequence[Prompt],
    geometry: Geometry,
) -> None:
    """Put `before` in place of the network's answer wherever the last prompt, a click, is no reason to change it.

    A positive click adds to its regions and to those inside them; a negative one takes from those of which it speaks
    (see `implied_regions`). A region that was empty is taken as the network gives it. In place.

    Args:
        masks: bool (K, J, I) for each region, the network's answer to all prompts.
        before: bool or uint8 (K, J, I), the masks for all prompts but the last.
        probability: float32 (K, J, I), of the network's answer.
        prompts: All prompts.
        geometry: The reference grid.
    """
    click = prompts[-1]
    voxels = prompt_voxels(click, geometry)
    speaks_of = implied_regions(click.region, click.positive)
    for region, after in masks.items():
        old = before[region] > 0
        extent = extent_of(old)
        if extent is None:
            continue
        if len(voxels) and (click.positive or region in speaks_of):
            places = _added(old, after) if click.positive else _added(after, old)
            depth = max(_depth(voxels, old, extent, click.positive, geometry), LEAST_MM)
            distance = _distance(places, voxels, geometry)
            follows = _follows(places, distance, region, depth, probability[region], prompts, geometry)
            old[tuple(axis[follows] for axis in places)] = click.positive
        masks[region] = old


def _follows(
    places: Indices,
    distance: np.ndarray,
    region: str,
    depth: float,
    probability: np.ndarray,
    prompts: Sequence[Prompt],
    geometry: Geometry,
) -> np.ndarray:
    """Which of the voxels at `places`, at a `distance` in mm from the last prompt, follow it; it is `depth` mm deep."""
    sureness = SURENESS[region]
    on_region = [prompt for prompt in prompts if prompt.is_click and prompt.region == region]
    most = _most(on_region, prompts[-1], sureness)
    needed = np.clip(sureness.per_depth * (distance / depth - sureness.free), 0, most)
    needed *= 1 + GROWTH * max(len(on_region) - 1, 0)
    follows = (probability[places] - 0.5) * (1 if prompts[-1].positive else -1) >= needed
    opposite = clicked_voxels(prompts[:-1], region, not prompts[-1].positive, geometry)
    return follows & (distance < _distance(places, np.stack(opposite, axis=1), geometry))


def _most(on_region: Sequence[Prompt], last: Prompt, sureness: Sureness) -> float:
    """How far from a half is enough at any distance from the `last` prompt, of all clicks on a region."""
    signs = [prompt.positive for prompt in on_region]
    if on_region and on_region[-1] is last and all(signs) and len(signs) <= sureness.trusted:
        return 0.0
    return sureness.most_mixed if len(set(signs)) > 1 else sureness.most


def _added(old: np.ndarray, new: np.ndarray) -> Indices:
    """Index of the voxels of `new` that `old` has not."""
    extent = extent_of(new) or (slice(0, 0),) * new.ndim
    k, j, i = np.nonzero(new[extent] > old[extent])
    return k + extent[0].start, j + extent[1].start, i + extent[2].start


def _depth(voxels: np.ndarray, mask: np.ndarray, extent: Extent, positive: bool, geometry: Geometry) -> float:
    """How deep the deepest of the voxels (N, 3) of a prompt lies in what it says to be wrong, in mm: its distance from
    `mask`, which `extent` holds, when the prompt says inside, from the rest when it says outside; 0 where nothing was
    wrong.
    """
    box = tuple(slice(max(0, one.start - 1), one.stop + 1) for one in extent)
    inside = mask[box]
    rim = inside & ~binary_erosion(inside) if positive else binary_dilation(inside) & ~inside
    wrong = voxels[mask[tuple(voxels.T)] != positive]
    places = np.argwhere(rim) + [one.start for one in box]
    if not len(wrong) or not len(places):
        return 0.0
    return float(KDTree(_millimetres(places, geometry)).query(_millimetres(wrong, geometry))[0].max())


def _distance(places: Indices, voxels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """From the voxels at `places` to the nearest of `voxels` (N, 3), in mm; infinite where there are none."""
    if not len(voxels):
        return np.full(len(places[0]), np.inf)
    return np.asarray(KDTree(_millimetres(voxels, geometry)).query(_millimetres(np.stack(places, axis=1), geometry))[0])


def _millimetres(voxels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Voxels (N, 3), K, J, I, in mm along the axes of the grid."""
    return np.asarray(voxels * np.asarray(geometry.spacing)[::-1])
