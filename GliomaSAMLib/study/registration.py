"""Whether volumes can be of one patient in one place, and rigid alignment where the head moved between scans.

Mattes mutual information (Mattes et al. 2003, doi 10.1109/TMI.2003.809072) as SimpleITK implements it, coarse to fine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..geometry import Geometry, ints, resample
from ..progress import Reporter
from .volume import Volume

SMALLEST_OVERLAP = 0.5

SMALLEST_MEETING = 0.02

HEAD_POINTS = 6000

Box = tuple[np.ndarray, np.ndarray]

WORKING_SPACING_MM = 2.0

LEVELS = ((4, 4.0, 0.5), (2, 2.0, 0.3), (1, 1.0, 0.1))
"""From coarse to fine: shrink factor, smoothing in mm, and the share of voxels looked at."""

THIN_LEVELS = ((2, 2.0, 0.5), (1, 1.0, 0.2))

FIELD_SHARE = 0.9

ITERATIONS = 60

BINS = 40

TURNS = (-40.0, -20.0, 20.0, 40.0)
"""Degrees about the axes of the patient that are tried as starts."""

JUDGED_SHARE = 0.2

START_GAIN = 0.1
"""Another start has to have so much more mutual information than the scanner's place."""

LEAST_GAIN = 0.01
"""A result has to have so much more mutual information than the scanner's place."""

LARGEST_TURN, LARGEST_SHIFT_MM = 70.0, 100.0


def check_overlap(volumes: list[Volume], reference: Volume) -> None:
    """Compare the box around each head with that of `reference`.

    Raises:
        StudyError: Two volumes do not overlap in space, or the heads in them differ too much to be of one patient.
    """
    for volume in volumes:
        if volume is not reference:
            _check_pair(volume, reference)


def _check_pair(volume: Volume, reference: Volume) -> None:
    both = f"{volume.modality} ({volume.name}) and {reference.modality} ({reference.name})"
    points = in_reference_place(volume, head_points(volume))
    points_reference = in_reference_place(reference, head_points(reference))
    seen, seen_reference = shows(volume, points_reference), shows(reference, points)
    if not seen.any() and not seen_reference.any():
        raise StudyError(
            f"{both} do not overlap in space; check that both are of this patient, or align them first (register)"
        )
    head = _box_around(points[seen_reference] if reference.is_cut else points, volume)
    head_reference = _box_around(points_reference[seen] if volume.is_cut else points_reference, reference)
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


