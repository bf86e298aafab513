"""How the regions look and what they are called, wherever they are shown: segments, outlines, tables."""

from collections.abc import Mapping
from dataclasses import dataclass

CATEGORY_CODE = ("SCT", "49755003", "Morphologically Altered Structure")

ANATOMY_CODE = ("SCT", "12738006", "Brain")


@dataclass(frozen=True)
class RegionStyle:
    """The looks and the meaning of a region.

    Args:
        name: For people, English.
        colour: Red, green, blue in [0, 1]. The three stay apart on grey images and for the colour-blind (after
            Okabe and Ito, 2008).
        code: Scheme, value and meaning of the type of the structure: SNOMED CT (SCT) or NCI Thesaurus (NCIt).
    """

    name: str
    colour: tuple[float, float, float]
    code: tuple[str, str, str]


REGION_STYLES: Mapping[str, RegionStyle] = {
    "WT": RegionStyle("Whole tumour", (0.94, 0.89, 0.26), ("SCT", "52988006", "Lesion")),
    "TC": RegionStyle("Tumour core", (0.95, 0.42, 0.14), ("SCT", "86049000", "Neoplasm, Primary")),
    "ET": RegionStyle("Enhancing tumour", (0.34, 0.71, 0.91), ("NCIt", "C113842", "Enhancing Lesion")),
}
"""By region, from the outermost to the innermost."""

CAVITY_STYLE = RegionStyle(
    "Resection cavity", (0.0, 0.62, 0.45), ("99GLIOMASAM", "resection-cavity", "Resection cavity")
)
"""Of the cavity that surgery left, which is in no region. Its code is our own: none of SNOMED CT is known to fit."""

CAVITY_ID = "cavity"
"""The id of its segment."""
