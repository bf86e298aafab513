"""What a click may change: what lies near it, and farther away only what the model is sure of. [ours]

A network that hears a click answers everywhere, and most of what it changes far away is a toss-up. A click therefore
changes the mask there was before it, in its own direction only: a positive one adds, a negative one removes. A voxel
follows when the model is the surer of it the farther it lies from the click, and when it lies nearer to this click than
to an earlier one that says the opposite, so that no correction undoes another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from ..prompts import Prompt, prompt_voxels
from ..prompts.maps import implied_regions
from ..study import Geometry


@dataclass(frozen=True)
class Sureness:
    """How far from a half the probability must be for a voxel to follow a click.

    Args:
        least: Beside the click.
        per_mm: More with each mm from it.
        most: Enough at any distance.
    """

    least: float
    per_mm: float
    most: float


SURENESS: Mapping[str, Sureness] = {
    "WT": Sureness(0.05, 0.005, 0.10),
    "TC": Sureness(0.10, 0.03, 0.40),
    "ET": Sureness(0.10, 0.10, 0.40),
}
"""The thinner a region, the sooner it is left alone."""


def is_click(prompt: Prompt) -> bool:
    """Whether a prompt corrects the mask there was before it; a box or a mask by hand is answered anew."""
    return prompt.kind in ("point", "scribble")


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
    own = _tree([click], geometry)
    speaks_of = implied_regions(click.region, click.positive)
    for region, after in masks.items():
        old = before[region] > 0
        if not old.any():
            continue
        if own is not None and (click.positive or region in speaks_of):
            places = np.nonzero(after > old if click.positive else after < old)
            follows = _follows(places, region, own, probability[region], prompts, geometry)
            old[tuple(axis[follows] for axis in places)] = click.positive
        masks[region] = old


def _follows(
    places: tuple[np.ndarray, ...],
    region: str,
    own: KDTree,
    probability: np.ndarray,
    prompts: Sequence[Prompt],
    geometry: Geometry,
) -> np.ndarray:
    """Which of the voxels at `places` follow the last prompt, whose voxels are in `own`."""
    millimetres = _millimetres(np.stack(places, axis=1), geometry)
    distance = own.query(millimetres)[0]
    sureness = SURENESS[region]
    needed = np.minimum(sureness.least + sureness.per_mm * distance, sureness.most)
    follows = np.abs(probability[places] - 0.5) >= needed
    opposite = [
        prompt
        for prompt in prompts[:-1]
        if is_click(prompt)
        and prompt.positive is not prompts[-1].positive
        and region in implied_regions(prompt.region, prompt.positive)
    ]
    if (others := _tree(opposite, geometry)) is not None:
        follows &= distance < others.query(millimetres)[0]
    return follows


def _tree(prompts: Sequence[Prompt], geometry: Geometry) -> KDTree | None:
    """The voxels of some prompts, in mm; None when they have none on the grid."""
    voxels = [prompt_voxels(prompt, geometry) for prompt in prompts]
    marked = np.concatenate(voxels) if voxels else np.zeros((0, 3))
    return KDTree(_millimetres(marked, geometry)) if len(marked) else None


def _millimetres(voxels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Voxels (N, 3), K, J, I, in mm along the axes of the grid."""
    return np.asarray(voxels * np.asarray(geometry.spacing)[::-1])
