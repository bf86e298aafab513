"""How the head of a visit lies against that of the first one: rigid, by mutual information, the tumour left out.

Mattes mutual information (Mattes et al. 2003, doi 10.1109/TMI.2003.809072) as SimpleITK implements it, coarse to fine.
Nothing that is measured is resampled: the result serves matching, carrying masks over, and pictures.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk

from ..errors import StudyError
from ..geometry import LPS_FROM_RAS, Geometry, bounding_box, ints, resample
from ..progress import Reporter
from ..regions import dice
from ..study import Study
from ..study.registration import watch
from ..study.volume import Volume
from .lesions import VisitMasks
from .visit import Alignment

MODALITY_ORDER = ("t1c", "t1", "flair", "t2")
"""The first of these that both visits have is compared."""

TUMOUR_MARGIN_MM = 10.0
"""So much around the whole tumour does not count, as growth must not pull the head."""

HEAD_MARGIN_MM = 6.0
"""So much around the head counts, as its border tells most."""

SPACING_MM = 2.0

SHRINK_FACTORS = (3, 1)

SMOOTHING_MM = (4.0, 1.0)

SAMPLES = 100_000
"""Voxels of a level that the metric looks at, or all where there are fewer."""

BINS = 32

ITERATIONS = 100

SEED = 1

START_SHRINK = 4
"""The start is sought on voxels so many times as large."""

START_TURNS_DEGREES = (-15.0, 0.0, 15.0)
"""Turns about each axis from which the best is sought, beside those of the scanner's coordinates."""

SMALLEST_HEAD_DICE, DOUBTFUL_HEAD_DICE = 0.5, 0.85
"""Below the first the visits are refused, below the second doubted."""

LARGEST_TURN_DEGREES = 30.0


@dataclass(frozen=True, eq=False)
class _Head:
    """One visit at 2 mm.

    Args:
        image: Grey values, float32, without outliers.
        counts: uint8, what the metric looks at: the head and a little around it, without the tumour.
        head: uint8, the head, or the brain where only that can be compared.
        centre: LPS mm of the middle of the head.
    """

    image: sitk.Image
    counts: sitk.Image
    head: sitk.Image
    centre: tuple[float, float, float]


def common_modality(one: Study, other: Study) -> str | None:
    """The modality by which two visits are aligned; None where they have none in common."""
    shared = set(one.modalities) & set(other.modalities)
    return next((modality for modality in MODALITY_ORDER if modality in shared), None)


def align(
    first: Study,
    visit: Study,
    first_masks: VisitMasks | None = None,
    visit_masks: VisitMasks | None = None,
    name: str = "the visit",
    report: Reporter | None = None,
) -> Alignment:
    """Find how a visit lies against the first one.

    Args:
        first, visit: The volumes of both.
        first_masks, visit_masks: Their outlines; None where they are not known.
        name: Of the visit, for messages.
        report: Told of progress.

    Returns:
        The alignment; `to_first` leads from RAS mm of `visit` to RAS mm of `first`.

    Raises:
        StudyError: The two have no modality in common, cannot be brought to overlap, or the heads do not fit.
        Cancelled: The user asked to stop.
    """
    report = report or Reporter(None, None)
    modality = common_modality(first, visit)
    if modality is None:
        raise StudyError(
            f"{name} has no modality in common with the first visit ({', '.join(visit.modalities)} and "
            f"{', '.join(first.modalities)}): give volumes of one modality, or say that they are aligned (--registered)"
        )
    volumes = first.volume(modality), visit.volume(modality)
    as_brains = volumes[0].skull_stripped != volumes[1].skull_stripped
    fixed = _head(first, volumes[0], first_masks, as_brains)
    moving = _head(visit, volumes[1], visit_masks, as_brains)
    with _one_thread():
        transform = _register(fixed, moving, name, modality, report)
    to_first = _to_first(transform)
    share = _head_dice(fixed, moving, transform)
    if share < SMALLEST_HEAD_DICE:
        raise StudyError(
            f"{name} cannot be aligned with the first visit: the heads share only {share:.2f} (Dice). Is it another "
            "patient? Where the visits are aligned already, say so (--registered)"
        )
    middle = LPS_FROM_RAS @ np.asarray(moving.centre)
    shift = to_first[:3, :3] @ middle + to_first[:3, 3] - middle
    turn = np.degrees(np.arccos(np.clip((np.trace(to_first[:3, :3]) - 1) / 2, -1.0, 1.0)))
    return Alignment("rigid", to_first, modality, float(np.linalg.norm(shift)), float(turn), share)


