"""The segments of each style: their ids, names, colours, terminology codes, and how regions make them up."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import slicer

from ..output.colours import ANATOMY_CODE, CATEGORY_CODE, REGION_STYLES, RegionStyle

REGION_TAG = "GliomaSAM.region"
"""The tag by which a segment of ours is found again; its value is the `part` of a `SegmentPlan`."""

# Codes are those of DICOM: context group 7169 (brain lesions, necrosis not told from other non-enhancing tumour) for
# oedema, enhancing and non-enhancing tumour; Slicer's list for the category, the core and the anatomy.
CATEGORY_CONTEXT = "Segmentation category and type - DICOM master list"
ANATOMY_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class SegmentPlan:
    """One segment of a style.

    Args:
        part: What it holds: a region (WT, TC, ET), oedema (ED), non-enhancing core (NC), or "lesion".
        looks: Name, colour and code.
        region: The region whose mask it holds,
        without: less this one; None for all of it.
    """

    part: str
    looks: RegionStyle
    region: str
    without: str | None = None

    @property
    def segment_id(self) -> str:
        """The id that a new segment is given."""
        return f"GliomaSAM_{self.part}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The regions from whose masks it is made."""
        return (self.region,) if self.without is None else (self.region, self.without)

    def mask(self, region_masks: Mapping[str, np.ndarray]) -> np.ndarray:
        """uint8 (K, J, I) of 0 and 1 from the masks of `needs`."""
        mask = region_masks[self.region] > 0
        if self.without is not None:
            mask &= region_masks[self.without] == 0
        return mask.astype(np.uint8)


_OEDEMA = RegionStyle("Oedema", REGION_STYLES["WT"].colour, ("SCT", "79654002", "Edema"))
_CORE = RegionStyle("Non-enhancing core", REGION_STYLES["TC"].colour, ("NCIt", "C81175", "Non-Enhancing Lesion"))
_LESION = RegionStyle("Lesion", REGION_STYLES["WT"].colour, ("SCT", "52988006", "Lesion"))

STYLES: Mapping[str, tuple[SegmentPlan, ...]] = {
    "nested": tuple(SegmentPlan(region, looks, region) for region, looks in REGION_STYLES.items()),
    "disjoint": (
        SegmentPlan("ED", _OEDEMA, "WT", "TC"),
        SegmentPlan("NC", _CORE, "TC", "ET"),
        SegmentPlan("ET", REGION_STYLES["ET"], "ET"),
    ),
    "lesion": (SegmentPlan("lesion", _LESION, "WT"),),
}
"""By style: whole tumour, tumour core and enhancing tumour in each other; oedema, non-enhancing core and enhancing
tumour side by side (the labels of BraTS); any lesion, which takes the answer for the whole tumour."""

PARTS_OF_REGION: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nested": {region: (region,) for region in REGION_STYLES},
    "disjoint": {"WT": ("ED", "NC", "ET"), "TC": ("NC", "ET"), "ET": ("ET",)},
    "lesion": {"WT": ("lesion",)},
}
"""By style and region: the segments that together hold the region."""


def terminology(looks: RegionStyle) -> str:
    """The terminology of a segment as Slicer stores it: category, type, anatomic region."""
    scheme, value, meaning = looks.code
    category_scheme, category_value, category_meaning = CATEGORY_CODE
    anatomy_scheme, anatomy_value, anatomy_meaning = ANATOMY_CODE
    return str(
        slicer.vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
            CATEGORY_CONTEXT, category_value, category_scheme, category_meaning, value, scheme, meaning, "", "", "",
            ANATOMY_CONTEXT, anatomy_value, anatomy_scheme, anatomy_meaning, "", "", "",
        )
    )  # fmt: skip
