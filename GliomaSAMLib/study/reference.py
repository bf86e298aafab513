"""Which volume gives the grid of the results: the one that shows most of the head, so that no tumour is cut off."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..errors import StudyError
from .modalities import MODALITIES, REFERENCE_ORDER
from .registration import head_points, in_reference_place, shows
from .volume import Source, Volume

SAME_COVER = 0.05
"""Volumes that show so much less of the head than the best one are as good."""

BRAIN_HEIGHT_MM = 160.0
"""How far below the top of the head the brain ends at the latest: a neck more or less is of no account."""


def reference_modality(volumes: Mapping[str, Volume], reference: Source | None) -> tuple[str, list[str]]:
    """Choose the volume that the results lie on.

    Args:
        volumes: By modality, in the scanner's places.
        reference: A modality that the user chose; anything else leaves the choice to the volumes.

    Returns:
        The modality that shows most of the head; of those that show as much the first of `REFERENCE_ORDER`. And a note
        where the choice is news to the user.

    Raises:
        StudyError: The modality that the user chose is not there.
    """
    ordered = [modality for modality in REFERENCE_ORDER if modality in volumes]
    if isinstance(reference, str) and reference in MODALITIES:
        if reference not in volumes:
            raise StudyError(f"Unknown reference {reference!r}. Choose from {', '.join(volumes)}")
        return reference, []
    first = volumes[ordered[0]]
    if all(volume.geometry.matches(first.geometry) for volume in volumes.values()):
        return first.modality, []
    shares = head_shares(volumes.values())
    chosen = first_whole(ordered, shares)
    if chosen == first.modality:
        return chosen, []
    return chosen, [
        f"the results lie on the grid of {chosen}: {first.modality} shows only {100 * shares[first.modality]:.0f} % of "
        f"the head (reference {first.modality} takes its grid all the same)"
    ]


def first_whole(ordered: Sequence[str], shares: Mapping[str, float]) -> str:
    """The first of some modalities whose `head_shares` are as good as the best of them."""
    best = max(shares[modality] for modality in ordered)
    return next(modality for modality in ordered if shares[modality] >= best - SAME_COVER)


def head_shares(volumes: Collection[Volume]) -> dict[str, float]:
    """For each modality, how much its field of view holds of the head that the others show, 0 to 1: the least of them.

    A brain that is cut out and ends within its volume is whole, however close its volume ends. Volumes that lie
    nowhere near each other, as in scans of two days, are compared by how much head they hold.
    """
    points = {volume.modality: in_reference_place(volume, head_points(volume)) for volume in volumes}
    near = {
        volume.modality: {other: float(shows(volume, points[other]).mean()) for other in points} for volume in volumes
    }
    if any(share == 0.0 for one in near.values() for share in one.values()):
        millilitres = {volume.modality: volume.head_ml for volume in volumes}
        largest = max(millilitres.values())
        return {modality: value / largest for modality, value in millilitres.items()}
    top = max(float(np.percentile(ras[:, 2], 99.5)) for ras in points.values())
    upper = {modality: ras[ras[:, 2] > top - BRAIN_HEIGHT_MM] for modality, ras in points.items()}
    return {
        volume.modality: 1.0
        if volume.skull_stripped and not volume.is_cut
        else min(float(shows(volume, ras).mean()) for ras in upper.values() if len(ras))
        for volume in volumes
    }
