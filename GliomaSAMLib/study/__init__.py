"""Volumes in: read them, name the modalities, bring them onto one grid, find the brain, normalise."""

from .canonical import CanonicalVolume
from .geometry import Geometry
from .modalities import MODALITIES
from .progress import Cancel, Progress
from .study import Study

__all__ = ["MODALITIES", "Cancel", "CanonicalVolume", "Geometry", "Progress", "Study"]
