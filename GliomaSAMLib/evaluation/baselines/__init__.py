"""Methods of others that ours is measured against, on the same cases and in the same table."""

from .grow_from_seeds import GrowFromSeedsBall, GrowFromSeedsPlanes
from .lite_medsam import LiteMedSAMEverySlice, LiteMedSAMPropagated

__all__ = ["GrowFromSeedsBall", "GrowFromSeedsPlanes", "LiteMedSAMEverySlice", "LiteMedSAMPropagated"]