def alignment_notes(alignment: Alignment) -> list[str]:
    """What to look at in an alignment."""
    notes = []
    share, turn = alignment.head_dice, alignment.rotation_degrees
    if share is not None and share < DOUBTFUL_HEAD_DICE:
        notes.append(
            f"after alignment with the first visit the heads share only {share:.2f} (Dice): check the pictures"
        )
    if turn > LARGEST_TURN_DEGREES:
        notes.append(f"the head is turned by {turn:.0f} degrees against the first visit: check the pictures")
    return notes


def between(source: np.ndarray, target: np.ndarray) -> sitk.AffineTransform:
    """The transform, LPS mm, that leads from points of one visit to those of another, from `to_first` of both.

    Args:
        source: Of the visit that points are taken to.
        target: Of the visit that points are of.
    """
    return _lps_transform(np.linalg.inv(source) @ target)


def carried(masks: VisitMasks, grid: Geometry, source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of one visit brought to another by the nearest neighbour: uint8 (K, J, I) on `grid`, for those of
    WT, TC and ET that they tell.

    Args:
        masks: Of the visit that they are taken from.
        grid: Of the other.
        source, target: `to_first` of both.
    """
    transform = between(source, target)
    return {
        region: resample(masks.geometry.to_image(mask.astype(np.uint8)), grid, nearest=True, transform=transform)
        for region, mask in (("WT", masks.wt), ("TC", masks.tc), ("ET", masks.et))
        if region in masks.known
    }


def _lps_transform(matrix: np.ndarray) -> sitk.AffineTransform:
    turned = LPS_FROM_RAS @ matrix[:3, :3] @ LPS_FROM_RAS
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(turned.ravel().tolist())
    transform.SetTranslation((LPS_FROM_RAS @ matrix[:3, 3]).tolist())
    return transform


def _to_first(transform: sitk.Transform) -> np.ndarray:
    """4 x 4, RAS mm of the visit to RAS mm of the first, from the transform of LPS points of the first to the visit."""
    origin = np.asarray(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.asarray(transform.TransformPoint(axis)) - origin for axis in np.eye(3).tolist()]
    matrix = np.eye(4)
    matrix[:3, :3] = LPS_FROM_RAS @ np.column_stack(columns) @ LPS_FROM_RAS
    matrix[:3, 3] = LPS_FROM_RAS @ origin
    return np.asarray(np.linalg.inv(matrix))


def _head(study: Study, volume: Volume, masks: VisitMasks | None, as_brain: bool) -> _Head:
    own = volume.geometry
    size = np.maximum(np.ceil(np.asarray(own.size) * own.spacing / SPACING_MM), 1)
    grid = Geometry(ints(size), (SPACING_MM,) * 3, own.origin, own.direction)
    values = resample(sitk.Cast(volume.image, sitk.sitkFloat32), grid, outside=volume.background)
    if as_brain:
        brain = study.reference.to_image(study.brain.astype(np.uint8))
        head = resample(brain, grid, nearest=True)
    else:
        head = resample(own.to_image(volume.head.astype(np.uint8)), grid, nearest=True)
    head_image = grid.to_image(head)
    counts = sitk.BinaryDilate(head_image, [round(HEAD_MARGIN_MM / SPACING_MM)] * 3)
    if masks is not None and masks.wt.any():
        tumour = grid.to_image(resample(masks.geometry.to_image(masks.wt.astype(np.uint8)), grid, nearest=True))
        grown = sitk.BinaryDilate(tumour, [round(TUMOUR_MARGIN_MM / SPACING_MM)] * 3)
        counts = sitk.And(counts, sitk.BinaryNot(grown, 1, 0))
    bright = np.percentile(values[head > 0] if head.any() else values, 99.5)
    image = grid.to_image(np.minimum(values, bright).astype(np.float32))
    box = bounding_box(head) if head.any() else tuple(slice(0, n) for n in grid.shape)
    r, a, s = grid.to_ras(np.array([(side.start + side.stop - 1) / 2 for side in reversed(box)])).tolist()
    return _Head(image, counts, head_image, (-r, -a, s))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let ITK sum in one order, so that the same visits give the same result bit for bit."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _register(fixed: _Head, moving: _Head, name: str, modality: str, report: Reporter) -> sitk.Transform:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    voxels = fixed.image.GetNumberOfPixels()
    shares = [min(1.0, SAMPLES * factor**3 / voxels) for factor in SHRINK_FACTORS]
    method.SetMetricSamplingPercentagePerLevel(shares, SEED)
    method.SetMetricFixedMask(fixed.counts)
    method.SetMetricMovingMask(moving.counts)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.005, ITERATIONS, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK_FACTORS)
    method.SetSmoothingSigmasPerLevel(SMOOTHING_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    transform = _best_start(fixed, moving)
    method.SetInitialTransform(transform, inPlace=True)
    message = f"aligning {name} with the first visit ({modality})"
    report.report(0.0, message)
    stopped = watch(method, len(SHRINK_FACTORS), ITERATIONS, report, message)
    try:
        method.Execute(fixed.image, moving.image)
    except RuntimeError as error:
        if stopped:
            raise stopped[0] from error
        raise StudyError(
            f"{name} cannot be aligned with the first visit ({modality}); check that both are of one patient. Where "
            "the visits are aligned already, say so (--registered)"
        ) from error
    if stopped:
        raise stopped[0]
    report.report(1.0, message)
    return transform


def _best_start(fixed: _Head, moving: _Head) -> sitk.Euler3DTransform:
    """The best of the scanner's own coordinates and of head middle on head middle with some turns."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(sitk.Shrink(fixed.counts, [START_SHRINK] * 3))
    method.SetInterpolator(sitk.sitkLinear)
    coarse = [
        sitk.Shrink(sitk.SmoothingRecursiveGaussian(one.image, SMOOTHING_MM[0]), [START_SHRINK] * 3)
        for one in (fixed, moving)
    ]
    shift = np.asarray(moving.centre) - fixed.centre
    turns = list(product(START_TURNS_DEGREES, repeat=3))
    best, lowest = _start(fixed, shift, (0.0, 0.0, 0.0)), np.inf
    for place, turn in [(np.zeros(3), (0.0, 0.0, 0.0)), *((shift, turn) for turn in turns)]:
        transform = _start(fixed, place, turn)
        method.SetInitialTransform(transform)
        try:
            value = method.MetricEvaluate(*coarse)
        except RuntimeError:  # the images do not meet with this start
            continue
        if value < lowest:
            best, lowest = transform, value
    return best


def _start(fixed: _Head, shift: np.ndarray, turn: Sequence[float]) -> sitk.Euler3DTransform:
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.centre)
    transform.SetTranslation(shift.tolist())
    transform.SetRotation(*np.radians(turn).tolist())
    return transform


def _head_dice(fixed: _Head, moving: _Head, transform: sitk.Transform) -> float:
    """Dice of the two heads where both volumes look; 0 where they look at no head together."""
    grid = Geometry.of_image(fixed.head)
    there = resample(moving.head, grid, nearest=True, transform=transform)
    whole = sitk.Cast(moving.head >= 0, sitk.sitkUInt8)
    seen = resample(whole, grid, nearest=True, transform=transform) > 0
    here = sitk.GetArrayFromImage(fixed.head) * seen
    return dice(there * seen, here) if here.any() else 0.0
