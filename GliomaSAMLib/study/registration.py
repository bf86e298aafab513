"""Whether volumes can be of one patient in one place, and rigid alignment where the head moved between scans.

Mattes mutual information (Mattes et al. 2003, doi 10.1109/TMI.2003.809072) as SimpleITK implements it, coarse to fine.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..geometry import Geometry, box_corners, ints, resample
from ..progress import Reporter
from .volume import Volume

SMALLEST_OVERLAP = 0.5

Box = tuple[np.ndarray, np.ndarray]

WORKING_SPACING_MM = 2.0

SHRINK_FACTORS = (4, 2, 1)

SMOOTHING_MM = (4.0, 2.0, 1.0)

ITERATIONS = 60

BINS = 40

SAMPLED_SHARE = (0.5, 0.3, 0.1)


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
    ras = volume.geometry.to_ras(box_corners(low, high))
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


@dataclass(frozen=True)
class Motion:
    """How the head lay in a moving volume, compared with the fixed one.

    Args:
        transform: From LPS points of the fixed volume to those of the moving one.
        translation_mm: How far the middle of the head moved.
        rotation_degrees: How far the head turned.
    """

    transform: sitk.Transform
    translation_mm: float
    rotation_degrees: float


def register(fixed: Volume, moving: Volume, report: Reporter) -> Motion:
    """Find the rigid motion of the head between two volumes, of any contrasts.

    Raises:
        StudyError: The volumes cannot be brought to overlap.
        Cancelled: The user asked to stop.
    """
    target, source = _working_image(fixed), _working_image(moving)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentagePerLevel(SAMPLED_SHARE, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, ITERATIONS, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK_FACTORS)
    method.SetSmoothingSigmasPerLevel(SMOOTHING_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    centre = _head_centre(fixed)
    transform = _best_start(target, source, centre, _head_centre(moving))
    method.SetInitialTransform(transform, inPlace=True)
    message = f"aligning {moving.modality} with {fixed.modality}"
    report.report(0.0, message)
    stopped = _watch(method, report, message)
    try:
        method.Execute(target, source)
    except RuntimeError as error:
        if stopped:
            raise stopped[0] from error
        raise StudyError(
            f"{moving.modality} ({moving.name}) cannot be aligned with {fixed.modality} ({fixed.name}); "
            "check that both are of this patient"
        ) from error
    if stopped:
        raise stopped[0]
    report.report(1.0, message)
    shift = np.asarray(transform.TransformPoint(centre)) - centre
    turn = 2 * np.degrees(np.arccos(min(1.0, abs(transform.GetVersor()[3]))))
    return Motion(sitk.Transform(transform), float(np.linalg.norm(shift)), float(turn))


def _working_image(volume: Volume) -> sitk.Image:
    """The volume at 2 mm with its outliers cut off."""
    own = volume.geometry
    size = np.maximum(np.ceil(np.asarray(own.size) * own.spacing / WORKING_SPACING_MM), 1).astype(int)
    grid = Geometry(ints(size), (WORKING_SPACING_MM,) * 3, own.origin, own.direction)
    values = resample(sitk.Cast(volume.image, sitk.sitkFloat32), grid, outside=volume.background)
    low, high = np.percentile(values, (0.5, 99.5))
    return grid.to_image(np.clip(values, low, high if high > low else values.max()).astype(np.float32))


def _head_centre(volume: Volume) -> tuple[float, float, float]:
    """LPS mm of the middle of the box around the head."""
    first, last = volume.head_extent
    r, a, s = volume.geometry.to_ras((first + last) / 2).tolist()
    return -r, -a, s


def _best_start(
    target: sitk.Image,
    source: sitk.Image,
    centre: tuple[float, float, float],
    source_centre: tuple[float, float, float],
) -> sitk.VersorRigid3DTransform:
    """The better of the scanner's own coordinates and head middle on head middle, by mutual information."""
    shifts = [np.zeros(3), np.asarray(source_centre) - centre]
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.05)
    method.SetInterpolator(sitk.sitkLinear)
    best, lowest = None, np.inf
    for shift in shifts:
        transform = sitk.VersorRigid3DTransform()
        transform.SetCenter(centre)
        transform.SetTranslation(shift.tolist())
        method.SetInitialTransform(transform)
        try:
            value = method.MetricEvaluate(target, source)
        except RuntimeError:  # the images do not meet with this start
            continue
        if value < lowest:
            best, lowest = transform, value
    if best is None:
        best = sitk.VersorRigid3DTransform()
        best.SetCenter(centre)
        best.SetTranslation(shifts[1].tolist())
    return best


def _watch(method: sitk.ImageRegistrationMethod, report: Reporter, message: str) -> list[Exception]:
    """Have each iteration report. What is raised meanwhile, such as `Cancelled`, ends it and is put in the list."""
    levels = len(SHRINK_FACTORS)
    raised: list[Exception] = []

    def iterated() -> None:
        try:
            if not raised:
                level = method.GetCurrentLevel()
                report.report((level + method.GetOptimizerIteration() / ITERATIONS) / levels, message)
        except Exception as error:  # an exception must not pass through SimpleITK
            raised.append(error)
        if raised:
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, iterated)
    return raised
