"""What is judged: the sums of one component from the baseline to the current visit, and the bounds they meet."""

from dataclasses import dataclass, replace

from .options import DIMENSIONS, FollowUpOptions

TINY = 1e-9
"""Relative tolerance of comparisons; rounding is for display only."""


@dataclass(frozen=True)
class Limits:
    """From where on a sum is progression, a partial and a minor response.

    Args:
        growth: Percent above the nadir.
        partial: Percent below the baseline.
        minor: Percent below the baseline.
    """

    growth: float
    partial: float
    minor: float


LIMITS = {"2D": Limits(25.0, 50.0, 25.0), "3D": Limits(40.0, 65.0, 40.0)}
"""Those of volumes are rounded away from zero: a sphere's 25, 50 and 25 % are 39.8, 64.6 and 35.0 % of its volume."""


@dataclass(frozen=True)
class NonTarget:
    """A lesion seen at the baseline that is no target: its product or volume at each visit, and whether it was
    measurable there.
    """

    values: tuple[float, ...]
    measurable: tuple[bool, ...]
    name: str = "a non-target lesion"

    def progresses(self, growth_percent: float) -> bool:
        """Measurable now, and either at the bound over its own nadir or never measurable before."""
        if not self.measurable[-1]:
            return False
        return not any(self.measurable[:-1]) or reaches(self.values[-1], min(self.values[:-1]), growth_percent)


@dataclass(frozen=True)
class NewLesion:
    """A lesion of the current visit that was not there at the baseline, and whether the reader calls it unequivocal."""

    value: float
    measurable: bool
    unequivocal: bool = False
    name: str = "a lesion"

    @property
    def counts(self) -> bool:
        """Whether it is progression by itself."""
        return self.measurable or self.unequivocal


@dataclass(frozen=True)
class Course:
    """What is judged: one component in one dimension, from the baseline to the current visit.

    Args:
        dimension: "2D", products in mm², or "3D", volumes in mL.
        sums: Of the targets, one a visit.
        component: "CE" or "nonCE".
        targets_measurable: Whether at least one target is measurable now.
        non_targets: Lesions of the baseline that are no targets.
        new_lesions: Lesions of the current visit that were not there at the baseline.
        when: How the visits are called, such as by their dates.
    """

    dimension: str
    sums: tuple[float, ...]
    component: str = "CE"
    targets_measurable: bool = True
    non_targets: tuple[NonTarget, ...] = ()
    new_lesions: tuple[NewLesion, ...] = ()
    when: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dimension not in DIMENSIONS:
            raise ValueError(f"{self.dimension} is no dimension: choose {', '.join(DIMENSIONS)}")
        if not self.when:
            object.__setattr__(self, "when", tuple(f"visit {number}" for number, _ in enumerate(self.sums, start=1)))

    @property
    def baseline(self) -> float:
        """The first sum."""
        return self.sums[0]

    @property
    def nadir(self) -> float:
        """The smallest sum before the current one."""
        return min(self.sums[:-1])

    @property
    def now(self) -> float:
        """The last sum."""
        return self.sums[-1]

    def progressing(self) -> tuple[NonTarget, ...]:
        """The non-targets that progress."""
        growth = LIMITS[self.dimension].growth
        return tuple(lesion for lesion in self.non_targets if lesion.progresses(growth))

    def joint(self) -> tuple[float, ...]:
        """The sums of the targets and of the non-targets that progress, visit by visit."""
        growing = self.progressing()
        return tuple(total + sum(lesion.values[visit] for lesion in growing) for visit, total in enumerate(self.sums))


def at_least(value: float, limit: float) -> bool:
    """Whether a value reaches a limit."""
    return value >= limit - TINY * abs(limit)


def reaches(value: float, nadir: float, growth_percent: float) -> bool:
    """Whether a value is so many percent above a nadir; always where that is 0."""
    return at_least(value, nadir * (1 + growth_percent / 100))


def percent(now: float, before: float) -> float | None:
    """The change in percent; None where there was nothing before."""
    return None if before <= 0 else (now / before - 1) * 100


def limits_of(dimension: str, options: FollowUpOptions) -> Limits:
    """The bounds of a dimension under options."""
    limits = LIMITS[dimension]
    return limits if dimension == "2D" else replace(limits, minor=options.minor_response_volume_percent)
