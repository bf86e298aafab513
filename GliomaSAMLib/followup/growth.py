"""How fast a volume grows: doubling time and velocities."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """Between two visits: days, doubling time in days (negative: to halve), and velocities in mm a year."""

    days: int
    doubling_time_days: float | None
    radial_mm_per_year: float | None
    mean_diameter_mm_per_year: float | None


@dataclass(frozen=True)
class Growth:
    """A curve of volumes (day, mL), its intervals, and the fit of all its points."""

    points: tuple[tuple[int, float], ...]
    intervals: tuple[Interval, ...]
    fit_doubling_time_days: float | None
    fit_radial_mm_per_year: float | None