def head_points(volume: Volume) -> np.ndarray:
    """RAS mm (n, 3) of some thousands of voxels of the head, evenly taken, in the volume's own place."""
    inside = np.flatnonzero(volume.head)
    taken = inside[:: max(1, len(inside) // HEAD_POINTS)]
    return volume.geometry.to_ras(np.stack(np.unravel_index(taken, volume.head.shape), axis=-1)[:, ::-1])


def in_reference_place(volume: Volume, ras: np.ndarray) -> np.ndarray:
    """Points (n, 3) of a volume's own place, RAS mm, in that of the reference."""
    if volume.motion is None:
        return ras
    back = volume.motion.GetInverse()
    return np.array([back.TransformPoint((-r, -a, s)) for r, a, s in ras.tolist()]) * (-1, -1, 1)


def shows(volume: Volume, ras: np.ndarray) -> np.ndarray:
    """Whether the field of view holds points (n, 3) of the reference's place, RAS mm: bool (n,)."""
    if volume.motion is not None:
        ras = np.array([volume.motion.TransformPoint((-r, -a, s)) for r, a, s in ras.tolist()]) * (-1, -1, 1)
    return np.asarray(volume.geometry.contains(ras))


def _box_around(points: np.ndarray, volume: Volume) -> Box:
    """The box along the patient's axes around points of a head; oblique volumes have no larger ones than others."""
    if not len(points):
        return np.zeros(3), np.zeros(3)
    half = np.abs(np.asarray(volume.geometry.direction) * volume.geometry.spacing).sum(axis=1) / 2
    return points.min(axis=0) - half, points.max(axis=0) + half


def _common(one: Box, other: Box) -> Box:
    return np.maximum(one[0], other[0]), np.minimum(one[1], other[1])


def _millilitres(box: Box) -> float:
    return float(np.prod(np.maximum(box[1] - box[0], 0.0))) / 1000.0


def covered_share(brain: np.ndarray, grid: Geometry, volume: Volume) -> float:
    """How much of the brain, bool (K, J, I) on `grid`, lies within what `volume` shows: 0 to 1."""
    return float(shows(volume, grid.to_ras(np.argwhere(brain)[::37, ::-1])).mean())


@dataclass(frozen=True)
class Motion:
    """How the head lay in a moving volume, compared with the fixed one.

    Args:
        transform: From LPS points of the fixed volume to those of the moving one.
        translation_mm: How far the middle of the head moved.
        rotation_degrees: How far the head turned.
        information_before, information_after: Mutual information at the scanner's place and at this one.
        kept: Whether this is the scanner's place, as nothing fits better.
    """

    transform: sitk.Transform
    translation_mm: float
    rotation_degrees: float
    information_before: float
    information_after: float
    kept: bool


def register(fixed: Volume, moving: Volume, report: Reporter) -> Motion:
    """Find the rigid motion of the head between two volumes, of any contrasts.

    It starts from the scanner's place, unless the volumes do not meet there or another start fits much better. Where
    the result fits no better than the scanner's place, that place is kept.

    Raises:
        StudyError: The volumes cannot be brought to overlap, or only by a motion that no head makes.
        Cancelled: The user asked to stop.
    """
    swapped = _field_ml(moving) < FIELD_SHARE * _field_ml(fixed)  # every point of a slab lies in the whole head
    here, there = (moving, fixed) if swapped else (fixed, moving)
    target, source = _working_image(here), _working_image(there)
    points = head_points(here)
    thin = here.is_slab or there.is_slab
    message = f"aligning {moving.modality} with {fixed.modality}"
    report.report(0.0, message)
    scanner = sitk.VersorRigid3DTransform()
    scanner.SetCenter(_head_centre(here))
    start = _best_start(target, source, scanner, here, there)
    found = _optimised(target, source, start, THIN_LEVELS if thin else LEVELS, report, message)
    if found is None:
        raise _not_aligned(fixed, moving, "they cannot be brought to overlap")
    before, after = (_information(target, source, one) for one in (scanner, found))
    kept = _met(points, scanner, there) >= SMALLEST_OVERLAP and after < before + max(LEAST_GAIN * before, 0.0)
    if kept:
        found, after = scanner, before
    motion = _motion(found.GetInverse() if swapped else found, _head_centre(fixed), before, after, kept)
    _check_motion(fixed, moving, motion, _met(points, found, there), _met(points, scanner, there))
    report.report(1.0, message)
    return motion


def _motion(
    transform: sitk.Transform, centre: tuple[float, float, float], before: float, after: float, kept: bool
) -> Motion:
    shift = np.asarray(transform.TransformPoint(centre)) - centre
    turn = 2 * np.degrees(np.arccos(min(1.0, abs(sitk.VersorRigid3DTransform(transform).GetVersor()[3]))))
    return Motion(sitk.Transform(transform), float(np.linalg.norm(shift)), float(turn), before, after, kept)


def _check_motion(fixed: Volume, moving: Volume, motion: Motion, overlap: float, overlap_before: float) -> None:
    """Raise `StudyError` where the head cannot have moved so."""
    if overlap < SMALLEST_OVERLAP:
        raise _not_aligned(fixed, moving, f"only {100 * overlap:.0f} % of the head would lie in both")
    if motion.rotation_degrees > LARGEST_TURN:
        raise _not_aligned(fixed, moving, f"the head would have turned by {motion.rotation_degrees:.0f} degrees")
    if overlap_before >= SMALLEST_OVERLAP and motion.translation_mm > LARGEST_SHIFT_MM:
        raise _not_aligned(fixed, moving, f"the head would have moved by {motion.translation_mm:.0f} mm")


def motion_note(moving: Volume, fixed: Volume, motion: Motion) -> str:
    """What the user should know of an alignment."""
    if motion.kept:
        return f"{moving.modality} stays where the scanner put it: no alignment with {fixed.modality} fits better"
    told = (
        f"{moving.modality} aligned with {fixed.modality}: the head had moved by {motion.translation_mm:.1f} mm "
        f"and turned by {motion.rotation_degrees:.1f} degrees"
    )
    if moving.is_slab or fixed.is_slab:
        told += "; one of them is a slab, where alignment is less certain: check it"
    return told


def _not_aligned(fixed: Volume, moving: Volume, reason: str) -> StudyError:
    return StudyError(
        f"{moving.modality} ({moving.name}) cannot be aligned with {fixed.modality} ({fixed.name}): {reason}; "
        "check that both are of this patient, or leave one of them out"
    )


def _optimised(
    target: sitk.Image,
    source: sitk.Image,
    start: sitk.VersorRigid3DTransform,
    levels: Sequence[tuple[int, float, float]],
    report: Reporter,
    message: str,
) -> sitk.VersorRigid3DTransform | None:
    """The transform with the most mutual information near `start`; None where the images do not meet.

    `levels` are shrink factor, smoothing in mm and the share of voxels looked at. Raises `Cancelled`.
    """
    method = _metric()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel([share for _, _, share in levels], 1)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, ITERATIONS, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([shrink for shrink, _, _ in levels])
    method.SetSmoothingSigmasPerLevel([smoothing for _, smoothing, _ in levels])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    transform = sitk.VersorRigid3DTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    stopped = watch(method, len(levels), ITERATIONS, report, message)
    try:
        method.Execute(target, source)
    except RuntimeError as error:
        if stopped:
            raise stopped[0] from error
        return None
    if stopped:
        raise stopped[0]
    return transform


def _metric() -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _information(target: sitk.Image, source: sitk.Image, transform: sitk.Transform) -> float:
    """The mutual information of two images where both show something; 0 where they do not meet."""
    method = _metric()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(JUDGED_SHARE)
    method.SetMetricUseFixedImageGradientFilter(False)
    method.SetMetricUseMovingImageGradientFilter(False)
    method.SetInitialTransform(transform)
    try:
        return -float(method.MetricEvaluate(target, source))
    except RuntimeError:
        return 0.0


def _working_image(volume: Volume) -> sitk.Image:
    """The volume at 2 mm with its outliers cut off, nowhere beyond the middle of its outermost voxels."""
    own = volume.geometry
    extent = (np.asarray(own.size) - 1) * own.spacing
    grid = Geometry(ints(extent // WORKING_SPACING_MM + 1), (WORKING_SPACING_MM,) * 3, own.origin, own.direction)
    values = resample(sitk.Cast(volume.image, sitk.sitkFloat32), grid, outside=volume.background)
    low, high = np.percentile(values, (0.5, 99.5))
    return grid.to_image(np.clip(values, low, high if high > low else values.max()).astype(np.float32))


def _coarse(image: sitk.Image) -> sitk.Image:
    return sitk.Shrink(sitk.DiscreteGaussian(image, [4.0] * 3), [2, 2, 2])


def _field_ml(volume: Volume) -> float:
    return float(np.prod(volume.geometry.size)) * volume.geometry.voxel_ml


def _met(points: np.ndarray, transform: sitk.VersorRigid3DTransform, other: Volume) -> float:
    """The share of points (n, 3), RAS mm, that a transform of LPS points brings into the field of view of `other`."""
    matrix, centre = np.reshape(transform.GetMatrix(), (3, 3)), np.asarray(transform.GetCenter())
    moved = (points * (-1, -1, 1) - centre) @ matrix.T + centre + transform.GetTranslation()
    return float(other.geometry.contains(moved * (-1, -1, 1)).mean())


def _head_centre(volume: Volume) -> tuple[float, float, float]:
    """LPS mm of the middle of the box around the head."""
    first, last = volume.head_extent
    r, a, s = volume.geometry.to_ras((first + last) / 2).tolist()
    return -r, -a, s


def _best_start(
    target: sitk.Image, source: sitk.Image, scanner: sitk.VersorRigid3DTransform, here: Volume, there: Volume
) -> sitk.VersorRigid3DTransform:
    """The scanner's place, or where the head is turned, or the middles of the heads lie on each other, if that fits
    much better. The middle of a slab is not that of the head.
    """
    points = head_points(here)
    target, source, slab = _coarse(target), _coarse(source), here.is_slab or there.is_slab
    middles = np.subtract(_head_centre(there), _head_centre(here))
    meet = _met(points, scanner, there) >= (SMALLEST_MEETING if slab else SMALLEST_OVERLAP)
    shifts = [np.zeros(3)] if meet else []
    if not slab:
        shifts.append(middles)
    best, most = scanner, _information(target, source, scanner) * (1 + START_GAIN) if meet else -1.0
    for shift in shifts:
        for axis, turn in [((1.0, 0.0, 0.0), 0.0)] + [(axis, turn) for axis in np.eye(3).tolist() for turn in TURNS]:
            one = sitk.VersorRigid3DTransform(scanner)
            one.SetTranslation(shift.tolist())
            one.SetRotation(axis, float(np.radians(turn)))
            if _met(points, one, there) < SMALLEST_OVERLAP:
                continue
            information = _information(target, source, one)
            if information > most:
                best, most = one, information
    if not meet and not slab and best is scanner:
        best = sitk.VersorRigid3DTransform(scanner)
        best.SetTranslation(middles.tolist())
    return best


def watch(
    method: sitk.ImageRegistrationMethod, levels: int, iterations: int, report: Reporter, message: str
) -> list[Exception]:
    """Have each of so many iterations a level report. What is raised meanwhile, such as `Cancelled`, ends the
    registration and is put in the list.
    """
    raised: list[Exception] = []

    def iterated() -> None:
        try:
            if not raised:
                level = method.GetCurrentLevel()
                report.report((level + method.GetOptimizerIteration() / iterations) / levels, message)
        except Exception as error:  # an exception must not pass through SimpleITK
            raised.append(error)
        if raised:
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, iterated)
    return raised
