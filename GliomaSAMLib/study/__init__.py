"""Volumes in: read them, name the modalities, bring them onto one grid, find the brain, normalise."""

from ..geometry import Geometry
from ..progress import Cancel, Progress
from .canonical import CanonicalVolume
from .modalities import MODALITIES
from .study import Study

__all__ = ["MODALITIES", "Cancel", "CanonicalVolume", "Geometry", "Progress", "Study"]
