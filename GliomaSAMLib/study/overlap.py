"""Whether volumes can be of one patient in one place."""

import numpy as np

from ..errors import StudyError
from .geometry import Geometry
from .volume import Volume

SMALLEST_OVERLAP = 0.5
Box = tuple[np.ndarray, np.ndarray]


def check_overlap(volumes: list[Volume], reference: Volume) -> None:
    """Compare the box around each head with that of `reference`.

    Raises:
        StudyError: Two volumes do not overlap in space, or the heads in them differ too much to be of one patient.
    """
    for volume in volumes:
        if volume is not reference:
            _check_pair(volume, reference)


def _check_pair(volume: Volume, reference: Volume) -> None:
    seen, seen_reference = _field_of_view(volume), _field_of_view(reference)
    both = f"{volume.modality} ({volume.name}) and {reference.modality} ({reference.name})"
    if _millilitres(_common(seen, seen_reference)) <= 0.0:
        raise StudyError(
            f"{both} do not overlap in space; check that both are of this patient, or align them first (register)"
        )
    head, head_reference = _head_box(volume), _head_box(reference)
    if _is_cut(reference):
        head = _common(head, seen_reference)
    if _is_cut(volume):
        head_reference = _common(head_reference, seen)
    common = _millilitres(_common(head, head_reference))
    sizes = _millilitres(head), _millilitres(head_reference)
    if volume.skull_stripped == reference.skull_stripped:
        share = common / max(sum(sizes) - common, 1e-9)
    else:  # a brain within a head
        share = common / max(min(sizes), 1e-9)
    if share < SMALLEST_OVERLAP:
        raise StudyError(
            f"{both} do not fit together: the heads in them share only "
            f"{100 * share:.0f} % of their extent; check that both are of this patient, or align them first (register)"
        )


def _field_of_view(volume: Volume) -> Box:
    return _box(volume, np.array([-0.5] * 3), np.asarray(volume.geometry.size) - 0.5)


def _is_cut(volume: Volume) -> bool:
    """Whether the head goes on beyond the field of view."""
    first, last = volume.head_extent
    return bool((first == 0).any() or (last == np.asarray(volume.geometry.size) - 1).any())


def _head_box(volume: Volume) -> Box:
    first, last = volume.head_extent
    return _box(volume, first - 0.5, last + 0.5)


def _box(volume: Volume, low: np.ndarray, high: np.ndarray) -> Box:
    """The box along the patient's axes, in RAS mm of the reference's place, around a box of voxels (I, J, K)."""
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    ras = volume.geometry.to_ras(corners)
    if volume.motion is not None:
        back = volume.motion.GetInverse()
        ras = np.array([back.TransformPoint((-r, -a, s)) for r, a, s in ras.tolist()]) * (-1, -1, 1)
    return ras.min(axis=0), ras.max(axis=0)


def _common(one: Box, other: Box) -> Box:
    return np.maximum(one[0], other[0]), np.minimum(one[1], other[1])


def _millilitres(box: Box) -> float:
    return float(np.prod(np.maximum(box[1] - box[0], 0.0))) / 1000.0


def covered_share(brain: np.ndarray, grid: Geometry, volume: Volume) -> float:
    """How much of the brain, bool (K, J, I) on `grid`, lies within what `volume` shows: 0 to 1."""
    ras = grid.to_ras(np.argwhere(brain)[::37, ::-1])
    if volume.motion is not None:
        ras = np.array([volume.motion.TransformPoint((-r, -a, s)) for r, a, s in ras.tolist()]) * (-1, -1, 1)
    return float(volume.geometry.contains(ras).mean())
