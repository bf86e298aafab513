"""What a study of response chooses beforehand."""

from dataclasses import dataclass

from ..errors import StudyError

COMPONENTS = ("CE", "nonCE")
"""Contrast-enhancing tumour, from ET; non-enhancing tumour, from WT as a whole."""

DIMENSIONS = ("2D", "3D")
"""Sum of the products of two diameters in mm², sum of volumes in mL."""

CHOICES = {
    "tumour": ("CE", "nonCE", "mixed"),
    "extent": ("et", "tc"),
    "two_slices": ("visible", "measured"),
    "new_lesions": ("progression", "sum"),
    "primary": DIMENSIONS,
}

MOST_TARGETS = 5

MINOR_RESPONSE_VOLUMES = (35.0, 40.0)


@dataclass(frozen=True)
class FollowUpOptions:
    """How lesions are found, measured, matched and judged.

    Args:
        tumour: Which component is judged: "CE", "nonCE" or "mixed".
        targets: The largest number of targets of each component, 1 to 5.
        extent: What the diameters of an enhancing lesion cross: "et", or "tc" with its core.
        two_slices: Whether a measurable lesion has to be "visible" on two adjacent slices or "measured" on both.
        merge_mm: Parts nearer than this are one lesion.
        match_mm: Lesions of two visits without overlap are the same up to this distance.
        overlap: The share of the smaller lesion that both share from which they are the same.
        speck_ml: Parts smaller than this are no lesions.
        new_lesions: Whether a new lesion is "progression" or is added to the "sum".
        minor_response: Whether enhancing tumours have a minor response as well.
        minor_response_volume_percent: Loss of volume from which a response is minor, 35 or 40.
        primary: Which of "2D" and "3D" decides the overall status.
        confirm_response: Whether a response has to be confirmed four weeks later.
        confirm_progression: Whether progression has to be confirmed likewise.

    Raises:
        StudyError: A value is not among those allowed.
    """

    tumour: str = "CE"
    targets: int = 2
    extent: str = "et"
    two_slices: str = "visible"
    merge_mm: float = 4.0
    match_mm: float = 5.0
    overlap: float = 0.10
    speck_ml: float = 0.01
    new_lesions: str = "progression"
    minor_response: bool = False
    minor_response_volume_percent: float = 40.0
    primary: str = "2D"
    confirm_response: bool = True
    confirm_progression: bool = False

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise StudyError(f"Unknown {name} {getattr(self, name)!r}. Choose {', '.join(choices)}")
        if not isinstance(self.targets, int) or not 1 <= self.targets <= MOST_TARGETS:
            raise StudyError(f"{self.targets} targets: choose 1 to {MOST_TARGETS}")
        if self.minor_response_volume_percent not in MINOR_RESPONSE_VOLUMES:
            raise StudyError(f"A minor response from {self.minor_response_volume_percent:g} %: choose 35 or 40")
        for name in ("merge_mm", "match_mm", "overlap", "speck_ml"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise StudyError(f"{name} is {getattr(self, name)}: give a number of at least 0")
        if self.overlap > 1:
            raise StudyError(f"overlap is {self.overlap:g}: give a part, from 0 to 1")
