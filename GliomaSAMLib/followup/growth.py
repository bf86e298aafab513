"""How fast a volume grows: doubling time and velocities.

Doubling time and radial expansion as in Ellingson et al., Cancer 2016;122:1718; the velocity of the mean diameter, that
of a cube of twice the volume, as in Mandonnet et al. 2003 and Pallud et al. 2013 (PMC3635513).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

YEAR_DAYS = 365.25

UNSURE_DAYS = 28
"""Doubling times between scans nearer than this are unsure (Ellingson et al.)."""


@dataclass(frozen=True)
class Interval:
    """Between two visits: days, doubling time in days (negative: to halve), and velocities in mm a year."""

    days: float
    doubling_time_days: float | None
    radial_mm_per_year: float | None
    mean_diameter_mm_per_year: float | None


@dataclass(frozen=True)
class Growth:
    """A curve of volumes (day, mL), its intervals, and the fit of all its points."""

    points: tuple[tuple[float, float], ...]
    intervals: tuple[Interval, ...]
    fit_doubling_time_days: float | None
    fit_radial_mm_per_year: float | None


def grow(points: Sequence[tuple[float, float]]) -> Growth:
    """The growth of a volume over visits.

    Args:
        points: Day and mL of each visit, by date.
    """
    there = [(day, math.log(volume)) for day, volume in points if volume > 0]
    rate = _slope(there)
    radial = _slope([(day, radius_mm(volume)) for day, volume in points])
    return Growth(
        tuple((day, volume) for day, volume in points),
        tuple(_interval(first, second) for first, second in pairwise(points)),
        None if rate is None or abs(rate) < 1e-12 else math.log(2) / rate,
        None if radial is None else radial * YEAR_DAYS,
    )


def radius_mm(volume_ml: float) -> float:
    """The radius of a ball with this volume."""
    return (3 * volume_ml * 1000 / (4 * math.pi)) ** (1 / 3)


def mean_diameter_mm(volume_ml: float) -> float:
    """The mean of three diameters whose product is twice this volume."""
    return (2 * volume_ml * 1000) ** (1 / 3)


def _interval(first: tuple[float, float], second: tuple[float, float]) -> Interval:
    days = second[0] - first[0]
    if days == 0:
        return Interval(days, None, None, None)
    before, after = first[1], second[1]
    ratio = math.log(after / before) if before > 0 and after > 0 else 0.0
    return Interval(
        days,
        days * math.log(2) / ratio if abs(ratio) > 1e-9 else None,
        (radius_mm(after) - radius_mm(before)) / days * YEAR_DAYS,
        (mean_diameter_mm(after) - mean_diameter_mm(before)) / days * YEAR_DAYS,
    )


def _slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Slope of the least squares; None with fewer than two different days."""
    if len({day for day, _ in points}) < 2:
        return None
    middle = sum(day for day, _ in points) / len(points)
    return sum((day - middle) * value for day, value in points) / sum((day - middle) ** 2 for day, _ in points)
